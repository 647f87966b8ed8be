/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a point in time. */
#ifndef WFW_PLUGINS_DELAY_INSTANT_H
#define WFW_PLUGINS_DELAY_INSTANT_H

#include "common/wait.h"

/* ISO 8601: YYYY-MM-DD, then optionally T or a space and HH:MM[:SS[.fraction]], then optionally Z, +HH, +HHMM or
 * +HH:MM; without a zone (*zoned 0) it is UTC.  0 and milliseconds since 1970-01-01T00:00Z (a fraction of one counts
 * up), or -1. */
int instant_parse(const char *text, int64_t *ms, int *zoned);

/* The same for the value of a key of the config: without a zone it is on the clock of the workflow's time zone, where there
 * is one.  The node has failed when it returns -1. */
int instant_read(struct wfw_task *task, const char *key, const char *text, int64_t *ms);

#endif
