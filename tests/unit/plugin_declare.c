/* SPDX-License-Identifier: Apache-2.0 */
/* Node types that come from a plugin's configuration: wfw_plugin.declare. */
#include "unit/test.h"

#include "base/json.h"
#include "base/mem.h"
#include "plugin/about.h"
#include "plugin/descriptor.h"
#include "plugin/values.h"

static int seen_count;
static json_t *config_now; /* names of node types point into it */

static void run(void *state, struct wfw_task *task, const struct wfw_call *call)
{
    (void)state, (void)task, (void)call;
}

static struct wfw_node made[3];
static const struct wfw_node *list[4], fixed = {.size = sizeof fixed, .type = "acme.fixed", .run = run};
static const struct wfw_node *const fixed_list[] = {&fixed, NULL};

/* "types": the names, "say": what is said of those that are left out, or, without types, why it refuses. */
static const struct wfw_node *const *declare(const struct wfw_host *host, const struct wfw_value *config, char *msg, size_t msglen)
{
    json_t *types = json_object_get(value_json(config), "types");
    const char *say = js_str(value_json(config), "say");
    assert_null(host);
    seen_count++;
    if (say)
        snprintf(msg, msglen, "%s", say);
    if (!types)
        return NULL;
    size_t n = json_array_size(types);
    for (size_t i = 0; i < n; i++) {
        made[i] = (struct wfw_node){.size = sizeof *made, .type = json_string_value(json_array_get(types, i)), .run = run,
                                    .config_schema = i == 2 ? "[" : "{\"type\":\"object\"}", .data = &made[i]};
        list[i] = &made[i];
    }
    list[n] = NULL;
    return list;
}

static int read_with(const struct wfw_node *const *nodes, const char *config, struct descriptor *d, struct error *e)
{
    const struct wfw_plugin plugin = {
        .size = sizeof plugin, .name = "acme", .version = "1", .nodes = nodes, .declare = declare};
    json_decref(config_now);
    config_now = js_parse(config, strlen(config), NULL);
    assert_non_null(config_now);
    assert_int_equal(descriptor_read(&plugin, "acme", d, e), 0);
    return descriptor_declare(d, NULL, config_now, e);
}

static void adds_to_those_that_are_fixed(void **state)
{
    struct descriptor d;
    struct error e = ERROR_INIT;
    (void)state;
    seen_count = 0;
    assert_int_equal(read_with(fixed_list, "{\"types\":[\"acme.a\",\"acme.b\"]}", &d, &e), 0);
    assert_int_equal(seen_count, 1);
    assert_int_equal(d.node_count, 3);
    assert_string_equal(d.nodes[0].type, "acme.fixed");
    assert_string_equal(d.nodes[1].type, "acme.a");
    assert_string_equal(d.nodes[2].type, "acme.b");
    assert_ptr_equal(d.nodes[2].data, &made[1]);
    assert_null(d.schemas[0]);
    assert_non_null(d.schemas[2]);
    descriptor_free(&d);
}

static void none_need_be_fixed(void **state)
{
    struct descriptor d;
    struct error e = ERROR_INIT;
    (void)state;
    assert_int_equal(read_with(NULL, "{\"types\":[]}", &d, &e), 0);
    assert_int_equal(d.node_count, 0);
    descriptor_free(&d);
    assert_int_equal(read_with(NULL, "{\"types\":[\"acme.a\"]}", &d, &e), 0);
    assert_int_equal(d.node_count, 1);
    descriptor_free(&d);
}

static void some_may_be_left_out(void **state)
{
    struct descriptor d;
    struct error e = ERROR_INIT;
    (void)state;
    assert_int_equal(read_with(NULL, "{\"types\":[\"acme.a\"],\"say\":\"acme.b has no \\u00e4\"}", &d, &e), 0);
    assert_int_equal(d.node_count, 1);
    assert_string_equal(d.left_out, "acme.b has no \xc3\xa4");
    CLEANUP_JSON json_t *about = about_write(&d); /* as it comes from another process */
    descriptor_free(&d);
    assert_int_equal(about_read(about, "acme", &d, &e), 0);
    assert_string_equal(d.left_out, "acme.b has no \xc3\xa4");
    descriptor_free(&d);
    assert_int_equal(read_with(NULL, "{\"types\":[\"acme.a\"]}", &d, &e), 0);
    assert_null(d.left_out);
    descriptor_free(&d);
}

static void faults(void **state)
{
    static const struct {
        const char *config, *text;
    } cases[] = {
        {"{\"say\":\"no such thing\"}", "it cannot declare its node types: no such thing"},
        {"{}", "it cannot declare its node types, and says no reason"},
        {"{\"types\":[\"acme.a\",\"acme.a\"]}", "it has the node type \"acme.a\" twice"},
        {"{\"types\":[\"acme.fixed\"]}", "it has the node type \"acme.fixed\" twice"},
        {"{\"types\":[\"acme.\"]}", "node 1 has the type \"acme.\", which is not a valid name"},
        {"{\"types\":[\"acme.a\",\"acme.b\",\"acme.c\"]}",
         "config_schema of node type \"acme.c\": invalid JSON at line 1, column 1: ']' expected near end of file"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct descriptor d;
        struct error e = ERROR_INIT;
        assert_int_equal(read_with(fixed_list, cases[i].config, &d, &e), -1);
        assert_string_equal(e.message, cases[i].text);
        descriptor_free(&d);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(adds_to_those_that_are_fixed),
        cmocka_unit_test(none_need_be_fixed),
        cmocka_unit_test(some_may_be_left_out),
        cmocka_unit_test(faults),
    };
    int rc = cmocka_run_group_tests(tests, NULL, NULL);
    json_decref(config_now);
    return rc;
}
