/* SPDX-License-Identifier: Apache-2.0 */
/* Everything here may meet garbage: it runs first in the probing child, where a crash costs nothing. */
#include "plugin/descriptor.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "plugin/schema.h"
#include "plugin/values.h"

#define MAX_STRUCT 65536
#define MAX_NODES 1000
#define MAX_TYPE 64

static const struct {
    uint32_t bit;
    const char *name;
} capabilities[] = {{WFW_CAP_HTTP, "http"}, {WFW_CAP_SECRETS, "secrets"}, {WFW_CAP_ENV, "env"},
                    {WFW_CAP_FD, "fd"},     {WFW_CAP_CHILD, "child"},     {WFW_CAP_THREADS, "threads"},
                    {WFW_CAP_LOCK, "lock"}, {WFW_CAP_SIGNAL, "signal"},   {WFW_CAP_REQUEST, "request"}};

uint32_t capability_parse(const char *name, size_t len)
{
    for (size_t i = 0; i < ARRAY_LEN(capabilities); i++)
        if (strlen(capabilities[i].name) == len && memcmp(capabilities[i].name, name, len) == 0)
            return capabilities[i].bit;
    return 0;
}

int capability_list(const char *text, const char *what, uint32_t *out, struct error *e)
{
    *out = 0;
    for (const char *at = text; at && *at;) {
        at += strspn(at, ", \t");
        size_t len = strcspn(at, ", \t");
        uint32_t bit = len ? capability_parse(at, len) : 0;
        if (len && !bit) {
            err_set(e, "%s = \"%.*s\" is not a capability", what, len > 80 ? 80 : (int)len, at);
            return err_hint(e, "Capabilities are http, secrets, env, fd, child, threads, lock, signal and request.");
        }
        *out |= bit;
        at += len;
    }
    return 0;
}

const char *capability_name(uint32_t one)
{
    for (size_t i = 0; i < ARRAY_LEN(capabilities); i++)
        if (capabilities[i].bit == one)
            return capabilities[i].name;
    return "unknown";
}

static bool valid_char(char c, bool first)
{
    bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    return letter || (!first && ((c >= '0' && c <= '9') || c == '_' || c == '-'));
}

bool node_type_valid(const char *type)
{
    size_t len = strnlen(type, MAX_TYPE + 1);
    if (len == 0 || len > MAX_TYPE || !valid_char(type[0], true) || type[len - 1] == '.')
        return false;
    for (size_t i = 1; i < len; i++)
        if (!valid_char(type[i], false) && !(type[i] == '.' && type[i - 1] != '.'))
            return false;
    return true;
}

/* The structures as ABI 1.0 has them, for good: up to their last member of then. */
#define PLUGIN_1_0 (offsetof(struct wfw_plugin, exit) + sizeof(void (*)(void)))
#define NODE_1_0 (offsetof(struct wfw_node, cancel) + sizeof(void (*)(void)))

/* Copy a structure of the plugin: at least what ABI 1.0 has, at most what we know, an unknown tail only of zeros; what the
 * plugin does not know is zero. */
static int copy_sized(void *to, size_t known, size_t oldest, const void *from, const char *what, struct error *e)
{
    size_t size;
    memcpy(&size, from, sizeof size);
    if (size < oldest || size > MAX_STRUCT)
        return err_set(e, "%s says it is %zu bytes, ABI %d.0 has %zu", what, size, WFW_ABI_MAJOR, oldest);
    for (size_t i = known; i < size; i++)
        if (((const unsigned char *)from)[i] != 0) {
            err_set(e, "%s uses members that this wfworker does not know (byte %zu of %zu is not zero)", what, i, size);
            return err_hint(e, "Install a newer wfworker, or set WFW_ABI_MINOR to what the plugin really needs.");
        }
    memset(to, 0, known);
    memcpy(to, from, size < known ? size : known);
    return 0;
}

static int read_schema(const char *text, json_t **out, const char *what, struct error *e)
{
    *out = NULL;
    if (!text)
        return 0;
    *out = js_parse(text, strlen(text), e);
    if (!*out || schema_valid(*out, e) != 0)
        return err_prefix(e, "config_schema of %s", what);
    return 0;
}

static int check_aliases(const struct wfw_node *n, struct error *e)
{
    for (size_t i = 0; n->aliases && n->aliases[i]; i++)
        if (i >= MAX_NODES || !node_type_valid(n->aliases[i]))
            return err_set(e, "node type \"%s\" has the alias \"%.80s\", which is not a valid name", n->type, n->aliases[i]);
    return 0;
}

static int check_numbers(const struct wfw_node *n, struct error *e)
{
    uint32_t known = 0;
    for (size_t i = 0; i < ARRAY_LEN(capabilities); i++)
        known |= capabilities[i].bit;
    if (n->exec != WFW_EXEC_BLOCKING && n->exec != WFW_EXEC_LOOP)
        return err_set(e, "node type \"%s\" has exec %u, which this wfworker does not know", n->type, n->exec);
    if (n->effect % 100 != 0 || n->effect > WFW_EFFECT_PURE)
        return err_set(e, "node type \"%s\" has effect %u, which this wfworker does not know", n->type, n->effect);
    if (n->caps & ~known)
        return err_set(e, "node type \"%s\" asks for capability 0x%x, which this wfworker does not know", n->type,
                       n->caps & ~known);
    if (n->reserved)
        return err_set(e, "node type \"%s\" has %u in a reserved member, which must be 0", n->type, n->reserved);
    if (n->default_timeout_ms < 0)
        return err_set(e, "node type \"%s\" has the default timeout %lld ms", n->type, (long long)n->default_timeout_ms);
    return n->run ? 0 : err_set(e, "node type \"%s\" has no run function", n->type);
}

static int read_node(const struct wfw_node *from, size_t index, struct descriptor *d, struct error *e)
{
    struct wfw_node *n = &d->nodes[d->node_count];
    char what[40 + MAX_TYPE];
    snprintf(what, sizeof what, "node %zu", index);
    if (copy_sized(n, sizeof *n, NODE_1_0, from, what, e) != 0)
        return -1;
    if (!n->type || !node_type_valid(n->type)) {
        err_set(e, "node %zu has the type \"%.80s\", which is not a valid name", index, n->type ? n->type : "");
        return err_hint(e, "Use letters, digits, \"_\" and \"-\" in parts with dots between, like \"vendor.thing\".");
    }
    snprintf(what, sizeof what, "node type \"%s\"", n->type);
    d->own[d->node_count++] = from;
    return check_aliases(n, e) != 0 || check_numbers(n, e) != 0
               ? -1
               : read_schema(n->config_schema, &d->schemas[d->node_count - 1], what, e);
}

static int check_names(const struct wfw_plugin *p, const char *name, struct error *e)
{
    if (!p->name || !*p->name)
        return err_set(e, "its descriptor has no name");
    if (!p->version || !*p->version)
        return err_set(e, "its descriptor has no version");
    if (strcmp(p->name, name) != 0) {
        err_set(e, "its descriptor has the name \"%.80s\", the file is named \"%s.so\"", p->name, name);
        return err_hint(e, "Name the file %.80s.so.", p->name);
    }
    return p->declare || (p->nodes && p->nodes[0]) ? 0 : err_set(e, "its descriptor names no node types");
}

/* Does the plugin itself use a name twice? */
static int check_unique(const struct descriptor *d, struct error *e)
{
    CLEANUP_JSON json_t *seen = json_object();
    for (size_t i = 0; i < d->node_count; i++) {
        const char *type = d->nodes[i].type;
        for (size_t k = 0; type; type = d->nodes[i].aliases ? d->nodes[i].aliases[k++] : NULL) {
            if (json_object_get(seen, type))
                return err_set(e, "it has the node type \"%s\" twice", type);
            js_set(seen, type, json_true());
        }
    }
    return 0;
}

/* Append a list to those that are there. */
static int read_nodes(const struct wfw_node *const *list, struct descriptor *d, struct error *e)
{
    size_t count = 0, before = d->node_count;
    while (list && list[count])
        if (before + ++count > MAX_NODES)
            return err_set(e, "its descriptor has more than %d node types", MAX_NODES);
    if (count == 0)
        return 0;
    d->nodes = xreallocarray(d->nodes, before + count, sizeof *d->nodes);
    d->own = xreallocarray(d->own, before + count, sizeof(struct wfw_node *));
    d->schemas = xreallocarray(d->schemas, before + count, sizeof(json_t *));
    for (size_t i = 0; i < count; i++) {
        d->schemas[before + i] = NULL;
        if (read_node(list[i], before + i, d, e) != 0)
            return -1;
    }
    return check_unique(d, e);
}

int descriptor_declare(struct descriptor *d, const struct wfw_host *host, const json_t *config, struct error *e)
{
    char said[960] = "";
    if (!d->plugin.declare)
        return 0;
    const struct wfw_node *const *list = d->plugin.declare(host, value_of(config), said, sizeof said);
    said[sizeof said - 1] = '\0';
    CLEANUP_JSON json_t *clean = js_string_lossy(said, strlen(said));
    if (list && said[0])
        d->left_out = xstrdup(json_string_value(clean));
    if (list)
        return read_nodes(list, d, e);
    return err_set(e, said[0] ? "it cannot declare its node types: %s" : "it cannot declare its node types, and says no reason",
                   json_string_value(clean));
}

int descriptor_read(const struct wfw_plugin *from, const char *name, struct descriptor *d, struct error *e)
{
    *d = (struct descriptor){.node_count = 0};
    if (!from)
        return err_set(e, "wfw_plugin_v1 returned NULL");
    if (copy_sized(&d->plugin, sizeof d->plugin, PLUGIN_1_0, from, "its descriptor", e) == 0 && check_names(&d->plugin, name, e) == 0 &&
        read_schema(d->plugin.config_schema, &d->config_schema, "the plugin", e) == 0 && read_nodes(d->plugin.nodes, d, e) == 0)
        return 0;
    descriptor_free(d);
    return -1;
}

void descriptor_free(struct descriptor *d)
{
    for (size_t i = 0; i < d->node_count; i++)
        json_decref(d->schemas[i]);
    json_decref(d->config_schema);
    json_decref(d->about);
    free(d->aliases);
    free(d->left_out);
    free(d->schemas);
    free(d->own);
    free(d->nodes);
    *d = (struct descriptor){.node_count = 0};
}
