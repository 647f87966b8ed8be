/* SPDX-License-Identifier: Apache-2.0 */
/* Finding plugins: which files are looked for and where, what is listed of them, and what is refused altogether. */
#include "unit/plugin_files.h"

#include <elf.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/auxv.h>

#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "config.h"

static char *logged; /* lines, see see_log() */
static void *first_auxiliary;

static json_t *good_config(void *ctx, const char *name)
{
    (void)ctx;
    return strcmp(name, "good") == 0 ? json_pack("{s:s, s:s, s:s, s:s}", "word", "hi", "limit", "7", "deny", "http,child",
                                                 "enabled", "yes")
                                     : NULL;
}

static void a_good_one_is_found_with_all_its_names(void **state)
{
    (void)state;
    put(top, "good", "good");
    const char *const dirs[] = {top, NULL};
    struct error e = ERROR_INIT;
    struct registry *r = open_registry(
        (struct registry_options){.plugin_dirs = dirs, .system_dir = "", .strict = true, .plugin_config = good_config}, &e);
    assert_non_null(r);
    const struct handler *h = registry_find(r, "test.block");
    assert_non_null(h);
    assert_ptr_equal(registry_find(r, "good-block"), h);
    assert_ptr_equal(registry_find(r, "test.blocking"), h);
    assert_string_equal(h->node->type, "test.block");
    assert_string_equal(h->plugin_name, "good");
    assert_string_equal(h->expression_keys[0], "when");
    assert_null(h->expression_keys[1]);
    assert_non_null(h->config_schema);
    assert_int_equal(h->state != NULL, isolate != ISOLATE_ALWAYS);
    assert_int_equal(h->remote != NULL, isolate != ISOLATE_NEVER);
    assert_int_equal(registry_find(r, "test.loop")->remote != NULL, isolate == ISOLATE_ALWAYS);
    assert_int_equal(h->node->caps, WFW_CAP_SECRETS); /* http is denied */
    assert_int_equal(registry_find(r, "test.loop")->node->exec, WFW_EXEC_LOOP);
    assert_null(registry_find(r, "test.loop")->expression_keys);
    assert_null(registry_find(r, "test"));
    assert_null(registry_find(r, ""));
    assert_null(registry_find(r, NULL));
    registry_close(r);
}

static void the_listing_is_a_table_or_json(void **state)
{
    (void)state;
    put(top, "good", "good");
    CLEANUP_FREE char *text_file = in(top, "notes.so");
    write_file(text_file, "hello\n", 6, 0644);
    struct registry *r = open_dirs(top, NULL);
    char *printed = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&printed, &len);
    assert_int_equal(registry_print(r, out), 1);
    fclose(out);
    int width = isolate == ISOLATE_BLOCKING ? 8 : 7;
    CLEANUP_FREE char *expected = xasprintf(
        "STATE   NAME   VERSION  ABI  %-*s  NODE TYPES                                                     FILE\n"
        "ok      good   1.2.3    1.0  %-*s  test.block, good-block, test.blocking, test.loop, test.thread  %s/good.so\n"
        "          CAPABILITIES:  http, secrets, threads\n"
        "failed  notes  -        -    %-*s  -                                                              %s/notes.so\n"
        "          not a shared object: the file does not begin with an ELF header\n"
        "          HINT:  A plugin is what cc -shared makes; remove the file or give it another name.\n"
        "searched %s\n",
        width, "ISOLATE", width, isolate_text(), top, width, "-", top, top);
    assert_string_equal(printed, expected);
    free(printed);
    CLEANUP_JSON json_t *listing = registry_json(r);
    CLEANUP_FREE char *json = js_text(listing);
    CLEANUP_FREE char *expected_json = xasprintf(
        "{\"version\":\"" PACKAGE_VERSION "\",\"abi\":{\"major\":1,\"minor\":0},\"searched\":[\"%s\"],\"warnings\":[],"
        "\"quarantines_hidden\":null,\"plugins\":["
        "{\"state\":\"ok\",\"name\":\"good\",\"version\":\"1.2.3\",\"abi\":\"1.0\",\"isolate\":\"%s\",\"node_types\":[\"test.block\","
        "\"good-block\",\"test.blocking\",\"test.loop\",\"test.thread\"],\"file\":\"%s/good.so\",\"reason\":null,"
        "\"nodes\":[{\"type\":\"test.block\",\"aliases\":[\"good-block\",\"test.blocking\"],"
        "\"summary\":\"on a thread of the pool\",\"description\":null,\"exec\":\"blocking\",\"effect\":\"unsafe\","
        "\"capabilities\":[\"http\",\"secrets\"],\"denied\":[],\"config_schema\":{\"type\":\"object\",\"properties\":{\"do\":"
        "{\"type\":\"string\"},\"name\":{\"type\":\"string\",\"minLength\":2},\"when\":{\"type\":\"string\","
        "\"format\":\"expression\"}}},\"output_schema\":null,\"examples\":null,\"quarantine\":null},"
        "{\"type\":\"test.loop\",\"aliases\":[],\"summary\":\"on the loop\",\"description\":null,\"exec\":\"loop\","
        "\"effect\":\"pure\",\"capabilities\":[],\"denied\":[],\"config_schema\":null,\"output_schema\":null,\"examples\":null,\"quarantine\":null},"
        "{\"type\":\"test.thread\",\"aliases\":[],\"summary\":\"outcome from a thread of the plugin's own\","
        "\"description\":null,\"exec\":\"blocking\",\"effect\":\"unsafe\",\"capabilities\":[\"threads\"],\"denied\":[],"
        "\"config_schema\":null,\"output_schema\":null,\"examples\":null,\"quarantine\":null}],\"summary\":\"sample of the tests\","
        "\"vendor\":\"test\",\"license\":\"Apache-2.0\",\"url\":null,\"config_schema\":{\"properties\":{\"word\":"
        "{\"type\":\"string\"},\"limit\":{\"type\":\"integer\",\"maximum\":10},\"loud\":{\"type\":\"boolean\"}}}},"
        "{\"state\":\"failed\",\"name\":\"notes\",\"version\":null,\"abi\":null,\"isolate\":null,\"node_types\":[],\"file\":"
        "\"%s/notes.so\",\"reason\":\"not a shared object: the file does not begin with an ELF header\\n"
        "HINT:  A plugin is what cc -shared makes; remove the file or give it another name.\",\"nodes\":[],\"summary\":null,"
        "\"vendor\":null,\"license\":null,\"url\":null,\"config_schema\":null}]}",
        top, isolate_text(), top, top);
    assert_string_equal(json, expected_json);
    CLEANUP_FREE char *detail = xasprintf("searched %s; failed to load: notes (not a shared object: the file does not "
                                          "begin with an ELF header)",
                                          top);
    assert_string_equal(registry_unknown_detail(r), detail);
    registry_close(r);
}

static void an_empty_directory_is_said_so(void **state)
{
    (void)state;
    struct registry *r = open_dirs(top, NULL);
    char *printed = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&printed, &len);
    assert_int_equal(registry_print(r, out), 0);
    fclose(out);
    CLEANUP_FREE char *expected = xasprintf("no plugins found\nsearched %s\n", top);
    assert_string_equal(printed, expected);
    free(printed);
    registry_close(r);
}

static void two_plugins_for_one_type(void **state)
{
    (void)state;
    CLEANUP_FREE char *other = new_dir("other");
    put(top, "good", "good");
    put(other, "bad", "duplicate");
    struct registry *r = open_dirs(top, other);
    CLEANUP_JSON json_t *listing = registry_json(r);
    CLEANUP_FREE char *reason = xasprintf("node type \"test.loop\" is in two plugins: %s/good.so and %s/duplicate.so\nHINT:  The "
                                          "first in the search order is used; choose with without = test.loop in [plugin good] "
                                          "or [plugin duplicate], or with enabled = no.",
                                          top, other);
    expect_reason(listing, "duplicate", "failed", reason);
    assert_string_equal(registry_find(r, "test.loop")->plugin_name, "good");
    registry_close(r);
}

static void the_first_of_a_name_hides_the_others(void **state)
{
    (void)state;
    CLEANUP_FREE char *first = new_dir("a"), *second = new_dir("b");
    CLEANUP_FREE char *broken = in(first, "good.so");
    write_file(broken, "x", 1, 0644);
    put(second, "good", "good");
    struct registry *r = open_dirs(first, second);
    CLEANUP_JSON json_t *listing = registry_json(r);
    CLEANUP_FREE char *reason = xasprintf("hidden by %s, which comes first in the search order", broken);
    entry(listing, "good", "failed");
    expect_reason(listing, "good", "shadowed", reason);
    assert_null(registry_find(r, "test.block")); /* never silently replaced */
    registry_close(r);
}

static void names_without_a_dot_are_remarked(void **state)
{
    (void)state;
    put(top, "bad", "dotless");
    struct registry *r = open_dirs(top, NULL);
    CLEANUP_JSON json_t *listing = registry_json(r);
    expect_reason(listing, "dotless", "ok",
                  "node type \"thing\" has no vendor prefix: names without a dot are wfworker's own");
    assert_non_null(registry_find(r, "thing"));
    registry_close(r);
}

static void strict_and_named_ones_stop(void **state)
{
    (void)state;
    CLEANUP_FREE char *file = in(top, "notes.so");
    write_file(file, "hello\n", 6, 0644);
    const char *const dirs[] = {top, NULL}, *const named[] = {file, NULL}, *const absent[] = {"/nonexistent/dir", NULL};
    CLEANUP_FREE char *expected = xasprintf("plugin notes (%s): not a shared object: the file does not begin with an ELF header",
                                            file);
    struct error e = ERROR_INIT;
    assert_null(open_registry((struct registry_options){.plugin_dirs = dirs, .system_dir = "", .strict = true}, &e));
    assert_string_equal(e.message, expected);
    assert_string_equal(e.hint, "A plugin is what cc -shared makes; remove the file or give it another name.");
    assert_null(open_registry((struct registry_options){.plugin_dirs = named, .system_dir = ""}, &e));
    assert_string_equal(e.message, expected);
    assert_null(open_registry((struct registry_options){.plugin_dirs = absent, .system_dir = "", .strict = true}, &e));
    assert_string_equal(e.message, "plugin directory \"/nonexistent/dir\" (--plugin-dir): No such file or directory");
    assert_string_equal(e.hint, "Correct the path, or create the directory.");
    struct registry *r = open_registry((struct registry_options){.plugin_dirs = absent, .system_dir = ""}, &e);
    assert_non_null(r);
    registry_close(r);
}

static void directories_are_searched_in_order(void **state)
{
    (void)state;
    static const char *const names[] = {"flag", "env1", "env2", "file", "system"};
    char *dirs[ARRAY_LEN(names)];
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        dirs[i] = new_dir(names[i]);
    const char *const flags[] = {dirs[0], NULL};
    CLEANUP_FREE char *env = xasprintf("%s::%s", dirs[1], dirs[2]);
    CLEANUP_FREE char *file = xasprintf("%s:%s", dirs[3], dirs[0]);
    assert_int_equal(setenv("WFWORKER_PLUGIN_PATH", env, 1), 0);
    struct registry_options options = {
        .plugin_dirs = flags, .plugin_path = file, .use_environment = true, .system_dir = dirs[4]};
    for (int with = 1; with >= 0; with--) {
        options.use_environment = with == 1;
        struct registry *r = open_registry(options, NULL);
        CLEANUP_JSON json_t *listing = registry_json(r);
        const json_t *searched = json_object_get(listing, "searched");
        size_t n = 0;
        for (size_t i = 0; i < ARRAY_LEN(names); i++)
            if (with || (i != 1 && i != 2))
                assert_string_equal(json_string_value(json_array_get(searched, n++)), dirs[i]);
        assert_int_equal(json_array_size(searched), n);
        registry_close(r);
    }
    unsetenv("WFWORKER_PLUGIN_PATH");
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        free(dirs[i]);
}

/* ---- What is logged ---- */

static void see_log(enum log_level level, const char *message, const struct log_field *fields)
{
    CLEANUP_FREE char *before = STEAL(logged);
    const char *reason = "", *hint = "";
    for (const struct log_field *f = fields; f->name; f++) {
        reason = strcmp(f->name, "reason") == 0 ? f->text : reason;
        hint = strcmp(f->name, "hint") == 0 ? f->text : hint;
    }
    (void)level;
    logged = xasprintf("%s%s: %s|%s\n", before ? before : "", message, reason, hint);
}

static void failures_are_logged(void **state)
{
    (void)state;
    CLEANUP_FREE char *file = in(top, "empty.so");
    write_file(file, "", 0, 0644);
    log_divert(see_log);
    log_setup(LOG_TEXT, LOG_WARNING);
    registry_close(open_dirs(top, NULL));
    log_setup(LOG_TEXT, LOG_ERROR);
    log_divert(NULL);
    assert_string_equal(logged, "a plugin does not load; its node types are not run here: the file is empty|Copy or install the file "
                                "again.\n");
    free(STEAL(logged));
}

/* The auxiliary vector stands behind the environment that the program was started with. */
static void privileged_programs_ignore_the_environment(void **state)
{
    (void)state;
    ElfW(auxv_t) *at = (ElfW(auxv_t) *)(void *)first_auxiliary;
    while (at->a_type != AT_SECURE && at->a_type != AT_NULL)
        at++;
    assert_int_equal(at->a_type, AT_SECURE);
    if (at->a_un.a_val != 0)
        skip();
    assert_int_equal(setenv("WFWORKER_PLUGIN_PATH", top, 1), 0);
    log_divert(see_log);
    log_setup(LOG_TEXT, LOG_WARNING);
    at->a_un.a_val = 1;
    struct registry *r = open_registry((struct registry_options){.use_environment = true, .system_dir = ""}, NULL);
    at->a_un.a_val = 0;
    log_setup(LOG_TEXT, LOG_ERROR);
    log_divert(NULL);
    unsetenv("WFWORKER_PLUGIN_PATH");
    assert_string_equal(registry_unknown_detail(r), "no directory was searched");
    registry_close(r);
    assert_string_equal(logged, "WFWORKER_PLUGIN_PATH is ignored: this program runs with raised privileges: |\n");
    free(STEAL(logged));
}

int main(int argc, char **argv, char **envp)
{
    while (*envp)
        envp++;
    first_auxiliary = envp + 1;
    const struct CMUnitTest tests[] = {
        IN_DIR(a_good_one_is_found_with_all_its_names),
        IN_DIR(the_listing_is_a_table_or_json),
        IN_DIR(an_empty_directory_is_said_so),
        IN_DIR(two_plugins_for_one_type),
        IN_DIR(the_first_of_a_name_hides_the_others),
        IN_DIR(names_without_a_dot_are_remarked),
        IN_DIR(strict_and_named_ones_stop),
        IN_DIR(directories_are_searched_in_order),
        IN_DIR(failures_are_logged),
        IN_DIR(privileged_programs_ignore_the_environment),
    };
    return run_each_way(argc, argv, tests, ARRAY_LEN(tests));
}
