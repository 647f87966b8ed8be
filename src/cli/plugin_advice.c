/* SPDX-License-Identifier: Apache-2.0 */
/* Nothing here keeps a plugin from loading; all of it is what users, packagers or the author will ask for. */
#include "cli/plugin_advice.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"
#include "plugin/examine.h"
#include "plugin/schema.h"

#define MOST_NAMED 5

void report_add(struct report *r, const char *step, const char *result, const char *hint, const char *fmt, ...)
{
    char text[2048];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    json_t *line = json_object();
    js_set(line, "step", json_string(step));
    js_set(line, "result", json_string(result));
    js_set(line, "text", js_string_lossy(text, strlen(text)));
    js_set(line, "hint", hint && *hint ? js_string_lossy(hint, strlen(hint)) : json_null());
    js_push(r->lines, line);
    r->failed += strcmp(result, "fail") == 0;
    r->warned += strcmp(result, "warn") == 0;
}

void report_error(struct report *r, const char *step, const struct error *e)
{
    report_add(r, step, "fail", e->hint, "%s%s%s%s", e->message, *e->detail ? " (" : "", e->detail, *e->detail ? ")" : "");
}

/* The first few of a list, and how many more there are. */
static char *names(const json_t *list)
{
    struct buf b = BUF_INIT;
    size_t i, n = json_array_size(list);
    json_t *one;
    json_array_foreach(list, i, one) if (i < MOST_NAMED)
        buf_printf(&b, "%s%s", i ? ", " : "", json_string_value(one));
    if (n > MOST_NAMED)
        buf_printf(&b, " and %zu more", n - MOST_NAMED);
    return buf_steal(&b);
}

/* ---- The file ---- */

static void advise_libraries(struct report *r, const char *path)
{
    struct error e = ERROR_INIT;
    json_t *libraries = NULL, *missing = NULL, *one;
    size_t i, lost = 0;
    if (examine_libraries(path, &libraries, &missing, &e) != 0) {
        report_add(r, "libraries", "skip", NULL, "%s", e.message);
    } else {
        json_array_foreach(libraries, i, one) if (!js_str(one, "file"))
        {
            CLEANUP_FREE char *hint = xasprintf("Install the package that has %s.", js_str(one, "library"));
            lost++;
            report_add(r, "libraries", "fail", hint, "%s is not found", js_str(one, "library"));
        }
        if (lost == 0)
            report_add(r, "libraries", "ok", NULL, "%zu, all of them found", json_array_size(libraries));
        CLEANUP_FREE char *text = names(missing);
        if (json_array_size(missing) == 0)
            report_add(r, "undefined symbols", "ok", NULL, "every symbol is in the file or in its libraries");
        else
            report_add(r, "undefined symbols", "warn",
                       "Link the plugin with the library that has them; -Wl,-z,defs finds this when building.",
                       "in none of its libraries: %s", text);
    }
    json_decref(libraries);
    json_decref(missing);
}

static void advise_exports(struct report *r, const struct examined *x)
{
    CLEANUP_JSON json_t *more = json_array();
    size_t i;
    json_t *one;
    json_array_foreach(x->exported, i, one) if (strcmp(json_string_value(one), "wfw_plugin_abi") != 0 &&
                                                strcmp(json_string_value(one), "wfw_plugin_v1") != 0)
        json_array_append(more, one);
    CLEANUP_FREE char *text = names(more);
    if (json_array_size(more) == 0)
        report_add(r, "exported symbols", "ok", NULL, "wfw_plugin_abi and wfw_plugin_v1 alone");
    else
        report_add(r, "exported symbols", "warn", "Compile with -fvisibility=hidden, or link with -export-symbols-regex ^wfw_plugin_.",
                   "more than the two that are needed: %s", text);
}

static void advise_linking(struct report *r, const struct examined *x)
{
    if (x->search_path)
        report_add(r, "search path", "warn", "Link without -rpath; libtool leaves it out when it installs.",
                   "the file has the search path %s: it works only where these directories are", x->search_path);
    if (x->executable_stack)
        report_add(r, "stack", "warn", "Look for assembly without .note.GNU-stack and for nested functions; -Wl,-z,noexecstack.",
                   "the file asks for an executable stack, which hardened systems refuse");
    if (x->text_relocations)
        report_add(r, "relocations", "warn", "Compile everything with -fPIC.",
                   "the file has text relocations, which hardened systems refuse");
    else if (!x->read_only_relocations)
        report_add(r, "relocations", "note", "Link with -Wl,-z,relro,-z,now.", "they stay writable");
    if (!x->search_path && !x->executable_stack && !x->text_relocations)
        report_add(r, "linking", "ok", NULL, "no search path, no executable stack, no text relocations");
    if (!*x->build_id)
        report_add(r, "build id", "note", "Link with -Wl,--build-id: debuggers and crash reports find the sources by it.", "none");
    else
        report_add(r, "build id", "ok", NULL, "%s, %s debug information", x->build_id, x->debug_information ? "with" : "without");
}

void advise_file(struct report *r, const char *path)
{
    struct examined x;
    struct error e = ERROR_INIT;
    if (examine_file(path, &x, &e) != 0) {
        report_add(r, "linking", "skip", NULL, "%s", e.message);
    } else {
        advise_libraries(r, path);
        advise_exports(r, &x);
        advise_linking(r, &x);
    }
    examined_free(&x);
}

/* ---- What it says about itself ---- */

static bool holds_template(const json_t *v)
{
    const char *key;
    json_t *one;
    size_t i;
    if (json_is_string(v))
        return strstr(json_string_value(v), "${") || strstr(json_string_value(v), "{{");
    json_array_foreach(v, i, one) if (holds_template(one))
        return true;
    json_object_foreach((json_t *)(uintptr_t)v, key, one) if (holds_template(one))
        return true;
    return false;
}

/* What templates will be is not known; keys are. */
static int check_example(const json_t *schema, const json_t *example, struct error *e)
{
    CLEANUP_JSON json_t *unknown = json_array();
    if (!json_is_object(example))
        return err_set(e, "is not an object");
    schema_unknown_keys(schema, example, unknown);
    if (json_array_size(unknown) > 0)
        return err_set(e, "has a key that the schema does not have: %s", json_string_value(json_array_get(unknown, 0)));
    return holds_template(example) ? 0 : schema_check(schema, example, e);
}

static void advise_examples(struct report *r, const char *type, const json_t *node)
{
    const json_t *examples = json_object_get(node, "examples"), *schema = json_object_get(node, "config_schema");
    struct error e = ERROR_INIT;
    size_t i, wrong = 0;
    json_t *one;
    if (!json_is_array(examples) || json_array_size(examples) == 0) {
        report_add(r, type, "warn", "Set `examples` to a JSON array of configurations; manuals show them.",
                   json_is_string(examples) ? "its examples are not a JSON array" : "no examples");
        return;
    }
    json_array_foreach(examples, i, one) if (check_example(json_is_object(schema) ? schema : NULL, one, &e) != 0)
    {
        wrong++;
        report_add(r, type, "warn", "Correct the example: people copy it.", "example %zu: %s", i + 1, e.message);
    }
    if (wrong == 0)
        report_add(r, type, "ok", NULL, "%zu examples fit the schema", json_array_size(examples));
}

/* Members without a description, and defaults that their own schema refuses. */
static void advise_members(struct report *r, const char *type, const json_t *schema)
{
    CLEANUP_JSON json_t *bare = json_array();
    const char *name;
    json_t *one;
    struct error e = ERROR_INIT;
    json_object_foreach(json_object_get(schema, "properties"), name, one)
    {
        const json_t *fallback = json_object_get(one, "default");
        if (!js_str(one, "description"))
            js_push(bare, json_string(name));
        if (fallback && schema_check(one, fallback, &e) != 0)
            report_add(r, type, "warn", "Correct the default, or the schema.", "the default of %s does not fit: %s", name, e.message);
    }
    CLEANUP_FREE char *text = names(bare);
    if (json_array_size(bare) > 0)
        report_add(r, type, "warn", "Give each property a \"description\": manuals and error texts are made of them.",
                   "configuration keys without a description: %s", text);
}

static void advise_node(struct report *r, const json_t *node)
{
    const char *type = js_str(node, "type"), *effect = js_str(node, "effect"), *exec = js_str(node, "exec");
    const json_t *schema = json_object_get(node, "config_schema");
    CLEANUP_FREE char *caps = names(json_object_get(node, "capabilities"));
    report_add(r, type, "note", NULL, "effect %s, class %s, capabilities %s", effect, exec, *caps ? caps : "none");
    if (effect && strcmp(effect, "unsafe") == 0)
        report_add(r, type, "note", "Say idempotent, reads or pure where that is true; unsafe is right for what does harm twice.",
                   "unsafe, or not said: after a crash of the worker it is not repeated");
    if (!strchr(type, '.'))
        report_add(r, type, "warn", "Name it VENDOR.THING.", "names without a dot are wfworker's own");
    if (!js_str(node, "summary"))
        report_add(r, type, "warn", "Set `summary` to one line.", "no summary");
    if (!json_is_object(schema))
        report_add(r, type, "warn", "Set `config_schema`: wrong configurations are then refused before the node runs.",
                   "no schema of its configuration");
    if (!json_is_object(json_object_get(node, "output_schema")))
        report_add(r, type, "warn", "Set `output_schema`: it documents what the nodes behind can use.", "no schema of its result");
    advise_members(r, type, schema);
    advise_examples(r, type, node);
}

void advise_plugin(struct report *r, const json_t *plugin)
{
    static const struct {
        const char *key, *hint;
    } wanted[] = {{"summary", "Set `summary` of struct wfw_plugin to one line; lists and manuals show it."},
                  {"license", "Set `license` of struct wfw_plugin to an SPDX expression."},
                  {"vendor", "Set `vendor` of struct wfw_plugin: who is to be asked."}};
    size_t i, missing = 0;
    json_t *node;
    for (i = 0; i < ARRAY_LEN(wanted); i++)
        if (!js_str(plugin, wanted[i].key)) {
            missing++;
            report_add(r, "plugin", "warn", wanted[i].hint, "no %s", wanted[i].key);
        }
    if (missing == 0)
        report_add(r, "plugin", "ok", NULL, "%s %s, %s, of %s", js_str(plugin, "name"), js_str(plugin, "version"),
                   js_str(plugin, "license"), js_str(plugin, "vendor"));
    advise_members(r, "plugin", json_object_get(plugin, "config_schema"));
    json_array_foreach(json_object_get(plugin, "nodes"), i, node) advise_node(r, node);
}
