/* SPDX-License-Identifier: Apache-2.0 */
/* JSON that commands take from their arguments, from files, or from standard input. */
#ifndef WF_CLI_INPUT_H
#define WF_CLI_INPUT_H

#include <jansson.h>

#include "base/error.h"

#define INPUT_MAX (64 * 1024 * 1024)

/* A whole file, "-" for standard input; at most INPUT_MAX bytes.  A new reference, or NULL and *e, which names the file. */
json_t *input_file(const char *path, struct error *e);

/* JSON as it stands, or @FILE; must be an object.  NULL text: an empty object. */
json_t *input_data(const char *text, struct error *e);

/* The same, any JSON; text is not NULL. */
json_t *input_value(const char *text, struct error *e);

/* A workflow as it stands in a file: a graph, or an object with graph_config (a graph in JSON or as text), name,
 * trigger_config.  Members are borrowed from `file`, but name, which is made from the path when the file has none. */
struct input_workflow {
    json_t *file;
    json_t *graph;          /* owned, or NULL */
    const json_t *trigger;  /* or NULL */
    char *name;
};
int input_workflow(const char *path, struct input_workflow *w, struct error *e);
void input_workflow_free(struct input_workflow *w);

#endif
