/* SPDX-License-Identifier: Apache-2.0 */
/* Arguments of commands: options, operands, JSON from arguments and files. */
#include "unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"
#include "cli/command.h"
#include "cli/input.h"

static const struct cli_option options[] = {
    {"wait", 'w', NULL, ""}, {"data", 'd', "JSON", ""}, {"name", 0, "NAME", ""}, {NULL, 0, NULL, NULL}};
static const struct cli_command command = {"submit", "WORKFLOW", "", "", options, 1, 2, NULL};

static int parse(struct cli *c, const char *line, struct error *e)
{
    static char text[256];
    char *argv[16];
    int argc = 0;
    *c = (struct cli){.command = &command};
    snprintf(text, sizeof text, "%s", line);
    for (char *save = NULL, *w = strtok_r(text, " ", &save); w && argc < 15; w = strtok_r(NULL, " ", &save))
        argv[argc++] = w;
    argv[argc] = NULL;
    return cli_parse(c, argc, argv, e);
}

static void options_and_operands_are_told_apart(void **state)
{
    (void)state;
    struct cli c;
    struct error e = ERROR_INIT;
    assert_int_equal(parse(&c, "a --wait -d {} --name=x=y b", &e), 0);
    assert_int_equal(c.operand_count, 2);
    assert_string_equal(c.operands[0], "a");
    assert_string_equal(c.operands[1], "b");
    assert_true(cli_has(&c, "wait"));
    assert_string_equal(cli_value(&c, "data"), "{}");
    assert_string_equal(cli_value(&c, "name"), "x=y");
    assert_int_equal(parse(&c, "-w -- --name -", &e), 0);
    assert_int_equal(c.operand_count, 2);
    assert_string_equal(c.operands[0], "--name");
    assert_string_equal(c.operands[1], "-");
    assert_null(cli_value(&c, "name"));
}

static void wrong_arguments_are_named(void **state)
{
    (void)state;
    static const struct {
        const char *line, *message, *hint;
    } rows[] = {
        {"", "WORKFLOW is missing", "usage: wfworker submit WORKFLOW [OPTION...]"},
        {"a b c", "unexpected argument \"c\"", "usage: wfworker submit WORKFLOW [OPTION...]"},
        {"a --wiat", "unknown option --wiat", "did you mean --wait?"},
        {"a --shutdown-grcae=3", "unknown option --shutdown-grcae", "did you mean --shutdown-grace?"},
        {"a --qqqqqqqqqqqqqqqq", "unknown option --qqqqqqqqqqqqqqqq", "wfworker submit --help shows the options that there are"},
        {"a -xyzuvwrs", "unknown option -xyzuvwrs", "wfworker submit --help shows the options that there are"},
        {"a --wait=1", "option --wait takes no value", ""},
        {"a --data", "option --data needs a value: JSON", ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct cli c;
        struct error e = ERROR_INIT;
        assert_int_equal(parse(&c, rows[i].line, &e), -1);
        assert_string_equal(e.message, rows[i].message);
        assert_string_equal(e.hint, rows[i].hint);
    }
}

static char *put(const char *name, const char *text)
{
    char *path = xasprintf("%s.%ld.json", name, (long)getpid());
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
    return path;
}

static void data_is_an_object_from_text_or_file(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;
    CLEANUP_JSON json_t *none = input_data(NULL, &e);
    assert_int_equal(json_object_size(none), 0);
    CLEANUP_JSON json_t *text = input_data("{\"n\": 1}", &e);
    assert_int_equal(js_int(text, "n", 0), 1);
    CLEANUP_FREE char *path = put("data", "\xef\xbb\xbf{\"n\": 2}\n");
    CLEANUP_FREE char *at = xasprintf("@%s", path);
    CLEANUP_JSON json_t *file = input_data(at, &e);
    assert_int_equal(js_int(file, "n", 0), 2);
    unlink(path);
    assert_null(input_data("{n", &e));
    assert_non_null(strstr(e.message, "--data: invalid JSON at line 1, column "));
    assert_null(input_data("[1]", &e));
    assert_string_equal(e.message, "--data is not a JSON object");
    assert_null(input_data("@./not-there.json", &e));
    assert_string_equal(e.message, "./not-there.json: No such file or directory");
    assert_null(input_data("@.", &e));
    assert_string_equal(e.message, ".: this is a directory");
}

static void check_workflow(const char *text, const char *name, size_t nodes)
{
    struct error e = ERROR_INIT;
    struct input_workflow w;
    CLEANUP_FREE char *path = put("flow", text);
    CLEANUP_FREE char *own = xasprintf("flow.%ld", (long)getpid());
    if (input_workflow(path, &w, &e) != 0)
        fail_msg("%s: %s", text, e.message);
    assert_string_equal(w.name, name ? name : own);
    assert_int_equal(json_array_size(json_object_get(w.graph, "nodes")), nodes);
    input_workflow_free(&w);
    unlink(path);
}

static void check_no_workflow(const char *text, const char *message)
{
    struct error e = ERROR_INIT;
    struct input_workflow w;
    CLEANUP_FREE char *path = put("flow", text);
    CLEANUP_FREE char *whole = xasprintf("%s: %s", path, message);
    assert_int_equal(input_workflow(path, &w, &e), -1);
    assert_string_equal(e.message, whole);
    input_workflow_free(&w);
    unlink(path);
}

static void workflows_come_in_several_forms(void **state)
{
    (void)state;
    check_workflow("{\"nodes\":[{},{}],\"edges\":[]}", NULL, 2);
    check_workflow("{\"name\":\"orders\",\"graph_config\":{\"nodes\":[{}]},\"trigger_config\":{\"a\":1}}", "orders", 1);
    check_workflow("{\"name\":\"x\",\"graph_config\":\"{\\\"nodes\\\":[{}]}\"}", "x", 1);
    check_no_workflow("{}", "this is no workflow");
    check_no_workflow("[]", "this is no workflow");
    check_no_workflow("{\"graph_config\":[]}", "graph_config is not an object");
    check_no_workflow("{\"graph_config\":\"{\"}", "graph_config: invalid JSON at line 1, column 1: string or '}' expected near end of file");
}

static int enter_directory(void **state)
{
    static char directory[] = "/tmp/wfw-cli-XXXXXX";
    *state = directory;
    return mkdtemp(directory) ? chdir(directory) : -1;
}

static int leave_directory(void **state)
{
    return chdir("/") == 0 ? rmdir(*state) : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_and_operands_are_told_apart),
        cmocka_unit_test(wrong_arguments_are_named),
        cmocka_unit_test(data_is_an_object_from_text_or_file),
        cmocka_unit_test(workflows_come_in_several_forms),
    };
    return cmocka_run_group_tests_name("cli input", tests, enter_directory, leave_directory);
}
