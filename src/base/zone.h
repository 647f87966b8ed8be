/* SPDX-License-Identifier: Apache-2.0 */
/* Time zones, read from the system's files (TZif, RFC 9636) without libc's global TZ, so that any number of zones can be
 * used side by side and in any thread.  All times here are whole seconds since 1970-01-01T00:00:00Z; a "local" one counts
 * the seconds that a clock on the wall would have counted. */
#ifndef WF_BASE_ZONE_H
#define WF_BASE_ZONE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define ZONE_NAME_MAX 63

struct zone;

/* A time during which the clock is not changed: from <= t < until. */
struct zone_span {
    int64_t from, until; /* INT64_MIN, INT64_MAX: without end */
    int32_t offset;      /* seconds east of UTC */
    bool dst;
};

/* The zone of that name ("Europe/Berlin"; "UTC" is always there).  It lives as long as the process; any thread.
 * The directory is the environment's TZDIR, else /usr/share/zoneinfo.  NULL and *e. */
const struct zone *zone_find(const char *name, struct error *e);

const char *zone_name(const struct zone *z);

void zone_at(const struct zone *z, int64_t t, struct zone_span *out);

enum zone_kind {
    ZONE_ONCE,
    ZONE_GAP,   /* the clock jumps over this time: the result is the moment of the jump */
    ZONE_TWICE, /* it comes twice: the result is the first one */
};
int64_t zone_from_local(const struct zone *z, int64_t local, enum zone_kind *kind);

/* ---- For the reader of the files ---- */

/* The rule at the end of a file, for all times after its last entry: "CET-1CEST,M3.5.0,M10.5.0/3". */
struct zone_change {
    char form; /* M (month, week, day), J (day 1..365, never 29 February) or N (day 0..365) */
    int month, week, day;
    int32_t time; /* seconds after midnight, may be negative or beyond the day */
};
struct zone_rule {
    bool present, has_dst;
    int32_t standard, summer; /* seconds east of UTC */
    struct zone_change start, end;
};

/* 0, or -1 when the text is no rule. */
int zone_rule_parse(const char *text, struct zone_rule *out);
void zone_rule_at(const struct zone_rule *r, int64_t t, struct zone_span *out);

struct zone_type {
    int32_t offset;
    bool dst;
};
struct zone_data {
    size_t count; /* of times: from times[i] on, types[kinds[i]] holds; types[0] before */
    int64_t *times;
    unsigned char *kinds;
    size_t type_count;
    struct zone_type types[256];
    struct zone_rule rule;
};

/* Read a TZif file that is in memory.  0, or -1 and *e; *out has to be freed either way. */
int zone_data_read(const unsigned char *bytes, size_t len, struct zone_data *out, struct error *e);
void zone_data_free(struct zone_data *d);
void zone_data_at(const struct zone_data *d, int64_t t, struct zone_span *out);

#endif
