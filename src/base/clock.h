/* SPDX-License-Identifier: Apache-2.0 */
/* Time.  All points in time are int64_t microseconds since 1970-01-01T00:00:00Z, named `..._us`.  The engine never
 * calls clock_now_us(): it is given the time. */
#ifndef WF_BASE_CLOCK_H
#define WF_BASE_CLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CLOCK_TEXT 40 /* room for any time text made here */
#define US_PER_S INT64_C(1000000)
#define US_PER_MS INT64_C(1000)

int64_t clock_now_us(void);  /* the wall clock, or the one that is followed */
int64_t clock_mono_us(void); /* the monotonic clock, which goes on while the machine sleeps; only differences mean something */

/* Follow another clock: from now on clock_now_us() is now_us and what has passed since then by the monotonic clock, so that steps
 * of this machine's wall clock do not matter any more.  Any thread. */
void clock_follow(int64_t now_us);
bool clock_follows(void);

/* `YYYY-MM-DDTHH:MM:SS.ffffff`, UTC without a zone; no fraction at all when the microseconds are 0.  This is the form
 * that the readers of execution_state parse (Python's datetime.isoformat).  Years are clamped to 0001..9999. */
void clock_format_naive(int64_t us, char out[CLOCK_TEXT]);

/* `YYYY-MM-DDTHH:MM:SS.mmmZ` */
void clock_format_utc_ms(int64_t us, char out[CLOCK_TEXT]);

/* Read ISO 8601: date, optional time (T or space; seconds and 1 to 9 digits of fraction optional), optional zone (Z,
 * +HH, +HHMM, +HH:MM).  *has_zone (may be NULL) says whether a zone was there; without one the text is taken as UTC.
 * PostgreSQL's timestamp and timestamptz output with DateStyle ISO is understood too.  0, or -1 when it is no time. */
int clock_parse(const char *text, int64_t *us, bool *has_zone);

/* Days since 1970-01-01 of a proleptic Gregorian date, and back. */
int64_t clock_days_from_date(int64_t year, int month, int day);
void clock_date_from_days(int64_t days, int64_t *year, int *month, int *day);

#endif
