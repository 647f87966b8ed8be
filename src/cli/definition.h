/* SPDX-License-Identifier: Apache-2.0 */
/* A definition from a file, with the plugins that it needs, for commands that work without a worker. */
#ifndef WF_CLI_DEFINITION_H
#define WF_CLI_DEFINITION_H

#include <jansson.h>

#include "cli/command.h"
#include "cli/input.h"
#include "engine/definition.h"
#include "plugin/registry.h"

struct definition {
    struct registry *registry;
    struct catalog catalog;
    struct input_workflow input;
    struct def *def;
    struct diags diags;
};

/* Open the plugins and load the definition of a file ("-": standard input).  0, or -1 and *e; close it in both cases. */
int definition_open(struct definition *d, const struct cli *c, const char *path, struct error *e);
/* The same for a workflow as input holds it, which is taken over. */
int definition_open_input(struct definition *d, const struct cli *c, struct input_workflow *input, struct error *e);
void definition_close(struct definition *d);
/* The same when a handler may still run: the plugins stay as they are. */
void definition_close_but_plugins(struct definition *d);

#endif
