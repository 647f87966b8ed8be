/* SPDX-License-Identifier: Apache-2.0 */
/* "Did you mean ...?": the candidate nearest to a misspelt word. */
#ifndef WF_BASE_NEAREST_H
#define WF_BASE_NEAREST_H

#include <stddef.h>

struct nearest {
    const char *word;
    const char *best; /* NULL: nothing near enough */
    size_t distance;
};

/* Begin with {.word = word}, offer each candidate, then look at best.  Candidates are borrowed. */
void nearest_offer(struct nearest *n, const char *candidate);

/* best where the word comes from somebody's data, and a guess beside the point costs more than none: at most two letters
 * differ, and at most a third of them.  Else NULL. */
const char *nearest_meant(const struct nearest *n);

#endif
