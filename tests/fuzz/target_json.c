/* SPDX-License-Identifier: Apache-2.0 */
/* JSON: what is read can be written and read again, and stays the same. */
#include "fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"

const char fuzz_name[] = "json";
const bool fuzz_json = false;
const unsigned fuzz_cases = 3000;

void fuzz_open(void)
{
}

static void same_again(const json_t *v, bool own)
{
    struct error e = ERROR_INIT;
    CLEANUP_FREE char *text = js_text(v);
    if (!fuzz_is_utf8(text, strlen(text)))
        fuzz_fail("what was written is not UTF-8");
    CLEANUP_JSON json_t *again = own ? js_parse_own(text, strlen(text), &e) : js_parse(text, strlen(text), &e);
    if (!again)
        fuzz_fail("what was written cannot be read: %s: %s", e.message, text);
    if (!json_equal(v, again))
        fuzz_fail("what was written reads as something else: %s", text);
    CLEANUP_FREE char *second = js_text(again);
    fuzz_same("written again it is another text", text, second);
    if (!js_storable(v))
        fuzz_fail("what was read cannot be stored: %s", text);
}

static void any_bytes(const char *data, size_t size)
{
    CLEANUP_JSON json_t *lossy = js_string_lossy(data, size);
    struct buf b = BUF_INIT;
    js_write_string(&b, data, size);
    if (!fuzz_is_utf8(b.data, b.len) || !fuzz_is_utf8(json_string_value(lossy), json_string_length(lossy)))
        fuzz_fail("bytes did not become UTF-8");
    buf_free(&b);
}

static int depth_of(const json_t *v)
{
    int most = 0, depth;
    size_t i;
    const char *key;
    json_t *item;
    if (json_is_array(v)) {
        json_array_foreach(v, i, item) if ((depth = depth_of(item)) > most) most = depth;
    } else if (json_is_object(v)) {
        json_object_foreach((json_t *)(uintptr_t)v, key, item) if ((depth = depth_of(item)) > most) most = depth;
    }
    return 1 + most;
}

/* As json_equal(), but a number is its value, whether it is an integer or a real. */
static bool same_value(const json_t *a, const json_t *b)
{
    size_t i;
    const char *key;
    json_t *item;
    if (json_is_number(a) && json_is_number(b))
        return json_is_integer(a) && json_is_integer(b) ? json_integer_value(a) == json_integer_value(b)
                                                        : json_number_value(a) == json_number_value(b);
    if (json_is_array(a) && json_is_array(b) && json_array_size(a) == json_array_size(b)) {
        json_array_foreach(a, i, item) if (!same_value(item, json_array_get(b, i))) return false;
        return true;
    }
    if (json_is_object(a) && json_is_object(b) && json_object_size(a) == json_object_size(b)) {
        json_object_foreach((json_t *)(uintptr_t)a, key, item) if (!same_value(item, json_object_get(b, key))) return false;
        return true;
    }
    return json_equal(a, b);
}

/* Our reader takes what jansson takes, and makes the same of it.  Only numbers may have any size, and depth is limited. */
static void check_reader(const char *text, size_t size, const json_t *v)
{
    json_error_t je;
    CLEANUP_JSON json_t *judge = json_loadb(text, size, JSON_DECODE_ANY, &je);
    if (v && !judge && json_error_code(&je) != json_error_numeric_overflow)
        fuzz_fail("our reader takes what jansson refuses: %s", je.text);
    if (v && judge && !same_value(v, judge))
        fuzz_fail("our reader reads something else than jansson");
    if (!v && judge && depth_of(judge) <= JS_MAX_DEPTH)
        fuzz_fail("our reader refuses what jansson takes");
}

void fuzz_input(const uint8_t *data, size_t size)
{
    struct error e = ERROR_INIT;
    const char *text = (const char *)data;
    CLEANUP_JSON json_t *v = js_parse(text, size, &e);
    check_reader(text, size, v);
    if (v)
        same_again(v, false);
    else
        fuzz_error("js_parse()", &e);
    CLEANUP_JSON json_t *own = js_parse_own(text, size, &e);
    if (own)
        same_again(own, true);
    else
        fuzz_error("js_parse_own()", &e);
    if (v && !own)
        fuzz_fail("our own reader refuses what the other one takes");
    any_bytes(text, size);
}
