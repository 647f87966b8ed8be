/* SPDX-License-Identifier: Apache-2.0 */
/* Several words that nobody knows, told in one error: as many as can be read, how many more there are, and what each may have been. */
#ifndef WF_BASE_UNKNOWN_H
#define WF_BASE_UNKNOWN_H

#include <stddef.h>

#include "base/buf.h"

#define UNKNOWN_TOLD 20 /* words at most; fewer when they are long */

struct unknown {
    struct buf words; /* "a", "b" (line 7) */
    struct buf meant; /* "x" for "a" */
    char only[100];   /* the word that the first may have been, or "" */
    size_t count, told;
};

#define CLEANUP_UNKNOWN __attribute__((cleanup(unknown_free)))
void unknown_free(struct unknown *u);

/* Begin with zeros.  line: of a file, 0 = none is told; near: the word that it may have been, or NULL. */
void unknown_add(struct unknown *u, const char *word, size_t line, const char *near);

/* For texts, borrowed: `"a", "b" (line 7) and 3 more`; and for a hint that begins with "did you mean": `"x"`, or of several
 * `"x" for "a", "y" for "b"`, or NULL. */
const char *unknown_words(struct unknown *u);
const char *unknown_meant(const struct unknown *u);

#endif
