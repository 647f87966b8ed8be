/* SPDX-License-Identifier: Apache-2.0 */
/* The manual page of a plugin, section 7.  `wfworker plugin new` makes the same page of a new one. */
#include <ctype.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "cli/plugin_doc.h"

/* Text of a page: what troff would take for its own is told apart; a line never begins with a dot or quote. */
static void add_text(struct buf *out, const char *text)
{
    bool first = out->len == 0 || out->data[out->len - 1] == '\n';
    for (; *text; text++) {
        if (first && (*text == '.' || *text == '\''))
            buf_addstr(out, "\\&");
        if (*text == '\\' || *text == '-')
            buf_addch(out, '\\');
        buf_addch(out, *text == '\\' ? 'e' : *text == '\n' ? ' ' : *text);
        first = false;
    }
}

/* In an argument of a macro in quotes. */
static void add_quoted(struct buf *out, const char *text)
{
    CLEANUP_BUF struct buf b = BUF_INIT;
    buf_addch(&b, ' '); /* not the beginning of a line */
    add_text(&b, text);
    for (const char *p = b.data + 1; *p; p++)
        buf_addstr(out, *p == '"' ? "\\(dq" : (char[]){*p, '\0'});
}

static void add_upper(struct buf *out, const char *text)
{
    CLEANUP_FREE char *upper = xstrdup(text);
    for (char *p = upper; *p; p++)
        *p = (char)toupper((unsigned char)*p);
    add_text(out, upper);
}

/* One sentence in a line, as pages are written. */
static void add_sentences(struct buf *out, const char *text)
{
    CLEANUP_FREE char *whole = doc_sentence(text);
    for (char *at = whole, *end; at; at = end) {
        end = strstr(at, ". ");
        if (end) {
            end[1] = '\0';
            end += 2;
        }
        add_text(out, at);
        buf_addch(out, '\n');
    }
}

/* ".BR name " (string, required)"" and what it is. */
static void add_members(struct buf *out, const char *head, const json_t *schema)
{
    size_t count;
    struct doc_member *m = doc_members(schema, &count);
    if (count && *head)
        buf_printf(out, ".PP\n%s\n", head);
    for (size_t i = 0; i < count; i++) {
        buf_addstr(out, ".TP\n.BR ");
        add_quoted(out, m[i].name);
        buf_addstr(out, " \" (");
        add_quoted(out, m[i].type);
        buf_addstr(out, *m[i].notes ? ", " : "");
        add_quoted(out, m[i].notes);
        buf_addstr(out, ")\"\n");
        add_text(out, m[i].description);
        buf_addstr(out, *m[i].description ? "\n" : "\\&\n");
    }
    doc_members_free(m, count);
}

static void add_node(struct buf *out, const json_t *node)
{
    CLEANUP_FREE char *effect = doc_effect(node);
    CLEANUP_FREE char *runs = doc_execution(node);
    size_t i;
    json_t *one;
    buf_addstr(out, ".SS ");
    add_text(out, js_str(node, "type"));
    json_array_foreach(json_object_get(node, "aliases"), i, one)
    {
        buf_addstr(out, ", ");
        add_text(out, json_string_value(one));
    }
    buf_addch(out, '\n');
    add_sentences(out, js_str(node, "summary") ? js_str(node, "summary") : js_str(node, "type"));
    if (js_str(node, "description"))
        add_sentences(out, js_str(node, "description"));
    buf_printf(out, ".PP\n%s\n%s\n", effect, runs);
    json_array_foreach(json_object_get(node, "capabilities"), i, one)
        buf_printf(out, "%s%s%s", i ? ", " : "Uses: ", json_string_value(one),
                   i + 1 == json_array_size(json_object_get(node, "capabilities")) ? ".\n" : "");
    add_members(out, "Configuration:", json_object_get(node, "config_schema"));
    add_members(out, "Result:", json_object_get(node, "output_schema"));
    json_array_foreach(json_object_get(node, "examples"), i, one)
    {
        CLEANUP_FREE char *text = js_text(one);
        buf_addstr(out, i ? "" : ".PP\nExamples:\n.nf\n.RS\n");
        add_text(out, text);
        buf_addstr(out, i + 1 == json_array_size(json_object_get(node, "examples")) ? "\n.RE\n.fi\n" : "\n");
    }
}

static void add_head(struct buf *out, const json_t *plugin)
{
    const char *name = js_str(plugin, "name"), *summary = js_str(plugin, "summary");
    buf_addstr(out, ".TH WFWORKER\\-");
    add_upper(out, name);
    buf_addstr(out, " 7 \"\" \"");
    add_quoted(out, name);
    buf_addch(out, ' ');
    add_quoted(out, js_str(plugin, "version") ? js_str(plugin, "version") : "");
    buf_addstr(out, "\" \"wfworker plugins\"\n.SH NAME\nwfworker\\-");
    add_text(out, name);
    buf_addstr(out, " \\- ");
    add_text(out, summary ? summary : "plugin of wfworker");
    buf_addstr(out, "\n.SH DESCRIPTION\nA plugin of\n.BR wfworker (1).\n");
}

void doc_man(const json_t *plugin, const json_t *node, struct buf *out)
{
    const json_t *keys = json_object_get(json_object_get(plugin, "config_schema"), "properties");
    size_t i;
    json_t *one;
    add_head(out, plugin);
    buf_addstr(out, ".SH NODE TYPES\n");
    json_array_foreach(json_object_get(plugin, "nodes"), i, one) if (!node || one == node)
        add_node(out, one);
    if (json_object_size(keys) > 0 && !node) {
        buf_addstr(out, ".SH CONFIGURATION\nKeys of the section [plugin ");
        add_text(out, js_str(plugin, "name"));
        buf_addstr(out, "] of wfworker's configuration file:\n");
        add_members(out, "", json_object_get(plugin, "config_schema"));
    }
    buf_addstr(out, ".SH SEE ALSO\n.BR wfworker (1),\n.BR wfworker\\-plugin (5)\n");
}
