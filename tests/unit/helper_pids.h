/* SPDX-License-Identifier: Apache-2.0 */
/* Watches what is done to processes by their number (the linker puts it before the C library's functions): the number of one that was
 * waited for may be somebody else's by then. */
#ifndef WF_TESTS_UNIT_HELPER_PIDS_H
#define WF_TESTS_UNIT_HELPER_PIDS_H

#include <stddef.h>

/* Since the last look: signals and limits for a process that is not, or is no longer, a child of this one; and for one that is. */
struct pids_seen {
    size_t wrong, right;
};
struct pids_seen pids_look(void);

#endif
