/* SPDX-License-Identifier: Apache-2.0 */
/* What the sections [plugin NAME] say to wfworker, and what is said when they are wrong. */
#include "unit/plugin_files.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/mem.h"

static json_t *disable_good(void *ctx, const char *name)
{
    (void)name;
    return json_pack("{s:s}", "enabled", ctx);
}

static void a_plugin_can_be_disabled(void **state)
{
    (void)state;
    put(top, "bad", "crash_ctor");
    struct registry *r = open_with_config(disable_good, (void *)(uintptr_t)"off");
    CLEANUP_JSON json_t *listing = registry_json(r);
    expect_reason(listing, "crash_ctor", "disabled", "disabled by enabled = no in [plugin crash_ctor]");
    assert_int_equal(registry_failed(r), 0);
    registry_close(r);
}

static void expect_config(const char *config, const char *reason)
{
    struct registry *r = open_with_config(config_of_text, (void *)(uintptr_t)config);
    CLEANUP_JSON json_t *listing = registry_json(r);
    expect_reason(listing, "good", "failed", reason);
    registry_close(r);
}

static void wrong_sections_are_named(void **state)
{
    (void)state;
    put(top, "good", "good");
    expect_config("{\"enabled\":\"maybe\"}", "[plugin good]: enabled = \"maybe\" is neither yes nor no");
    expect_config("{\"deny\":\"http, all\"}", "[plugin good]: deny = \"all\" is not a capability\nHINT:  Capabilities are http, "
                                              "secrets, env, fd, child, threads, lock, signal and request.");
    expect_config("{\"isolate\":\"maybe\"}", "[plugin good]: isolate = \"maybe\" is none of never, blocking and always");
    expect_config("{\"wrod\":\"hi\"}", "[plugin good]: unknown key \"wrod\"");
    expect_config("{\"limit\":\"11\"}", "[plugin good]: \"/limit\": must be at most 10");
    expect_config("{\"limit\":\"x\"}", "[plugin good]: \"/limit\": must be of type integer, is string");
    expect_config("{\"loud\":\"perhaps\"}", "[plugin good]: \"/loud\": must be of type boolean, is string");
}

static void expect_chosen(const char *sections, const char *test_loop, const char *good_block)
{
    CLEANUP_JSON json_t *config = js_parse(sections, strlen(sections), NULL);
    struct registry *r = open_with_config(config_by_name, config);
    assert_int_equal(registry_failed(r), 0);
    assert_string_equal(registry_find(r, "test.loop")->plugin_name, test_loop);
    const struct handler *h = registry_find(r, "good-block");
    assert_int_equal(h != NULL, good_block != NULL);
    assert_non_null(registry_find(r, "test.block"));
    registry_close(r);
}

static void the_configuration_chooses_between_two(void **state)
{
    (void)state;
    put(top, "good", "good");
    put(top, "bad", "duplicate");
    expect_chosen("{\"good\":{\"without\":\"test.loop\"}}", "duplicate", "");
    expect_chosen("{\"duplicate\":{\"without\":\"test.loop\"}}", "good", "");
    expect_chosen("{\"good\":{\"without\":\"good-block, test.loop\"}}", "duplicate", NULL);
    expect_chosen("{\"good\":{\"enabled\":\"yes\"},\"duplicate\":{\"without\":\" test.loop,\"}}", "good", "");
    CLEANUP_FREE char *file = in(top, "duplicate.so");
    assert_int_equal(remove(file), 0);
    expect_config("{\"without\":\"test.loop test.lop\"}",
                  "[plugin good]: without = \"test.lop\" is not a node type of this plugin");
}

/* What others than wfworker are denied, and what a section says instead. */
static void capabilities_are_denied_to_all(void **state)
{
    static const struct {
        const char *section;
        uint32_t caps;
        const char *line;
    } rows[] = {{"{}", WFW_CAP_HTTP, "          CAPABILITIES:  http, secrets, threads (denied: secrets, threads)\n"},
                {"{\"good\":{\"deny\":\"http\"}}", WFW_CAP_SECRETS, "          CAPABILITIES:  http, secrets, threads (denied: http)\n"},
                {"{\"good\":{\"deny\":\"\"}}", WFW_CAP_HTTP | WFW_CAP_SECRETS, "          CAPABILITIES:  http, secrets, threads\n"}};
    (void)state;
    const char *const dirs[] = {top, NULL};
    struct registry_options o = {.plugin_dirs = dirs, .system_dir = "", .plugin_config = config_by_name, .deny = "secrets, threads child"};
    struct error e = ERROR_INIT;
    put(top, "good", "good");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP_JSON json_t *config = js_parse(rows[i].section, strlen(rows[i].section), NULL);
        char *printed = NULL;
        size_t len = 0;
        o.ctx = config;
        struct registry *r = open_registry(o, &e);
        assert_int_equal(registry_find(r, "test.block")->node->caps, rows[i].caps);
        FILE *out = open_memstream(&printed, &len);
        registry_print(r, out);
        fclose(out);
        assert_non_null(strstr(printed, rows[i].line));
        free(printed);
        registry_close(r);
    }
    o.deny = "http;secrets";
    assert_null(open_registry(o, &e));
    assert_string_equal(e.message, "plugin_deny = \"http;secrets\" is not a capability");
    assert_string_equal(e.hint, "Capabilities are http, secrets, env, fd, child, threads, lock, signal and request.");
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        IN_DIR(a_plugin_can_be_disabled),
        IN_DIR(wrong_sections_are_named),
        IN_DIR(the_configuration_chooses_between_two),
        IN_DIR(capabilities_are_denied_to_all),
    };
    return run_each_way(argc, argv, tests, ARRAY_LEN(tests));
}
