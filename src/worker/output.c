/* SPDX-License-Identifier: Apache-2.0 */
/* Size and contents of an output, in one walk that ends as soon as the answer is known.  The depth is bounded because
 * values are made by js_parse() or by constructors that keep JS_MAX_DEPTH. */
#include "worker/output.h"

#include <math.h>
#include <string.h>

static int add(size_t *size, size_t more, struct error *e)
{
    *size += more;
    if (*size <= OUTPUT_MAX)
        return 0;
    err_set(e, "the output is larger than %zu bytes", OUTPUT_MAX);
    return err_detail(e, "payload_too_large");
}

static int check_text(const char *s, size_t len, size_t *size, struct error *e)
{
    if (memchr(s, '\0', len)) {
        err_set(e, "the output holds a NUL character, which the database cannot store");
        return err_detail(e, "type_error");
    }
    return add(size, len + 2, e);
}

static int check_value(const json_t *v, size_t *size, int depth, struct error *e)
{
    if (depth > JS_MAX_DEPTH) {
        err_set(e, "the output is nested more than %d levels deep", JS_MAX_DEPTH);
        return err_detail(e, "type_error");
    }
    if (json_is_string(v))
        return check_text(json_string_value(v), json_string_length(v), size, e);
    if (json_is_real(v) && js_number_text(v))
        return add(size, strlen(js_number_text(v)), e);
    if (json_is_real(v) && !isfinite(json_real_value(v))) {
        err_set(e, "the output holds a number that is not finite");
        return err_detail(e, "type_error");
    }
    if (json_is_array(v)) {
        for (size_t i = 0; i < json_array_size(v); i++)
            if (add(size, 1, e) != 0 || check_value(json_array_get(v, i), size, depth + 1, e) != 0)
                return -1;
        return add(size, 2, e);
    }
    if (json_is_object(v)) {
        const char *key;
        json_t *member;
        json_object_foreach ((json_t *)(uintptr_t)v, key, member)
            if (check_text(key, strlen(key), size, e) != 0 || check_value(member, size, depth + 1, e) != 0)
                return -1;
        return add(size, 2, e);
    }
    return add(size, 5, e);
}

int output_check(const json_t *v, struct error *e)
{
    size_t size = 0;
    return check_value(v, &size, 1, e);
}
