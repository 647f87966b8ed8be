/* SPDX-License-Identifier: Apache-2.0 */
/* wfworker schedule next: when a cron expression comes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cli/command.h"
#include "engine/cron.h"

#define DEFAULT_COUNT 5
#define LARGEST_COUNT 100000

const struct cli_option schedule_next_options[] = {
    {"from", 'f', "TIME", "runs after this time, ISO 8601; without an offset it is the schedule's own time (default now)"},
    {"timezone", 'z', "ZONE", "the schedule's time zone, if the expression has no CRON_TZ= (default UTC)"},
    {"count", 'n', "N", "how many (default 5)"},
    {NULL, 0, NULL, NULL},
};

static int wrong_value(const char *option, const char *text, struct error *e, const char *detail)
{
    err_set(e, "invalid value \"%.100s\" for option --%s", text, option);
    err_detail(e, "%s", detail);
    err_print(e);
    return EXIT_USAGE;
}

/* 0, or the exit code. */
static int read_count(const struct cli *c, long *count)
{
    struct error e = ERROR_INIT;
    const char *text = cli_value(c, "count");
    char *end;
    *count = DEFAULT_COUNT;
    if (!text)
        return 0;
    *count = strtol(text, &end, 10);
    if (*text >= '0' && *text <= '9' && *end == '\0' && *count >= 1 && *count <= LARGEST_COUNT)
        return 0;
    return wrong_value("count", text, &e, "it must be a whole number from 1 to 100000");
}

/* 0, or the exit code. */
static int read_from(const struct cli *c, const struct zone *z, int64_t *us)
{
    struct error e = ERROR_INIT;
    const char *text = cli_value(c, "from");
    enum zone_kind kind;
    bool has_zone = true;
    *us = clock_now_us();
    if (text && clock_parse(text, us, &has_zone) != 0)
        return wrong_value("from", text, &e, "it must be a time such as 2026-03-29T01:30:00, 2026-03-29T01:30:00+01:00 or 2026-03-29");
    if (!has_zone) {
        int64_t second = *us / US_PER_S - (*us % US_PER_S < 0), fraction = *us - second * US_PER_S;
        *us = zone_from_local(z, second, &kind) * US_PER_S + fraction;
    }
    return 0;
}

static void print_time(const struct zone *z, int64_t us)
{
    struct zone_span s;
    char text[CLOCK_TEXT];
    zone_at(z, us / US_PER_S - (us % US_PER_S < 0), &s);
    clock_format_naive(us + s.offset * US_PER_S, text);
    int minutes = abs(s.offset) / 60, seconds = abs(s.offset) % 60;
    printf("%s%c%02d:%02d", text, s.offset < 0 ? '-' : '+', minutes / 60, minutes % 60);
    if (seconds)
        printf(":%02d", seconds);
    putchar('\n');
}

static int print_runs(const struct cron *cron, const struct zone *z, int64_t from, long count)
{
    struct error e = ERROR_INIT;
    for (long i = 0; i < count; i++) {
        if (cron_next(cron, z, from, &from, &e) != 0)
            return i > 0 ? EXIT_SUCCESS : cli_failed(&e);
        print_time(z, from);
    }
    return EXIT_SUCCESS;
}

int cmd_schedule_next(struct cli *c)
{
    struct error e = ERROR_INIT;
    struct cron cron;
    int64_t from;
    long count;
    int rc = read_count(c, &count);
    if (rc != 0)
        return rc;
    if (cron_parse(c->operands[0], &cron, &e) != 0)
        return cli_failed(&e);
    const struct zone *z = cron_zone(&cron, cli_value(c, "timezone"), &e);
    if (!z)
        return cli_failed(&e);
    rc = read_from(c, z, &from);
    return rc != 0 ? rc : print_runs(&cron, z, from, count);
}
