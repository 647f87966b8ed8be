/* SPDX-License-Identifier: Apache-2.0 */
/* Loading: flags are taken out of argv, .env files and the configuration file are read, and then each setting takes the
 * first of flag, WFWORKER_NAME, the product's variables, file, default. */
#include "config/settings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/nearest.h"
#include "base/unknown.h"
#include "config/dsn.h"
#include "config/source.h"
#include "config/textfile.h"

#define DEFAULT_FILE SYSCONFDIR "/wfworker/wfworker.conf"
#define LOG_FORMAT_AUTO 4

const struct setting_def setting_defs[SETTING_COUNT] = {
#define SETTING(name, type, member, low, high, fallback, words, variables, argument, text)                             \
    {#name, {VALUE_##type, low, high, words}, offsetof(struct settings, member), fallback, variables, argument, text},
#include "config/settings.def"
#undef SETTING
};

const char *settings_name(size_t i)
{
    return i < SETTING_COUNT ? setting_defs[i].name : NULL;
}

bool settings_entry(size_t i, struct settings_entry *entry)
{
    if (i >= SETTING_COUNT)
        return false;
    *entry = (struct settings_entry){setting_defs[i].name, setting_defs[i].argument, setting_defs[i].text};
    return true;
}

char *setting_variable_name(const struct setting_def *def)
{
    char *name = xasprintf("WFWORKER_%s", def->name);
    for (char *p = name; *p; p++)
        if (*p >= 'a' && *p <= 'z')
            *p = (char)(*p - 'a' + 'A');
    return name;
}

char *setting_flag_name(const struct setting_def *def)
{
    char *name = xasprintf("--%s", def->name);
    for (char *p = name; *p; p++)
        if (*p == '_')
            *p = '-';
    return name;
}

/* ---- flags ---- */

static bool is_flag_name(const char *flag, size_t len, const char *name)
{
    if (strlen(name) != len)
        return false;
    for (size_t i = 0; i < len; i++)
        if (flag[i] != (name[i] == '_' ? '-' : name[i]))
            return false;
    return true;
}

static int find_flag(const char *flag, size_t len)
{
    for (int i = 0; i < SETTING_COUNT; i++)
        if (is_flag_name(flag, len, setting_defs[i].name))
            return i;
    return -1;
}

static void keep_flag(struct settings_source *s, int i, char *value)
{
    struct setting_value *v = &s->values[i];
    xgrow((void **)&v->flags, &v->flag_capacity, v->flag_count + 1, sizeof *v->flags);
    v->flags[v->flag_count++] = value;
}

/* One argument that begins with "--".  How many were taken (0: none of ours), or -1 and *e. */
static int take_flag(struct settings_source *s, char *arg, char *next, struct error *e)
{
    static char on[] = "on", off[] = "off";
    char *equals = strchr(arg, '=');
    const char *name = arg + 2;
    size_t len = equals ? (size_t)(equals - name) : strlen(name);
    bool negated = len > 3 && strncmp(name, "no-", 3) == 0;
    int i = find_flag(name, len);
    if (i < 0 && negated && !equals) {
        i = find_flag(name + 3, len - 3);
        if (i < 0 || setting_defs[i].rule.type != VALUE_BOOLEAN)
            return 0;
        keep_flag(s, i, off);
        return 1;
    }
    if (i < 0)
        return 0;
    if (equals || setting_defs[i].rule.type == VALUE_BOOLEAN) {
        keep_flag(s, i, equals ? equals + 1 : on);
        return 1;
    }
    if (!next || strncmp(next, "--", 2) == 0)
        return err_set(e, "option %s needs a value", arg);
    keep_flag(s, i, next);
    return 2;
}

static int take_flags(struct settings_source *s, int *argc, char **argv, struct error *e)
{
    int kept = 1;
    bool ended = false;
    for (int i = 1; i < *argc;) {
        int taken = 0;
        ended = ended || strcmp(argv[i], "--") == 0;
        if (!ended && strncmp(argv[i], "--", 2) == 0)
            taken = take_flag(s, argv[i], i + 1 < *argc ? argv[i + 1] : NULL, e);
        if (taken < 0)
            return -1;
        if (taken == 0)
            argv[kept++] = argv[i++];
        i += taken;
    }
    if (*argc > 0) {
        argv[kept] = NULL;
        *argc = kept;
    }
    return 0;
}

/* ---- variables and file ---- */

const char *source_variable(const struct settings_source *s, const char *name, char **origin)
{
    const char *value = getenv(name);
    if (value && *value) {
        if (origin)
            *origin = xasprintf("environment variable %s", name);
        return value;
    }
    for (size_t i = 0; i < ARRAY_LEN(s->env); i++) {
        value = dotenv_get(&s->env[i], name);
        if (!value || !*value)
            continue;
        if (origin)
            *origin = xasprintf("variable %s in %s", name, s->env[i].path);
        return value;
    }
    return NULL;
}

const char *settings_variable(const struct settings_source *s, const char *name)
{
    return source_variable(s, name, NULL);
}

/* A program with more rights than its caller must not let the caller's directory choose its settings. */
static int read_env_files(struct settings_source *s, struct error *e)
{
    if (getauxval(AT_SECURE))
        return 0;
    if (dotenv_load(&s->env[0], ".env", &s->warnings, e) != 0)
        return -1;
    return dotenv_load(&s->env[1], "../.env", &s->warnings, e);
}

/* Is the key of the file a setting?  Else *meant is the one that may be meant, or NULL. */
static bool known_key(const char *key, const char **meant)
{
    struct nearest near = {.word = key};
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        if (i == SETTING_config)
            continue;
        if (strcmp(setting_defs[i].name, key) == 0)
            return true;
        nearest_offer(&near, setting_defs[i].name);
    }
    *meant = near.best;
    return false;
}

/* All of them are told at once. */
static int check_file_keys(const struct settings_source *s, struct error *e)
{
    CLEANUP_UNKNOWN struct unknown unknown = {0};
    size_t first = 0;
    for (size_t i = 0; i < s->file.count; i++) {
        const struct config_entry *entry = &s->file.entries[i];
        const char *meant;
        if (entry->section || known_key(entry->key, &meant))
            continue;
        first = first ? first : entry->line;
        unknown_add(&unknown, entry->key, unknown.count ? entry->line : 0, meant);
    }
    if (unknown.count == 0)
        return 0;
    err_set(e, unknown.count == 1 ? "%s:%zu: unknown setting %s" : "%s:%zu: unknown settings %s", s->file.path, first,
            unknown_words(&unknown));
    const char *meant = unknown_meant(&unknown);
    return meant ? err_hint(e, "did you mean %s?", meant) : err_hint(e, "wfworker config shows the settings that there are");
}

/* A file that was asked for must be there; the default one need not be, nor be readable for everybody. */
static int read_config_file(struct settings_source *s, struct error *e)
{
    struct setting_value *v = &s->values[SETTING_config];
    const char *path = v->flag_count ? v->flags[v->flag_count - 1] : source_variable(s, "WFWORKER_CONFIG", NULL);
    CLEANUP_FREE char *text = NULL;
    struct error problem = ERROR_INIT;
    int rc = path && !*path ? 0 : textfile_read(path ? path : DEFAULT_FILE, &text, &problem);
    if (rc < 0 && path) {
        *e = problem;
        return err_prefix(e, "configuration file");
    }
    if (rc < 0)
        buf_printf(&s->warnings, "%s\n", problem.message);
    if (rc == 0 && path && *path)
        return err_set(e, "there is no configuration file \"%s\"", path);
    if (rc <= 0)
        return 0;
    if (config_file_parse(&s->file, text, path ? path : DEFAULT_FILE, e) != 0)
        return -1;
    return check_file_keys(s, e);
}

/* ---- one setting ---- */

/* The first of its sources that says something; *text and *origin are new strings, or *text is NULL. */
static int find_text(struct settings_source *s, int i, char **text, char **origin, struct error *e)
{
    const struct setting_def *def = &setting_defs[i];
    struct setting_value *v = &s->values[i];
    if (v->flag_count > 0) {
        *text = xstrdup(v->flags[v->flag_count - 1]);
        CLEANUP_FREE char *flag = setting_flag_name(def);
        *origin = xasprintf("flag %s", flag);
        return 0;
    }
    CLEANUP_BUF struct buf names = BUF_INIT;
    CLEANUP_FREE char *own = setting_variable_name(def);
    if (strcmp(def->variables, "-") != 0)
        buf_printf(&names, "%s %s", own, def->variables);
    for (const char *p = names.data ? names.data : ""; *p; p += strspn(p, " ")) {
        CLEANUP_FREE char *name = xstrndup(p, strcspn(p, " "));
        const char *found = source_variable(s, name, origin);
        if (found) {
            *text = xstrdup(found);
            return 0;
        }
        p += strlen(name);
    }
    if (i == SETTING_db) {
        int rc = database_from_product(s, text, origin, e);
        if (rc != 0)
            return rc < 0 ? -1 : 0;
    }
    const struct config_entry *entry = i == SETTING_config ? NULL : config_file_find(&s->file, def->name);
    if (entry) {
        *text = xstrdup(entry->value);
        *origin = xasprintf("%s:%zu", s->file.path, entry->line);
    }
    return 0;
}

static int set_database(struct settings_source *s, struct setting_value *v, const char *text, struct error *e)
{
    v->string = dsn_normalize(text, &s->warnings, e);
    if (!v->string)
        return -1;
    v->display = dsn_display(v->string);
    return 0;
}

static int set_value(struct settings_source *s, int i, const char *text, struct error *e)
{
    const struct setting_def *def = &setting_defs[i];
    struct setting_value *v = &s->values[i];
    if (def->rule.type == VALUE_DATABASE) {
        if (set_database(s, v, text, e) == 0)
            return 0;
        return err_prefix(e, "setting %s, from %s", def->name, v->origin);
    }
    if (setting_parse(&def->rule, text, &v->number) != 0) {
        CLEANUP_BUF struct buf expected = BUF_INIT;
        setting_expected(&def->rule, &expected);
        err_set(e, "invalid value \"%.100s\" for setting %s, from %s", text, def->name, v->origin);
        return err_detail(e, "it must be %s", expected.data);
    }
    if (def->rule.type == VALUE_LIST || def->rule.type == VALUE_DIRS) {
        bool flags = v->flag_count > 0;
        v->list = setting_list(flags ? (const char *const *)v->flags : &text, flags ? v->flag_count : 1,
                             def->rule.type == VALUE_LIST);
    } else if (def->rule.type == VALUE_STRING || def->rule.type == VALUE_LISTEN) {
        bool off = def->rule.type == VALUE_LISTEN && strcasecmp(text, "off") == 0;
        v->string = *text && !off ? xstrdup(text) : NULL;
    }
    return 0;
}

static char *trimmed(const char *text)
{
    text += strspn(text, " \t\r\n");
    size_t len = strlen(text);
    while (len && strchr(" \t\r\n", text[len - 1]))
        len--;
    return xstrndup(text, len);
}

static int load_one(struct settings_source *s, int i, struct error *e)
{
    CLEANUP_FREE char *text = NULL;
    struct setting_value *v = &s->values[i];
    if (find_text(s, i, &text, &v->origin, e) != 0)
        return -1;
    if (!text) {
        bool libpq = i == SETTING_db;
        v->origin = libpq ? database_from_libpq(s) : xstrdup("default");
        text = xstrdup(setting_defs[i].fallback);
        if (i == SETTING_listen_dsn)
            return 0;
        if (i == SETTING_config && s->file.path) {
            free(text);
            text = xstrdup(s->file.path);
        }
    }
    CLEANUP_FREE char *clean = trimmed(text);
    return set_value(s, i, clean, e);
}

/* ---- the values in force ---- */

static void store_value(struct settings_source *s, int i)
{
    const struct setting_def *def = &setting_defs[i];
    const struct setting_value *v = &s->values[i];
    void *to = (char *)&s->settings + def->offset;
    switch (def->rule.type) {
    case VALUE_STRING:
    case VALUE_DATABASE:
    case VALUE_LISTEN:
        *(const char **)to = v->string;
        break;
    case VALUE_LIST:
    case VALUE_DIRS:
        *(const char *const **)to = (const char *const *)v->list;
        break;
    case VALUE_INTEGER:
    case VALUE_CHOICE: /* an enum without negative values has int's size */
        *(int *)to = (int)v->number;
        break;
    case VALUE_NUMBER:
        *(double *)to = v->number;
        break;
    case VALUE_DURATION:
        *(int64_t *)to = (int64_t)v->number;
        break;
    case VALUE_SIZE:
        *(size_t *)to = (size_t)v->number;
        break;
    case VALUE_BOOLEAN:
    case VALUE_SWITCH:
        *(bool *)to = v->number != 0;
        break;
    }
}

/* Under systemd JOURNAL_STREAM names the device and inode of the journal's socket. */
static bool is_journal(int fd)
{
    const char *stream = getenv("JOURNAL_STREAM");
    struct stat st;
    if (!stream || fstat(fd, &st) != 0)
        return false;
    CLEANUP_FREE char *own = xasprintf("%llu:%llu", (unsigned long long)st.st_dev, (unsigned long long)st.st_ino);
    return strcmp(stream, own) == 0;
}

static void publish(struct settings_source *s)
{
    for (int i = 0; i < SETTING_COUNT; i++)
        store_value(s, i);
    s->settings.db_display = s->values[SETTING_db].display;
    s->settings.db_origin = s->values[SETTING_db].origin;
    if ((int)s->settings.log_format == LOG_FORMAT_AUTO)
        s->settings.log_format = isatty(STDERR_FILENO) ? LOG_TERMINAL : is_journal(STDERR_FILENO) ? LOG_JOURNAL : LOG_TEXT;
}

static int load(struct settings_source *s, int *argc, char **argv, struct error *e)
{
    if (take_flags(s, argc, argv, e) != 0 || read_env_files(s, e) != 0 || read_config_file(s, e) != 0)
        return -1;
    for (int i = 0; i < SETTING_COUNT; i++)
        if (load_one(s, i, e) != 0)
            return -1;
    publish(s);
    return 0;
}

struct settings_source *settings_load(int *argc, char **argv, struct error *e)
{
    struct settings_source *s = xcalloc(1, sizeof *s);
    if (load(s, argc, argv, e) == 0)
        return s;
    settings_free(s);
    return NULL;
}

void settings_override_db(struct settings_source *s, const char *dsn, const char *origin)
{
    struct setting_value *v = &s->values[SETTING_db];
    free(v->string);
    free(v->display);
    free(v->origin);
    v->string = xstrdup(dsn);
    v->display = dsn_display(dsn);
    v->origin = xstrdup(origin);
    publish(s);
}

void settings_quieten(struct settings_source *s, enum log_level level)
{
    struct setting_value *v = &s->values[SETTING_log_level];
    if (strcmp(v->origin, "default") != 0)
        return;
    v->number = level;
    publish(s);
}

void settings_free(struct settings_source *s)
{
    if (!s)
        return;
    for (int i = 0; i < SETTING_COUNT; i++) {
        free(s->values[i].flags);
        free(s->values[i].origin);
        free(s->values[i].string);
        free(s->values[i].display);
        free(s->values[i].list);
    }
    for (size_t i = 0; i < ARRAY_LEN(s->env); i++)
        dotenv_free(&s->env[i]);
    config_file_free(&s->file);
    buf_free(&s->warnings);
    free(s);
}

const struct settings *settings_get(const struct settings_source *s)
{
    return &s->settings;
}

void settings_log_warnings(const struct settings_source *s)
{
    for (const char *p = s->warnings.data; p && *p;) {
        size_t len = strcspn(p, "\n");
        CLEANUP_FREE char *line = xstrndup(p, len);
        log_write(LOG_WARNING, line);
        p += len + (p[len] == '\n');
    }
}
