/* SPDX-License-Identifier: Apache-2.0 */
/* A signal or an answer as the store gives it: one JSON text [id, type, data].  Others wrote type and data. */
#ifndef WF_WORKER_SIGNAL_ROW_H
#define WF_WORKER_SIGNAL_ROW_H

#include <jansson.h>
#include <stddef.h>

#include "base/error.h"
#include "base/uuid.h"

struct signal_row {
    char id[UUID_TEXT]; /* "" when not even that can be read */
    json_t *row;        /* owned; NULL when it cannot be read */
    const char *type;   /* in row */
    json_t *data;       /* in row; NULL: none */
};

/* read: the text as JSON when somebody has parsed it, or NULL.  0, or -1 with *e and, as a rule, the id: it stands in front of what
 * others wrote.  out is to be cleared. */
int signal_row_read(const char *text, size_t len, json_t *read, struct signal_row *out, struct error *e);
void signal_row_clear(struct signal_row *s);

#endif
