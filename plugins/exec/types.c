/* SPDX-License-Identifier: Apache-2.0 */
/* Node types from the sections [exec TYPE]: every key is looked at before anything runs. */
#include "exec/exec.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "exec/check.h"

static struct exec_type **types;
static const struct wfw_node **list;
static size_t count;

/* Where the words go of what is wrong; all of it is told, as far as there is room. */
struct where {
    const char *type;
    char *msg;
    size_t msglen, len;
    size_t told, more; /* complaints that are in msg, and those that are not */
    const char *last;  /* the type of the last one in msg */
};

#define ROOM_FOR_MORE 20 /* bytes of "; and 4294967295 more" */
#define MAX_TOLD 20

__attribute__((format(printf, 2, 3))) static int wrong(struct where *w, const char *fmt, ...)
{
    char text[400], whole[500];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (w->last == w->type)
        snprintf(whole, sizeof whole, "; %s", text);
    else
        snprintf(whole, sizeof whole, "%s[exec %.64s]: %s", w->told ? "; " : "", w->type, text);
    size_t n = strlen(whole);
    if (w->more || w->told == MAX_TOLD || w->len + n + ROOM_FOR_MORE >= w->msglen) {
        w->more++;
        return -1;
    }
    memcpy(w->msg + w->len, whole, n + 1);
    w->len += n;
    w->told++;
    w->last = w->type;
    return -1;
}

static void tell_more(struct where *w)
{
    if (w->more)
        snprintf(w->msg + w->len, w->msglen - w->len, "; and %zu more", w->more);
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

/* Told now, and not only when it runs. */
static int check_program(const char *path, struct where *w)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return wrong(w, "command: %.200s: %s", path, strerror(errno));
    if (!S_ISREG(st.st_mode))
        return wrong(w, "command: %.200s is not a regular file", path);
    if (access(path, X_OK) != 0)
        return wrong(w, "command: %.200s cannot be run by this user, its mode is %04o", path, (unsigned)(st.st_mode & 07777));
    if (st.st_mode & (S_IWGRP | S_IWOTH))
        return wrong(w, "command: %.200s is refused: its mode is %04o, %s may change the file", path, (unsigned)(st.st_mode & 07777),
                     st.st_mode & S_IWOTH ? "everybody" : "its group");
    return 0;
}

static int read_command(struct exec_type *t, const char *text, struct where *w)
{
    t->words = strdup(text);
    int n = t->words ? split(t->words, t->argv, " \t") : -1;
    if (n < 0)
        return wrong(w, "command: a quote is not closed, or there are more than %d words", MAX_WORDS);
    if (n == 0)
        return wrong(w, "command is empty");
    if (t->argv[0][0] != '/')
        return wrong(w, "command: \"%.100s\" is not an absolute path", t->argv[0]);
    return check_program(t->argv[0], w);
}

static int read_env(struct exec_type *t, const char *text, struct where *w)
{
    t->env_words = strdup(text);
    if (!t->env_words || split(t->env_words, t->env, " \t,") < 0)
        return wrong(w, "env: more than %d names", MAX_WORDS);
    for (char **name = t->env; *name; name++)
        if (strchr(*name, '='))
            return wrong(w, "env: \"%.100s\" is not the name of a variable", *name);
    return 0;
}

static int read_effect(struct exec_type *t, const char *text, struct where *w)
{
    static const char *const names[] = {"unsafe", "idempotent", "reads", "pure"};
    for (uint32_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(text, names[i]) == 0) {
            t->node.effect = i * 100;
            return 0;
        }
    return wrong(w, "effect = \"%.80s\": must be one of: unsafe, idempotent, reads, pure", text);
}

static int read_schema(struct exec_type *t, const char *path, struct where *w)
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
static int read_option(struct exec_type *t, const char *key, const char *text, struct where *w)
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

static int read_key(struct exec_type *t, const char *key, const char *text, struct where *w)
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

static int read_section(struct exec_type *t, const struct wfw_value *section, struct where *w)
{
    const char *key, *text;
    const struct wfw_value *v;
    char said[300];
    int rc = 0, options = 0, commanded = 0;
    for (size_t i = 0; (v = host->item(section, i, &key)) != NULL; i++) {
        int bad = host->get_string(v, "", &text, NULL) != WFW_OK ? wrong(w, "%.80s is no text", key) : read_key(t, key, text, w);
        commanded = commanded || strcmp(key, "command") == 0;
        options = options || (bad && is_option(key));
        rc = bad ? -1 : rc;
    }
    if (!commanded)
        rc = wrong(w, "command is required");
    if (!options && check_options(t, said, sizeof said) != 0)
        rc = wrong(w, "%s", said);
    return rc;
}

static struct exec_type *type_new(const struct wfw_value *section, struct where *w)
{
    struct exec_type *t = calloc(1, sizeof *t);
    if (!t) {
        wrong(w, "no memory");
        return NULL;
    }
    t->node = exec_node;
    t->node.type = w->type;
    t->node.data = t;
    if (read_section(t, section, w) == 0)
        return t;
    type_free(t);
    return NULL;
}

/* What is wrong is left out; when nothing is left, it is an error. */
const struct wfw_node *const *types_read(const struct wfw_value *config, char *msg, size_t msglen)
{
    const struct wfw_value *sections = host->get(config, "/types"), *section;
    size_t n = sections ? host->length(sections) : 0;
    struct where w = {.msg = msg, .msglen = msglen};
    types_free();
    types = calloc(n + 1, sizeof *types);
    list = calloc(n + 1, sizeof *list);
    if (!types || !list) {
        snprintf(msg, msglen, "no memory");
        return NULL;
    }
    for (size_t i = 0; i < n && (section = host->item(sections, i, &w.type)) != NULL; i++) {
        struct exec_type *t = type_new(section, &w);
        if (t) {
            types[count] = t;
            list[count++] = &t->node;
        }
    }
    tell_more(&w);
    return n && !count ? NULL : list;
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
