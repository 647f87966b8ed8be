/* SPDX-License-Identifier: Apache-2.0 */
/* The process's log in each of its formats, byte for byte but the time; and names of values that are kept elsewhere. */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"

/* ---- Lines ---- */

/* What `write` puts on standard error, in a buffer that the next call uses again. */
static const char *written(void (*write_some)(void))
{
    static char out[2000];
    FILE *file = tmpfile();
    int saved = dup(STDERR_FILENO);
    assert_non_null(file);
    assert_true(saved >= 0);
    fflush(stderr);
    assert_true(dup2(fileno(file), STDERR_FILENO) >= 0);
    write_some();
    assert_true(dup2(saved, STDERR_FILENO) >= 0);
    close(saved);
    rewind(file);
    size_t n = fread(out, 1, sizeof out - 1, file);
    out[n] = '\0';
    fclose(file);
    return out;
}

static void write_line(void)
{
    log_write(LOG_DEBUG, "not heard");
    log_write(LOG_WARNING, "two\nlines\x01", LOG_STR("plain", "a\\b"), LOG_STR("quoted", "say \"hi\"\t\\"), LOG_STR("none", NULL),
              LOG_INT("ms", -12));
}

static void write_error(void)
{
    struct error e = ERROR_INIT;
    err_set(&e, "it broke");
    log_error(LOG_DEBUG, "not heard", &e);
    log_error(LOG_ERROR, "short", &e);
    err_detail(&e, "in two");
    err_hint(&e, "glue it");
    log_error(LOG_ERROR, "long", &e);
}

static void each_format_writes_one_line(void **state)
{
    static const char fields[] = " plain=a\\b quoted=\"say \\\"hi\\\"\\t\\\\\" none=\"\" ms=-12\n";
    char expected[300];
    (void)state;
    log_setup(LOG_TEXT, LOG_INFO);
    const char *line = written(write_line);
    snprintf(expected, sizeof expected, "Z warning two\\nlines\\x01%s", fields);
    assert_true(strlen(line) > 23);
    assert_string_equal(line + 23, expected); /* behind 2026-11-23T06:00:00.123 */
    log_setup(LOG_JOURNAL, LOG_INFO);
    snprintf(expected, sizeof expected, "<4>two\\nlines\\x01%s", fields);
    assert_string_equal(written(write_line), expected);
    log_setup(LOG_TERMINAL, LOG_INFO);
    line = written(write_line);
    snprintf(expected, sizeof expected, " \u26a0\ufe0f  two\\nlines\\x01%s", fields);
    assert_true(strlen(line) > 8);
    assert_string_equal(line + 8, expected);
    log_setup(LOG_JSON, LOG_INFO);
    CLEANUP_FREE char *json = xstrdup(written(write_line));
    assert_int_equal(strncmp(json, "{\"time\":\"", 9), 0);
    assert_string_equal(json + 9 + 24, "\",\"level\":\"warning\",\"message\":\"two\\nlines\\u0001\",\"plain\":\"a\\\\b\","
                                       "\"quoted\":\"say \\\"hi\\\"\\t\\\\\",\"none\":\"\",\"ms\":-12}\n");
    json[strlen(json) - 1] = '\0';
    CLEANUP_JSON json_t *v = js_parse(json, strlen(json), NULL);
    assert_string_equal(js_str(v, "message"), "two\nlines\x01");
    log_setup(LOG_TEXT, LOG_INFO);
}

static void errors_are_lines_with_detail_and_hint(void **state)
{
    (void)state;
    log_setup(LOG_JOURNAL, LOG_INFO);
    assert_string_equal(written(write_error),
                        "<3>short error=\"it broke\"\n<3>long error=\"it broke\" detail=\"in two\" hint=\"glue it\"\n");
    log_setup(LOG_TEXT, LOG_INFO);
}

static void names_of_levels_and_formats(void **state)
{
    enum log_level level = LOG_INFO;
    enum log_format format = LOG_TEXT;
    (void)state;
    assert_int_equal(log_level_parse("error", &level), 0);
    assert_int_equal(level, LOG_ERROR);
    assert_int_equal(log_level_parse("loud", &level), -1);
    assert_int_equal(log_format_parse("journal", &format), 0);
    assert_int_equal(format, LOG_JOURNAL);
    assert_int_equal(log_format_parse("Journal", &format), -1);
}

/* ---- Names of values that are kept elsewhere ---- */

static json_t *resolve(void *ctx, const char *name, struct error *e)
{
    ++*(int *)ctx;
    if (strcmp(name, "gone") == 0) {
        err_set(e, "there is no value \"%s\"", name);
        return NULL;
    }
    return json_pack("{s:s}", "is", name);
}

static void check_refs(const char *text, const char *expected, int asked)
{
    struct error e = ERROR_INIT;
    int count = 0;
    CLEANUP_JSON json_t *v = js_parse_refs(text, strlen(text), resolve, &count, &e);
    CLEANUP_FREE char *out = v ? js_text(v) : xstrdup(e.message);
    assert_string_equal(out, expected);
    assert_int_equal(count, asked);
}

static void names_are_replaced_wherever_they_stand(void **state)
{
    CLEANUP_BUF struct buf b = BUF_INIT;
    (void)state;
    js_name_ref(&b, "a1");
    assert_string_equal(b.data, "\"\\u0000a1\"");
    check_refs(b.data, "{\"is\":\"a1\"}", 1);
    check_refs("{\"x\":[1,\"\\u0000a\",{\"y\":\"\\u0000b\"}],\"z\":\"plain\"}",
               "{\"x\":[1,{\"is\":\"a\"},{\"y\":{\"is\":\"b\"}}],\"z\":\"plain\"}", 2);
    check_refs("[1,\"none\"]", "[1,\"none\"]", 0);
    check_refs("[\"\\u0000a\",\"\\u0000gone\",\"\\u0000b\"]", "there is no value \"gone\"", 2);
    check_refs("{\"x\":{\"y\":\"\\u0000gone\"}}", "there is no value \"gone\"", 1);
}

static void names_are_found_in_texts(void **state)
{
    static const char text[] = "[\"\\u0000first\",\"other\",\"\\u0000second\"";
    const char *name = NULL;
    size_t at = 0, len = 0;
    (void)state;
    assert_true(js_next_ref(text, strlen(text), &at, &name, &len));
    assert_int_equal(len, 5);
    assert_memory_equal(name, "first", 5);
    assert_true(js_next_ref(text, strlen(text), &at, &name, &len));
    assert_int_equal(len, 6);
    assert_memory_equal(name, "second", 6);
    assert_false(js_next_ref(text, strlen(text), &at, &name, &len));
    at = 0; /* a name that does not end is none */
    assert_true(js_next_ref("\"\\u0000cut", 10, &at, &name, &len));
    assert_int_equal(len, 0);
    assert_false(js_next_ref("\"\\u0000cut", 10, &at, &name, &len));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_format_writes_one_line),
        cmocka_unit_test(errors_are_lines_with_detail_and_hint),
        cmocka_unit_test(names_of_levels_and_formats),
        cmocka_unit_test(names_are_replaced_wherever_they_stand),
        cmocka_unit_test(names_are_found_in_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
