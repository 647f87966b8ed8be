/* SPDX-License-Identifier: Apache-2.0 */
/* --list-plugins: what was found, as a table for people and as JSON for programs. */
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"
#include "config.h"
#include "plugin/internal.h"
#include "sandbox/quarantine.h"

#define COLUMNS 6

static const char *const states[] = {
    [PLUGIN_OK] = "ok", [PLUGIN_FAILED] = "failed", [PLUGIN_SHADOWED] = "shadowed", [PLUGIN_DISABLED] = "disabled"};

struct row {
    char *cell[COLUMNS]; /* state, name, version, abi, isolate, node types */
    const struct plugin *plugin;
};

static char *join_types(const struct plugin *p)
{
    struct buf b = BUF_INIT;
    for (size_t i = 0; i < p->about.node_count; i++) {
        const struct wfw_node *n = &p->about.nodes[i];
        buf_printf(&b, "%s%s", i ? ", " : "", n->type);
        for (size_t k = 0; n->aliases && n->aliases[k]; k++)
            buf_printf(&b, ", %s", n->aliases[k]);
    }
    if (p->about.node_count == 0)
        buf_addch(&b, '-');
    return buf_steal(&b);
}

static void fill_row(struct row *row, const struct plugin *p)
{
    row->plugin = p;
    row->cell[0] = xstrdup(states[p->state]);
    row->cell[1] = xstrdup(p->name);
    row->cell[2] = xstrdup(p->about.plugin.version ? p->about.plugin.version : "-");
    row->cell[3] = p->abi.size ? xasprintf("%u.%u", p->abi.major, p->abi.minor) : xstrdup("-");
    row->cell[4] = xstrdup(p->state == PLUGIN_OK ? isolate_name(p->isolate) : "-");
    row->cell[5] = join_types(p);
}

/* Capabilities of all its node types: what they declare, or what of that is denied. */
static uint32_t capabilities_of(const struct plugin *p, bool denied)
{
    uint32_t all = 0;
    for (size_t i = 0; i < p->about.node_count; i++) {
        uint32_t kept_back = p->handlers ? p->handlers[i].denied : 0;
        all |= denied ? kept_back : p->about.nodes[i].caps | kept_back;
    }
    return all;
}

static void add_names(struct buf *b, uint32_t caps)
{
    size_t before = b->len;
    for (uint32_t bit = 1; bit; bit <<= 1)
        if (caps & bit)
            buf_printf(b, "%s%s", b->len > before ? ", " : "", capability_name(bit));
}

/* A line for those of others than wfworker: what they may do is for the administrator to know. */
static void print_capabilities(FILE *out, const struct plugin *p)
{
    CLEANUP_BUF struct buf b = BUF_INIT;
    uint32_t declared = capabilities_of(p, false), denied = capabilities_of(p, true);
    if (!declared || is_own_plugin(p->name))
        return;
    buf_addstr(&b, "          CAPABILITIES:  ");
    add_names(&b, declared);
    if (denied)
        buf_addstr(&b, " (denied: ");
    add_names(&b, denied);
    fprintf(out, "%s%s\n", b.data, denied ? ")" : "");
}

/* What running workers have put into quarantine. */
static void print_quarantines(FILE *out, const struct plugin *p)
{
    struct quarantine_state s;
    char until[CLOCK_TEXT];
    for (size_t i = 0; p->isolate != ISOLATE_NEVER && i < p->about.node_count; i++) {
        if (!quarantine_seen(p->about.nodes[i].type, &s))
            continue;
        clock_format_utc_ms(s.until_us, until);
        fprintf(out, "          QUARANTINE:  node type \"%s\" until %s after %u crashes; the last one: %s\n",
                p->about.nodes[i].type, until, s.crashes, s.cause);
    }
}

static json_t *quarantine_json(const struct plugin *p, const char *type)
{
    struct quarantine_state s;
    char until[CLOCK_TEXT];
    if (p->isolate == ISOLATE_NEVER || !quarantine_seen(type, &s))
        return json_null();
    json_t *v = json_object();
    clock_format_utc_ms(s.until_us, until);
    js_set(v, "until", json_string(until));
    js_set(v, "crashes", json_integer(s.crashes));
    js_set(v, "cause", json_string(s.cause));
    return v;
}

static void print_row(FILE *out, const struct row *row, const size_t width[COLUMNS])
{
    for (size_t c = 0; c < COLUMNS; c++)
        fprintf(out, "%-*s  ", (int)width[c], row->cell[c]);
    fprintf(out, "%s\n", row->plugin ? row->plugin->path : "FILE");
    if (!row->plugin)
        return;
    print_capabilities(out, row->plugin);
    CLEANUP_FREE char *reason = reason_text(&row->plugin->reason, "          ");
    if (*reason)
        fprintf(out, "          %s\n", reason);
    if (row->plugin->warning)
        fprintf(out, "          WARNING:  %s\n", row->plugin->warning);
    print_quarantines(out, row->plugin);
}

static void print_table(const struct registry *r, FILE *out)
{
    static const char *const heads[COLUMNS] = {"STATE", "NAME", "VERSION", "ABI", "ISOLATE", "NODE TYPES"};
    struct row *rows = xcalloc(r->count + 1, sizeof *rows);
    size_t width[COLUMNS] = {0};
    for (size_t c = 0; c < COLUMNS; c++)
        rows[0].cell[c] = xstrdup(heads[c]);
    for (size_t i = 0; i < r->count; i++)
        fill_row(&rows[i + 1], r->plugins[i]);
    for (size_t i = 0; i <= r->count; i++)
        for (size_t c = 0; c < COLUMNS; c++)
            if (strlen(rows[i].cell[c]) > width[c])
                width[c] = strlen(rows[i].cell[c]);
    for (size_t i = 0; i <= r->count; i++) {
        print_row(out, &rows[i], width);
        for (size_t c = 0; c < COLUMNS; c++)
            free(rows[i].cell[c]);
    }
    free(rows);
}

/* The directory whose quarantines this user cannot see, while there are plugins that may be in one; a new string, or NULL. */
static char *hidden_quarantines(const struct registry *r)
{
    bool isolated = false;
    for (size_t i = 0; i < r->count; i++)
        isolated = isolated || (r->plugins[i]->state == PLUGIN_OK && r->plugins[i]->isolate != ISOLATE_NEVER);
    return isolated ? quarantine_hidden() : NULL;
}

static void print_hidden(const struct registry *r, FILE *out)
{
    CLEANUP_FREE char *directory = hidden_quarantines(r);
    if (directory)
        fprintf(out,
                "WARNING:  whether node types are in quarantine cannot be seen: this user may not look into %s\n"
                "HINT:  Ask as root or as the user of the workers, or look at their status page or metrics.\n",
                directory);
}

int registry_print(const struct registry *r, FILE *out)
{
    if (r->count)
        print_table(r, out);
    else
        fprintf(out, "no plugins found\n");
    for (size_t i = 0; i < r->searched_count; i++)
        fprintf(out, "%s%s%s", i ? ":" : "searched ", r->searched[i], i + 1 == r->searched_count ? "\n" : "");
    for (size_t i = 0; i < r->doubt_count; i++) {
        CLEANUP_FREE char *text = reason_text(&r->doubts[i], "");
        fprintf(out, "WARNING:  %s\n", text);
    }
    print_hidden(r, out);
    for (size_t i = 0; i < r->count; i++)
        if (r->plugins[i]->state == PLUGIN_SHADOWED)
            return 1;
    return registry_sound(r) ? 0 : 1;
}

/* Texts of plugins and names of files need not be UTF-8. */
static json_t *text_or_null(const char *text)
{
    return text && *text ? js_string_lossy(text, strlen(text)) : json_null();
}

static json_t *aliases_json(const struct wfw_node *n)
{
    json_t *aliases = json_array();
    for (size_t i = 0; n->aliases && n->aliases[i]; i++)
        js_push(aliases, text_or_null(n->aliases[i]));
    return aliases;
}

static json_t *capabilities_json(uint32_t caps)
{
    json_t *names = json_array();
    for (uint32_t bit = 1; bit; bit <<= 1)
        if (caps & bit && capability_name(bit))
            js_push(names, json_string(capability_name(bit)));
    return names;
}

/* A schema or examples as the plugin gives them; what is not JSON stays text. */
static json_t *json_or_text(const char *text)
{
    json_t *v = text && *text ? js_parse(text, strlen(text), NULL) : NULL;
    return v ? v : text_or_null(text);
}

static const char *effect_name(uint32_t effect)
{
    return effect == WFW_EFFECT_PURE         ? "pure"
           : effect == WFW_EFFECT_READS      ? "reads"
           : effect == WFW_EFFECT_IDEMPOTENT ? "idempotent"
                                             : "unsafe";
}

/* All that a plugin says about a node type. */
static json_t *node_json(const struct plugin *p, const struct wfw_node *n, uint32_t denied)
{
    json_t *v = json_object();
    js_set(v, "type", text_or_null(n->type));
    js_set(v, "aliases", aliases_json(n));
    js_set(v, "summary", text_or_null(n->summary));
    js_set(v, "description", text_or_null(n->description));
    js_set(v, "exec", json_string(n->exec == WFW_EXEC_LOOP ? "loop" : "blocking"));
    js_set(v, "effect", json_string(effect_name(n->effect)));
    js_set(v, "capabilities", capabilities_json(n->caps | denied));
    js_set(v, "denied", capabilities_json(denied));
    js_set(v, "config_schema", json_or_text(n->config_schema));
    js_set(v, "output_schema", json_or_text(n->output_schema));
    js_set(v, "examples", json_or_text(n->examples));
    js_set(v, "quarantine", quarantine_json(p, n->type));
    return v;
}

static void add_types(json_t *types, const struct wfw_node *n)
{
    CLEANUP_JSON json_t *aliases = aliases_json(n);
    js_push(types, text_or_null(n->type));
    json_array_extend(types, aliases);
}

static json_t *plugin_json(const struct plugin *p)
{
    json_t *v = json_object(), *types = json_array(), *nodes = json_array();
    CLEANUP_FREE char *abi = p->abi.size ? xasprintf("%u.%u", p->abi.major, p->abi.minor) : NULL;
    CLEANUP_FREE char *reason = reason_text(&p->reason, "");
    for (size_t i = 0; i < p->about.node_count; i++) {
        add_types(types, &p->about.nodes[i]);
        js_push(nodes, node_json(p, &p->about.nodes[i], p->handlers ? p->handlers[i].denied : 0));
    }
    js_set(v, "state", text_or_null(states[p->state]));
    js_set(v, "name", text_or_null(p->name));
    js_set(v, "version", text_or_null(p->about.plugin.version));
    js_set(v, "abi", text_or_null(abi));
    js_set(v, "isolate", p->state == PLUGIN_OK ? json_string(isolate_name(p->isolate)) : json_null());
    js_set(v, "node_types", types);
    js_set(v, "file", text_or_null(p->path));
    js_set(v, "reason", text_or_null(*reason ? reason : p->warning));
    js_set(v, "nodes", nodes);
    js_set(v, "summary", text_or_null(p->about.plugin.summary));
    js_set(v, "vendor", text_or_null(p->about.plugin.vendor));
    js_set(v, "license", text_or_null(p->about.plugin.license));
    js_set(v, "url", text_or_null(p->about.plugin.url));
    js_set(v, "config_schema", json_or_text(p->about.plugin.config_schema));
    return v;
}

json_t *registry_json(const struct registry *r)
{
    json_t *v = json_object(), *abi = json_object(), *searched = json_array(), *plugins = json_array(), *warnings = json_array();
    CLEANUP_FREE char *hidden = hidden_quarantines(r);
    js_set(abi, "major", json_integer(WFW_ABI_MAJOR));
    js_set(abi, "minor", json_integer(WFW_ABI_MINOR_MAX));
    for (size_t i = 0; i < r->searched_count; i++)
        js_push(searched, text_or_null(r->searched[i]));
    for (size_t i = 0; i < r->count; i++)
        js_push(plugins, plugin_json(r->plugins[i]));
    js_set(v, "version", json_string(PACKAGE_VERSION));
    js_set(v, "abi", abi);
    js_set(v, "searched", searched);
    for (size_t i = 0; i < r->doubt_count; i++) {
        CLEANUP_FREE char *text = reason_text(&r->doubts[i], "");
        js_push(warnings, text_or_null(text));
    }
    js_set(v, "warnings", warnings);
    js_set(v, "quarantines_hidden", text_or_null(hidden));
    js_set(v, "plugins", plugins);
    return v;
}
