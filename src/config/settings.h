/* SPDX-License-Identifier: Apache-2.0 */
/* Settings: flags over environment over file over default, each with its origin.
 *
 * One table (settings.def) names every setting with its type, range, default, unit, environment variables and text; the
 * flags, the file's keys, `wfworker config` and the manual page come from it. */
#ifndef WF_CONFIG_SETTINGS_H
#define WF_CONFIG_SETTINGS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/error.h"
#include "base/log.h"

enum http_guard { HTTP_GUARD_OFF, HTTP_GUARD_METADATA, HTTP_GUARD_PRIVATE };
enum isolate_setting { ISOLATE_SETTING_NEVER, ISOLATE_SETTING_BLOCKING, ISOLATE_SETTING_ALWAYS }; /* as enum isolate */
enum execution_log { EXECUTION_LOG_FULL, EXECUTION_LOG_BRIEF, EXECUTION_LOG_ERRORS };

/* The values in force; strings are owned by the settings. */
struct settings {
    const char *config_file;     /* the file that was read; NULL: none */
    const char *db;              /* libpq connection string, ready to use; may hold a password: never print it */
    const char *db_display;      /* the same without secrets, for people */
    const char *db_origin;       /* where it came from, for people: "environment variable DATABASE_URL" */
    bool listen;                 /* true: auto; false: off */
    const char *listen_dsn;      /* NULL: the database address */
    int64_t poll_interval_ms;
    int concurrency;             /* threads of blocking handlers */
    int max_in_flight;           /* executions */
    int executions_per_user;     /* at a time, by all workers; 0 = no limit */
    int64_t lease_ms;
    int64_t shutdown_grace_ms;
    enum isolate_setting isolate;
    enum http_guard http_guard;
    size_t http_max_response;    /* bytes */
    size_t max_inline;           /* bytes */
    size_t max_state, max_memory; /* bytes */
    enum log_format log_format;
    enum log_level log_level;
    enum execution_log execution_log;
    int max_log_rows;            /* of one execution */
    const char *plugin_path;     /* or NULL */
    const char *plugin_deny;     /* or NULL */
    const char *const *plugin_dirs; /* --plugin-dir, NULL-terminated */
    bool strict;
    bool unlabelled_condition_order;
    int max_retries;
    double retry_multiplier;
    int64_t node_timeout_ms;
    int history_retention_days;  /* 0: kept for ever */
    const char *web_listen;      /* HOST:PORT of health, metrics and status; NULL = off */
    const char *const *env_allow;/* names that ${env.NAME} may read, NULL-terminated */
};

struct settings_source; /* everything that was read, with origins */

/* Take the flags that are settings out of argv (before and after the subcommand; "--" ends them), read .env files, the
 * environment and the configuration file.  *argc and argv keep what is left.  NULL and *e for a wrong value: the text
 * names the setting, the value and where it came from. */
struct settings_source *settings_load(int *argc, char **argv, struct error *e);
void settings_free(struct settings_source *s);
const struct settings *settings_get(const struct settings_source *s);

/* `wfworker config`: name, value (secrets as ********), origin. */
void settings_print(const struct settings_source *s, FILE *out);
json_t *settings_json(const struct settings_source *s);

/* The text of --help for the flags that are settings. */
void settings_help(FILE *out);

/* Everything that was read and is doubtful but no error (a line of a .env file that cannot be read, a dropped argument of
 * the database address), each as one warning in the log. */
void settings_log_warnings(const struct settings_source *s);

/* Replace the database address after loading, for a database that this process made itself. */
void settings_override_db(struct settings_source *s, const char *dsn, const char *origin);

/* Log less than the default; a level that somebody asked for stays. */
void settings_quieten(struct settings_source *s, enum log_level level);

/* The names of the settings, for tests and for the nearest name: the i-th, or NULL. */
const char *settings_name(size_t i);

/* The i-th setting as --help has it: its name (the flag has - for _), what it takes (NULL: nothing, it is a switch) and its
 * text.  false when there are no more. */
struct settings_entry {
    const char *name, *argument, *text;
};
bool settings_entry(size_t i, struct settings_entry *entry);

/* The value of an environment variable as settings see it: the environment, then .env, then ../.env; NULL: not set. */
const char *settings_variable(const struct settings_source *s, const char *name);

/* The [plugin NAME] section as an object of strings, a new reference; NULL when there is none.  That of "exec" has a member
 * "types": an object of the [exec TYPE] sections by their types, each an object of strings. */
json_t *settings_plugin(const struct settings_source *s, const char *name);

/* The i-th section of the file, by its plugin; false when there are no more.  What it points to is the settings'. */
struct settings_section {
    const char *plugin;
    const char *type; /* of [exec TYPE] (plugin is "exec" then); NULL: it is [plugin NAME] */
    const char *file;
    size_t line;
};
bool settings_section(const struct settings_source *s, size_t i, struct settings_section *section);

#endif
