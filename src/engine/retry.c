/* SPDX-License-Identifier: Apache-2.0 */
/* When the next attempt is due, and the key that all attempts share. */
#include "engine/state_int.h"

#include <ctype.h>
#include <math.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"

bool text_in(char *const *list, const char *text)
{
    for (size_t i = 0; list && list[i]; i++)
        if (strcmp(list[i], text) == 0)
            return true;
    return false;
}

static bool may_retry(const struct retry_policy *p, const struct act *a, const struct failure *f)
{
    if (a->failures >= p->max_attempts || text_in(p->never, f->type))
        return false;
    return p->on ? text_in(p->on, f->type) : f->retryable;
}

/* initial * multiplier^n, at most max. */
static int64_t grown(int64_t initial, double multiplier, int64_t max, uint32_t n)
{
    double ms = initial > 0 ? (double)initial * pow(multiplier, n) : 0; /* the power may be infinite */
    return ms < (double)max ? (int64_t)(ms + 0.5) : max;
}

/* FNV-1a, then a finalizer that spreads every bit: the same key and attempt give the same fraction in [0, 1) on every
 * machine. */
static double fraction(const char *key, uint32_t attempt)
{
    uint64_t h = UINT64_C(14695981039346656037);
    for (; *key; key++)
        h = (h ^ (unsigned char)*key) * UINT64_C(1099511628211);
    h = (h ^ attempt) * UINT64_C(1099511628211);
    h = (h ^ (h >> 33)) * UINT64_C(0xff51afd7ed558ccd);
    h = (h ^ (h >> 33)) * UINT64_C(0xc4ceb9fe1a85ec53);
    h ^= h >> 33;
    return (double)(h >> 11) / 9007199254740992.0;
}

static int64_t delay_ms(const struct step *st, const struct act *a, const struct retry_policy *p,
                        const struct failure *f)
{
    if (f->retry_after_ms > 0)
        return bounded(f->retry_after_ms, 0, LENGTH_MAX_MS);
    int64_t ms = grown(p->initial_ms, p->multiplier, p->max_ms, a->failures - 1);
    if (p->jitter == JITTER_NONE)
        return ms;
    CLEANUP_FREE char *key = act_key(st->s, st->d, a);
    return (int64_t)((double)ms * fraction(key, a->attempt));
}

int64_t retry_delay_ms(const struct step *st, const struct act *a, const struct failure *f)
{
    const struct retry_policy *p = &st->d->nodes[a->node].options.retry;
    if (a->attempt == 0 || !may_retry(p, a, f))
        return -1;
    int64_t ms = delay_ms(st, a, p, f), at = st->now + ms * US_PER_MS, close = act_close_us(st->d, a);
    if ((p->budget_ms && at - a->first_us > p->budget_ms * US_PER_MS) || (close && at >= close) ||
        (st->s->deadline_us && at >= st->s->deadline_us))
        return -1;
    return ms;
}

int64_t execution_retry_delay_ms(const struct engine_state *s)
{
    return grown(s->policy.retry_initial_ms, s->policy.retry_multiplier, s->policy.retry_max_ms,
                 (uint32_t)s->retry_count);
}

/* Percent-encoded, so that no two keys are ever equal by accident and every key is a legal header value. */
static void add_encoded(struct buf *b, const char *text)
{
    for (const char *p = text; *p; p++) {
        unsigned char c = (unsigned char)*p;
        if (isalnum(c) || c == '-' || c == '_' || c == '.')
            buf_addch(b, (char)c);
        else
            buf_printf(b, "%%%02X", c);
    }
}

/* loop1#3/try2: passes of loops by number, others only when the same branch is entered once more; loop1(2)#3 in the second run
 * of the loop.  What runs more than once beside itself is not a scope of its own. */
void scope_path(const struct def *d, const struct scope *scope, struct buf *b, bool encoded)
{
    while (scope && (scope->kind == SCOPE_EACH || scope->kind == SCOPE_AGAIN))
        scope = scope->parent;
    if (!scope || scope->kind == SCOPE_WHOLE)
        return;
    const char *id = d->nodes[d->regions[scope->region].owner].id;
    size_t before = b->len;
    scope_path(d, scope->parent, b, encoded);
    if (b->len > before)
        buf_addch(b, '/');
    if (encoded)
        add_encoded(b, id);
    else
        buf_addstr(b, id);
    if (scope->run)
        buf_printf(b, "(%u)", scope->run);
    if (scope->flags & ENTER_LOOP)
        buf_printf(b, "#%llu", (unsigned long long)scope->pass);
    else if (scope->turn > 1)
        buf_printf(b, "#%u", scope->turn);
}

/* Execution, scope path, node, and which run of it there. */
char *act_key(const struct engine_state *s, const struct def *d, const struct act *a)
{
    struct buf b = BUF_INIT;
    buf_addstr(&b, s->execution_uuid);
    buf_addch(&b, '/');
    size_t before = b.len;
    scope_path(d, a->scope, &b, true);
    if (b.len > before)
        buf_addch(&b, '/');
    add_encoded(&b, d->nodes[a->node].id);
    if (a->pass > 1)
        buf_printf(&b, "#%u", a->pass);
    return buf_steal(&b);
}
