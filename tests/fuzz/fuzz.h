/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzing: what a target is, and what it may use.
 *
 * A target is one file, target_NAME.c: it takes any bytes, hands them to the code that reads such bytes in the field, and
 * calls fuzz_fail() when something that must hold does not.  It is linked with driver.c, which runs the corpus and
 * mutations from a seed and works with every compiler, or with clang's libFuzzer (configure --enable-fuzz).
 *
 *   driver.c    the program: corpus, cases from a seed, a child that may crash, what an input may use up
 *   mutate.c    an input made from another: as bytes, or as a JSON value
 *   check.c     what targets have in common */
#ifndef WF_TESTS_FUZZ_FUZZ_H
#define WF_TESTS_FUZZ_FUZZ_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* ---- What a target defines ---- */

extern const char fuzz_name[]; /* the corpus is the directory of that name */
extern const bool fuzz_json;   /* inputs are JSON: most mutations change the value, not its bytes */
extern const unsigned fuzz_cases; /* mutations that fit into about a second */
void fuzz_open(void);          /* once, before the first input */
void fuzz_input(const uint8_t *data, size_t size);

/* ---- What a target may use (check.c) ---- */

#define FUZZ_MAX ((size_t)1 << 16) /* bytes of an input */

/* Something that must hold does not: say what and abort. */
_Noreturn void fuzz_fail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

bool fuzz_is_utf8(const char *text, size_t len);
void fuzz_text(const char *what, const char *text); /* must be there, not empty, and UTF-8 */
void fuzz_error(const char *what, const struct error *e); /* must have been set, all of it UTF-8 */
void fuzz_same(const char *what, const char *a, const char *b); /* must be equal */

/* Bytes as a string of their own, so that reading beyond the end is found; NUL ends it early.  To be freed. */
char *fuzz_string(const uint8_t *data, size_t size);
/* Bytes as JSON, or NULL.  A new reference. */
json_t *fuzz_value(const uint8_t *data, size_t size);
/* A member of an object, or NULL; borrowed. */
json_t *fuzz_member(const json_t *object, const char *key);

/* ---- Mutation (mutate.c) ---- */

struct fuzz_rng {
    uint64_t s;
};
uint32_t fuzz_below(struct fuzz_rng *r, uint32_t n); /* 0 when n is 0 */

struct fuzz_bytes {
    uint8_t *data;
    size_t size;
};

/* One or a few changes of data[0..*size), in place; room for FUZZ_MAX bytes.  `other` is another input to take parts of. */
void fuzz_mutate(struct fuzz_rng *r, uint8_t *data, size_t *size, const struct fuzz_bytes *other, bool json);

#endif
