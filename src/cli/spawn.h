/* SPDX-License-Identifier: Apache-2.0 */
/* Another program, run to its end, with what it says. */
#ifndef WF_CLI_SPAWN_H
#define WF_CLI_SPAWN_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/error.h"

/* Is there a program of this name in PATH? */
bool spawn_there(const char *program);

/* Run args[0], found in PATH, with args (NULL-terminated) and one more variable "NAME=VALUE" (or NULL).  What it writes to
 * standard output and standard error is appended to `said`, at most a MiB; its standard input is empty.  Its exit code, or
 * -1 and *e: it could not be started, or ended by a signal. */
int spawn_run(const char *const *args, const char *variable, struct buf *said, struct error *e);

#endif
