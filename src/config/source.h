/* SPDX-License-Identifier: Apache-2.0 */
/* What struct settings_source is made of; for the files of this room only. */
#ifndef WF_CONFIG_SOURCE_H
#define WF_CONFIG_SOURCE_H

#include <stdbool.h>

#include "base/buf.h"
#include "config/dotenv.h"
#include "config/file.h"
#include "config/settings.h"
#include "config/setting_value.h"

enum setting_index {
#define SETTING(name, ...) SETTING_##name,
#include "config/settings.def"
#undef SETTING
    SETTING_COUNT
};

struct setting_def {
    const char *name;
    struct setting_rule rule;
    size_t offset; /* of the member of struct settings */
    const char *fallback;
    const char *variables; /* of the product, separated by spaces; "-": none at all, not even WFWORKER_NAME */
    const char *argument;  /* of the flag; NULL: it takes none */
    const char *text;
};

extern const struct setting_def setting_defs[SETTING_COUNT];

/* One setting as it was found. */
struct setting_value {
    char **flags; /* what flags said, in order; pointers into argv */
    size_t flag_count, flag_capacity;
    char *origin;  /* for people */
    char *string;  /* STRING, DATABASE, LISTEN */
    char *display; /* DATABASE */
    char **list;   /* LIST, DIRS */
    double number; /* the others */
};

struct settings_source {
    struct settings settings;
    struct setting_value values[SETTING_COUNT];
    struct dotenv env[2]; /* .env and ../.env */
    struct config_file file;
    struct buf warnings; /* one a line */
};

/* "WFWORKER_NAME" of a setting, a new string; "--name" likewise. */
char *setting_variable_name(const struct setting_def *def);
char *setting_flag_name(const struct setting_def *def);

/* A variable that is set and not empty; *origin (may be NULL) gets a new string that says where. */
const char *source_variable(const struct settings_source *s, const char *name, char **origin);

/* The database address that the product's variables give: 1 and new strings, 0 when none does, -1 and *e. */
int database_from_product(const struct settings_source *s, char **address, char **origin, struct error *e);

/* The object of a section [exec TYPE] in that of the plugin, made when it is not there; borrowed. */
json_t *settings_part(json_t *object, const char *part);

/* Nothing named a database: libpq's own variables and defaults are used.  Makes PG* variables of .env files visible to
 * libpq and returns the origin, a new string. */
char *database_from_libpq(const struct settings_source *s);

#endif
