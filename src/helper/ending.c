/* SPDX-License-Identifier: Apache-2.0 */
/* The end of a helper process: what becomes of the call that it was at, what is told of it, and when the next process
 * may come. */
#include <stdlib.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "helper/helper.h"
#include "helper/inside.h"

/* After the first end that nobody wanted the next process comes at once, after the second later, at most so much. */
#define RETRY_FIRST_MS 100
#define RETRY_MOST_MS 1000
/* So often a call goes to another process when the one that it was for ends before it takes it. */
#define RETURN_MOST 3

static int64_t used_ms(const struct rusage *u)
{
    return (int64_t)(u->ru_utime.tv_sec + u->ru_stime.tv_sec) * 1000 +
           (u->ru_utime.tv_usec + u->ru_stime.tv_usec) / 1000;
}

/* The cause is told; its call fails with it, unless it had its outcome before. */
static void fail_call(struct helper *h, struct away *a)
{
    struct task *t = a->task;
    const struct ending *end = &h->process.ending;
    CLEANUP_FREE char *subject = xasprintf("the handler of node type %s", t->handler->node->type);
    const struct death d = {.subject = subject,
                            .status = end->stopped ? (end->stop_signal << 8) | 0x7f : end->status,
                            .sentence = end->stopped ? DEATH_STOPPED : h->sentence,
                            .usage = &end->usage,
                            .cpu_ms = used_ms(&end->usage) - h->cpu_before_ms,
                            .limits = &h->pool->limits,
                            .note = h->note,
                            .last_output = h->process.output.last};
    struct death_words w = {.details = NULL};
    death_describe(&d, &w);
    log_write(LOG_WARNING, a->said ? "a helper process ended after its call had an outcome" : "a helper process ended",
              LOG_STR("plugin", h->pool->name), LOG_STR("reason", w.message), LOG_STR("node", t->call.node_id),
              LOG_STR("execution", t->call.execution_id));
    keep_away_crashed(h->pool, a, &w);
    if (!t->settled && !a->said)
        remote_fail(t, w.type, w.message, t->handler->node->effect != WFW_EFFECT_UNSAFE, 0, w.details);
    else
        json_decref(w.details);
}

static int64_t retry_ms(unsigned failures)
{
    int64_t ms = failures < 2 ? 0 : RETRY_FIRST_MS;
    for (unsigned i = 2; i < failures && ms < RETRY_MOST_MS; i++)
        ms *= 2;
    return ms < RETRY_MOST_MS ? ms : RETRY_MOST_MS;
}

void pool_failed(struct pool *p)
{
    p->failures++;
    p->counts.died++;
    p->retry_at_us = clock_mono_us() + retry_ms(p->failures) * US_PER_MS;
}

static void note_no_start(struct helper *h)
{
    struct pool *p = h->pool;
    struct error e = h->error;
    if (!h->failed) {
        probe_died(h->process.ending.status, h->stage, &e);
        err_set(&p->no_start, "it %s", e.message);
    } else {
        p->no_start = e;
    }
    pool_failed(p);
}

/* A call that the process never began goes to another one, now. */
static bool give_back(struct helper *h, struct away *a)
{
    struct pool *p = h->pool;
    if (a->said || a->cancelled || atomic_load(&h->note->taken) >= h->given || a->returned++ >= RETURN_MOST)
        return false;
    if (!p->first)
        p->last = &a->next;
    a->next = p->first;
    p->first = a;
    p->counts.waiting++;
    a->helper = NULL;
    return true;
}

/* The process is over; what it still said was heard. */
void helper_conclude(struct helper *h)
{
    struct pool *p = h->pool;
    struct away *a = STEAL(h->call);
    bool wanted = h->state == HELPER_LEAVING || (a && (a->cancelled || (a->said && h->process.killed)));
    output_drain(&h->process.output, READ_BYTES);
    output_end_line(&h->process.output);
    if (h->state == HELPER_LOADING)
        note_no_start(h);
    else if (!wanted)
        pool_failed(p);
    if (a) {
        p->counts.busy--;
        talk_stop_transfers(a);
        bool back = give_back(h, a);
        if (!wanted && !back)
            fail_call(h, a);
        output_call(&h->process.output, NULL, NULL);
        a->helper = NULL;
        if (!back)
            away_free(p, a);
    }
    helper_unwatch(h);
    helper_free(h);
    keep_away_sweep(p);
    pool_feed(p);
}
