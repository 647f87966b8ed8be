/* SPDX-License-Identifier: Apache-2.0 */
/* The cache of definitions.
 *
 * A new execution asks by (workflow, stamp of its row), one that was begun by the id that it is pinned to; both lead to
 * the same definition.  Whatever is not there is fetched once, however many executions wait for it.  Loop thread. */
#ifndef WF_WORKER_DEFS_H
#define WF_WORKER_DEFS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/uuid.h"
#include "engine/definition.h"
#include "store/store.h"

struct defs;
struct defs *defs_new(struct store *store, const struct def_options *options, size_t max_entries);
void defs_free(struct defs *c); /* nothing may be waiting any more */
size_t defs_count(const struct defs *c);

/* d is borrowed (def_ref() it), id its pinned id; d NULL: *e says why. */
typedef void (*defs_fn)(void *arg, struct def *d, const char *id, const struct error *e);

/* pinned NULL: the workflow's present definition.  When it is in the cache, done is called before this returns. */
void defs_get(struct defs *c, const struct uuid *workflow_id, const char *stamp, const char *pinned, defs_fn done,
              void *arg);

#endif
