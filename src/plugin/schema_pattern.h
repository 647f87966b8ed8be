/* SPDX-License-Identifier: Apache-2.0 */
/* The regular expressions of schemas: PCRE2 with limits, so that no pattern holds up the loop. */
#ifndef WF_PLUGIN_SCHEMA_PATTERN_H
#define WF_PLUGIN_SCHEMA_PATTERN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

int pattern_valid(const char *pattern, struct error *e); /* 0, or -1 and *e */

/* Does it match somewhere in text?  False also when the limits of matching are exceeded. */
bool pattern_matches(const char *pattern, const char *text, size_t len);

#endif
