/* SPDX-License-Identifier: Apache-2.0 */
/* A plugin under test: opened through the real registry, with a task host of its own, and what is wrong with it in
 * words. */
#include "mock/inside.h"

#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "plugin/task_internal.h"

#define START_US INT64_C(1767225600000000) /* 2026-01-01T00:00:00Z, where virtual time of `wfworker exec` begins, too  \
                                            */
#define THREADS 16
#define MAX_COMPLAINTS 200

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static struct wfw_mock *mocks;
static _Thread_local char last_error[3072];

void room_lock(void)
{
    pthread_mutex_lock(&lock);
}

void room_unlock(void)
{
    pthread_mutex_unlock(&lock);
}

void room_wait(void)
{
    pthread_cond_wait(&changed, &lock);
}

void room_wake(void)
{
    pthread_cond_broadcast(&changed);
}

struct wfw_mock *newest_mock(void)
{
    room_lock();
    struct wfw_mock *m = mocks;
    room_unlock();
    return m;
}

struct wfw_mock_run *run_of(struct wfw_task *handle)
{
    struct wfw_mock_run *found = NULL;
    room_lock();
    for (const struct wfw_mock *m = mocks; m && !found; m = m->next)
        for (struct wfw_mock_run *run = m->runs; run && !found; run = run->next)
            if (handle && run->handle == handle)
                found = run;
    room_unlock();
    return found;
}

/* ---- Errors and complaints ---- */

void set_error(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(last_error, sizeof last_error, fmt, ap);
    va_end(ap);
}

const char *wfw_mock_error(void)
{
    return last_error;
}

void complain(struct wfw_mock *m, const char *fmt, ...)
{
    char text[1200];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    room_lock();
    m = m ? m : mocks;
    if (m && m->complaint_count++ < MAX_COMPLAINTS)
        buf_printf(&m->complaints, "%s\n", text);
    room_unlock();
}

/* What wfworker logs about a handler is what its author wants to know; that a call was slow depends on the machine. */
static void on_log(enum log_level level, const char *message, const struct log_field *fields)
{
    const char *about = NULL;
    if (level < LOG_WARNING || strcmp(message, SLOW_MESSAGE) == 0)
        return;
    for (; fields->name; fields++)
        if (strcmp(fields->name, "argument") == 0 || strcmp(fields->name, "error") == 0)
            about = fields->text;
    complain(NULL, "%s%s%s%s", message, about ? " (" : "", about ? about : "", about ? ")" : "");
}

static const char *show(struct wfw_mock *m, char *text)
{
    free(m->shown);
    return m->shown = text;
}

const char *wfw_mock_complaints(struct wfw_mock *mock)
{
    room_lock();
    char *text = xstrdup(mock->complaints.data ? mock->complaints.data : "");
    room_unlock();
    return show(mock, text);
}

int wfw_mock_forgive(struct wfw_mock *mock)
{
    room_lock();
    int count = mock->complaint_count;
    mock->complaint_count = 0;
    buf_clear(&mock->complaints);
    room_unlock();
    return count;
}

const char *wfw_mock_requests(struct wfw_mock *mock)
{
    return show(mock, js_text(mock->requests));
}

/* ---- The section: an object of texts, as a file has it ---- */

static json_t *as_text(const json_t *v)
{
    if (json_is_string(v))
        return json_incref((json_t *)(uintptr_t)v);
    CLEANUP_FREE char *text = json_is_number(v) || json_is_boolean(v) ? js_text(v) : NULL;
    return text ? json_string(text) : NULL;
}

static json_t *read_section(const char *text)
{
    struct error e = ERROR_INIT;
    CLEANUP_JSON json_t *given = text ? js_parse(text, strlen(text), &e) : json_object();
    if (!json_is_object(given)) {
        set_error("section: %s", given ? "it is not an object" : e.message);
        return NULL;
    }
    json_t *section = json_object(), *v;
    const char *key;
    json_object_foreach(given, key, v)
    {
        json_t *one = as_text(v);
        if (!one) {
            set_error("section: \"%s\" is %s; the keys of a section are texts, numbers and booleans", key, js_kind(v));
            json_decref(section);
            return NULL;
        }
        js_set(section, key, one);
    }
    js_set(section, "isolate", json_string("never"));
    return section;
}

static json_t *get_section(void *ctx, const char *name)
{
    (void)name;
    return json_incref(((struct wfw_mock *)ctx)->section);
}

/* ---- Open and close ---- */

static void on_wake(uv_async_t *wake)
{
    mock_turned(wake->data);
}

static struct wfw_mock *mock_new(json_t *section)
{
    struct wfw_mock *m = xcalloc(1, sizeof *m);
    m->section = section;
    atomic_store(&m->now_us, START_US);
    if (uv_loop_init(&m->loop) != 0 || uv_async_init(&m->loop, &m->wake, on_wake) != 0)
        abort();
    uv_timer_init(&m->loop, &m->patience);
    m->patience.data = m->wake.data = m;
    m->requests = json_array();
    m->secrets = json_object();
    m->env = json_object();
    m->variables = json_object();
    m->names = json_object();
    m->evals = json_object();
    m->exprs = expr_cache_new();
    room_lock();
    m->next = mocks;
    mocks = m;
    room_unlock();
    log_divert(on_log);
    return m;
}

static void free_lent(struct wfw_mock *m)
{
    json_decref(m->requests);
    json_decref(m->secrets);
    json_decref(m->env);
    json_decref(m->variables);
    json_decref(m->names);
    json_decref(m->evals);
    json_decref(m->section);
    expr_cache_free(m->exprs);
}

static void mock_delete(struct wfw_mock *m)
{
    uv_close((uv_handle_t *)&m->wake, NULL);
    uv_close((uv_handle_t *)&m->patience, NULL);
    uv_run(&m->loop, UV_RUN_DEFAULT);
    uv_loop_close(&m->loop);
    room_lock();
    for (struct wfw_mock **at = &mocks; *at; at = &(*at)->next)
        if (*at == m) {
            *at = m->next;
            break;
        }
    if (!mocks)
        log_divert(NULL);
    room_unlock();
    free_lent(m);
    buf_free(&m->complaints);
    buf_free(&m->log);
    free(m->first_type);
    free(m->shown);
    free(m);
}

static void tell_error(const struct error *e)
{
    CLEANUP_FREE char *text = reason_text(e, "");
    set_error("%s", text);
}

static struct wfw_mock *give_up(struct wfw_mock *m, const struct error *e)
{
    tell_error(e);
    registry_close(m->registry);
    mock_delete(m);
    return NULL;
}

static struct wfw_mock *begin(struct wfw_mock *m, struct error *e)
{
    const struct task_services services = {.loop = &m->loop,
                                           .ctx = m,
                                           .http_start = script_start,
                                           .http_cancel = script_cancel,
                                           .timer_start = lent_timer_start,
                                           .timer_stop = lent_timer_stop,
                                           .now_us = lent_now,
                                           .eval = lent_eval,
                                           .secret = lent_secret,
                                           .env = lent_env,
                                           .progress = lent_progress,
                                           .variable = lent_variable};
    m->tasks = m->registry ? task_host_new(&services, THREADS, e) : NULL;
    if (!m->tasks)
        return give_up(m, e);
    const struct descriptor *about = &m->registry->plugins[0]->about;
    m->first_type = xstrdup(about->node_count ? about->nodes[0].type : "");
    return m;
}

struct wfw_mock *wfw_mock_open(const struct wfw_plugin *plugin, const char *section)
{
    struct error e = ERROR_INIT;
    json_t *keys = plugin ? read_section(section) : NULL;
    if (!plugin)
        set_error("there is no descriptor");
    if (!keys)
        return NULL;
    struct wfw_mock *m = mock_new(keys);
    const struct registry_options o = {.plugin_config = get_section, .ctx = m, .host = mock_table()};
    m->registry = registry_open_linked(plugin, &o, &e);
    return begin(m, &e);
}

struct wfw_mock *wfw_mock_open_file(const char *path, const char *section)
{
    struct error e = ERROR_INIT;
    json_t *keys = path ? read_section(section) : NULL;
    if (!path)
        set_error("there is no path");
    if (!keys)
        return NULL;
    struct wfw_mock *m = mock_new(keys);
    const char *const files[] = {path, NULL};
    const struct registry_options o = {.plugin_dirs = files,
                                       .system_dir = "",
                                       .quiet = true,
                                       .strict = true,
                                       .plugin_config = get_section,
                                       .ctx = m,
                                       .host = mock_table()};
    m->registry = registry_open(&o, &e);
    if (m->registry && registry_count(m->registry) != 1) {
        err_set(&e, "\"%s\" is not the file of one plugin", path);
        return give_up(m, &e);
    }
    return begin(m, &e);
}

int wfw_mock_close(struct wfw_mock *mock)
{
    if (!mock)
        return 0;
    while (mock->runs)
        wfw_mock_free(mock->runs);
    script_free(mock);
    size_t left = task_host_free(mock->tasks);
    uv_run(&mock->loop, UV_RUN_NOWAIT);
    if (left == 0)
        registry_close(mock->registry);
    else
        complain(mock, "%zu handlers did not return: exit() of the plugin was not called", left);
    int count = mock->complaint_count;
    for (const char *line = mock->complaints.data; line && *line; line += strcspn(line, "\n") + 1)
        fprintf(stderr, "mock: %.*s\n", (int)strcspn(line, "\n"), line);
    if (left == 0)
        mock_delete(mock);
    return count;
}
