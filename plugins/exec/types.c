/* SPDX-License-Identifier: Apache-2.0 */
/* Node types from the sections [exec TYPE]: every key is looked at before anything runs. */
#include "exec/exec.h"

#include <errno.h>
#include <stdlib.h>

#include "exec/check.h"

static struct exec_type **types;
static const struct wfw_node **list;
static size_t count;

struct where {
    const char *type;
    char *msg;
    size_t msglen;
};

__attribute__((format(printf, 2, 3))) static int wrong(const struct where *w, const char *fmt, ...)
{
    char text[400];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    snprintf(w->msg, w->msglen, "[exec %.64s]: %s", w->type, text);
    return -1;
}

/* ---- Words ---- */

/* Split in place at white space; '...' and "..." hold words together, \ in the latter stands for the next character.  The
 * number of words, or -1. */
static int split(char *text, char *words[MAX_WORDS + 1], const char *separators)
{
    int n = 0;
    char *to = text;
    for (char *p = text; *p;) {
        p += strspn(p, separators);
        if (!*p)
            break;
        if (n == MAX_WORDS)
            return -1;
        words[n++] = to;
        char quote = 0;
        for (; *p && (quote || !strchr(separators, *p)); p++) {
            if (quote ? *p == quote : *p == '"' || *p == '\'')
                quote = quote ? 0 : *p;
            else if (quote == '"' && *p == '\\' && p[1])
                *to++ = *++p;
            else
                *to++ = *p;
        }
        if (quote)
            return -1;
        p += *p != '\0';
        *to++ = '\0';
    }
    words[n] = NULL;
    return n;
}

static int read_command(struct exec_type *t, const char *text, const struct where *w)
{
    t->words = strdup(text);
    int n = t->words ? split(t->words, t->argv, " \t") : -1;
    if (n < 0)
        return wrong(w, "command: a quote is not closed, or there are more than %d words", MAX_WORDS);
    if (n == 0)
        return wrong(w, "command is empty");
    if (t->argv[0][0] != '/')
        return wrong(w, "command: \"%.100s\" is not an absolute path", t->argv[0]);
    return 0;
}

static int read_env(struct exec_type *t, const char *text, const struct where *w)
{
    t->env_words = strdup(text);
    if (!t->env_words || split(t->env_words, t->env, " \t,") < 0)
        return wrong(w, "env: more than %d names", MAX_WORDS);
    for (char **name = t->env; *name; name++)
        if (strchr(*name, '='))
            return wrong(w, "env: \"%.100s\" is not the name of a variable", *name);
    return 0;
}

static int read_effect(struct exec_type *t, const char *text, const struct where *w)
{
    static const char *const names[] = {"unsafe", "idempotent", "reads", "pure"};
    for (uint32_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(text, names[i]) == 0) {
            t->node.effect = i * 100;
            return 0;
        }
    return wrong(w, "effect = \"%.80s\": must be one of: unsafe, idempotent, reads, pure", text);
}

static int read_schema(struct exec_type *t, const char *path, const struct where *w)
{
    FILE *f = *path == '/' ? fopen(path, "re") : NULL;
    if (!f)
        return *path == '/' ? wrong(w, "config_schema: %.200s cannot be read: %s", path, strerror(errno))
                            : wrong(w, "config_schema: \"%.100s\" is not an absolute path", path);
    t->schema = calloc(1, MAX_SCHEMA + 1);
    size_t n = t->schema ? fread(t->schema, 1, MAX_SCHEMA + 1, f) : 0;
    fclose(f);
    if (n == 0 || n > MAX_SCHEMA || strlen(t->schema) != n)
        return wrong(w, "config_schema: %.200s is empty, larger than 1 MiB, or no text", path);
    t->node.config_schema = t->schema;
    return 0;
}

/* What wfworker-sandbox understands goes to it as key=value. */
static int read_option(struct exec_type *t, const char *key, const char *text, const struct where *w)
{
    size_t len = strlen(key) + strlen(text) + 2;
    char *option = malloc(len);
    if (!option || t->option_count == sizeof t->options / sizeof *t->options) {
        free(option);
        return wrong(w, "%s: no memory", key);
    }
    snprintf(option, len, "%s=%s", key, text);
    t->options[t->option_count++] = option;
    return 0;
}

static int is_option(const char *key)
{
    static const char *const keys[] = {"limit_memory", "limit_cpu", "limit_descriptors", "limit_processes", "limit_output",
                                       "sandbox",      "network",   "timeout",           "kill_after",      "user",
                                       "cwd"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (strcmp(key, keys[i]) == 0)
            return 1;
    return 0;
}

static int read_key(struct exec_type *t, const char *key, const char *text, const struct where *w)
{
    if (strcmp(key, "command") == 0)
        return read_command(t, text, w);
    if (strcmp(key, "env") == 0)
        return read_env(t, text, w);
    if (strcmp(key, "effect") == 0)
        return read_effect(t, text, w);
    if (strcmp(key, "config_schema") == 0)
        return read_schema(t, text, w);
    if (strcmp(key, "summary") == 0) {
        t->node.summary = text;
        return 0;
    }
    return is_option(key) ? read_option(t, key, text, w) : wrong(w, "unknown key \"%.80s\"", key);
}

/* ---- Types ---- */

static void type_free(struct exec_type *t)
{
    for (size_t i = 0; t && i < t->option_count; i++)
        free(t->options[i]);
    if (t) {
        free(t->words);
        free(t->env_words);
        free(t->schema);
    }
    free(t);
}

static int read_section(struct exec_type *t, const struct wfw_value *section, const struct where *w)
{
    const char *key, *text;
    const struct wfw_value *v;
    char said[300];
    for (size_t i = 0; (v = host->item(section, i, &key)) != NULL; i++) {
        if (host->get_string(v, "", &text, NULL) != WFW_OK)
            return wrong(w, "%.80s is no text", key);
        if (read_key(t, key, text, w) != 0)
            return -1;
    }
    if (!t->argv[0])
        return wrong(w, "command is required");
    return check_options(t, said, sizeof said) == 0 ? 0 : wrong(w, "%s", said);
}

static struct exec_type *type_new(const struct wfw_value *section, const struct where *w)
{
    struct exec_type *t = calloc(1, sizeof *t);
    if (!t)
        return NULL;
    t->node = exec_node;
    t->node.type = w->type;
    t->node.data = t;
    if (read_section(t, section, w) == 0)
        return t;
    type_free(t);
    return NULL;
}

const struct wfw_node *const *types_read(const struct wfw_value *config, char *msg, size_t msglen)
{
    const struct wfw_value *sections = host->get(config, "/types"), *section;
    size_t n = sections ? host->length(sections) : 0;
    const char *type;
    types_free();
    types = calloc(n + 1, sizeof *types);
    list = calloc(n + 1, sizeof *list);
    snprintf(msg, msglen, "no memory");
    for (size_t i = 0; types && list && i < n && (section = host->item(sections, i, &type)) != NULL; i++) {
        const struct where w = {type, msg, msglen};
        types[i] = type_new(section, &w);
        if (!types[i])
            return NULL;
        list[count++] = &types[i]->node;
    }
    return list;
}

void types_free(void)
{
    for (size_t i = 0; i < count; i++)
        type_free(types[i]);
    free(types);
    free(list);
    types = NULL;
    list = NULL;
    count = 0;
}
