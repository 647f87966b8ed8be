/* SPDX-License-Identifier: Apache-2.0 */
/* Schemas as lists of members, and the forms for a terminal and for Markdown; plugin_man.c has that for manual pages. */
#include "cli/plugin_doc.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"

#define DEEPEST 8
#define MOST_MEMBERS 2000

/* ---- Members of a schema ---- */

struct members {
    struct doc_member *items;
    size_t count, cap;
};

static char *words(const json_t *list, const char *between, bool as_json)
{
    struct buf b = BUF_INIT;
    size_t i;
    json_t *one;
    json_array_foreach(list, i, one)
    {
        if (json_is_null(one) || (json_is_string(one) && !as_json && strcmp(json_string_value(one), "null") == 0))
            continue;
        CLEANUP_FREE char *text = as_json ? js_text(one) : xstrdup(json_is_string(one) ? json_string_value(one) : "?");
        buf_printf(&b, "%s%s", b.len ? between : "", text);
    }
    return buf_steal(&b);
}

static char *type_of(const json_t *schema)
{
    const json_t *values = json_object_get(schema, "enum"), *fixed = json_object_get(schema, "const"),
                 *type = json_object_get(schema, "type");
    const char *format = js_str(schema, "format");
    if (fixed)
        return js_text(fixed);
    if (values)
        return words(values, ", ", true);
    if (format && strcmp(format, "expression") == 0)
        return xstrdup("expression");
    if (json_is_string(type))
        return xstrdup(json_string_value(type));
    char *text = words(type, " or ", false);
    if (*text)
        return text;
    free(text);
    return xstrdup("any");
}

static void note(struct buf *b, const char *before, const json_t *v, const char *behind)
{
    if (!v)
        return;
    CLEANUP_FREE char *text = js_text(v);
    bool one = *behind && strcmp(text, "1") == 0; /* at least 1 character */
    buf_printf(b, "%s%s%s%.*s", b->len ? ", " : "", before, text, (int)strlen(behind) - one, behind);
}

static char *notes_of(const json_t *schema, bool required)
{
    static const struct {
        const char *key, *before, *behind;
    } limits[] = {{"default", "default ", ""},      {"minimum", "from ", ""},
                  {"exclusiveMinimum", "above ", ""}, {"maximum", "to ", ""},
                  {"exclusiveMaximum", "below ", ""}, {"minLength", "at least ", " characters"},
                  {"maxLength", "at most ", " characters"}};
    struct buf b = BUF_INIT;
    if (required)
        buf_addstr(&b, "required");
    for (size_t i = 0; i < ARRAY_LEN(limits); i++)
        note(&b, limits[i].before, json_object_get(schema, limits[i].key), limits[i].behind);
    return buf_steal(&b);
}

static bool is_required(const json_t *schema, const char *name)
{
    size_t i;
    json_t *one;
    json_array_foreach(json_object_get(schema, "required"), i, one) if (json_is_string(one) &&
                                                                       strcmp(json_string_value(one), name) == 0)
        return true;
    return false;
}

static void collect(struct members *m, const json_t *schema, const char *prefix, int depth)
{
    const char *name;
    json_t *one;
    json_object_foreach(json_object_get(schema, "properties"), name, one)
    {
        if (m->count >= MOST_MEMBERS || depth > DEEPEST)
            return;
        const char *said = js_str(one, "description");
        xgrow((void **)&m->items, &m->cap, m->count + 1, sizeof *m->items);
        m->items[m->count++] = (struct doc_member){.name = xasprintf("%s%s", prefix, name), .type = type_of(one),
                                                   .notes = notes_of(one, is_required(schema, name)),
                                                   .description = said ? said : ""};
        CLEANUP_FREE char *below = xasprintf("%s%s.", prefix, name);
        collect(m, one, below, depth + 1);
    }
}

struct doc_member *doc_members(const json_t *schema, size_t *count)
{
    struct members m = {0};
    if (json_is_object(schema))
        collect(&m, schema, "", 0);
    *count = m.count;
    return m.items;
}

void doc_members_free(struct doc_member *members, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(members[i].name);
        free(members[i].type);
        free(members[i].notes);
    }
    free(members);
}

/* ---- Words ---- */

char *doc_sentence(const char *text)
{
    size_t len = strlen(text);
    while (len > 0 && (text[len - 1] == '.' || text[len - 1] == ' '))
        len--;
    char *out = xasprintf("%.*s.", (int)len, text);
    out[0] = (char)toupper((unsigned char)out[0]);
    return out;
}

char *doc_effect(const json_t *node)
{
    const char *effect = js_str(node, "effect");
    return xasprintf("Effect: %s.", effect ? effect : "unsafe");
}

char *doc_execution(const json_t *node)
{
    const char *exec = js_str(node, "exec");
    return xstrdup(exec && strcmp(exec, "loop") == 0 ? "Runs on the event loop." : "Runs on a thread of its own.");
}

static const char *text_or(const json_t *object, const char *key, const char *other)
{
    const char *text = js_str(object, key);
    return text ? text : other;
}

static bool is_wanted(const json_t *node, const json_t *only)
{
    return !only || node == only;
}

/* ---- For a terminal ---- */

static void text_members(const char *head, const json_t *schema, struct buf *out)
{
    size_t count, width = 0;
    struct doc_member *m = doc_members(schema, &count);
    for (size_t i = 0; i < count; i++)
        width = strlen(m[i].name) > width ? strlen(m[i].name) : width;
    if (count)
        buf_printf(out, "  %s\n", head);
    for (size_t i = 0; i < count; i++)
        buf_printf(out, "    %-*s  %s%s%s%s%s\n", (int)width, m[i].name, m[i].type, *m[i].notes ? ", " : "", m[i].notes,
                   *m[i].description ? ": " : "", m[i].description);
    doc_members_free(m, count);
}

static void text_node(const json_t *node, struct buf *out)
{
    CLEANUP_FREE char *aliases = words(json_object_get(node, "aliases"), ", ", false);
    CLEANUP_FREE char *caps = words(json_object_get(node, "capabilities"), ", ", false);
    buf_printf(out, "\n%s%s%s: %s\n", js_str(node, "type"), *aliases ? ", " : "", aliases, text_or(node, "summary", "-"));
    if (js_str(node, "description"))
        buf_printf(out, "  %s\n", js_str(node, "description"));
    buf_printf(out, "  effect: %s; class: %s; capabilities: %s\n", text_or(node, "effect", "-"), text_or(node, "exec", "-"),
               *caps ? caps : "none");
    text_members("configuration:", json_object_get(node, "config_schema"), out);
    text_members("result:", json_object_get(node, "output_schema"), out);
    size_t i;
    json_t *example;
    json_array_foreach(json_object_get(node, "examples"), i, example)
    {
        CLEANUP_FREE char *text = js_text(example);
        buf_printf(out, "  %s %s\n", i ? "        " : "example:", text);
    }
}

void doc_text(const json_t *plugin, const json_t *node, struct buf *out)
{
    static const char *const facts[] = {"state", "reason", "file", "abi", "vendor", "license", "url"};
    size_t i;
    json_t *one;
    buf_printf(out, "%s %s: %s\n", js_str(plugin, "name"), text_or(plugin, "version", "-"), text_or(plugin, "summary", "-"));
    for (i = 0; i < ARRAY_LEN(facts); i++)
        if (js_str(plugin, facts[i]))
            buf_printf(out, "  %-8s %s\n", facts[i], js_str(plugin, facts[i]));
    text_members("its section of the configuration file:", json_object_get(plugin, "config_schema"), out);
    json_array_foreach(json_object_get(plugin, "nodes"), i, one) if (is_wanted(one, node))
        text_node(one, out);
}

/* ---- Markdown ---- */

/* In a cell of a table a bar would begin the next one. */
static void add_cell(struct buf *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '|')
            buf_addch(out, '\\');
        buf_addch(out, *text == '\n' ? ' ' : *text);
    }
}

static void markdown_members(const char *head, const json_t *schema, struct buf *out)
{
    size_t count;
    struct doc_member *m = doc_members(schema, &count);
    if (count)
        buf_printf(out, "\n| %s | type | meaning |\n| --- | --- | --- |\n", head);
    for (size_t i = 0; i < count; i++) {
        buf_printf(out, "| `%s` | ", m[i].name);
        add_cell(out, m[i].type);
        buf_addstr(out, " | ");
        add_cell(out, m[i].description);
        buf_addstr(out, *m[i].description && *m[i].notes ? "; " : "");
        add_cell(out, m[i].notes);
        buf_addstr(out, " |\n");
    }
    doc_members_free(m, count);
}

static void markdown_node(const json_t *node, struct buf *out)
{
    CLEANUP_FREE char *aliases = words(json_object_get(node, "aliases"), ", ", false);
    CLEANUP_FREE char *caps = words(json_object_get(node, "capabilities"), ", ", false);
    CLEANUP_FREE char *summary = doc_sentence(text_or(node, "summary", "-"));
    CLEANUP_FREE char *effect = doc_effect(node);
    CLEANUP_FREE char *runs = doc_execution(node);
    const json_t *examples = json_object_get(node, "examples");
    size_t i;
    json_t *one;
    buf_printf(out, "\n## %s%s%s\n\n%s *%s %s%s%s%s*\n", js_str(node, "type"), *aliases ? ", " : "", aliases, summary, effect, runs,
               *caps ? " Uses " : "", caps, *caps ? "." : "");
    if (js_str(node, "description"))
        buf_printf(out, "\n%s\n", js_str(node, "description"));
    markdown_members("configuration", json_object_get(node, "config_schema"), out);
    markdown_members("result", json_object_get(node, "output_schema"), out);
    if (json_is_array(examples) && json_array_size(examples) > 0)
        buf_addstr(out, "\n```json\n");
    json_array_foreach(examples, i, one)
    {
        CLEANUP_FREE char *text = js_text(one);
        buf_printf(out, "%s\n%s", text, i + 1 == json_array_size(examples) ? "```\n" : "");
    }
}

void doc_markdown(const json_t *plugin, const json_t *node, struct buf *out)
{
    CLEANUP_FREE char *summary = doc_sentence(text_or(plugin, "summary", js_str(plugin, "name")));
    size_t i;
    json_t *one;
    buf_printf(out, "# %s %s\n\n%s\n", js_str(plugin, "name"), text_or(plugin, "version", ""), summary);
    if (!node)
        markdown_members("key of its section", json_object_get(plugin, "config_schema"), out);
    json_array_foreach(json_object_get(plugin, "nodes"), i, one) if (is_wanted(one, node))
        markdown_node(one, out);
}
