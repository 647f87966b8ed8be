/* SPDX-License-Identifier: Apache-2.0 */
/* Large outcomes of handlers.  Looking for secrets, checking what the database can hold and writing out the large values takes
 * about as long as reading them did: it happens beside the loop, while the activation waits.  What is small, and what a
 * handler said on the loop, goes the straight way (dispatch.c). */
#include "worker/inside.h"

#include <stdlib.h>

#include "base/mem.h"
#include "worker/output.h"

struct outcome_job {
    struct heavy_job job;  /* must be first */
    struct act *act;       /* NULL once it is gone: the outcome does not count */
    struct task *task;     /* held: the outcome points into it */
    uint64_t id;
    struct outcome outcome;
    struct mask mask;      /* of the activation */
    struct outcome masked; /* owned when mask.count > 0; zeros until work() was called */
    struct said said;
    struct payloads found; /* what was large before, and in the outcome */
    size_t known;
};

static void work(struct heavy_job *job)
{
    struct outcome_job *j = (struct outcome_job *)(void *)job;
    if (j->mask.count > 0)
        j->masked = outcome_masked(&j->mask, &j->outcome);
    said_make(&j->said, j->mask.count > 0 ? &j->masked : &j->outcome, j->id);
    payloads_add_event(&j->found, &j->said.ev);
}

static void outcome_job_free(struct outcome_job *j)
{
    said_clear(&j->said);
    if (j->mask.count > 0)
        outcome_masked_free(&j->masked);
    mask_free(&j->mask);
    payloads_free(&j->found);
    task_let_go(j->task);
    xfree(j);
}

static void done(struct heavy_job *job)
{
    struct outcome_job *j = (struct outcome_job *)(void *)job;
    if (j->act) {
        struct run *r = j->act->run;
        j->act->job = NULL;
        turns_note(&r->w->turns, "outcome", r->execution_id, HEAVY_BYTES);
        struct run_size before = run_size(r);
        payloads_join(&r->payloads, &j->found, j->known);
        payloads_free(&j->found); /* what it holds of others is not to be counted */
        r->before_joined = &before;
        act_conclude(j->act, &j->said.ev);
        r->before_joined = NULL;
        run_turn(r);
    }
    outcome_job_free(j);
}

static void drop(struct heavy_job *job)
{
    struct outcome_job *j = (struct outcome_job *)(void *)job;
    if (j->act)
        j->act->job = NULL;
    outcome_job_free(j);
}

static bool is_large(const struct outcome *o)
{
    size_t left = HEAVY_BYTES;
    return js_exceeds(o->output, &left) || js_exceeds(o->variables, &left) || js_exceeds(o->details, &left) ||
           js_exceeds(o->checkpoint, &left) || js_exceeds(o->passes, &left);
}

bool outcome_beside(struct act *a, struct task *t, const struct outcome *o)
{
    struct worker *w = a->run->w;
    if (!task_off_loop(t) || !is_large(o))
        return false;
    struct outcome_job *j = xcalloc(1, sizeof(*j));
    *j = (struct outcome_job){.job = {.work = work, .done = done, .drop = drop}, .act = a, .task = t, .id = a->id,
                              .outcome = *o, .mask = a->mask};
    a->mask = (struct mask){0};
    a->job = j;
    j->known = payloads_fork(&a->run->payloads, &j->found);
    task_hold(t);
    timer_clear(&w->timers, &a->timeout); /* it came in time */
    heavy_submit(w->heavy, &j->job);
    return true;
}

void outcome_forget(struct act *a)
{
    if (a->job)
        a->job->act = NULL;
    a->job = NULL;
}
