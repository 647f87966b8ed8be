/* SPDX-License-Identifier: Apache-2.0 */
/* The names of wfworker's own plugins: all of plugin_LTLIBRARIES, also those that this build does without.  A name that is missing
 * here would have its plugin run in a helper process; a test of the listing sees that. */
#include <string.h>

#include "base/mem.h"
#include "plugin/internal.h"

static const char *const names[] = {"child", "condition", "control", "core", "data", "delay", "exec", "http", "jq", "signal"};

bool is_own_plugin(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}
