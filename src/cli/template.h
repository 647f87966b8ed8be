/* SPDX-License-Identifier: Apache-2.0 */
/* A directory of template files made into a project.
 *
 * In texts @KEY@ is replaced where KEY is known; anything else between such signs stays.  Lines that
 * begin with "@EACH_NODE@" and follow each other are written once for every node type, without these words.  In names of files _NAME_ is NAME and _NODE_ is
 * NODE_IDENT; a file with _NODE_ is made once for every node type; a leading "dot-" becomes a dot.  A file that begins with
 * "#!" may be executed. */
#ifndef WF_CLI_TEMPLATE_H
#define WF_CLI_TEMPLATE_H

#include <jansson.h>

#include "base/buf.h"
#include "base/error.h"

struct template {
    json_t *keys;  /* an object: KEY -> text */
    json_t *nodes; /* an array of such objects, beside `keys`, one for each node type */
};

/* Fill directory `to`, which is made if it is not there, from directory `from` with everything below it.  0, or -1 and *e; what was
 * made until then stays for template_remove(). */
int template_make(const struct template *t, const char *from, const char *to, struct error *e);

/* Remove a directory with everything in it; what cannot be removed stays. */
void template_remove(const char *directory);

/* One text; `node`: an element of nodes, or NULL. */
void template_text(const struct template *t, const json_t *node, const char *text, size_t len, struct buf *out);

#endif
