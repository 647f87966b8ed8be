/* SPDX-License-Identifier: Apache-2.0 */
/* The one idiom for errors.
 *
 * A function that can fail takes a `struct error *` as its last parameter, fills it with err_set() and returns -1
 * (or NULL).  Texts follow PostgreSQL's form: the message says what is wrong and where (lower case, no full stop), the
 * detail adds facts, the hint says what to do.  Passing NULL is allowed and drops the text.
 *
 * Texts are always UTF-8, whatever they quote, and are cut between characters: they can be stored. */
#ifndef WF_BASE_ERROR_H
#define WF_BASE_ERROR_H

#include <stdbool.h>
#include <stddef.h>

struct error {
    char message[1024]; /* what and where; "" = no error */
    char detail[1024];  /* facts, or "" */
    char hint[512];     /* what to do, or "" */
};

#define ERROR_INIT {{0}, {0}, {0}}

/* Set the message and forget detail and hint.  Always returns -1. */
int err_set(struct error *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Add to an error that was just set.  Both always return -1, so that they can end a function. */
int err_detail(struct error *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int err_hint(struct error *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Put text in front of the message: "reading x: permission denied".  Always returns -1. */
int err_prefix(struct error *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Write "wfworker: message", "DETAIL:  ..." and "HINT:  ..." to standard error, each on its own line. */
void err_print(const struct error *e);

#endif
