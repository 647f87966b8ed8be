/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration file's grammar.  Which keys there are is for settings.c to say. */
#include "config/file.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"

#define MOST_TYPE 64 /* bytes of a node type's name */

static char *trimmed(const char *s, size_t len)
{
    while (len && isspace((unsigned char)*s))
        s++, len--;
    while (len && isspace((unsigned char)s[len - 1]))
        len--;
    return xstrndup(s, len);
}

static bool is_name(const char *s, const char *more)
{
    for (const char *p = s; *p; p++)
        if (!isalnum((unsigned char)*p) && !strchr(more, *p))
            return false;
    return *s != '\0';
}

/* "..." keeps white space at the ends; \" and \\ stand for themselves in it.  False when it is not closed. */
static bool unquote(char *value)
{
    if (*value != '"')
        return true;
    char *to = value;
    const char *p = value + 1;
    for (; *p && *p != '"'; p++) {
        if (*p == '\\' && (p[1] == '"' || p[1] == '\\'))
            p++;
        *to++ = *p;
    }
    bool closed = *p == '"' && p[1] == '\0';
    *to = '\0';
    return closed;
}

/* The word of "KIND WORD", a new string; NULL: it is of another kind. */
static char *named(const char *inner, const char *kind)
{
    size_t len = strlen(kind);
    return strncmp(inner, kind, len) == 0 && isspace((unsigned char)inner[len]) ? trimmed(inner + len, strlen(inner) - len) : NULL;
}

/* Whether it can be the name of a node type of somebody else than wfworker. */
static int check_type(const struct config_file *f, size_t line, const char *type, struct error *e)
{
    size_t len = strlen(type);
    if (!isalpha((unsigned char)*type) || !is_name(type, "_.-") || strstr(type, "..") || type[len - 1] == '.' || len > MOST_TYPE) {
        err_set(e, "%s:%zu: \"%.100s\" is not a valid name of a node type", f->path, line, type);
        return err_hint(e, "use letters, digits, \"_\" and \"-\" in parts with dots between, like \"vendor.thing\", %d characters at most",
                        MOST_TYPE);
    }
    if (strchr(type, '.'))
        return 0;
    err_set(e, "%s:%zu: the name of the node type \"%s\" has no vendor prefix", f->path, line, type);
    return err_hint(e, "names without a dot are wfworker's own; say [exec acme.%s]", type);
}

static int section(struct config_file *f, size_t line, const char *text, struct error *e)
{
    size_t len = strlen(text);
    if (text[len - 1] != ']')
        return err_set(e, "%s:%zu: a section ends with ]", f->path, line);
    CLEANUP_FREE char *inner = trimmed(text + 1, len - 2);
    CLEANUP_FREE char *plugin = named(inner, "plugin"), *type = named(inner, "exec");
    if (type && check_type(f, line, type, e) != 0)
        return -1;
    if (!type && (!plugin || !is_name(plugin, "_.-"))) {
        err_set(e, "%s:%zu: unknown section [%s]", f->path, line, inner);
        return err_hint(e, "the only sections are [plugin NAME] and [exec TYPE]");
    }
    xgrow((void **)&f->sections, &f->section_capacity, f->section_count + 1, sizeof *f->sections);
    f->sections[f->section_count++] = (struct config_section){plugin ? STEAL(plugin) : xstrdup("exec"), STEAL(type), line};
    return 0;
}

static bool same(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : !a && !b;
}

static const struct config_entry *find(const struct config_file *f, const struct config_section *in, const char *key)
{
    for (size_t i = 0; i < f->count; i++) {
        const struct config_entry *entry = &f->entries[i];
        if (strcmp(entry->key, key) == 0 && same(entry->section, in->plugin) && same(entry->part, in->part))
            return entry;
    }
    return NULL;
}

static int assignment(struct config_file *f, size_t line, const char *text, struct error *e)
{
    static const struct config_section none;
    const struct config_section *in = f->section_count ? &f->sections[f->section_count - 1] : &none;
    const char *equals = strchr(text, '=');
    CLEANUP_FREE char *key = trimmed(text, equals ? (size_t)(equals - text) : strlen(text));
    if (!equals || !is_name(key, "_.-")) {
        err_set(e, "%s:%zu: this is not of the form key = value", f->path, line);
        return err_hint(e, "comments begin with # and have a line of their own");
    }
    const struct config_entry *first = find(f, in, key);
    if (first)
        return err_set(e, "%s:%zu: \"%s\" was already set in line %zu", f->path, line, key, first->line);
    CLEANUP_FREE char *value = trimmed(equals + 1, strlen(equals + 1));
    if (!unquote(value))
        return err_set(e, "%s:%zu: the value of \"%s\" has no closing quote", f->path, line, key);
    xgrow((void **)&f->entries, &f->capacity, f->count + 1, sizeof *f->entries);
    f->entries[f->count++] = (struct config_entry){in->plugin ? xstrdup(in->plugin) : NULL, in->part ? xstrdup(in->part) : NULL,
                                                   STEAL(key), STEAL(value), line};
    return 0;
}

int config_file_parse(struct config_file *f, const char *text, const char *path, struct error *e)
{
    f->path = xstrdup(path);
    size_t line = 1;
    for (const char *p = text; *p; line++) {
        size_t len = strcspn(p, "\n");
        CLEANUP_FREE char *one = trimmed(p, len);
        p += len + (p[len] == '\n');
        if (*one == '\0' || *one == '#')
            continue;
        int rc = *one == '[' ? section(f, line, one, e) : assignment(f, line, one, e);
        if (rc != 0)
            return -1;
    }
    return 0;
}

const struct config_entry *config_file_find(const struct config_file *f, const char *key)
{
    return find(f, &(const struct config_section){0}, key);
}

void config_file_free(struct config_file *f)
{
    for (size_t i = 0; i < f->count; i++) {
        free(f->entries[i].section);
        free(f->entries[i].part);
        free(f->entries[i].key);
        free(f->entries[i].value);
    }
    for (size_t i = 0; i < f->section_count; i++) {
        free(f->sections[i].plugin);
        free(f->sections[i].part);
    }
    free(f->sections);
    free(f->entries);
    free(f->path);
    *f = (struct config_file){0};
}
