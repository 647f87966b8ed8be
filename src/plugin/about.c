/* SPDX-License-Identifier: Apache-2.0 */
/* The way back goes through the structures of the interface and descriptor_read(): one place knows what may be in them. */
#include "plugin/about.h"

#include <string.h>

#include "base/json.h"
#include "base/mem.h"

#define MAX_NODES 1001 /* one more than descriptor_read() takes, so that it says so */

/* ---- There ---- */

static json_t *text_or_null(const char *text)
{
    return text ? js_string_lossy(text, strlen(text)) : json_null();
}

static json_t *aliases_json(const struct wfw_node *n)
{
    json_t *aliases = json_array();
    for (size_t i = 0; n->aliases && n->aliases[i]; i++)
        js_push(aliases, text_or_null(n->aliases[i]));
    return aliases;
}

static json_t *node_json(const struct wfw_node *n)
{
    json_t *v = json_object();
    js_set(v, "type", text_or_null(n->type));
    js_set(v, "aliases", aliases_json(n));
    js_set(v, "summary", text_or_null(n->summary));
    js_set(v, "description", text_or_null(n->description));
    js_set(v, "config_schema", text_or_null(n->config_schema));
    js_set(v, "output_schema", text_or_null(n->output_schema));
    js_set(v, "examples", text_or_null(n->examples));
    js_set(v, "exec", json_integer(n->exec));
    js_set(v, "effect", json_integer(n->effect));
    js_set(v, "caps", json_integer(n->caps));
    js_set(v, "timeout", json_integer(n->default_timeout_ms));
    js_set(v, "check", json_boolean(n->check != NULL));
    return v;
}

json_t *about_write(const struct descriptor *d)
{
    const struct wfw_plugin *p = &d->plugin;
    json_t *v = json_object(), *nodes = json_array();
    js_set(v, "name", text_or_null(p->name));
    js_set(v, "version", text_or_null(p->version));
    js_set(v, "license", text_or_null(p->license));
    js_set(v, "vendor", text_or_null(p->vendor));
    js_set(v, "url", text_or_null(p->url));
    js_set(v, "summary", text_or_null(p->summary));
    js_set(v, "config_schema", text_or_null(p->config_schema));
    for (size_t i = 0; i < d->node_count; i++)
        js_push(nodes, node_json(&d->nodes[i]));
    js_set(v, "nodes", nodes);
    js_set(v, "declares", json_boolean(p->declare != NULL));
    js_set(v, "left_out", text_or_null(d->left_out));
    return v;
}

/* ---- And back ---- */

/* What stands in the place of functions that only the other process has; never called. */
static void run_elsewhere(void *state, struct wfw_task *task, const struct wfw_call *call)
{
    (void)state, (void)task, (void)call;
}

static const struct wfw_node *const *declare_elsewhere(const struct wfw_host *host, const struct wfw_value *config, char *msg,
                                                      size_t msglen)
{
    (void)host, (void)config, (void)msg, (void)msglen;
    return NULL;
}

static int check_elsewhere(void *state, const struct wfw_node *node, const struct wfw_value *config, char *msg, size_t msglen)
{
    (void)state, (void)node, (void)config, (void)msg, (void)msglen;
    return WFW_OK;
}

static size_t alias_slots(const json_t *nodes)
{
    size_t i, slots = 0;
    json_t *n;
    json_array_foreach(nodes, i, n) slots += json_array_size(json_object_get(n, "aliases")) + 1;
    return slots;
}

static uint32_t number(const json_t *v, const char *key)
{
    int64_t n = js_int(v, key, 0);
    return n < 0 || n > UINT32_MAX ? UINT32_MAX : (uint32_t)n;
}

static const char **read_aliases(const json_t *v, const char **at, struct wfw_node *n)
{
    size_t i;
    json_t *alias;
    n->aliases = at;
    json_array_foreach(json_object_get(v, "aliases"), i, alias)
        *at++ = json_is_string(alias) ? json_string_value(alias) : "";
    *at++ = NULL;
    return at;
}

static void read_node(const json_t *v, struct wfw_node *n)
{
    n->size = sizeof *n;
    n->type = js_str(v, "type");
    n->summary = js_str(v, "summary");
    n->description = js_str(v, "description");
    n->config_schema = js_str(v, "config_schema");
    n->output_schema = js_str(v, "output_schema");
    n->examples = js_str(v, "examples");
    n->exec = number(v, "exec");
    n->effect = number(v, "effect");
    n->caps = number(v, "caps");
    n->default_timeout_ms = js_int(v, "timeout", 0);
    n->check = js_bool(v, "check", false) ? check_elsewhere : NULL;
    n->run = run_elsewhere;
}

static struct wfw_plugin read_plugin(const json_t *v)
{
    return (struct wfw_plugin){.size = sizeof(struct wfw_plugin),
                               .name = js_str(v, "name"),
                               .version = js_str(v, "version"),
                               .license = js_str(v, "license"),
                               .vendor = js_str(v, "vendor"),
                               .url = js_str(v, "url"),
                               .summary = js_str(v, "summary"),
                               .config_schema = js_str(v, "config_schema"),
                               .declare = js_bool(v, "declares", false) ? declare_elsewhere : NULL};
}

int about_read(json_t *about, const char *name, struct descriptor *d, struct error *e)
{
    const json_t *nodes = json_object_get(about, "nodes");
    size_t count = json_array_size(nodes) < MAX_NODES ? json_array_size(nodes) : MAX_NODES;
    struct wfw_plugin plugin = read_plugin(about);
    CLEANUP_FREE struct wfw_node *made = xcalloc(count + 1, sizeof *made);
    CLEANUP_FREE const struct wfw_node **list = xcalloc(count + 1, sizeof(*list));
    const char **aliases = xcalloc(alias_slots(nodes) + 1, sizeof(*aliases)), **at = aliases;
    for (size_t i = 0; i < count; i++) {
        const json_t *v = json_array_get(nodes, i);
        at = read_aliases(v, at, &made[i]);
        read_node(v, &made[i]);
        list[i] = &made[i];
    }
    plugin.nodes = list;
    if (descriptor_read(&plugin, name, d, e) != 0) {
        free(aliases);
        return -1;
    }
    d->plugin.nodes = NULL; /* read already, as those of `own` */
    for (size_t i = 0; i < d->node_count; i++)
        d->own[i] = &d->nodes[i];
    d->about = json_incref(about);
    d->aliases = aliases;
    const char *left_out = js_str(about, "left_out");
    d->left_out = left_out ? xstrdup(left_out) : NULL;
    return 0;
}
