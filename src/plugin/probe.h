/* SPDX-License-Identifier: Apache-2.0 */
/* Trying a plugin in a forked child: whatever its constructors and its entry function do, this process stays whole.
 * Main thread, before other threads. */
#ifndef WF_PLUGIN_PROBE_H
#define WF_PLUGIN_PROBE_H

#include <stdint.h>

#include "base/error.h"
#include "plugin/descriptor.h"

/* Load path in a child, with every symbol bound at once, and read its descriptor.  0, or -1 and *e: the words of the
 * dynamic loader, the signal, the exit code, or the time that was not enough. */
int probe_file(const char *path, const char *name, int64_t timeout_ms, struct error *e);

/* What is being done with a file, for the texts. */
enum probe_stage { PROBE_LOADING, PROBE_ENTRY, PROBE_INIT, PROBE_DONE };

/* Load the file into this process, with every symbol bound at once, for ever, and read its descriptor.  entered (may be NULL) is
 * called before code of the plugin's own is: before that only constructors ran. */
int probe_load(const char *path, const char *name, void (*entered)(void *ctx), void *ctx, struct descriptor *d, struct error *e);

/* Why there is no verdict: the process ended with a status of waitpid(), or its time was over.  Always -1. */
int probe_died(int status, enum probe_stage stage, struct error *e);
int probe_late(int64_t timeout_ms, enum probe_stage stage, struct error *e);

#endif
