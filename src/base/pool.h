/* SPDX-License-Identifier: Apache-2.0 */
/* Blocks up to 4 KiB that a thread gave back, kept for its next ones.
 *
 * A worker makes and frees some hundred blocks for each short execution, hundreds of executions at a time: far more than the
 * C library keeps at hand for a thread.  Every block is one of malloc()'s and may be given to free() by whoever holds it, in any
 * thread.  Beneath a tool that watches over memory (valgrind, sanitizers) nothing is kept, so that it sees every use of freed memory. */
#ifndef WF_BASE_POOL_H
#define WF_BASE_POOL_H

#include <stdbool.h>
#include <stddef.h>

#define POOL_LARGEST ((size_t)4104)

void *pool_alloc(size_t size) __attribute__((malloc, returns_nonnull)); /* as xmalloc() */
void pool_free(void *p);                                                /* as free() */

/* From here on this thread keeps what is given back in it, at most a few MiB, until pool_end() frees that.  Without it both functions
 * are malloc() and free().  False: nothing will be kept, see above.  Calls nest. */
bool pool_begin(void);
void pool_end(void);

#endif
