/* SPDX-License-Identifier: Apache-2.0 */
/* .env files, read as python-dotenv reads them (the backend beside us uses that); never executed. */
#ifndef WF_CONFIG_DOTENV_H
#define WF_CONFIG_DOTENV_H

#include <stddef.h>

#include "base/buf.h"
#include "base/error.h"

struct dotenv {
    struct dotenv_entry {
        char *name, *value;
    } *entries;
    size_t count, capacity;
    char *path; /* as it was given */
};

/* 0; also when there is no such file (then path is NULL).  -1 and *e when it is there and cannot be read.  Lines that are
 * no assignment are skipped and named in `warnings`, each with a newline. */
int dotenv_load(struct dotenv *d, const char *path, struct buf *warnings, struct error *e);

/* The same from text. */
void dotenv_parse(struct dotenv *d, const char *text, const char *path, struct buf *warnings);

const char *dotenv_get(const struct dotenv *d, const char *name); /* the last assignment; NULL: none */
void dotenv_free(struct dotenv *d);

#endif
