/* SPDX-License-Identifier: Apache-2.0 */
/* Which runs of a schedule are due.  The cost does not grow with the length of a downtime. */
#include "engine/schedule.h"

#include <string.h>

#include "base/clock.h"
#include "base/mem.h"

int schedule_catch_up_parse(const char *name, enum schedule_catch_up *out)
{
    static const char *const names[] = {[CATCH_UP_NONE] = "none", [CATCH_UP_ONE] = "one", [CATCH_UP_ALL] = "all"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (strcmp(names[i], name) == 0) {
            *out = (enum schedule_catch_up)i;
            return 0;
        }
    return -1;
}

static int check_overlap(const char *overlap, struct error *e)
{
    if (strcmp(overlap, "allow") == 0 || strcmp(overlap, "skip") == 0 || strcmp(overlap, "cancel_other") == 0)
        return 0;
    return err_set(e, "overlap is allow, skip or cancel_other, not \"%.60s\"", overlap);
}

int schedule_read(const struct schedule_text *text, struct schedule_meaning *out, struct error *e)
{
    if (cron_parse(text->cron, &out->cron, e) != 0 || check_overlap(text->overlap, e) != 0)
        return -1;
    if (schedule_catch_up_parse(text->catch_up, &out->catch_up) != 0)
        return err_set(e, "catch_up is none, one or all, not \"%.60s\"", text->catch_up);
    out->zone = cron_zone(&out->cron, text->timezone, e);
    return out->zone ? 0 : -1;
}

/* The first run after t, or INT64_MAX. */
static int64_t after(const struct cron *c, const struct zone *z, int64_t t)
{
    int64_t next;
    return cron_next(c, z, t, &next, NULL) == 0 ? next : INT64_MAX;
}

/* The last run up to now, `due` being one of them: found by halving, since the first run after t only grows with t. */
static int64_t newest(const struct cron *c, const struct zone *z, int64_t due, int64_t now)
{
    int64_t low = due, high = now;
    if (after(c, z, due) > now)
        return due;
    while (high - low > US_PER_S) {
        int64_t middle = low + (high - low) / 2;
        if (after(c, z, middle) <= now)
            low = middle;
        else
            high = middle;
    }
    int64_t found = after(c, z, low), next = after(c, z, found);
    return next <= now ? next : found;
}

static void add_from(const struct cron *c, const struct zone *z, int64_t due, int64_t from, int64_t now, struct schedule_plan *out)
{
    int64_t t = due >= from ? due : after(c, z, from - 1);
    for (; t <= now && out->count < SCHEDULE_SLOTS; t = after(c, z, t))
        out->slots[out->count++] = t;
    out->next_us = t;
}

int schedule_plan(const struct cron *c, const struct zone *z, enum schedule_catch_up catch_up, int64_t window_us, int64_t next_us,
                  int64_t now_us, struct schedule_plan *out, struct error *e)
{
    bool late = next_us != 0 && now_us - next_us > SCHEDULE_LATE_US;
    *out = (struct schedule_plan){0};
    if (cron_next(c, z, now_us, &out->next_us, e) != 0)
        return -1;
    if (next_us == 0 || next_us > now_us)
        return 0;
    if (!late)
        add_from(c, z, next_us, next_us, now_us, out);
    else if (catch_up == CATCH_UP_ALL)
        add_from(c, z, next_us, now_us - window_us, now_us, out);
    else if (catch_up == CATCH_UP_NONE)
        add_from(c, z, next_us, now_us - SCHEDULE_LATE_US, now_us, out);
    else
        add_from(c, z, next_us, newest(c, z, next_us, now_us), now_us, out);
    return 0;
}
