/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a definition: nodes and edges from any of the accepted forms (array, dict with `next`, React-Flow spelling,
 * rows of workflownode), then everything that is worked out from them. */
#include "engine/def_int.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"

void load_note(struct def_load *l, bool error, char *pointer, const char *fmt, ...)
{
    CLEANUP_FREE char *text = NULL;
    va_list ap;
    va_start(ap, fmt);
    if (vasprintf(&text, fmt, ap) < 0)
        abort();
    va_end(ap);
    if (error && !l->d->error)
        l->d->error = xstrdup(text);
    if (!l->diags) {
        free(pointer);
        return;
    }
    void *items = l->diags->items;
    xgrow(&items, &l->diags->cap, l->diags->len + 1, sizeof(struct diag));
    l->diags->items = items;
    l->diags->items[l->diags->len++] = (struct diag){.error = error, .pointer = pointer, .message = STEAL(text)};
}

char *load_pointer(const char *base, const char *key)
{
    struct buf b = BUF_INIT;
    buf_addstr(&b, base);
    buf_addch(&b, '/');
    for (; *key; key++) {
        if (*key == '~' || *key == '/')
            buf_addstr(&b, *key == '~' ? "~0" : "~1");
        else
            buf_addch(&b, *key);
    }
    return buf_steal(&b);
}

static char *index_pointer(const char *base, size_t index)
{
    return xasprintf("%s/%zu", base, index);
}

/* The first of these members that is a non-empty string, or NULL. */
static const char *first_string(const json_t *object, const char *const keys[])
{
    for (size_t i = 0; keys[i]; i++) {
        const char *s = js_str(object, keys[i]);
        if (s && *s)
            return s;
    }
    return NULL;
}

/* ---- nodes ---- */

/* A node type as it is spelled in the graph; a drawing tool's own `type` counts least. */
static const char *written_type(const json_t *node, const json_t *data)
{
    const char *type = js_str(node, "node_type");
    if (!type || !*type)
        type = first_string(data, (const char *const[]){"node_type", "nodeType", NULL});
    if (!type)
        type = first_string(node, (const char *const[]){"type", NULL});
    if (!type)
        type = first_string(data, (const char *const[]){"type", NULL});
    return type ? type : "unknown";
}

/* Keys of the dict form that are not config when the node object itself is the config. */
static json_t *flat_config(const json_t *node)
{
    static const char *const structure[] = {"id", "node_id", "node_type", "type", "next", "position_x", "position_y",
                                            "position"};
    json_t *config = json_copy((json_t *)(uintptr_t)node);
    for (size_t i = 0; i < ARRAY_LEN(structure); i++)
        json_object_del(config, structure[i]);
    return config;
}

/* A new reference; always an object. */
static json_t *node_config(struct def_load *l, const char *pointer, const json_t *node, const json_t *data, bool flat)
{
    json_t *config = json_object_get(node, "config");
    if (!config && data)
        config = json_object_get(data, "config") ? json_object_get(data, "config") : (json_t *)(uintptr_t)data;
    if (!config && flat)
        return flat_config(node);
    if (json_is_object(config))
        return json_incref(config);
    if (config && !json_is_null(config))
        load_note(l, true, load_pointer(pointer, "config"), "the config of node %s is %s, not an object", l->d->nodes[l->d->node_count - 1].id,
                  js_kind(config));
    return json_object();
}

static void resolve_type(struct def_load *l, struct def_node *n, const char *written)
{
    const struct catalog *catalog = l->options ? l->options->catalog : NULL;
    n->info = (struct node_type){0};
    n->known = !catalog || catalog->find(catalog->ctx, written, &n->info);
    n->type = xstrdup(n->known && n->info.name ? n->info.name : written);
    n->is_switch = strcmp(n->type, "switch") == 0 || strcmp(written, "switch") == 0;
    if (n->known) {
        if (!n->info.name)
            n->info.name = n->type;
        return;
    }
    const char *meant = catalog->nearest ? catalog->nearest(catalog->ctx, written) : NULL;
    load_note(l, false, load_pointer(n->pointer, "node_type"), "node %s: no plugin provides the node type \"%s\"%s%s%s", n->id,
              written, meant ? "; did you mean \"" : "", meant ? meant : "", meant ? "\"?" : "");
}

static void add_node(struct def_load *l, const char *id, json_t *node, const char *pointer, bool flat)
{
    struct def *d = l->d;
    if (json_object_get(d->index, id)) {
        load_note(l, true, xstrdup(pointer), "duplicate node id \"%s\"", id);
        return;
    }
    if (d->node_count >= DEF_MAX_NODES) {
        load_note(l, true, xstrdup(pointer), "more than %d nodes", DEF_MAX_NODES);
        return;
    }
    void *nodes = d->nodes;
    xgrow(&nodes, &d->node_cap, d->node_count + 1, sizeof(struct def_node));
    d->nodes = nodes;
    js_set(d->index, id, json_integer((json_int_t)d->node_count));
    struct def_node *n = &d->nodes[d->node_count++];
    *n = (struct def_node){.id = xstrdup(id), .pointer = xstrdup(pointer), .cycle = NO_INDEX, .split = NO_INDEX};
    n->output_key = xasprintf("%s_output", id);
    n->says_executing = xasprintf("Executing node: %s", id);
    n->says_completed = xasprintf("Node %s completed successfully", id);
    const json_t *data = json_object_get(node, "data");
    if (!json_is_object(data))
        data = NULL;
    resolve_type(l, n, written_type(node, data));
    n->config = node_config(l, pointer, node, data, flat);
    load_node_options(l, n, node, data);
    load_node_config(n);
    if (!n->tmpl)
        load_note(l, false, load_pointer(pointer, "config"), "node %s: %s", id, n->config_error.message);
}

static void read_node_array(struct def_load *l, const json_t *nodes, const char *base)
{
    size_t i;
    json_t *node;
    json_array_foreach(nodes, i, node)
    {
        CLEANUP_FREE char *pointer = index_pointer(base, i);
        const char *id = first_string(node, (const char *const[]){"node_id", "id", NULL});
        if (id)
            add_node(l, id, node, pointer, false);
        else
            load_note(l, false, xstrdup(pointer), "a node without node_id is left out");
    }
}

static void read_node_dict(struct def_load *l, json_t *nodes)
{
    const char *id;
    json_t *node;
    json_object_foreach(nodes, id, node)
    {
        CLEANUP_FREE char *pointer = load_pointer("/nodes", id);
        if (*id)
            add_node(l, id, node, pointer, true);
        else
            load_note(l, false, xstrdup(pointer), "a node without node_id is left out");
    }
}

/* ---- edges ---- */

uint32_t load_edge(struct def_load *l, uint32_t from, uint32_t to, const char *label)
{
    struct def *d = l->d;
    void *edges = d->edges;
    xgrow(&edges, &d->edge_cap, d->edge_count + 1, sizeof(struct def_edge));
    d->edges = edges;
    d->edges[d->edge_count] = (struct def_edge){.from = from, .to = to, .src = from, .label = label ? xstrdup(label) : NULL};
    return (uint32_t)d->edge_count++;
}

static void add_edge(struct def_load *l, const char *from, const char *to, const char *label, const char *pointer)
{
    struct def *d = l->d;
    uint32_t f = def_find(d, from), t = def_find(d, to);
    if (f == NO_INDEX || t == NO_INDEX) {
        load_note(l, true, xstrdup(pointer), "Node %s not found in workflow", f == NO_INDEX ? from : to);
        return;
    }
    if (d->edge_count >= DEF_MAX_EDGES) {
        load_note(l, true, xstrdup(pointer), "more than %d edges", DEF_MAX_EDGES);
        return;
    }
    load_edge(l, f, t, label);
}

/* 0 and the label or NULL, -1 when it is not a string. */
static int edge_label(const json_t *edge, const char **label)
{
    static const char *const keys[] = {"branch", "condition", "sourceHandle"};
    *label = NULL;
    for (size_t i = 0; i < ARRAY_LEN(keys) && !*label; i++) {
        const json_t *v = json_object_get(edge, keys[i]);
        if (!v || json_is_null(v))
            continue;
        if (!json_is_string(v))
            return -1;
        if (json_string_length(v))
            *label = json_string_value(v);
    }
    return 0;
}

static void read_edge(struct def_load *l, const json_t *edge, size_t i)
{
    CLEANUP_FREE char *pointer = index_pointer("/edges", i);
    const char *from = first_string(edge, (const char *const[]){"from", "source", NULL});
    const char *to = first_string(edge, (const char *const[]){"to", "target", NULL});
    const char *label;
    if (!from || !to)
        load_note(l, true, xstrdup(pointer), "edge %zu has no %s", i + 1, from ? "`to`" : "`from`");
    else if (edge_label(edge, &label) != 0)
        load_note(l, true, xstrdup(pointer), "edge %zu from %s to %s: the branch is not a string", i + 1, from, to);
    else
        add_edge(l, from, to, label, pointer);
}

static void read_next(struct def_load *l, const char *id, const json_t *next)
{
    CLEANUP_FREE char *base = load_pointer("/nodes", id), *pointer = load_pointer(base, "next");
    if (json_is_string(next)) {
        if (json_string_length(next))
            add_edge(l, id, json_string_value(next), NULL, pointer);
    } else if (json_is_array(next)) {
        size_t i;
        json_t *v;
        json_array_foreach(next, i, v)
        {
            CLEANUP_FREE char *at = index_pointer(pointer, i);
            if (json_is_string(v) && json_string_length(v))
                add_edge(l, id, json_string_value(v), NULL, at);
            else
                load_note(l, true, xstrdup(at), "node %s: `next` holds something that is not a node id", id);
        }
    } else if (next && !json_is_null(next)) {
        load_note(l, true, xstrdup(pointer), "node %s: `next` is neither a node id nor an array of them", id);
    }
}

static bool is_empty_object(const json_t *v)
{
    return json_is_object(v) && json_object_size(v) == 0;
}

static void read_edges(struct def_load *l, json_t *graph)
{
    const json_t *edges = json_object_get(graph, "edges"), *nodes = json_object_get(graph, "nodes");
    size_t i;
    json_t *edge;
    json_array_foreach(edges, i, edge) read_edge(l, edge, i);
    if (edges && !json_is_array(edges) && !json_is_null(edges) && !is_empty_object(edges))
        load_note(l, true, xstrdup("/edges"), "`edges` is %s, not an array", js_kind(edges));
    if (json_array_size(edges) || !json_is_object(nodes))
        return;
    const char *id;
    json_t *node;
    json_object_foreach((json_t *)(uintptr_t)nodes, id, node) if (*id)
        read_next(l, id, json_object_get(node, "next"));
}

/* ---- the whole ---- */

static uint32_t first_without_in_edge(const struct def *d)
{
    CLEANUP_FREE bool *has = xcalloc(d->node_count + 1, sizeof *has);
    for (size_t i = 0; i < d->edge_count; i++)
        has[d->edges[i].to] = true;
    for (uint32_t i = 0; i < d->node_count; i++)
        if (!has[i])
            return i;
    return d->node_count ? 0 : NO_INDEX;
}

static uint32_t find_entry(struct def_load *l, const json_t *graph)
{
    struct def *d = l->d;
    const char *id = js_str(graph, "entry_node_id");
    uint32_t named = id && *id ? def_find(d, id) : NO_INDEX;
    if (named != NO_INDEX)
        return named;
    if (id && *id)
        load_note(l, false, xstrdup("/entry_node_id"), "entry_node_id names no node: %s", id);
    for (uint32_t i = 0; i < d->node_count; i++)
        if (strcmp(d->nodes[i].type, "trigger") == 0)
            return i;
    return first_without_in_edge(d);
}

/* Nodes that name the same group share a number. */
static void number_groups(struct def *d)
{
    CLEANUP_JSON json_t *numbers = json_object();
    for (size_t i = 0; i < d->node_count; i++) {
        struct def_node *n = &d->nodes[i];
        n->group = NO_INDEX;
        if (!n->options.interleave)
            continue;
        const json_t *number = json_object_get(numbers, n->options.interleave);
        n->group = number ? (uint32_t)json_integer_value(number) : d->group_count++;
        if (!number)
            js_set(numbers, n->options.interleave, json_integer(n->group));
    }
}

/* No nodes at all are an empty definition; nodes none of which has a name are a mistake. */
static void check_nodes(struct def_load *l, size_t given, const char *pointer)
{
    if (given > 0 && l->d->node_count == 0)
        load_note(l, true, xstrdup(pointer), "none of the %zu nodes has a node_id", given);
}

static void read_nodes(struct def_load *l, const json_t *graph, const json_t *rows)
{
    json_t *nodes = json_object_get(graph, "nodes");
    if (graph && !json_is_object(graph) && !json_is_null(graph)) {
        load_note(l, true, xstrdup(""), "graph_config is %s, not an object", js_kind(graph));
    } else if (nodes && !json_is_object(nodes) && !json_is_array(nodes) && !json_is_null(nodes)) {
        load_note(l, true, xstrdup("/nodes"), "`nodes` is %s, not an array or an object", js_kind(nodes));
    } else if (json_object_size(nodes)) {
        read_node_dict(l, nodes);
        check_nodes(l, json_object_size(nodes), "/nodes");
    } else if (json_array_size(nodes)) {
        read_node_array(l, nodes, "/nodes");
        check_nodes(l, json_array_size(nodes), "/nodes");
    } else {
        read_node_array(l, rows, "/workflownode");
        check_nodes(l, json_array_size(rows), "/workflownode");
    }
}

/* Of the workflow's trigger_config. */
static int64_t read_timeout(struct def_load *l, const json_t *trigger_config)
{
    const json_t *v = json_object_get(trigger_config, "timeout_seconds");
    int64_t ms = load_seconds_ms(v);
    if (v && !json_is_null(v) && ms < 0 && !(json_is_number(v) && json_number_value(v) <= 0))
        load_note(l, false, xstrdup("/trigger_config/timeout_seconds"), "timeout_seconds is %s, not a number of seconds; it is ignored", js_kind(v));
    return ms > 0 ? ms : 0;
}

struct def *def_load(json_t *graph, json_t *rows, json_t *trigger_config, const struct def_options *options,
                     struct diags *diags)
{
    struct def *d = xcalloc(1, sizeof *d);
    d->exprs = expr_cache_new();
    struct def_load l = {.d = d, .options = options, .diags = diags};
    d->refs = 1;
    d->index = json_object();
    if (options && options->catalog && options->catalog->unknown_detail)
        d->unknown_detail = xstrdup(options->catalog->unknown_detail);
    read_nodes(&l, graph, rows);
    read_edges(&l, graph);
    d->entry = find_entry(&l, graph);
    d->timeout_ms = read_timeout(&l, trigger_config);
    const char *zone = js_str(trigger_config, "timezone");
    if (!zone)
        zone = js_str(graph, "timezone");
    d->timezone = zone && *zone ? xstrdup(zone) : NULL;
    number_groups(d);
    load_graph(&l);
    for (size_t i = 0; i < d->node_count && !d->error; i++)
        d->lacks_types |= d->nodes[i].reachable && !d->nodes[i].known;
    return d;
}

struct def *def_broken(const char *message)
{
    struct def *d = def_load(NULL, NULL, NULL, NULL, NULL);
    free(d->error);
    d->error = xstrdup(message);
    return d;
}
