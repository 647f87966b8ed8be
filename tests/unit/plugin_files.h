/* SPDX-License-Identifier: Apache-2.0 */
/* For the tests of the registry: a directory for each test with files of plugins in it, right ones and wrong ones, and what a registry
 * says of them.  Every test is run for each way of isolation: what is said of a file is the same. */
#ifndef WF_TESTS_UNIT_PLUGIN_FILES_H
#define WF_TESTS_UNIT_PLUGIN_FILES_H

#include "unit/test.h"

#include <jansson.h>
#include <sys/stat.h>

#include "plugin/registry.h"

extern char *top;            /* a new directory for each test */
extern enum isolate isolate; /* of the test that runs */

const char *isolate_text(void);

/* ---- Files; all paths are new strings ---- */

char *in(const char *dir, const char *name);
char *new_dir(const char *name); /* in `top` */
void write_file(const char *path, const void *data, size_t len, mode_t mode);
char *built(const char *name, size_t *len);                   /* the bytes of a built plugin of the tests */
void put(const char *dir, const char *name, const char *as);  /* it, as DIR/AS.so */
void *find_bytes(char *data, size_t len, const void *what, size_t n); /* must be there */

/* ---- Registries ---- */

struct registry *open_registry(struct registry_options o, struct error *e); /* as wfworker opens one */
struct registry *open_dirs(const char *a, const char *b);                   /* must be opened */
struct registry *open_with_config(json_t *(*config)(void *, const char *), void *ctx); /* of `top` */
json_t *config_of_text(void *ctx, const char *name); /* for the one above: ctx is the text of every section */
json_t *config_by_name(void *ctx, const char *name); /* ctx is an object of sections */

json_t *entry(json_t *listing, const char *name, const char *state); /* must be there; borrowed */
void expect_reason(json_t *listing, const char *name, const char *state, const char *reason);

struct expectation {
    const char *name, *reason;
};
/* Those fail, each for its reason, and the plugin "good" beside them is loaded. */
void expect_failures(const char *dir, const struct expectation *list, size_t n);

/* ---- Running ---- */

int set_up(void **state);
int tear_down(void **state);
#define IN_DIR(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

/* All tests once for each way of isolation.  For main(): what it returns is the exit code; it may be a helper process. */
int run_each_way(int argc, char **argv, const struct CMUnitTest *tests, size_t n);

#endif
