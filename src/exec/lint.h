/* SPDX-License-Identifier: Apache-2.0 */
/* What is wrong or doubtful about a definition, beyond what loading it finds: configs against the schemas of their node
 * types, expressions that do not compile, names that nobody gives, joins that can never fire, scopes that cannot end. */
#ifndef WF_EXEC_LINT_H
#define WF_EXEC_LINT_H

#include <jansson.h>

#include "engine/definition.h"

/* `diags` holds what def_load() found; more is added, and what makes a node fail for certain becomes an error.  `graph` is
 * what was loaded, `trigger` workflow.trigger_config or NULL; pointers into that begin with /trigger_config. */
void lint(const struct def *d, const json_t *graph, const json_t *trigger, struct diags *diags);

size_t lint_errors(const struct diags *diags);

/* The structure as it was understood: {"entry", "nodes": [{"id", "type", "reachable", "join", "scope": null or {"owner",
 * "branch"}}], "edges": [{"from", "to", "branch", "back", "silent"}]}. */
json_t *lint_structure(const struct def *d);

/* The edge leads back to a node in whose scope it begins: the pass ends there. */
bool lint_goes_home(const struct def *d, const struct def_edge_view *e);

/* lint_join.c: node `node` joins n of its in-edges; can so many ever be taken together? */
bool lint_join_can_fire(const struct def *d, size_t node, int64_t n);

#endif
