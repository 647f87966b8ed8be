/* SPDX-License-Identifier: Apache-2.0 */
/* A node's config: templates compiled once, and the names of secrets and environment variables that they mention, so
 * that these can be fetched when the config is resolved and at no other time. */
#include "engine/def_int.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static bool is_name(char c)
{
    return isalnum((unsigned char)c) || c == '_' || c == '$';
}

static void add_name(char ***names, const char *name, size_t len)
{
    size_t n = 0;
    for (; *names && (*names)[n]; n++)
        if (strlen((*names)[n]) == len && memcmp((*names)[n], name, len) == 0)
            return;
    *names = xreallocarray(*names, n + 2, sizeof **names);
    (*names)[n] = xstrndup(name, len);
    (*names)[n + 1] = NULL;
}

/* The member that follows a root name: .NAME, ?.NAME or ["NAME"]; NULL when there is none. */
static const char *member(const char *p, size_t *len)
{
    while (isspace((unsigned char)*p))
        p++;
    char quote = 0;
    if (*p == '?' && p[1] == '.')
        p += 2;
    else if (*p == '.')
        p++;
    else if (*p == '[' && (p[1] == '"' || p[1] == '\'')) {
        quote = p[1];
        p += 2;
    } else {
        return NULL;
    }
    while (!quote && isspace((unsigned char)*p))
        p++;
    const char *from = p;
    while (quote ? *p && *p != quote : is_name(*p))
        p++;
    *len = (size_t)(p - from);
    return *len ? from : NULL;
}

static void scan_text(const char *text, const char *root, char ***names)
{
    size_t root_len = strlen(root), len;
    for (const char *p = strstr(text, root); p; p = strstr(p + root_len, root)) {
        if (p > text && (is_name(p[-1]) || p[-1] == '.'))
            continue;
        const char *name = member(p + root_len, &len);
        if (name)
            add_name(names, name, len);
    }
}

static void scan(struct def_node *n, const json_t *v)
{
    if (json_is_string(v)) {
        scan_text(json_string_value(v), "secret", &n->secrets);
        scan_text(json_string_value(v), "env", &n->envs);
    } else if (json_is_array(v)) {
        for (size_t i = 0; i < json_array_size(v); i++)
            scan(n, json_array_get(v, i));
    } else if (json_is_object(v)) {
        json_t *object = (json_t *)(uintptr_t)v;
        for (void *it = json_object_iter(object); it; it = json_object_iter_next(object, it))
            scan(n, json_object_iter_value(it));
    }
}

void load_node_config(struct def_node *n)
{
    n->tmpl = tmpl_compile(n->config, n->known ? n->info.expression_keys : NULL, &n->config_error);
    if (n->tmpl && !tmpl_is_constant(n->tmpl))
        scan(n, n->config);
}

bool def_node_accepted(const struct def *d, size_t node)
{
    return d->nodes[node].accepted;
}

void def_note_accepted(struct def *d, size_t node)
{
    struct def_node *n = &d->nodes[node];
    n->accepted = n->tmpl && tmpl_is_constant(n->tmpl);
}
