/* SPDX-License-Identifier: Apache-2.0 */
/* What a loop is to do: its settings, the plan that is made at the start, and the items that signals add to it. */
#include <stdio.h>
#include <stdlib.h>

#include "loop.h"

/* ---- configuration ---- */

static enum loop_kind kind_named(const char *name)
{
    if (strcmp(name, "for") == 0)
        return LOOP_FOR;
    if (strcmp(name, "while") == 0)
        return LOOP_WHILE;
    return strcmp(name, "repeat") == 0 ? LOOP_REPEAT : LOOP_UNKNOWN;
}

static enum loop_kind kind_of(const struct wfw_call *call)
{
    enum loop_kind kind = kind_named(call->node_type);
    const char *type = text_member(host, call->config, "/loop_type");
    if (kind != LOOP_UNKNOWN)
        return kind;
    if (type)
        return kind_named(type);
    if (member(host, call->config, "/array_expression") || member(host, call->config, "/accept_items"))
        return LOOP_FOR;
    if (member(host, call->config, "/condition_expression"))
        return LOOP_WHILE;
    return member(host, call->config, "/repeat_count") ? LOOP_REPEAT : LOOP_UNKNOWN;
}

static int64_t number(const struct wfw_call *call, const char *pointer, int64_t least, int64_t fallback)
{
    int64_t n = fallback;
    if (host->get_int(call->config, pointer, &n) != WFW_OK || n < least)
        return fallback;
    return n < LOOP_MOST ? n : LOOP_MOST;
}

static void read_options(struct loop *l)
{
    const char *variable = text_member(host, l->call->config, "/loop_variable");
    const char *rest = text_member(host, l->call->config, "/join_rest");
    l->o = (struct loop_options){.variable = variable ? variable : "item",
                            .concurrency = number(l->call, "/max_concurrency", 1, 1),
                            .need = number(l->call, "/need", 0, -1),
                            .tolerate = number(l->call, "/tolerate", 0, 0),
                            .max_iterations = number(l->call, "/max_iterations", 1, 10000),
                            .keep = number(l->call, "/keep", 0, 100),
                            .run_rest = rest && strcmp(rest, "run") == 0,
                            .accept = text_member(host, l->call->config, "/accept_items"),
                            .stop_when = text_member(host, l->call->config, "/stop_when")};
}

/* Without a scope nothing was entered yet. */
static void read_progress(struct loop *l)
{
    const struct wfw_value *s = l->call->scope;
    int64_t done = 0, continued = 0;
    host->get_int(s, "/passes", &l->p.begun);
    host->get_int(s, "/open", &l->p.open);
    host->get_int(s, "/done", &done);
    host->get_int(s, "/continued", &continued);
    host->get_int(s, "/left", &l->p.left);
    host->get_int(s, "/failed", &l->p.failed);
    host->get_int(s, "/cancelled", &l->p.cancelled);
    l->p.succeeded = done + continued + l->p.left;
}

/* ---- the start ---- */

/* -1: failed. */
static int find_items(struct loop *l)
{
    const struct wfw_value *source = member(host, l->call->config, "/array_expression");
    const char *expression = text_member(host, l->call->config, "/array_expression");
    struct wfw_error e = {.size = sizeof e};
    if (!source && l->o.accept)
        source = host->array(l->task); /* all items are still to come */
    if (expression) {
        source = host->eval(l->task, expression, NULL, &e);
        if (!source) {
            fail_with(host, l->task, e.type, "/array_expression: %s", e.message);
            return -1;
        }
    }
    if (!source || host->type(source) != WFW_ARRAY) {
        fail_with(host, l->task, "type_error", "/array_expression: %s",
                  source ? "the value is no array" : "there is no array");
        return -1;
    }
    l->items = source;
    l->total = (int64_t)host->length(source);
    return 0;
}

static int find_count(struct loop *l)
{
    int64_t n = 0;
    const char *text = text_member(host, l->call->config, "/repeat_count");
    char *end = NULL;
    if (text)
        n = strtoll(text, &end, 10);
    if ((text && *end) || (!text && host->get_int(l->call->config, "/repeat_count", &n) != WFW_OK) || n < 0 ||
        n > LOOP_MOST) {
        fail_with(host, l->task, "config_invalid", "/repeat_count: repeat needs a number of passes, 0 or more");
        return -1;
    }
    l->total = n;
    return 0;
}

/* -1: there are too many of them. */
static int check_total(struct loop *l)
{
    if (l->total <= l->o.max_iterations)
        return 0;
    fail_with(host, l->task, "max_iterations_exceeded",
              "%lld passes are more than max_iterations allows, which is %lld", (long long)l->total,
              (long long)l->o.max_iterations);
    return -1;
}

static int make_plan(struct loop *l)
{
    l->total = -1;
    if (l->kind == LOOP_UNKNOWN) {
        fail_with(host, l->task, "config_invalid",
                  "the loop needs loop_type for, while or repeat, or one of array_expression, condition_expression and "
                  "repeat_count");
        return -1;
    }
    if (l->kind != LOOP_FOR && l->o.accept) {
        fail_with(host, l->task, "config_invalid", "/accept_items: only a loop over items can be given more of them");
        return -1;
    }
    if ((l->kind == LOOP_FOR && find_items(l) != 0) || (l->kind == LOOP_REPEAT && find_count(l) != 0))
        return -1;
    return check_total(l);
}

static void keep_plan(struct loop *l)
{
    struct wfw_value *plan = host->object(l->task);
    host->set(plan, "total", host->integer(l->task, l->total));
    if (l->items)
        host->set(plan, "items", l->items);
    if (l->o.accept) {
        host->set(plan, "first", host->integer(l->task, l->first));
        host->set(plan, "closed", host->boolean(l->task, l->closed));
    }
    l->checkpoint = plan;
}

int loop_plan(struct loop *l)
{
    if (make_plan(l) != 0)
        return -1;
    l->closed = l->o.accept == NULL;
    keep_plan(l);
    return 0;
}

void loop_recall(struct loop *l)
{
    l->total = -1;
    host->get_int(l->call->checkpoint, "/total", &l->total);
    l->items = host->get(l->call->checkpoint, "/items");
    host->get_int(l->call->checkpoint, "/first", &l->first);
    l->closed = l->o.accept == NULL;
    host->get_bool(l->call->checkpoint, "/closed", &l->closed);
}

void loop_open(struct loop *l, struct wfw_task *task, const struct wfw_call *call)
{
    *l = (struct loop){.task = task, .call = call, .kind = kind_of(call)};
    read_options(l);
    read_progress(l);
    if (!l->o.accept)
        return;
    size_t room = strlen(l->o.accept) + sizeof ":close";
    char *close = host->alloc(task, room);
    if (close)
        snprintf(close, room, "%s:close", l->o.accept);
    l->o.accept_close = close;
}

/* ---- items that come in ---- */

static void add_item(struct loop *l, struct wfw_value *items, const struct wfw_value *item)
{
    host->push(items, item);
    l->total++;
}

/* {"items": [...]}, {"close": true}, both; all else is one item. */
static void add_data(struct loop *l, struct wfw_value *items, const struct wfw_value *data)
{
    const struct wfw_value *more = member(host, data, "/items"), *item;
    int close = 0;
    int closes = host->get_bool(data, "/close", &close) == WFW_OK;
    l->closed |= close;
    if (more && host->type(more) == WFW_ARRAY) {
        for (size_t i = 0; (item = host->item(more, i, NULL)); i++)
            add_item(l, items, item);
    } else if (!closes || host->length(data) > 1) {
        add_item(l, items, data ? data : host->null(l->task));
    }
}

/* Those that have begun are not kept any longer. */
int loop_take_signal(struct loop *l)
{
    struct wfw_value *items = host->array(l->task);
    for (int64_t i = l->p.begun; i < l->total; i++)
        host->push(items, host->item(l->items, (size_t)(i - l->first), NULL));
    l->first = l->p.begun;
    if (strcmp(l->call->signal, l->o.accept_close) == 0)
        l->closed = 1;
    else
        add_data(l, items, l->call->event);
    l->items = items;
    if (check_total(l) != 0)
        return -1;
    keep_plan(l);
    return 0;
}
