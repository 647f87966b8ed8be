/* SPDX-License-Identifier: Apache-2.0 */
/* Trying a plugin in a forked child: whatever its constructors and its entry function do, this process stays whole.
 * Main thread, before other threads. */
#ifndef WF_PLUGIN_PROBE_H
#define WF_PLUGIN_PROBE_H

#include <stdint.h>

#include "base/error.h"

/* Load path in a child, with every symbol bound at once, and read its descriptor.  0, or -1 and *e: the words of the
 * dynamic loader, the signal, the exit code, or the time that was not enough. */
int probe_file(const char *path, const char *name, int64_t timeout_ms, struct error *e);

#endif
