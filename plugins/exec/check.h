/* SPDX-License-Identifier: Apache-2.0 */
/* The program wfworker-sandbox: where it is, and what it thinks of options. */
#ifndef WFW_PLUGINS_EXEC_CHECK_H
#define WFW_PLUGINS_EXEC_CHECK_H

#include "exec/exec.h"

extern const struct wfw_node exec_node; /* what all types have in common */

const char *sandbox_path(void);

/* Let the program look at the options of a type, and take the numbers that it reads in them: limit_output, timeout,
 * kill_after.  0, or -1 and what is wrong. */
int check_options(struct exec_type *t, char *said, size_t size);

#endif
