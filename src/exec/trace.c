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

/* Every end of a node is a row of the log, a failure more than an information. */
static bool tells_end(const struct engine_effect *f)
{
    return f->type == ENGINE_LOG && f->log_node && strncmp(f->log_text, "Node ", strlen("Node ")) == 0 &&
           !strstr(f->log_text, " failed while it was cancelled: ") && !strstr(f->log_text, ": a pass that ran on failed: ");
}

static void set_end(struct trace_entry *e, const struct engine_effect *f)
{
    bool failed = strcmp(f->log_level, "info") != 0;
    e->status = failed ? "failed" : "completed";
    e->told = false;
    if (failed)
        set_branch(e, NULL);
}

/* What was told waited for passes that were still to end; what only waited, and failed, had no more time. */
static void late_end(struct trace *t, const struct engine_effect *f)
{
    bool failed = strcmp(f->log_level, "info") != 0;
    for (size_t i = 0; i < t->len && (t->told || failed); i++) {
        struct trace_entry *e = &t->entries[i];
        if (!(e->told || (failed && strcmp(e->status, "waiting") == 0)) || strcmp(e->node, f->log_node) != 0)
            continue;
        t->told -= e->told;
        set_end(e, f);
        return;
    }
}

/* No row: it is being cancelled, and what its handler says at last counts no more; or it ends when its passes have. */
static void no_end(struct trace *t, struct trace_entry *e, bool there)
{
    e->status = there ? "waiting" : "cancelled";
    t->told += there && !e->told;
    e->told = there;
    if (!there)
        set_branch(e, NULL);
}

void trace_effects(struct trace *t, const struct engine_event *ev, const struct engine_effects *fx, bool there)
{
    struct trace_entry *e = entry_of(t, ev->act);
    bool own = false;
    for (size_t i = 0; i < fx->len; i++) {
        const struct engine_effect *f = &fx->items[i];
        if (!tells_end(f))
            continue;
        if (e && !own && strcmp(f->log_node, e->node) == 0)
            set_end(e, f);
        else
            late_end(t, f);
        own |= e && strcmp(f->log_node, e->node) == 0;
    }
    if (e && !own && is_outcome(ev))
        no_end(t, e, there);
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
        js_set(v, "branch", e->branch && !open ? json_string(e->branch) : json_null());
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
