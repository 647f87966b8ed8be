/* SPDX-License-Identifier: Apache-2.0 */
/* One plugin, step by step: settings, file, probe, libltdl, descriptor, names, configuration, init. */
#include <ltdl.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/nearest.h"
#include "base/unknown.h"
#include "plugin/about.h"
#include "plugin/image.h"
#include "plugin/internal.h"
#include "plugin/probe.h"
#include "plugin/remote.h"
#include "plugin/schema.h"
#include "plugin/task_internal.h"
#include "plugin/values.h"
#include "sandbox/limits.h"

#define DEFAULT_PROBE_MS 10000
#define DEFAULT_HELPERS 10

static int section_error(const struct plugin *p, struct error *e)
{
    return err_prefix(e, "[plugin %s]", p->name);
}

/* enabled: yes or no.  1 when disabled, -1 and reason when it is neither. */
static int read_enabled(struct plugin *p, const json_t *section)
{
    static const char *const no[] = {"no", "false", "off", "0"}, *const yes[] = {"yes", "true", "on", "1"};
    const char *text = js_str(section, "enabled");
    if (!text)
        return 0;
    for (size_t i = 0; i < ARRAY_LEN(no); i++)
        if (strcmp(text, no[i]) == 0)
            return 1;
    for (size_t i = 0; i < ARRAY_LEN(yes); i++)
        if (strcmp(text, yes[i]) == 0)
            return 0;
    err_set(&p->reason, "enabled = \"%.80s\" is neither yes nor no", text);
    return section_error(p, &p->reason);
}

/* What its section denies takes the place of what is denied to all of others than wfworker. */
static int read_denied(const struct registry *r, struct plugin *p, const json_t *section)
{
    const char *text = js_str(section, "deny");
    p->denied = is_own_plugin(p->name) ? 0 : r->denied;
    return !text || capability_list(text, "deny", &p->denied, &p->reason) == 0 ? 0 : section_error(p, &p->reason);
}

const char *isolate_name(enum isolate i)
{
    static const char *const names[] = {[ISOLATE_NEVER] = "never", [ISOLATE_BLOCKING] = "blocking", [ISOLATE_ALWAYS] = "always"};
    return names[i];
}

static int read_isolate(const struct registry *r, struct plugin *p, const json_t *section)
{
    const char *text = js_str(section, "isolate");
    p->isolate = is_own_plugin(p->name) ? ISOLATE_NEVER : r->isolate;
    if (!text)
        return 0;
    for (enum isolate i = ISOLATE_NEVER; i <= ISOLATE_ALWAYS; i++)
        if (strcmp(text, isolate_name(i)) == 0) {
            p->isolate = i;
            return 0;
        }
    err_set(&p->reason, "isolate = \"%.80s\" is none of never, blocking and always", text);
    return section_error(p, &p->reason);
}

static const char *const our_keys[] = {"enabled", "deny", "without", "isolate", "helpers", NULL};

/* The section without the keys that are ours. */
static json_t *own_keys(const json_t *section)
{
    json_t *own = section ? json_copy((json_t *)(uintptr_t)section) : json_object();
    for (const char *const *key = our_keys; *key; key++)
        json_object_del(own, *key);
    for (const char *const *key = limits_keys; *key; key++)
        json_object_del(own, *key);
    return own;
}

/* The key that may be meant, ours or one of the schema; or NULL.  Borrowed. */
static const char *nearest_key(const json_t *schema, const char *word)
{
    const char *name;
    json_t *property;
    struct nearest near = {.word = word};
    for (const char *const *key = our_keys; *key; key++)
        nearest_offer(&near, *key);
    for (const char *const *key = limits_keys; *key; key++)
        nearest_offer(&near, *key);
    json_object_foreach(json_object_get(schema, "properties"), name, property) nearest_offer(&near, name);
    return near.best;
}

/* All of them at once. */
static int refuse_keys(struct plugin *p, const json_t *pointers)
{
    CLEANUP_UNKNOWN struct unknown unknown = {0};
    size_t i;
    json_t *pointer;
    json_array_foreach(pointers, i, pointer)
    {
        const char *key = json_string_value(pointer) + 1;
        unknown_add(&unknown, key, 0, nearest_key(p->about.config_schema, key));
    }
    err_set(&p->reason, unknown.count == 1 ? "unknown key %s" : "unknown keys %s", unknown_words(&unknown));
    const char *meant = unknown_meant(&unknown);
    if (meant)
        err_hint(&p->reason, "did you mean %s?", meant);
    else
        err_hint(&p->reason, "wfworker plugin inspect %s shows the keys that it has", p->name);
    return section_error(p, &p->reason);
}

static int read_config(struct plugin *p, const json_t *section)
{
    CLEANUP_JSON json_t *own = own_keys(section);
    CLEANUP_JSON json_t *unknown = json_array();
    CLEANUP_JSON json_t *no_keys = json_pack("{s:{}}", "properties"); /* wfworker's own have those that they say, and no others */
    const json_t *schema = p->about.config_schema || !is_own_plugin(p->name) ? p->about.config_schema : no_keys;
    p->config = schema_convert(schema, own);
    schema_unknown_keys(schema, p->config, unknown);
    if (json_array_size(unknown) > 0)
        return refuse_keys(p, unknown);
    return schema_check(schema, p->config, &p->reason) == 0 ? 0 : section_error(p, &p->reason);
}

/* Through libltdl, which works on every system that libtool knows; the probe has shown that the file loads. */
static const struct wfw_plugin *open_library(struct plugin *p)
{
    const struct wfw_plugin *(*entry)(void) = NULL;
    lt_dladvise advise;
    lt_dlhandle library = NULL;
    if (lt_dladvise_init(&advise) == 0) {
        if (lt_dladvise_local(&advise) == 0 && lt_dladvise_resident(&advise) == 0)
            library = lt_dlopenadvise(p->path, advise);
        lt_dladvise_destroy(&advise);
    }
    void *found = library ? lt_dlsym(library, "wfw_plugin_v1") : NULL;
    memcpy(&entry, &found, sizeof entry);
    if (!entry) {
        err_set(&p->reason, "loaded in a probe, but not here: %s", lt_dlerror());
        return NULL;
    }
    return entry();
}

static const struct handler *known_type(const struct registry *r, const char *name)
{
    for (size_t i = 0; i < r->type_count; i++)
        if (strcmp(r->types[i].name, name) == 0)
            return r->types[i].handler;
    return NULL;
}

static int refuse_type(const struct registry *r, struct plugin *p, const char *name)
{
    const struct handler *other = known_type(r, name);
    if (!other)
        return 0;
    err_set(&p->reason, "node type \"%s\" is in two plugins: %s and %s", name, other->plugin->path, p->path);
    return err_hint(&p->reason, "The first in the search order is used; choose with without = %s in [plugin %s] or [plugin %s], "
                                "or with enabled = no.",
                    name, other->plugin->name, p->name);
}

/* Is the name one that the configuration leaves to another plugin? */
static bool left_out(const struct plugin *p, const char *name)
{
    size_t len = strlen(name);
    for (const char *at = p->without; at && *at; at += strcspn(at, ", \t")) {
        at += strspn(at, ", \t");
        if (strncmp(at, name, len) == 0 && strcspn(at, ", \t") == len)
            return true;
    }
    return false;
}

static int check_name(const struct registry *r, struct plugin *p, const char *name)
{
    return left_out(p, name) ? 0 : refuse_type(r, p, name);
}

static int check_types(const struct registry *r, struct plugin *p)
{
    for (size_t i = 0; i < p->about.node_count; i++) {
        const struct wfw_node *n = &p->about.nodes[i];
        if (check_name(r, p, n->type) != 0)
            return -1;
        for (size_t k = 0; n->aliases && n->aliases[k]; k++)
            if (check_name(r, p, n->aliases[k]) != 0)
                return -1;
    }
    return 0;
}

static bool has_name(const struct plugin *p, const char *name, size_t len)
{
    for (size_t i = 0; i < p->about.node_count; i++) {
        const struct wfw_node *n = &p->about.nodes[i];
        const char *own = n->type;
        for (size_t k = 0; own; own = n->aliases ? n->aliases[k++] : NULL)
            if (strlen(own) == len && memcmp(own, name, len) == 0)
                return true;
    }
    return false;
}

/* without: node types and aliases of the plugin that are not taken from it; each must be one of its own. */
static int read_without(struct plugin *p, const json_t *section)
{
    const char *text = js_str(section, "without");
    p->without = text ? xstrdup(text) : NULL;
    for (const char *at = p->without; at && *at; at += strcspn(at, ", \t")) {
        at += strspn(at, ", \t");
        size_t len = strcspn(at, ", \t");
        if (len && !has_name(p, at, len)) {
            err_set(&p->reason, "without = \"%.*s\" is not a node type of this plugin", len > 80 ? 80 : (int)len, at);
            return section_error(p, &p->reason);
        }
    }
    return 0;
}

/* What is doubtful about one that is loaded. */
static void set_warning(struct plugin *p)
{
    if (p->about.left_out)
        p->warning = xasprintf("node types are left out: %s", p->about.left_out);
    if (p->about.plugin.vendor && strcmp(p->about.plugin.vendor, "wfworker") == 0)
        return;
    for (size_t i = 0; i < p->about.node_count && !p->warning; i++)
        if (!strchr(p->about.nodes[i].type, '.'))
            p->warning = xasprintf("node type \"%s\" has no vendor prefix: names without a dot are wfworker's own",
                                   p->about.nodes[i].type);
}

static void enter_type(struct registry *r, const char *name, const struct handler *h)
{
    if (left_out(h->plugin, name))
        return;
    xgrow((void **)&r->types, &r->type_cap, r->type_count + 1, sizeof *r->types);
    r->types[r->type_count++] = (struct type_name){name, h};
}

static bool goes_away(const struct plugin *p, const struct wfw_node *n)
{
    return p->isolate == ISOLATE_ALWAYS || (p->isolate == ISOLATE_BLOCKING && n->exec == WFW_EXEC_BLOCKING);
}

static void enter_types(struct registry *r, struct plugin *p)
{
    p->handlers = xcalloc(p->about.node_count, sizeof *p->handlers);
    for (size_t i = 0; i < p->about.node_count; i++) {
        struct wfw_node *n = &p->about.nodes[i];
        uint32_t denied = n->caps & p->denied;
        n->caps &= ~p->denied;
        p->handlers[i] = (struct handler){.plugin = p,
                                          .plugin_name = p->name,
                                          .node = n,
                                          .own = p->about.own[i],
                                          .denied = denied,
                                          .state = p->data,
                                          .remote = goes_away(p, n) ? p->remote : NULL,
                                          .remote_check = p->isolate == ISOLATE_ALWAYS && n->check,
                                          .config_schema = p->about.schemas[i],
                                          .expression_keys = schema_expression_keys(p->about.schemas[i])};
        enter_type(r, n->type, &p->handlers[i]);
        for (size_t k = 0; n->aliases && n->aliases[k]; k++)
            enter_type(r, n->aliases[k], &p->handlers[i]);
    }
}

int plugin_init(const struct wfw_plugin *about, const struct wfw_host *host, json_t *config, void **state, struct error *e)
{
    char said[512] = "";
    int rc = about->init ? about->init(host, value_of(config), state, said, sizeof said) : WFW_OK;
    if (rc == WFW_OK)
        return 0;
    said[sizeof said - 1] = '\0';
    CLEANUP_JSON json_t *clean = js_string_lossy(said, strlen(said));
    if (said[0])
        return err_set(e, "its init failed: %s", json_string_value(clean));
    return err_set(e, "its init failed with code %d and no message", rc);
}

static int initialise(const struct registry *r, struct plugin *p)
{
    return plugin_init(&p->about.plugin, r->host ? r->host : host_table(), p->config, &p->data, &p->reason);
}

/* Names of wfworker's own plugins are for them alone: they run inside without being asked. */
static int check_vendor(struct plugin *p)
{
    const char *vendor = p->about.plugin.vendor;
    if (!is_own_plugin(p->name) || (vendor && strcmp(vendor, "wfworker") == 0))
        return 0;
    err_set(&p->reason, "its name is that of one of wfworker's own plugins, its vendor is %s%.80s%s", vendor ? "\"" : "",
            vendor ? vendor : "not told", vendor ? "\"" : "");
    return err_hint(&p->reason, "Give the file and its descriptor another name.");
}

/* What follows once there is a descriptor of this process. */
static int take_up(struct registry *r, struct plugin *p, const struct wfw_plugin *plugin, const json_t *section)
{
    if (descriptor_read(plugin, p->name, &p->about, &p->reason) != 0 || check_vendor(p) != 0 || read_config(p, section) != 0 ||
        descriptor_declare(&p->about, r->host ? r->host : host_table(), p->config, &p->reason) != 0 ||
        read_without(p, section) != 0 || check_types(r, p) != 0 || initialise(r, p) != 0)
        return -1;
    set_warning(p);
    enter_types(r, p);
    return 0;
}

static int64_t start_timeout(const struct registry *r)
{
    return r->probe_timeout_ms ? r->probe_timeout_ms : DEFAULT_PROBE_MS;
}

static int open_remote(const struct registry *r, struct plugin *p, const json_t *section)
{
    const struct remote_options o = {.name = p->name, .path = p->path, .program = r->helper_program, .section = section,
                                     .denied = p->denied, .helpers = r->helpers ? r->helpers : DEFAULT_HELPERS,
                                     .start_timeout_ms = start_timeout(r)};
    if (!r->isolation)
        p->isolate = ISOLATE_NEVER;
    if (p->isolate == ISOLATE_NEVER)
        return 0;
    p->remote = r->isolation->open(&o, &p->reason);
    return p->remote ? 0 : section_error(p, &p->reason);
}

/* The file is loaded in a helper process, and only there. */
static int load_away(struct registry *r, struct plugin *p, const json_t *section)
{
    CLEANUP_JSON json_t *about = r->isolation->describe(p->remote, &p->reason);
    if (!about || about_read(about, p->name, &p->about, &p->reason) != 0)
        return -1;
    if (check_vendor(p) != 0 || read_without(p, section) != 0 || check_types(r, p) != 0 || read_config(p, section) != 0)
        return -1;
    r->isolation->configure(p->remote, p->config);
    CLEANUP_JSON json_t *whole = NULL;
    if (r->isolation->init(p->remote, &whole, &p->reason) != 0)
        return -1;
    if (whole) { /* now with the node types that it declared */
        descriptor_free(&p->about);
        if (about_read(whole, p->name, &p->about, &p->reason) != 0 || check_types(r, p) != 0)
            return -1;
    }
    set_warning(p);
    enter_types(r, p);
    return 0;
}

static int load_here(struct registry *r, struct plugin *p, const json_t *section)
{
    if (probe_file(p->path, p->name, start_timeout(r), &p->reason) != 0)
        return -1;
    const struct wfw_plugin *plugin = open_library(p);
    if (!plugin || take_up(r, p, plugin, section) != 0)
        return -1;
    if (p->remote)
        r->isolation->configure(p->remote, p->config);
    return 0;
}

static int load_steps(struct registry *r, struct plugin *p, const json_t *section)
{
    if (read_denied(r, p, section) != 0 || read_isolate(r, p, section) != 0 || open_remote(r, p, section) != 0 ||
        image_check(p->path, &p->abi, &p->reason) != 0)
        return -1;
    return p->isolate == ISOLATE_ALWAYS ? load_away(r, p, section) : load_here(r, p, section);
}

/* A plugin that failed needs no processes. */
static void close_remote(struct plugin *p)
{
    if (p->remote && p->remote->host)
        remote_detach(p->remote);
    if (p->remote)
        p->remote->isolation->close(p->remote);
    p->remote = NULL;
}

void load_plugin(struct registry *r, struct plugin *p)
{
    if (p->state != PLUGIN_OK)
        return;
    CLEANUP_JSON json_t *section = r->plugin_config ? r->plugin_config(r->ctx, p->name) : NULL;
    int disabled = read_enabled(p, section);
    if (disabled == 1) {
        p->state = PLUGIN_DISABLED;
        err_set(&p->reason, "disabled by enabled = no in [plugin %s]", p->name);
    } else if (disabled != 0 || load_steps(r, p, section) != 0) {
        p->state = PLUGIN_FAILED;
        close_remote(p);
    }
}

void load_linked(struct registry *r, struct plugin *p, const struct wfw_plugin *descriptor)
{
    CLEANUP_JSON json_t *section = r->plugin_config ? r->plugin_config(r->ctx, p->name) : NULL;
    if (read_denied(r, p, section) != 0 || read_isolate(r, p, section) != 0 || take_up(r, p, descriptor, section) != 0)
        p->state = PLUGIN_FAILED;
}

void plugin_free(struct plugin *p)
{
    for (size_t i = 0; p->handlers && i < p->about.node_count; i++)
        free((void *)(uintptr_t)p->handlers[i].expression_keys);
    free(p->handlers);
    close_remote(p);
    descriptor_free(&p->about);
    json_decref(p->config);
    free(p->warning);
    free(p->without);
    free(p->path);
    free(p->name);
    free(p);
}
