/* SPDX-License-Identifier: Apache-2.0 */
/* "Did you mean ...?": the candidate nearest to a misspelt word. */
#ifndef WF_CONFIG_NEAREST_H
#define WF_CONFIG_NEAREST_H

#include <stddef.h>

struct nearest {
    const char *word;
    const char *best; /* NULL: nothing near enough */
    size_t distance;
};

/* Begin with {.word = word}, offer each candidate, then look at best.  Candidates are borrowed. */
void nearest_offer(struct nearest *n, const char *candidate);

#endif
