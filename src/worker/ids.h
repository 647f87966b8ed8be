/* SPDX-License-Identifier: Apache-2.0 */
/* Where in an array of things that begin with, or are, a uuid each one stands: a hash table of numbers beside the array, which
 * belongs to somebody else and may move as a whole. */
#ifndef WF_WORKER_IDS_H
#define WF_WORKER_IDS_H

#include <stddef.h>

#include "base/uuid.h"

/* Zeros are an empty one. */
struct ids {
    size_t *slots; /* number + 1; 0: free */
    size_t slot_count, len;
};

/* The array: the id of its first element, and bytes from one to the next. */
struct ids_array {
    const struct uuid *first;
    size_t stride;
};

/* The number of the element with this id; SIZE_MAX: there is none. */
size_t ids_find(const struct ids *x, struct ids_array a, const struct uuid *id);

/* Element number x->len has come.  When its id is there already, the first one stays what is found. */
void ids_add(struct ids *x, struct ids_array a);

/* The elements are other ones, `count`. */
void ids_again(struct ids *x, struct ids_array a, size_t count);

void ids_free(struct ids *x);

#endif
