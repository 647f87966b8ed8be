/* SPDX-License-Identifier: Apache-2.0 */
/* Output for people: columns, durations, times, and text that cannot upset a terminal. */
#ifndef WF_CLI_TABLE_H
#define WF_CLI_TABLE_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/buf.h"

#define TABLE_COLUMNS 10

/* A table whose columns are as wide as their widest cell; the last one is not padded. */
struct table {
    size_t columns, count, capacity;
    char **cells; /* row by row, the first row is the heading */
};

/* Headings end with NULL. */
void table_begin(struct table *t, const char *const *headings);
/* The next cell; control characters become spaces; beyond `most` characters (0: all) it is cut with an ellipsis. */
void table_add(struct table *t, const char *text, size_t most);
/* Prints and empties it.  A cell that says completed, failed, running ... has colour when the output is a terminal. */
void table_print(struct table *t, FILE *out);

/* Text as one clean line. */
char *text_clean(const char *text, size_t most);
/* The escape sequence that begins the colour of a status ("completed", "failed", ...), "" when it has none, `out` is no
 * terminal or NO_COLOR is set; text_plain() is the one that ends it. */
const char *text_colour(FILE *out, const char *status);
const char *text_plain(FILE *out);

/* "1.234 s", "2 min 5 s", "3 h 10 min", "4 d 2 h"; "12 ms" below a second. */
void text_duration(int64_t us, struct buf *out);

/* A time as PostgreSQL or execution_state writes it, as "2026-11-23 06:20:01"; "-" when there is none. */
char *text_time(const char *time);
/* The span between two such times; "-" when one is missing. */
char *text_between(const char *from, const char *to);

/* JSON in many lines, as --json prints it. */
char *text_json(const json_t *v);
void print_json(const json_t *v);

#endif
