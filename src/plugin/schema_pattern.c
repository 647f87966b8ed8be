/* SPDX-License-Identifier: Apache-2.0 */
/* Patterns are compiled each time: few schemas have one, and a compilation costs microseconds. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "plugin/schema_pattern.h"

#include <pcre2.h>

static pcre2_code *compile(const char *pattern, struct error *e)
{
    int code;
    PCRE2_SIZE offset;
    pcre2_code *re = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED, PCRE2_UTF | PCRE2_NEVER_BACKSLASH_C, &code,
                                   &offset, NULL);
    if (!re) {
        PCRE2_UCHAR text[120];
        pcre2_get_error_message(code, text, sizeof text);
        err_set(e, "the pattern is wrong at character %zu: %s", (size_t)offset + 1, (const char *)text);
    }
    return re;
}

int pattern_valid(const char *pattern, struct error *e)
{
    pcre2_code *re = compile(pattern, e);
    if (!re)
        return -1;
    pcre2_code_free(re);
    return 0;
}

bool pattern_matches(const char *pattern, const char *text, size_t len)
{
    pcre2_code *re = compile(pattern, NULL);
    if (!re)
        return false;
    pcre2_match_data *data = pcre2_match_data_create_from_pattern(re, NULL);
    pcre2_match_context *context = pcre2_match_context_create(NULL);
    int n = -1;
    if (data && context) {
        pcre2_set_match_limit(context, 100000);
        pcre2_set_depth_limit(context, 10000);
        n = pcre2_match(re, (PCRE2_SPTR)text, len, 0, 0, data, context);
    }
    pcre2_match_context_free(context);
    pcre2_match_data_free(data);
    pcre2_code_free(re);
    return n >= 0;
}
