/* SPDX-License-Identifier: Apache-2.0 */
/* Settings for people and programs: `wfworker config`, its JSON, and the flags in --help. */
#include <ctype.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "config/helptext.h"
#include "config/source.h"

#define HIDDEN "********"

static void add_list(struct buf *out, char *const *list)
{
    for (size_t i = 0; list && list[i]; i++)
        buf_printf(out, "%s%s", i ? ", " : "", list[i]);
}

static void add_value(struct buf *out, const struct setting_def *def, const struct setting_value *v)
{
    switch (def->rule.type) {
    case VALUE_DATABASE:
        buf_addstr(out, v->display ? v->display : "");
        break;
    case VALUE_STRING:
        buf_addstr(out, v->string ? v->string : "");
        break;
    case VALUE_LISTEN:
        buf_addstr(out, v->string ? v->string : "off");
        break;
    case VALUE_LIST:
    case VALUE_DIRS:
        add_list(out, v->list);
        break;
    default:
        setting_format(&def->rule, v->number, out);
    }
}

/* A plugin's keys are its own; those that look like secrets are hidden. */
static bool is_secret_key(const char *key)
{
    static const char *const words[] = {"password", "passwd", "secret", "token", "key", "credential", "dsn", "auth"};
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (strcasestr(key, words[i]))
            return true;
    return false;
}

static const char *plugin_value(const struct config_entry *entry)
{
    return is_secret_key(entry->key) ? HIDDEN : entry->value;
}

static void print_row(FILE *out, size_t width, const char *name, const char *value, const char *origin)
{
    fprintf(out, "%-22s  %-*s  %s\n", name, (int)width, *value ? value : "-", origin);
}

void settings_print(const struct settings_source *s, FILE *out)
{
    CLEANUP_BUF struct buf value = BUF_INIT;
    size_t width = 10;
    for (int i = 0; i < SETTING_COUNT; i++) {
        buf_clear(&value);
        add_value(&value, &setting_defs[i], &s->values[i]);
        if (value.len > width && value.len <= 60)
            width = value.len;
    }
    print_row(out, width, "SETTING", "VALUE", "FROM");
    for (int i = 0; i < SETTING_COUNT; i++) {
        buf_clear(&value);
        add_value(&value, &setting_defs[i], &s->values[i]);
        print_row(out, width, setting_defs[i].name, value.data ? value.data : "", s->values[i].origin);
    }
    for (size_t i = 0; i < s->file.count; i++) {
        const struct config_entry *entry = &s->file.entries[i];
        if (!entry->section)
            continue;
        CLEANUP_FREE char *name = xasprintf("%s %s: %s", entry->part ? "exec" : "plugin",
                                            entry->part ? entry->part : entry->section, entry->key);
        CLEANUP_FREE char *origin = xasprintf("%s:%zu", s->file.path, entry->line);
        print_row(out, width, name, plugin_value(entry), origin);
    }
}

static json_t *string_or_null(const char *text)
{
    return text && *text ? js_string_lossy(text, strlen(text)) : json_null();
}

static json_t *value_json(const struct setting_def *def, const struct setting_value *v)
{
    CLEANUP_BUF struct buf text = BUF_INIT;
    json_t *list;
    switch (def->rule.type) {
    case VALUE_DATABASE:
        return string_or_null(v->display);
    case VALUE_STRING:
    case VALUE_LISTEN:
        return string_or_null(v->string);
    case VALUE_LIST:
    case VALUE_DIRS:
        list = json_array();
        for (size_t i = 0; v->list && v->list[i]; i++)
            js_push(list, js_string_lossy(v->list[i], strlen(v->list[i])));
        return list;
    case VALUE_INTEGER:
    case VALUE_SIZE:
        return json_integer((json_int_t)v->number);
    case VALUE_NUMBER:
        return json_real(v->number);
    case VALUE_DURATION:
        return json_real(v->number / 1000);
    case VALUE_BOOLEAN:
        return json_boolean(v->number != 0);
    case VALUE_CHOICE:
    case VALUE_SWITCH:
        setting_format(&def->rule, v->number, &text);
        return json_string(text.data);
    }
    return json_null();
}

static json_t *plugins_json(const struct settings_source *s)
{
    json_t *plugins = json_object();
    for (size_t i = 0; i < s->file.count; i++) {
        const struct config_entry *entry = &s->file.entries[i];
        if (!entry->section)
            continue;
        json_t *one = json_object_get(plugins, entry->section);
        if (!one) {
            one = json_object();
            js_set(plugins, entry->section, one);
        }
        const char *value = plugin_value(entry);
        js_set(entry->part ? settings_part(one, entry->part) : one, entry->key, js_string_lossy(value, strlen(value)));
    }
    return plugins;
}

json_t *settings_json(const struct settings_source *s)
{
    json_t *settings = json_object();
    for (int i = 0; i < SETTING_COUNT; i++) {
        json_t *one = json_object();
        js_set(one, "value", value_json(&setting_defs[i], &s->values[i]));
        js_set(one, "from", js_string_lossy(s->values[i].origin, strlen(s->values[i].origin)));
        js_set(settings, setting_defs[i].name, one);
    }
    json_t *all = json_object();
    js_set(all, "settings", settings);
    js_set(all, "plugins", plugins_json(s));
    return all;
}

void settings_help(FILE *out)
{
    for (int i = 0; i < SETTING_COUNT; i++) {
        const struct setting_def *def = &setting_defs[i];
        CLEANUP_FREE char *flag = setting_flag_name(def);
        CLEANUP_FREE char *left = xasprintf("%s%s%s", flag, def->argument ? " " : "", def->argument ? def->argument : "");
        CLEANUP_BUF struct buf text = BUF_INIT;
        buf_addstr(&text, def->text);
        if (*def->fallback)
            buf_printf(&text, " (default %s)", def->fallback);
        if (*def->variables && strcmp(def->variables, "-") != 0)
            buf_printf(&text, " [%s]", def->variables);
        help_line(out, left, text.data);
    }
}
