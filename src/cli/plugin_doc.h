/* SPDX-License-Identifier: Apache-2.0 */
/* What a plugin says about itself (an element of registry_json()'s "plugins"), written for people. */
#ifndef WF_CLI_PLUGIN_DOC_H
#define WF_CLI_PLUGIN_DOC_H

#include <jansson.h>

#include "base/buf.h"

/* One member of a configuration or a result. */
struct doc_member {
    char *name;  /* "a.b" for one inside of another */
    char *type;  /* "string", "a, b or c", "expression" */
    char *notes; /* "required", "default 3", "from 1"; "" */
    const char *description; /* borrowed, or "" */
};

/* All members that a schema describes, those inside of others behind them; an array to free. */
struct doc_member *doc_members(const json_t *schema, size_t *count);
void doc_members_free(struct doc_member *members, size_t count);

/* node: one of its node types alone; NULL: all of them. */
void doc_text(const json_t *plugin, const json_t *node, struct buf *out);
void doc_markdown(const json_t *plugin, const json_t *node, struct buf *out);
void doc_man(const json_t *plugin, const json_t *node, struct buf *out);

/* "Greets somebody": as a sentence, with a capital and a full stop; a new string. */
char *doc_sentence(const char *text);
/* "Effect: pure.  Runs on ...", for people. */
char *doc_effect(const json_t *node);
char *doc_execution(const json_t *node);

#endif
