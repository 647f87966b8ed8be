/* SPDX-License-Identifier: Apache-2.0 */
/* Schedules: a cron expression, on further lines a time zone, catch_up, and the time.  Runs come strictly later each time,
 * at whole seconds; a plan begins with the oldest and never holds more than it may. */
#include "fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "engine/schedule.h"

const char fuzz_name[] = "cron";
const bool fuzz_json = false;
const unsigned fuzz_cases = 3000;

#define NOW INT64_C(1795413600000000)
#define YEAR_10000 INT64_C(253402300800000000)

void fuzz_open(void)
{
}

static void check_runs(const struct cron *c, const struct zone *z, int64_t after)
{
    for (int i = 0; i < 3; i++) {
        struct error e = ERROR_INIT;
        int64_t next = 0;
        if (cron_next(c, z, after, &next, &e) != 0) {
            fuzz_error("cron_next()", &e);
            return;
        }
        if (next <= after || next % 1000000 != 0 || next >= YEAR_10000)
            fuzz_fail("after %lld comes %lld", (long long)after, (long long)next);
        after = next;
    }
}

static void check_plan(const struct schedule_meaning *m, int64_t next, int64_t now)
{
    static struct schedule_plan plan;
    struct error e = ERROR_INIT;
    if (schedule_plan(&m->cron, m->zone, m->catch_up, INT64_C(86400000000), next, now, &plan, &e) != 0) {
        fuzz_error("schedule_plan()", &e);
        return;
    }
    if (plan.count > SCHEDULE_SLOTS)
        fuzz_fail("%zu slots", plan.count);
    for (size_t i = 0; i < plan.count; i++)
        if (plan.slots[i] > now || (i > 0 && plan.slots[i] <= plan.slots[i - 1]))
            fuzz_fail("slot %zu is at %lld, now is %lld", i, (long long)plan.slots[i], (long long)now);
    if (plan.count > 0 && plan.next_us <= plan.slots[plan.count - 1])
        fuzz_fail("the next one is not after the last slot");
}

static char *line(char **rest)
{
    char *at = *rest, *end = at ? strchr(at, '\n') : NULL;
    if (end)
        *end++ = '\0';
    *rest = end;
    return at;
}

void fuzz_input(const uint8_t *data, size_t size)
{
    struct error e = ERROR_INIT;
    struct schedule_meaning m = {0};
    CLEANUP_FREE char *text = fuzz_string(data, size);
    char *rest = text;
    const char *cron = line(&rest), *zone = line(&rest), *catch_up = line(&rest), *time = line(&rest);
    struct schedule_text t = {.cron = cron, .timezone = zone, .catch_up = catch_up ? catch_up : "none", .overlap = "allow"};
    int64_t now = time ? strtoll(time, NULL, 10) : NOW;
    if (schedule_read(&t, &m, &e) != 0) {
        fuzz_error("schedule_read()", &e);
        return;
    }
    check_runs(&m.cron, m.zone, NOW);
    check_runs(&m.cron, m.zone, now);
    check_plan(&m, 0, NOW);
    check_plan(&m, NOW - INT64_C(3600000000), NOW);
    if (now > 0 && now < YEAR_10000)
        check_plan(&m, now, now + INT64_C(3600000000));
}
