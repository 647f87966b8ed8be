/* SPDX-License-Identifier: Apache-2.0 */
/* What a handler reads and makes, and what it may ask. */
#include "unit/plugin_bench.h"

#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "plugin/values.h"

/* ---- Values ---- */

static void check_reading(const struct wfw_value *v)
{
    int b = 7;
    int64_t i = 7;
    double d = 7;
    const char *s = "seven";
    size_t len = 7;
    assert_int_equal(host->type(v), WFW_OBJECT);
    assert_int_equal(host->type(NULL), WFW_NULL);
    assert_ptr_equal(host->get(v, ""), v);
    assert_null(host->get(v, "a"));
    assert_null(host->get(NULL, ""));
    assert_int_equal(host->get_bool(v, "/t", &b), WFW_OK);
    assert_int_equal(b, 1);
    assert_int_equal(host->get_bool(v, "/s", &b), WFW_E_TYPE);
    assert_int_equal(host->get_int(v, "/a/1/b~1c~0d", &i), WFW_OK);
    assert_int_equal(i, -9);
    assert_int_equal(host->get_int(v, "/whole", &i), WFW_OK);
    assert_int_equal(i, 3);
    assert_int_equal(host->get_int(v, "/r", &i), WFW_E_TYPE);
    assert_int_equal(host->get_int(v, "/big", &i), WFW_E_TYPE);
    assert_int_equal(host->get_int(v, "/s", &i), WFW_E_TYPE);
    assert_int_equal(i, 3);
    assert_int_equal(host->get_real(v, "/r", &d), WFW_OK);
    assert_true(fabs(d - 0.5) < 1e-12);
    assert_int_equal(host->get_real(v, "/a/0", &d), WFW_OK);
    assert_int_equal(host->get_real(v, "/n", &d), WFW_E_TYPE);
    assert_int_equal(host->get_string(v, "/s", &s, &len), WFW_OK);
    assert_string_equal(s, "text");
    assert_int_equal(len, 4);
    assert_int_equal(host->get_string(v, "/a", &s, NULL), WFW_E_TYPE);
    static const char *const absent[] = {"/x", "/a/9", "/a/01", "/a/-", "/a/1/b", "/s/0", "/a/", "/a/99999999999999999999"};
    for (size_t k = 0; k < ARRAY_LEN(absent); k++)
        assert_int_equal(host->get_string(v, absent[k], &s, NULL), WFW_E_NOTFOUND);
    assert_int_equal(host->get_string(v, "s", &s, NULL), WFW_E_INVAL);
    assert_int_equal(host->get_string(v, NULL, &s, NULL), WFW_E_INVAL);
    assert_int_equal(host->length(v), 8);
    assert_int_equal(host->length(host->get(v, "/a")), 2);
    assert_int_equal(host->length(host->get(v, "/s")), 4);
    assert_int_equal(host->length(host->get(v, "/t")), 0);
    assert_int_equal(host->length(NULL), 0);
}

static void check_items(const struct wfw_value *v)
{
    static const char *const keys[] = {"t", "s", "n", "r", "whole", "big", "a", "last"};
    const char *key;
    for (int round = 0; round < 2; round++)
        for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
            size_t at = round ? ARRAY_LEN(keys) - 1 - i : i;
            assert_non_null(host->item(v, at, &key));
            assert_string_equal(key, keys[at]);
        }
    assert_null(host->item(v, ARRAY_LEN(keys), &key));
    assert_null(key);
    assert_null(host->item(NULL, 0, NULL));
    assert_null(host->item(host->get(v, "/s"), 0, NULL));
    assert_non_null(host->item(host->get(v, "/a"), 1, &key));
    assert_null(key);
    assert_null(host->item(host->get(v, "/a"), 2, &key));
}

static void run_reading(void *state, struct wfw_task *task, const struct wfw_call *call)
{
    static const char text[] = "{\"t\":true,\"s\":\"text\",\"n\":null,\"r\":0.5,\"whole\":3.0,\"big\":1e300,"
                               "\"a\":[1,{\"b/c~d\":-9}],\"last\":{}}";
    char msg[100] = "";
    size_t len;
    (void)state;
    const struct wfw_value *v = host->parse(task, text, WFW_NTS, msg, sizeof msg);
    assert_non_null(v);
    check_reading(v);
    check_items(v);
    const char *again = host->text(task, v, &len);
    assert_int_equal(len, strlen(again));
    assert_null(host->parse(task, "[1,]", 4, msg, sizeof msg));
    assert_string_equal(msg, "invalid JSON at line 1, column 4: unexpected token near ']'");
    assert_null(host->parse(task, "{\"a\":\"\\u0000\"}", WFW_NTS, NULL, 0));
    assert_null(host->parse(task, NULL, 0, msg, 5));
    assert_string_equal(msg, "ther");
    assert_int_equal(host->set((struct wfw_value *)(uintptr_t)v, "x", v), WFW_E_INVAL);
    assert_int_equal(host->set((struct wfw_value *)(uintptr_t)call->input, "x", v), WFW_E_INVAL);
    assert_int_equal(host->push((struct wfw_value *)(uintptr_t)host->get(v, "/a"), v), WFW_E_INVAL);
    host->done(task, host->string(task, again, len), NULL);
}

static void values_are_read(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++)
        expect_run(run_reading, i ? WFW_EXEC_LOOP : WFW_EXEC_BLOCKING, 0, "{}",
                   "done output=\"{\\\"t\\\":true,\\\"s\\\":\\\"text\\\",\\\"n\\\":null,\\\"r\\\":0.5,\\\"whole\\\":3.0,"
                   "\\\"big\\\":1e300,\\\"a\\\":[1,{\\\"b/c~d\\\":-9}],\\\"last\\\":{}}\"");
}

static void build_wrong(struct wfw_task *task, struct wfw_value *object, struct wfw_value *array)
{
    assert_int_equal(host->set(object, "x", NULL), WFW_E_INVAL);
    assert_int_equal(host->set(object, NULL, array), WFW_E_INVAL);
    assert_int_equal(host->set(object, "\xff", host->null(task)), WFW_E_INVAL);
    assert_int_equal(host->set(array, "x", host->null(task)), WFW_E_INVAL);
    assert_int_equal(host->push(object, host->null(task)), WFW_E_INVAL);
    assert_int_equal(host->set(NULL, "x", host->null(task)), WFW_E_INVAL);
    assert_int_equal(host->set(object, "self", object), WFW_E_INVAL);
    assert_null(host->real(task, (double)NAN));
    assert_null(host->real(task, (double)INFINITY));
    assert_null(host->string(task, "\xc3(", WFW_NTS));
    assert_null(host->string(task, "a\0b", 3));
    assert_null(host->string(task, NULL, 0));
}

static void run_building(void *state, struct wfw_task *task, const struct wfw_call *call)
{
    (void)state;
    struct wfw_value *object = host->object(task), *array = host->array(task), *inner = host->object(task);
    build_wrong(task, object, array);
    assert_int_equal(host->push(array, host->boolean(task, 5)), WFW_OK);
    assert_int_equal(host->push(array, host->integer(task, INT64_MIN)), WFW_OK);
    assert_int_equal(host->push(array, host->real(task, 0.1)), WFW_OK);
    assert_int_equal(host->push(array, host->string(task, "\xc3\xa4rger", 3)), WFW_OK);
    assert_int_equal(host->push(array, inner), WFW_OK);
    assert_int_equal(host->set(inner, "late", array), WFW_E_INVAL); /* frozen: no cycles */
    assert_int_equal(host->set(object, "a", host->null(task)), WFW_OK);
    assert_int_equal(host->set(object, "a", array), WFW_OK);
    assert_int_equal(host->push(array, host->null(task)), WFW_E_INVAL);
    assert_int_equal(host->set(object, "in", call->input), WFW_OK);
    assert_int_equal(host->type(object), WFW_OBJECT);
    assert_int_equal(host->length(object), 2);
    host->done(task, object, NULL);
    assert_int_equal(host->set(object, "z", call->input), WFW_E_INVAL);
}

static void values_are_built(void **state)
{
    (void)state;
    expect_run(run_building, WFW_EXEC_LOOP, 0, "{}",
               "done output={\"a\":[true,-9223372036854775808,0.1,\"\xc3\xa4r\",{}],\"in\":{\"n\":5}}");
    expect_run(run_building, WFW_EXEC_BLOCKING, 0, "{}",
               "done output={\"a\":[true,-9223372036854775808,0.1,\"\xc3\xa4r\",{}],\"in\":{\"n\":5}}");
}

static void run_deep(void *state, struct wfw_task *task, const struct wfw_call *call)
{
    (void)state;
    (void)call;
    struct wfw_value *v = host->array(task);
    int depth = 1, rc = WFW_OK;
    for (; rc == WFW_OK && depth < 100000; depth++) {
        struct wfw_value *outer = host->array(task);
        rc = host->push(outer, v);
        v = outer;
    }
    assert_int_equal(rc, WFW_E_LIMIT);
    host->done(task, host->integer(task, depth), NULL);
}

static void nesting_is_bounded(void **state)
{
    (void)state;
    expect_run(run_deep, WFW_EXEC_LOOP, 0, "{}", "done output=513");
}

static void run_wide(void *state, struct wfw_task *task, const struct wfw_call *call)
{
    (void)state;
    (void)call;
    struct wfw_value *v = host->object(task);
    const char *key;
    int64_t sum = 0, one = 0;
    for (int i = 0; i < 20000; i++) {
        char name[20];
        snprintf(name, sizeof name, "k%d", i);
        host->set(v, name, host->integer(task, i));
    }
    for (size_t i = 0; i < host->length(v); i++) {
        assert_int_equal(host->get_int(host->item(v, i, &key), "", &one), WFW_OK);
        assert_int_equal(atoll(key + 1), i);
        sum += one;
    }
    host->done(task, host->integer(task, sum), NULL);
}

static void wide_objects_are_walked(void **state)
{
    (void)state;
    expect_run(run_wide, WFW_EXEC_BLOCKING, 0, "{}", "done output=199990000");
}

/* ---- Services ---- */

static void run_services(void *state, struct wfw_task *task, const struct wfw_call *call)
{
    (void)state;
    struct wfw_value *out = host->object(task);
    char *memory = host->alloc(task, 1000);
    assert_non_null(memory);
    for (size_t i = 0; i < 1000; i++)
        assert_int_equal(memory[i], 0);
    assert_null(host->alloc(task, SIZE_MAX));
    assert_int_equal(host->now_ms(), NOW_US / 1000);
    assert_int_equal(host->cancelled(task), 0);
    struct wfw_error error = {.size = sizeof error};
    const struct wfw_value *v = host->eval(task, "1 + n", call->input, &error);
    assert_non_null(v);
    host->set(out, "eval", v);
    assert_null(error.message);
    const struct wfw_value *twice = host->eval(task, "1 + n", call->input, &error);
    assert_non_null(twice);
    assert_null(error.message);
    host->release(task, twice);
    host->release(task, out); /* not for these: it goes on living */
    host->release(task, NULL);
    assert_null(host->eval(task, "bad", NULL, &error));
    assert_string_equal(error.type, "expression_error");
    assert_string_equal(error.message, "does not compile");
    assert_null(host->eval(task, NULL, NULL, &error));
    assert_string_equal(error.message, "an expression and an object of variables are needed");
    assert_null(host->eval(task, "typed", NULL, &error));
    assert_string_equal(error.type, "unknown_name");
    assert_string_equal(error.message, "no such name");
    assert_null(host->eval(task, "typed", NULL, NULL));
    assert_string_equal(host->secret(task, "key"), "hush");
    assert_null(host->secret(task, "other"));
    assert_string_equal(host->env(task, "HOME"), "/root");
    assert_null(host->env(task, NULL));
    host->log(task, 999, "bad \xff bytes %d", 3);
    assert_int_equal(host->progress(task, host->integer(task, 50)), WFW_OK);
    assert_int_equal(host->progress(task, NULL), WFW_E_INVAL);
    host->done(task, out, NULL);
    assert_int_equal(host->progress(task, out), WFW_E_STALE);
}

static void services_from_loop_and_thread(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        buf_clear(&got.seen);
        expect_run(run_services, i ? WFW_EXEC_LOOP : WFW_EXEC_BLOCKING, WFW_CAP_SECRETS | WFW_CAP_ENV, "{}",
                   "done output={\"eval\":{\"expression\":\"1 + n\",\"vars\":{\"n\":5}}}");
        assert_string_equal(got.seen.data, "log owner 3 bad \xef\xbf\xbd bytes 3\nprogress owner 50\n");
    }
}

/* ---- Copies, and what goes with a task ---- */

static void run_copies(void *state, struct wfw_task *task, const struct wfw_call *call)
{
    (void)state;
    struct wfw_value *more = host->copy(task, call->config), *list = host->copy(task, host->get(call->config, "/list"));
    assert_null(host->copy(task, host->integer(task, 1)));
    assert_null(host->copy(task, NULL));
    assert_int_equal(host->push(list, host->integer(task, 3)), WFW_OK);
    assert_int_equal(host->set(more, "list", list), WFW_OK);
    assert_int_equal(host->remove(more, "gone"), WFW_OK);
    assert_int_equal(host->remove(more, "gone"), WFW_E_NOTFOUND);
    assert_int_equal(host->remove(more, NULL), WFW_E_INVAL);
    assert_int_equal(host->remove(list, "0"), WFW_E_INVAL);
    struct wfw_value *twice = host->copy(task, more);
    assert_int_equal(host->set(twice, "twice", host->boolean(task, 1)), WFW_OK);
    assert_int_equal(host->set(twice, "before", call->config), WFW_OK);
    assert_int_equal(host->set(twice, "once", more), WFW_OK);
    assert_int_equal(host->remove(more, "list"), WFW_E_INVAL);
    host->done(task, twice, NULL);
}

static void copies_can_be_changed(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++)
        expect_run(run_copies, i ? WFW_EXEC_LOOP : WFW_EXEC_BLOCKING, 0, "{\"list\":[1,2],\"gone\":{\"x\":1}}",
                   "done output={\"list\":[1,2,3],\"twice\":true,\"before\":{\"list\":[1,2],\"gone\":{\"x\":1}},"
                   "\"once\":{\"list\":[1,2,3]}}");
}

static int released[2];

static void count_release(void *data)
{
    (*(int *)data)++;
}

static void run_data(void *state, struct wfw_task *task, const struct wfw_call *call)
{
    (void)state;
    (void)call;
    assert_null(host->data(task));
    assert_int_equal(host->set_data(task, &released[0], count_release), WFW_OK);
    assert_int_equal(host->set_data(task, &released[0], count_release), WFW_OK);
    assert_int_equal(released[0], 0);
    assert_int_equal(host->set_data(task, &released[1], count_release), WFW_OK);
    assert_int_equal(released[0], 1);
    assert_ptr_equal(host->data(task), &released[1]);
    host->done(task, NULL, NULL);
    assert_ptr_equal(host->data(task), &released[1]);
    assert_int_equal(released[1], 0);
}

static void data_go_with_the_task(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        memset(released, 0, sizeof released);
        expect_run(run_data, i ? WFW_EXEC_LOOP : WFW_EXEC_BLOCKING, 0, "{}", "done output={}");
        for (int turns = 0; released[1] == 0 && turns < 1000; turns++)
            uv_run(&loop, UV_RUN_ONCE); /* until the thread has returned, too */
        assert_int_equal(released[0], 1);
        assert_int_equal(released[1], 1);
    }
}

static void no_http(void *arg, struct wfw_task *task, const struct wfw_http_response *r)
{
    (void)arg;
    (void)task;
    (void)r;
    _fail(__FILE__, __LINE__);
}

static void no_fd(void *arg, struct wfw_task *task, uint32_t events)
{
    (void)arg;
    (void)task;
    (void)events;
    _fail(__FILE__, __LINE__);
}

static int pipe_fds[2];

/* What is said in the log goes to got.seen, too. */
static void see_log(enum log_level level, const char *message, const struct log_field *fields)
{
    struct buf b = BUF_INIT;
    for (const struct log_field *f = fields; f->name; f++)
        buf_printf(&b, " %s=%s", f->name, f->text ? f->text : "?");
    note("%d %s%s", (int)level, message, b.data ? b.data : "");
    buf_free(&b);
}

/* Uses everything that needs a capability; what it got is its output. */
static void run_everything(void *state, struct wfw_task *task, const struct wfw_call *call)
{
    char id[WFW_ID_SIZE];
    (void)state;
    (void)call;
    struct wfw_value *out = host->object(task);
    const struct wfw_http_request request = {.size = sizeof request, .url = "http://silent/"};
    host->set(out, "secret", host->boolean(task, host->secret(task, "key") != NULL));
    host->set(out, "env", host->boolean(task, host->env(task, "HOME") != NULL));
    host->set(out, "http", host->boolean(task, host->http(task, &request, no_http, NULL) != NULL));
    host->set(out, "fd", host->boolean(task, host->fd(task, pipe_fds[0], WFW_FD_READ, no_fd, NULL) != NULL));
    const struct wfw_child child = {.size = sizeof child, .workflow = "w"};
    const struct wfw_lock lock = {.size = sizeof lock, .key = "k"};
    const struct wfw_send send = {.size = sizeof send, .type = "t"};
    const struct wfw_request ask = {.size = sizeof ask, .signal = "s"};
    host->set(out, "child", host->integer(task, host->start_child(task, &child, id)));
    host->set(out, "lock", host->integer(task, host->lock(task, &lock, id)));
    host->set(out, "signal", host->integer(task, host->send_signal(task, &send, id)));
    host->set(out, "request", host->integer(task, host->request(task, &ask, id)));
    host->done(task, out, NULL);
}

#define ALL_CAPS                                                                                                       \
    (WFW_CAP_SECRETS | WFW_CAP_ENV | WFW_CAP_HTTP | WFW_CAP_FD | WFW_CAP_CHILD | WFW_CAP_LOCK | WFW_CAP_SIGNAL | WFW_CAP_REQUEST)
#define NOTHING                                                                                                        \
    "done output={\"secret\":false,\"env\":false,\"http\":false,\"fd\":false,\"child\":-3,\"lock\":-3,\"signal\":-3,"          \
    "\"request\":-3}"
#define REFUSAL(says, name)                                                                                            \
    "2 " says " argument=" name " plugin=t node_type=t.node node=node-1 execution=exec-1\n"
#define REFUSALS(says)                                                                                                 \
    REFUSAL(says, "secrets")                                                                                           \
    REFUSAL(says, "env") REFUSAL(says, "http") REFUSAL(says, "fd") REFUSAL(says, "child") REFUSAL(says, "lock")              \
        REFUSAL(says, "signal") REFUSAL(says, "request")

static void expect_caps(uint32_t exec, uint32_t caps, uint32_t denied, const char *outcome, const char *seen)
{
    buf_clear(&got.seen);
    prepare(run_everything, exec, caps);
    handler.denied = denied;
    launch("{}");
    loop_until(got.count + 1);
    assert_string_equal(got.text, outcome);
    assert_string_equal(got.seen.data ? got.seen.data : "", seen);
}

static void capabilities_are_declared_and_granted(void **state)
{
    (void)state;
    assert_int_equal(pipe(pipe_fds), 0);
    log_divert(see_log);
    log_setup(LOG_TEXT, LOG_WARNING);
    expect_caps(WFW_EXEC_LOOP, 0, 0, NOTHING, REFUSALS("a handler uses a capability that its node type does not declare"));
    expect_caps(WFW_EXEC_LOOP, 0, ALL_CAPS, NOTHING, REFUSALS("a handler uses a capability that is denied to its plugin"));
    expect_caps(WFW_EXEC_LOOP, ALL_CAPS, 0,
                "done output={\"secret\":true,\"env\":true,\"http\":true,\"fd\":true,\"child\":0,\"lock\":0,\"signal\":0,"
                "\"request\":0}",
                "http GET http://silent/ - 0 0\n");
    /* From a thread there are no watches at all. */
    expect_caps(WFW_EXEC_BLOCKING, ALL_CAPS, 0,
                "done output={\"secret\":true,\"env\":true,\"http\":false,\"fd\":false,\"child\":0,\"lock\":0,\"signal\":0,"
                "\"request\":0}",
                "");
    log_setup(LOG_TEXT, LOG_ERROR);
    log_divert(NULL);
    close(pipe_fds[0]);
    close(pipe_fds[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_HOST(copies_can_be_changed),
        WITH_HOST(data_go_with_the_task),
        WITH_HOST(values_are_read),
        WITH_HOST(values_are_built),
        WITH_HOST(nesting_is_bounded),
        WITH_HOST(wide_objects_are_walked),
        WITH_HOST(services_from_loop_and_thread),
        WITH_HOST(capabilities_are_declared_and_granted),
    };
    alarm(300);
    log_setup(LOG_TEXT, LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
