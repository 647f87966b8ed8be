/* SPDX-License-Identifier: Apache-2.0 */
/* What the functions of dates share. */
#ifndef WF_EXPR_LIB_DATE_H
#define WF_EXPR_LIB_DATE_H

#include "base/clock.h"
#include "base/zone.h"
#include "expr/lib.h"

bool date_arg_time(struct ev *ev, const struct call *c, int64_t *ms); /* argument 0, within the years 1 to 9999 */
/* The time zone that argument i names; NULL in *zone when it is not given. */
bool date_arg_zone(struct ev *ev, const struct call *c, size_t i, const struct zone **zone);
int32_t date_offset(const struct zone *zone, int64_t ms); /* seconds east of UTC then; 0 without a zone */

#endif
