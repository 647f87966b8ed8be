/* SPDX-License-Identifier: Apache-2.0 */
/* Attempts are no entries: a failed activation that runs again is the same entry, and its last attempt counts. */
#include "exec/trace.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"

static struct trace_entry *entry_of(const struct trace *t, uint64_t act)
{
    size_t i = act < t->act_count ? t->of_act[act] : 0;
    return i ? &t->entries[i - 1] : NULL;
}

static void set_entry(struct trace *t, uint64_t act, size_t number)
{
    if (act >= t->act_count) {
        size_t old = t->act_count;
        xgrow((void **)&t->of_act, &t->act_cap, (size_t)act + 1, sizeof *t->of_act);
        t->act_count = (size_t)act + 1;
        memset(t->of_act + old, 0, (t->act_count - old) * sizeof *t->of_act);
    }
    t->of_act[act] = number;
}

void trace_run(struct trace *t, const struct def *d, const struct engine_state *s, uint64_t act, size_t node)
{
    struct trace_entry *old = entry_of(t, act);
    uint32_t pass;
    if (old) {
        old->status = "running";
        return;
    }
    xgrow((void **)&t->entries, &t->cap, t->len + 1, sizeof *t->entries);
    struct trace_entry *e = &t->entries[t->len++];
    *e = (struct trace_entry){.node = def_node_id(d, node), .status = "running"};
    e->scope = engine_path(d, s, act, &pass);
    e->pass = pass;
    set_entry(t, act, t->len);
}

static void set_branch(struct trace_entry *e, const char *branch)
{
    free(e->branch);
    e->branch = branch && *branch ? xstrdup(branch) : NULL;
}

void trace_event(struct trace *t, const struct engine_event *ev)
{
    struct trace_entry *e = entry_of(t, ev->act);
    if (!e)
        return;
    switch (ev->type) {
    case ENGINE_DONE:
        e->status = "completed";
        set_branch(e, ev->branch);
        break;
    case ENGINE_LEAVE:
        e->status = "completed";
        break;
    case ENGINE_PARK:
    case ENGINE_ENTER:
        e->status = "waiting";
        break;
    case ENGINE_FAIL:
    case ENGINE_TIMEOUT:
        e->status = "failed";
        break;
    default:
        break;
    }
}

static bool is_outcome(const struct engine_event *ev)
{
    return ev->type == ENGINE_DONE || ev->type == ENGINE_LEAVE || ev->type == ENGINE_FAIL || ev->type == ENGINE_TIMEOUT;
}

/* A row of the log about how the node ended. */
static bool tells_end(const struct engine_effect *f, const char *node)
{
    return f->type == ENGINE_LOG && f->log_node && strcmp(f->log_node, node) == 0 &&
           !strstr(f->log_text, " failed while it was cancelled: ");
}

/* Every end of a node is a row of the log, a failure more than an information.  An activation that is being cancelled has none:
 * what its handler says at last, after what had to run on the way out, counts no more. */
void trace_effects(struct trace *t, const struct engine_event *ev, const struct engine_effects *fx)
{
    struct trace_entry *e = entry_of(t, ev->act);
    const char *level = NULL;
    for (size_t i = 0; e && i < fx->len && !level; i++)
        if (tells_end(&fx->items[i], e->node))
            level = fx->items[i].log_level;
    bool failed = level && strcmp(level, "info") != 0;
    if (!e || (!failed && (level || !is_outcome(ev))))
        return;
    e->status = failed ? "failed" : "cancelled";
    set_branch(e, NULL);
}

void trace_cancel(struct trace *t, uint64_t act)
{
    struct trace_entry *e = entry_of(t, act);
    if (e && (strcmp(e->status, "running") == 0 || strcmp(e->status, "waiting") == 0))
        e->status = "cancelled";
}

json_t *trace_json(const struct trace *t, bool ended)
{
    json_t *all = json_array();
    for (size_t i = 0; i < t->len; i++) {
        const struct trace_entry *e = &t->entries[i];
        bool open = strcmp(e->status, "running") == 0 || strcmp(e->status, "waiting") == 0;
        json_t *v = json_object();
        js_set(v, "node_id", json_string(e->node));
        js_set(v, "pass", json_integer((json_int_t)e->pass));
        js_set(v, "scope", *e->scope ? json_string(e->scope) : json_null());
        js_set(v, "branch", e->branch ? json_string(e->branch) : json_null());
        js_set(v, "status", json_string(open && ended ? "cancelled" : e->status));
        js_push(all, v);
    }
    return all;
}

void trace_free(struct trace *t)
{
    for (size_t i = 0; i < t->len; i++) {
        free(t->entries[i].scope);
        free(t->entries[i].branch);
    }
    free(t->entries);
    free(t->of_act);
    *t = (struct trace){0};
}
