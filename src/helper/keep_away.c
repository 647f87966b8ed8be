/* SPDX-License-Identifier: Apache-2.0 */
/* Quarantine of node types (sandbox/quarantine.h) in the way of calls: before one begins, and when it is over. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "helper/inside.h"

/* That of the task's node type, made when it is first asked for. */
static struct quarantine *of(struct pool *p, const struct task *t)
{
    const char *type = t->handler->node->type;
    for (size_t i = 0; i < p->quarantine_count; i++)
        if (strcmp(quarantine_name(p->quarantines[i]), type) == 0)
            return p->quarantines[i];
    xgrow((void **)&p->quarantines, &p->quarantine_cap, p->quarantine_count + 1, sizeof(struct quarantine *));
    return p->quarantines[p->quarantine_count++] = quarantine_new(type, quarantine_directory(), clock_now_us());
}

void keep_away_free(struct pool *p)
{
    for (size_t i = 0; i < p->quarantine_count; i++)
        quarantine_free(p->quarantines[i]);
    free(p->quarantines);
}

bool keep_away(struct pool *p, const struct away *a)
{
    return !a->trial && quarantine_holds(of(p, a->task));
}

/* The first that waits and is to be asked about. */
static struct away *next(struct pool *p)
{
    for (struct away *a = p->first; a; a = a->next)
        if (keep_away(p, a))
            return a;
    return NULL;
}

void keep_away_sweep(struct pool *p)
{
    struct away *a;
    while ((a = next(p)) != NULL) {
        struct quarantine_words w;
        enum quarantine_answer answer = quarantine_ask(of(p, a->task), clock_now_us(), &w);
        if (answer == QUARANTINE_TRY)
            a->trial = true;
        if (answer != QUARANTINE_REFUSE)
            continue;
        pool_dequeue(p, a);
        if (!a->task->settled)
            remote_fail(a->task, "plugin_quarantined", w.message, true, w.retry_after_ms, NULL);
        away_free(p, a);
    }
}

void keep_away_crashed(struct pool *p, struct away *a, const struct death_words *w)
{
    if (!a->trial && strcmp(w->type, "crashed") != 0)
        return; /* a limit: another call may need less */
    a->trial = false;
    quarantine_crashed(of(p, a->task), clock_now_us(), w->message);
}

void keep_away_came_back(struct pool *p, struct away *a)
{
    quarantine_came_back(of(p, a->task), clock_now_us());
    a->trial = false;
}

void keep_away_undecided(struct pool *p, struct away *a)
{
    if (a->trial)
        quarantine_undecided(of(p, a->task));
    a->trial = false;
}
