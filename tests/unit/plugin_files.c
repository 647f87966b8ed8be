/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/plugin_files.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "helper/helper.h"

char *top;
enum isolate isolate;

const char *isolate_text(void)
{
    return isolate == ISOLATE_NEVER ? "never" : isolate == ISOLATE_BLOCKING ? "blocking" : "always";
}

struct registry *open_registry(struct registry_options o, struct error *e)
{
    o.isolate = isolate;
    o.isolation = &helper_isolation;
    return registry_open(&o, e);
}

/* ---- Files ---- */

static char *read_file(const char *path, size_t *len)
{
    struct buf b = BUF_INIT;
    char block[65536];
    FILE *f = fopen(path, "rb");
    if (!f)
        fail_msg("%s cannot be opened", path);
    for (size_t n; (n = fread(block, 1, sizeof block, f)) > 0;)
        buf_add(&b, block, n);
    fclose(f);
    *len = b.len;
    return buf_steal(&b);
}

void write_file(const char *path, const void *data, size_t len, mode_t mode)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, len, f), len);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(chmod(path, mode), 0);
}

char *built(const char *name, size_t *len)
{
    const char *builddir = getenv("builddir");
    CLEANUP_FREE char *path = xasprintf("%s/tests/plugins/.libs/%s.so", builddir ? builddir : ".", name);
    return read_file(path, len);
}

char *in(const char *dir, const char *name)
{
    return xasprintf("%s/%s", dir, name);
}

void put(const char *dir, const char *name, const char *as)
{
    size_t len;
    CLEANUP_FREE char *data = built(name, &len);
    CLEANUP_FREE char *file = xasprintf("%s/%s.so", dir, as);
    write_file(file, data, len, 0644);
}

char *new_dir(const char *name)
{
    char *dir = in(top, name);
    assert_int_equal(mkdir(dir, 0755), 0);
    return dir;
}

void *find_bytes(char *data, size_t len, const void *what, size_t n)
{
    char *at = memmem(data, len, what, n);
    assert_non_null(at);
    return at;
}

/* ---- Running ---- */

int set_up(void **state)
{
    char name[] = "/tmp/wfw-plugin-XXXXXX";
    char *made = mkdtemp(name);
    isolate = **(enum isolate **)state;
    top = made ? realpath(made, NULL) : NULL;
    return top ? 0 : -1;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st;
    (void)type;
    (void)at;
    return remove(path);
}

int tear_down(void **state)
{
    (void)state;
    int rc = nftw(top, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(top);
    top = NULL;
    return rc;
}

/* ---- Looking at a registry ---- */

struct registry *open_dirs(const char *a, const char *b)
{
    const char *const dirs[] = {a, b, NULL};
    struct error e = ERROR_INIT;
    struct registry *r = open_registry((struct registry_options){.plugin_dirs = dirs, .system_dir = ""}, &e);
    if (!r)
        fail_msg("%s", e.message);
    return r;
}

json_t *entry(json_t *listing, const char *name, const char *state)
{
    size_t i;
    json_t *p;
    json_array_foreach(json_object_get(listing, "plugins"), i, p)
    {
        if (strcmp(js_str(p, "name"), name) == 0 && strcmp(js_str(p, "state"), state) == 0)
            return p;
    }
    char *all = js_text(listing);
    fail_msg("no plugin %s is %s in %s", name, state, all);
    return NULL;
}

void expect_reason(json_t *listing, const char *name, const char *state, const char *reason)
{
    const char *said = js_str(entry(listing, name, state), "reason");
    if (!said || strcmp(said, reason) != 0)
        fail_msg("%s: \"%s\"\ninstead of \"%s\"", name, said ? said : "null", reason);
}

void expect_failures(const char *dir, const struct expectation *list, size_t n)
{
    struct registry *r = open_dirs(dir, NULL);
    CLEANUP_JSON json_t *listing = registry_json(r);
    for (size_t i = 0; i < n; i++)
        expect_reason(listing, list[i].name, "failed", list[i].reason);
    assert_int_equal(registry_failed(r), n);
    assert_int_equal(registry_count(r), n + 1);
    entry(listing, "good", "ok");
    assert_non_null(registry_find(r, "test.block"));
    registry_close(r);
}

struct registry *open_with_config(json_t *(*config)(void *, const char *), void *ctx)
{
    const char *const dirs[] = {top, NULL};
    return open_registry(
        (struct registry_options){.plugin_dirs = dirs, .system_dir = "", .plugin_config = config, .ctx = ctx}, NULL);
}

json_t *config_of_text(void *ctx, const char *name)
{
    (void)name;
    return js_parse(ctx, strlen(ctx), NULL);
}

json_t *config_by_name(void *ctx, const char *name)
{
    return json_incref(json_object_get(ctx, name));
}

/* ---- All of them, three times ---- */

int run_each_way(int argc, char **argv, const struct CMUnitTest *tests, size_t n)
{
    static enum isolate modes[] = {ISOLATE_NEVER, ISOLATE_BLOCKING, ISOLATE_ALWAYS};
    if (helper_wanted(argc, argv))
        return helper_main();
    log_setup(LOG_TEXT, LOG_ERROR);
    CLEANUP_FREE struct CMUnitTest *all = xcalloc(n * ARRAY_LEN(modes), sizeof *all);
    for (size_t i = 0; i < n * ARRAY_LEN(modes); i++) {
        isolate = modes[i / n];
        all[i] = tests[i % n];
        all[i].name = xasprintf("%s: %s", isolate_text(), all[i].name);
        all[i].initial_state = &modes[i / n];
    }
    int failed = _cmocka_run_group_tests("tests", all, n * ARRAY_LEN(modes), NULL, NULL);
    for (size_t i = 0; i < n * ARRAY_LEN(modes); i++)
        free((void *)(uintptr_t)all[i].name);
    return failed;
}
