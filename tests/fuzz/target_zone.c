/* SPDX-License-Identifier: Apache-2.0 */
/* Files of time zones (TZif), and rules of their last line: spans hold the time that was asked for, and are not empty. */
#include "fuzz/fuzz.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/zone.h"

const char fuzz_name[] = "zone";
const bool fuzz_json = false;
const unsigned fuzz_cases = 3000;

static const int64_t times[] = {INT64_MIN / 2, -4000000000, -1, 0, 1, 1000000000, 1795413600, 1806368400, 4102444800, 253402300799, INT64_MAX / 2};

void fuzz_open(void)
{
}

static void check_span(const struct zone_span *s, int64_t t)
{
    if (s->from >= s->until || t < s->from || t >= s->until)
        fuzz_fail("at %lld there is the span %lld to %lld", (long long)t, (long long)s->from, (long long)s->until);
}

void fuzz_input(const uint8_t *data, size_t size)
{
    struct error e = ERROR_INIT;
    struct zone_data zone;
    struct zone_rule rule;
    struct zone_span span;
    CLEANUP_FREE char *text = fuzz_string(data, size);
    if (zone_data_read(data, size, &zone, &e) == 0)
        for (size_t i = 0; i < ARRAY_LEN(times); i++) {
            zone_data_at(&zone, times[i], &span);
            check_span(&span, times[i]);
        }
    else
        fuzz_error("zone_data_read()", &e);
    zone_data_free(&zone);
    if (zone_rule_parse(text, &rule) == 0)
        for (size_t i = 0; i < ARRAY_LEN(times); i++) {
            zone_rule_at(&rule, times[i], &span);
            check_span(&span, times[i]);
        }
}
