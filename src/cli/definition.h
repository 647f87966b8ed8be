/* SPDX-License-Identifier: Apache-2.0 */
/* A definition with the plugins that it needs, for commands that work without a worker. */
#ifndef WF_CLI_DEFINITION_H
#define WF_CLI_DEFINITION_H

#include <jansson.h>

#include "cli/command.h"
#include "engine/definition.h"
#include "plugin/registry.h"

struct definition {
    struct registry *registry;
    struct catalog catalog;
    json_t *source;    /* what it was read from; owned.  From the database also "execution", see db_execution_definition() */
    json_t *graph;     /* owned, or NULL */
    json_t *trigger;   /* trigger_config; owned, or NULL */
    char *name;        /* owned */
    struct def *def;
    struct diags diags;
};

/* Open the plugins and load a definition: of a file ("-": standard input); of a file or else a workflow in the database; of
 * a file or else what an execution runs.  0, or -1 and *e; close it in both cases. */
int definition_of_file(struct definition *d, const struct cli *c, const char *path, struct error *e);
/* A further file with the plugins of the first definition, which is closed after it. */
int definition_beside(struct definition *d, const struct definition *first, const struct cli *c, const char *path, struct error *e);
int definition_of_workflow(struct definition *d, const struct cli *c, const char *name, struct error *e);
int definition_of_execution(struct definition *d, const struct cli *c, const char *name, struct error *e);
void definition_close(struct definition *d);

#endif
