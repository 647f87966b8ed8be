/* SPDX-License-Identifier: Apache-2.0 */
/* Large values apart from the state (sql/0014_payloads.sql): written once, before what names them, and read with them. */
#ifndef WF_STORE_PAYLOAD_H
#define WF_STORE_PAYLOAD_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/uuid.h"
#include "store/store.h"

struct store_payload {
    struct uuid id;
    const char *text; /* JSON, in which others may be named */
    size_t len;
};

/* Make values of an execution durable; everything is copied.  done is called when they are, or with the error that the
 * database refuses them with.  What is there already is left alone. */
typedef void (*store_put_fn)(void *arg, const struct error *e);
void store_payloads_put(struct store *s, const struct uuid *execution, const struct store_payload *values, size_t count,
                        store_put_fn done, void *arg);

/* Read values of an execution and all that they hold; borrowed for the call.  Those that are gone are missing.  e: they cannot
 * be read now. */
typedef void (*store_get_fn)(void *arg, const struct store_payload *values, size_t count, const struct error *e);
void store_payloads_get(struct store *s, const struct uuid *execution, const struct uuid *ids, size_t count, store_get_fn done,
                        void *arg);

#endif
