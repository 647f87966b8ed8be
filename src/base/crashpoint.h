/* SPDX-License-Identifier: Apache-2.0 */
/* Named points at which the process can be killed, and faults put in on purpose: for the chaos suite alone.
 *
 * Nothing of it is in a build without `configure --enable-crash-points`.  With it:
 *   WFWORKER_CRASH=NAME or NAME:N   the process kills itself (SIGKILL, nothing is cleaned up) when it comes to the point
 *                                   NAME for the N-th time (1 .. 1000000, 1 when there is none)
 *   WFWORKER_FAULT=NAME             the fault NAME is on
 *   WFWORKER_CLOCK=FILE             eight bytes, a number of microseconds (native order) that is added to the wall clock;
 *                                   whoever writes them steps the clock.  Read once, when the clock is first looked at
 * `wfworker --version` prints the names of both, as they stand in the program: a new one need not be listed anywhere.
 * Any thread. */
#ifndef WF_BASE_CRASHPOINT_H
#define WF_BASE_CRASHPOINT_H

#include "config.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#ifdef WITH_CRASH_POINTS

/* The name stands in a section of its own, which is how the list is made. */
#define CRASH_NAME_(section_name, text)                                                                                \
    static const char *const crash_name_ __attribute__((used, section(section_name))) = (text)

#define CRASH_POINT(name)                                                                                              \
    do {                                                                                                               \
        CRASH_NAME_("crash_points", name);                                                                             \
        crash_point(crash_name_);                                                                                      \
    } while (0)
/* Name a point that is come to elsewhere: an expression, its name. */
#define CRASH_POINT_NAME(name) __extension__({ CRASH_NAME_("crash_points", name); crash_name_; })
/* Is the fault on? */
#define FAULT(name) __extension__({ CRASH_NAME_("crash_faults", name); crash_fault(crash_name_); })

void crash_point(const char *name); /* NULL: none */
bool crash_fault(const char *name);
int64_t crash_clock_us(void);       /* what is added to the wall clock */
void crash_list(FILE *out);         /* two lines: "crash points: ..." and "faults: ..." */

#else

#define CRASH_POINT(name) ((void)0)
#define FAULT(name) false

#endif
#endif
