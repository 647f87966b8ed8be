/* SPDX-License-Identifier: Apache-2.0 */
/* Secrets that a node's configuration used, taken out of what its handler says: its results, errors and log rows are kept
 * in the database and shown to people, and servers and URLs repeat what they were given. */
#ifndef WF_WORKER_MASK_H
#define WF_WORKER_MASK_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#define MASK_TEXT "***"
#define MASK_SHORTEST 4 /* bytes; what is shorter occurs everywhere by chance */

struct mask {
    char **words; /* the longest first */
    size_t count, cap;
};

void mask_add(struct mask *m, const char *secret); /* as it is, and percent-encoded */
void mask_free(struct mask *m);

/* A new string; NULL for NULL. */
char *mask_text(const struct mask *m, const char *text);

/* A new reference: of v itself where it holds no secret; NULL for NULL.  Keys of objects are left as they are. */
json_t *mask_value(const struct mask *m, json_t *v);

#endif
