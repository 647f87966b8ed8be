/* SPDX-License-Identifier: Apache-2.0 */
/* When a quarantine begins, who may try, and when it ends.  The files are in quarantine_file.c. */
#include "sandbox/quarantine.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "sandbox/quarantine_file.h"

struct quarantine {
    char *type, *file;                   /* file: NULL = in memory only */
    struct quarantine *next;               /* of this process */
    unsigned crashes;                      /* in a row: since a call came back; */
    int64_t last_us;                       /* the last of them */
    int64_t length_us;                     /* of the quarantine, or of the last one */
    int64_t ended_us;                      /* when the last one ended; 0 = there was none */
    bool trying;                           /* a call decides */
    bool filed;                            /* the file was written or read: when it is gone, somebody removed it */
    struct quarantine_state state;
};

static struct quarantine *all;

/* ---- What there is ---- */

bool quarantine_holds(const struct quarantine *q)
{
    return q->state.quarantined;
}

void quarantine_look(const struct quarantine *q, struct quarantine_state *s)
{
    *s = q->state;
}

size_t quarantine_count(void)
{
    size_t n = 0;
    for (const struct quarantine *q = all; q; q = q->next)
        n += q->state.quarantined;
    return n;
}

const char *quarantine_nth(size_t n, struct quarantine_state *s)
{
    for (const struct quarantine *q = all; q; q = q->next)
        if (q->state.quarantined && n-- == 0) {
            *s = q->state;
            return q->type;
        }
    return NULL;
}

void quarantine_names(char *out, size_t size)
{
    size_t len = 0;
    *out = '\0';
    for (const struct quarantine *q = all; q; q = q->next) {
        size_t more = strlen(q->type) + 2;
        if (q->state.quarantined && len + more < size)
            len += (size_t)snprintf(out + len, size - len, "%s%s", len ? ", " : "", q->type);
    }
}

struct quarantine *quarantine_new(const char *type, const char *directory, int64_t now_us)
{
    struct quarantine *q = xcalloc(1, sizeof *q);
    q->type = xstrdup(type);
    q->file = directory ? quarantine_file_name(directory, type) : NULL;
    q->next = all;
    all = q;
    if (!q->file || !quarantine_file_read(q->file, true, &q->state))
        return q;
    q->state.quarantined = q->state.until_us > now_us;
    if (!q->state.quarantined) {
        quarantine_file_remove(q->file);
        return q;
    }
    q->filed = true;
    q->length_us = q->state.until_us - q->state.since_us;
    q->crashes = q->state.crashes;
    log_write(LOG_WARNING, "a node type is still in quarantine", LOG_STR("node_type", type), {.name = "cause", .text = q->state.cause});
    return q;
}

const char *quarantine_name(const struct quarantine *q)
{
    return q->type;
}

void quarantine_free(struct quarantine *q)
{
    if (!q)
        return;
    struct quarantine **at = &all;
    while (*at != q)
        at = &(*at)->next;
    *at = q->next;
    free(q->type);
    free(q->file);
    free(q);
}

/* ---- Beginning and end ---- */

/* Twice as long as the last one, when that is not long ago. */
static int64_t next_length(const struct quarantine *q, int64_t now_us)
{
    bool again = q->trying || (q->ended_us && now_us - q->ended_us <= QUARANTINE_MEMORY_US);
    if (!again || q->length_us <= 0)
        return QUARANTINE_FIRST_US;
    return q->length_us < QUARANTINE_LONGEST_US / 2 ? q->length_us * 2 : QUARANTINE_LONGEST_US;
}

static void begin(struct quarantine *q, int64_t now_us, const char *cause)
{
    char until[CLOCK_TEXT];
    q->length_us = next_length(q, now_us);
    q->state = (struct quarantine_state){
        .quarantined = true, .since_us = now_us, .until_us = now_us + q->length_us, .crashes = q->crashes};
    snprintf(q->state.cause, sizeof q->state.cause, "%s", cause);
    utf8_mend(q->state.cause);
    q->trying = false;
    q->filed = q->file && quarantine_file_write(q->file, q->type, &q->state);
    clock_format_utc_ms(q->state.until_us, until);
    log_write(LOG_WARNING, "a node type is quarantined: its helper processes keep crashing", LOG_STR("node_type", q->type),
              LOG_INT("crashes", q->crashes), {.name = "until", .text = until}, {.name = "cause", .text = q->state.cause},
              LOG_STR("hint", "wfworker plugin release ends it"));
}

static void end(struct quarantine *q, int64_t now_us, const char *why)
{
    if (q->file)
        quarantine_file_remove(q->file);
    q->state.quarantined = false;
    q->ended_us = now_us;
    q->trying = false;
    q->crashes = 0;
    log_write(LOG_INFO, "a node type's quarantine is over", LOG_STR("node_type", q->type), LOG_STR("reason", why));
}

/* Somebody removed the file: it begins as if nothing had been. */
static bool released(struct quarantine *q, int64_t now_us)
{
    if (!q->filed || quarantine_file_there(q->file))
        return false;
    end(q, now_us, "it was released");
    q->ended_us = 0;
    return true;
}

static void refuse(const struct quarantine *q, int64_t now_us, struct quarantine_words *w)
{
    char until[CLOCK_TEXT];
    int64_t left_ms = (q->state.until_us - now_us + US_PER_MS - 1) / US_PER_MS;
    clock_format_utc_ms(q->state.until_us, until);
    w->retry_after_ms = left_ms > 0 ? left_ms : QUARANTINE_TRIAL_MS;
    snprintf(w->message, sizeof w->message, "node type \"%.100s\" is quarantined until %s after %u crashes; the last one: %s", q->type,
             until, q->state.crashes, q->state.cause);
    utf8_mend(w->message);
}

enum quarantine_answer quarantine_ask(struct quarantine *q, int64_t now_us, struct quarantine_words *w)
{
    if (!q->state.quarantined || released(q, now_us))
        return QUARANTINE_RUN;
    if (now_us >= q->state.until_us && !q->trying) {
        q->trying = true;
        return QUARANTINE_TRY;
    }
    refuse(q, now_us, w);
    return QUARANTINE_REFUSE;
}

/* ---- What became of calls ---- */

bool quarantine_crashed(struct quarantine *q, int64_t now_us, const char *cause)
{
    if (now_us - q->last_us > QUARANTINE_WITHIN_US && !q->state.quarantined)
        q->crashes = 0;
    q->last_us = now_us;
    q->crashes++;
    if (q->state.quarantined && !q->trying)
        return false; /* began before it */
    if (!q->trying && q->crashes < QUARANTINE_CRASHES)
        return false;
    begin(q, now_us, cause);
    return true;
}

void quarantine_came_back(struct quarantine *q, int64_t now_us)
{
    if (!q->state.quarantined)
        q->crashes = 0;
    if (q->trying)
        end(q, now_us, "a call came back");
}

void quarantine_undecided(struct quarantine *q)
{
    q->trying = false;
}
