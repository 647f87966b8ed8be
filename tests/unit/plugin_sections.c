/* SPDX-License-Identifier: Apache-2.0 */
/* What the sections [plugin NAME] say to wfworker, and what is said when they are wrong. */
#include "unit/plugin_files.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "config/settings.h"

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
    expect_config("{\"wrod\":\"hi\"}", "[plugin good]: unknown key \"wrod\"\nHINT:  did you mean \"word\"?");
    expect_config("{\"zzzzzzz\":\"hi\"}",
                  "[plugin good]: unknown key \"zzzzzzz\"\nHINT:  wfworker plugin inspect good shows the keys that it has");
    expect_config("{\"wrod\":\"hi\",\"zzzzzzz\":\"\",\"word\":\"x\",\"limit_memry\":\"1\",\"enabeld\":\"no\"}",
                  "[plugin good]: unknown keys \"wrod\", \"zzzzzzz\", \"limit_memry\", \"enabeld\"\nHINT:  did you mean \"word\" for "
                  "\"wrod\", \"limit_memory\" for \"limit_memry\", \"enabled\" for \"enabeld\"?");
    expect_config("{\"limit\":\"11\"}", "[plugin good]: \"/limit\": must be at most 10");
    expect_config("{\"limit\":\"x\"}", "[plugin good]: \"/limit\": must be of type integer, is string");
    expect_config("{\"loud\":\"perhaps\"}", "[plugin good]: \"/loud\": must be of type boolean, is string");
}

/* However many there are, it is said in one text that is whole. */
static void many_wrong_keys_are_told_in_bounds(void **state)
{
    (void)state;
    CLEANUP_BUF struct buf config = BUF_INIT, reason = BUF_INIT;
    buf_addstr(&reason, "[plugin good]: unknown keys ");
    for (size_t i = 0; i < 50; i++) {
        buf_printf(&config, "%s\"zzzzzzzz-%zu\":\"x\"", i ? "," : "{", i);
        if (i < 20)
            buf_printf(&reason, "%s\"zzzzzzzz-%zu\"", i ? ", " : "", i);
    }
    buf_addstr(&config, "}");
    buf_addstr(&reason, " and 30 more\nHINT:  wfworker plugin inspect good shows the keys that it has");
    put(top, "good", "good");
    expect_config(config.data, reason.data);
    buf_clear(&config);
    buf_clear(&reason);
    for (size_t i = 0; i < 50; i++)
        buf_printf(&config, "%s\"%090zu\":\"x\"", i ? "," : "{", i);
    buf_addstr(&config, "}");
    buf_addstr(&reason, "[plugin good]: unknown keys ");
    for (size_t i = 0; i < 9; i++)
        buf_printf(&reason, "%s\"%080d\"", i ? ", " : "", 0);
    buf_addstr(&reason, " and 41 more\nHINT:  wfworker plugin inspect good shows the keys that it has");
    expect_config(config.data, reason.data);
}

/* ---- Sections without a plugin ---- */

static const struct settings_section places[] = {
    {"good", NULL, "w.conf", 1}, {"goood", NULL, "w.conf", 3},       {"notes", NULL, "w.conf", 4}, {"goood", NULL, "w.conf", 5},
    {"off", NULL, "w.conf", 6},  {"exec", "acme.it", "w.conf", 7}, {"exec", "acme.b", "w.conf", 9},
};

static bool section_at(void *ctx, size_t i, struct settings_section *section)
{
    (void)ctx;
    if (i < ARRAY_LEN(places))
        *section = places[i];
    return i < ARRAY_LEN(places);
}

static json_t *all_but_off(void *ctx, const char *name)
{
    (void)ctx;
    return strcmp(name, "off") == 0 ? json_pack("{s:s}", "enabled", "no") : NULL;
}

static char *logged;

static void see_log(enum log_level level, const char *message, const struct log_field *fields)
{
    CLEANUP_FREE char *before = STEAL(logged);
    CLEANUP_BUF struct buf line = BUF_INIT;
    assert_int_equal(level, LOG_WARNING);
    buf_addstr(&line, message);
    for (const struct log_field *f = fields; f->name; f++)
        buf_printf(&line, "|%s", f->text);
    logged = xasprintf("%s%s\n", before ? before : "", line.data);
}

/* Of the plugin exec, which says what it had to leave out. */
static void what_is_left_out_is_told(void **state)
{
    static const char config[] = "{\"exec\":{\"types\":{\"acme.bad\":{},\"acme.good\":{\"command\":\"/bin/true\"}}}}";
    const char *builddir = getenv("builddir");
    CLEANUP_FREE char *found = xasprintf("%s/plugins/exec/.libs/exec.so", builddir ? builddir : "."), *file = realpath(found, NULL);
    CLEANUP_JSON json_t *sections = js_parse(config, strlen(config), NULL);
    const char *const files[] = {file, NULL};
    struct registry_options o = {.plugin_dirs = files, .system_dir = "", .plugin_config = config_by_name, .ctx = sections};
    struct error e = ERROR_INIT;
    (void)state;
    log_divert(see_log);
    log_setup(LOG_TEXT, LOG_WARNING);
    struct registry *r = open_registry(o, &e);
    log_setup(LOG_TEXT, LOG_ERROR);
    log_divert(NULL);
    const char *message = "a plugin has left out node types; they are not run here", *why = "[exec acme.bad]: command is required";
    CLEANUP_FREE char *line = xasprintf("%s|exec|%s|%s\n", message, file, why);
    const char *detail = "no directory was searched; left out: exec ([exec acme.bad]: command is required)";
    assert_string_equal(logged, line);
    free(STEAL(logged));
    assert_non_null(registry_find(r, "acme.good"));
    assert_null(registry_find(r, "acme.bad"));
    assert_false(registry_sound(r));
    assert_int_equal(registry_failed(r), 0);
    assert_string_equal(registry_unknown_detail(r), detail);
    registry_close(r);
    o.strict = true;
    assert_null(open_registry(o, &e));
    CLEANUP_FREE char *text = xasprintf("plugin exec (%s): node types are left out: [exec acme.bad]: command is required", file);
    assert_string_equal(e.message, text);
}

#define LOOK "wfworker --list-plugins shows what was found, and where it was looked for"

/* A plugin that does not load, or is disabled, is there. */
static void sections_without_a_plugin_are_told(void **state)
{
    (void)state;
    CLEANUP_FREE char *notes = in(top, "notes.so");
    const char *const dirs[] = {top, NULL};
    struct registry_options o = {.plugin_dirs = dirs, .system_dir = "", .plugin_config = all_but_off, .plugin_section = section_at};
    struct error e = ERROR_INIT;
    put(top, "good", "good");
    put(top, "good", "off");
    log_divert(see_log);
    log_setup(LOG_TEXT, LOG_WARNING);
    struct registry *r = open_registry(o, &e);
    log_setup(LOG_TEXT, LOG_ERROR);
    log_divert(NULL);
    assert_string_equal(logged,
                        "a section of the configuration has no effect|w.conf:3: [plugin goood]: there is no plugin \"goood\"|did you mean "
                        "\"good\"?\n"
                        "a section of the configuration has no effect|w.conf:4: [plugin notes]: there is no plugin \"notes\"|" LOOK "\n"
                        "a section of the configuration has no effect|w.conf:7: [exec acme.it]: there is no plugin \"exec\"|" LOOK "\n");
    free(STEAL(logged));
    assert_false(registry_sound(r));
    assert_int_equal(registry_doubts(r), 3);
    assert_null(registry_doubt(r, 3));
    registry_close(r);
    write_file(notes, "hello\n", 6, 0644);
    o.quiet = true;
    r = open_registry(o, &e);
    assert_int_equal(registry_doubts(r), 2); /* notes.so does not load */
    CLEANUP_JSON json_t *listing = registry_json(r);
    CLEANUP_FREE char *warnings = js_text(json_object_get(listing, "warnings"));
    assert_string_equal(warnings, "[\"w.conf:3: [plugin goood]: there is no plugin \\\"goood\\\"\\nHINT:  did you mean \\\"good\\\"?\","
                                  "\"w.conf:7: [exec acme.it]: there is no plugin \\\"exec\\\"\\nHINT:  " LOOK "\"]");
    registry_close(r);
    assert_int_equal(remove(notes), 0);
    o.strict = true;
    assert_null(open_registry(o, &e));
    assert_string_equal(e.message, "w.conf:3: [plugin goood]: there is no plugin \"goood\"");
    assert_string_equal(e.detail, "w.conf:4: [plugin notes]: there is no plugin \"notes\"; w.conf:7: [exec acme.it]: there is no plugin \"exec\"");
    assert_string_equal(e.hint, "did you mean \"good\"?");
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
        IN_DIR(many_wrong_keys_are_told_in_bounds),
        IN_DIR(what_is_left_out_is_told),
        IN_DIR(sections_without_a_plugin_are_told),
        IN_DIR(the_configuration_chooses_between_two),
        IN_DIR(capabilities_are_denied_to_all),
    };
    return run_each_way(argc, argv, tests, ARRAY_LEN(tests));
}
