/* SPDX-License-Identifier: Apache-2.0 */
/* One value of a setting: read from text, checked, and written back for people. */
#ifndef WF_CONFIG_SETTING_VALUE_H
#define WF_CONFIG_SETTING_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

enum value_type {
    VALUE_STRING,
    VALUE_DATABASE, /* a database address; secret */
    VALUE_INTEGER,
    VALUE_NUMBER,
    VALUE_DURATION, /* milliseconds */
    VALUE_SIZE,     /* bytes */
    VALUE_BOOLEAN,
    VALUE_CHOICE,   /* index into the words */
    VALUE_SWITCH,   /* a choice of two words, the second is true */
    VALUE_LIST,     /* names separated by commas or white space */
    VALUE_DIRS,     /* a list whose members come one by one, each taken as it is */
    VALUE_LISTEN    /* HOST:PORT or off */
};

struct setting_rule {
    enum value_type type;
    double smallest, largest;
    const char *words; /* separated by spaces */
};

/* A number within the rule, from text such as "10", "1.5", "1500ms", "2s", "5m", "16MiB", "on", or a word.  For strings,
 * lists and addresses *out is not set.  0, or -1: setting_expected() says what it must be. */
int setting_parse(const struct setting_rule *rule, const char *text, double *out);

/* "a whole number from 1 to 1024", "one of: off, auto", ... */
void setting_expected(const struct setting_rule *rule, struct buf *out);

/* The value as text that setting_parse() reads back: 300000 ms as "5 min". */
void setting_format(const struct setting_rule *rule, double value, struct buf *out);

/* A list as a NULL-terminated array in one allocation; `split` at commas and white space, or every text one member. */
char **setting_list(const char *const *texts, size_t count, bool split);

/* Host and port of "HOST:PORT", "[IPV6]:PORT"; 0 or -1. */
int setting_listen(const char *text);

#endif
