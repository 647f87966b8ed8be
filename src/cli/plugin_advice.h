/* SPDX-License-Identifier: Apache-2.0 */
/* What wfworker plugin doctor finds: steps of loading, and what costs an author later. */
#ifndef WF_CLI_PLUGIN_ADVICE_H
#define WF_CLI_PLUGIN_ADVICE_H

#include <jansson.h>
#include <stdbool.h>

#include "base/error.h"

/* One line of the report: step, result (ok, fail, warn, note, skip), text, hint. */
struct report {
    json_t *lines; /* an array of {"step", "result", "text", "hint"} */
    size_t failed, warned;
};

void report_add(struct report *r, const char *step, const char *result, const char *hint, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));
void report_error(struct report *r, const char *step, const struct error *e); /* a failure */

/* How the file is linked: libraries, symbols, search path, stack, relocations. */
void advise_file(struct report *r, const char *path);

/* What the plugin says about itself: an element of registry_json()'s "plugins" that is ok. */
void advise_plugin(struct report *r, const json_t *plugin);

#endif
