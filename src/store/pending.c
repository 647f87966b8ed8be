/* SPDX-License-Identifier: Apache-2.0 */
/* Copies of saves: one piece of memory for all texts of a save. */
#include "config.h"

#include "store/pending.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* What the columns of the backend's tables take, in characters. */
#define NODE_ID_MAX 255
#define LEVEL_MAX 20
#define MESSAGE_MAX 5000

struct cursor {
    char *at;
};

static size_t text_size(const char *s)
{
    return s ? strlen(s) + 1 : 0;
}

static const char *put(struct cursor *c, const char *s, size_t len)
{
    if (!s)
        return NULL;
    char *copy = c->at;
    memcpy(copy, s, len);
    copy[len] = '\0';
    c->at += len + 1;
    return copy;
}

static const char *put_text(struct cursor *c, const char *s)
{
    return s ? put(c, s, strlen(s)) : NULL;
}

/* At most `most` characters of it, in UTF-8. */
static const char *put_cut(struct cursor *c, const char *s, size_t most)
{
    size_t len = strlen(s), characters = 0, i = 0;
    if (len <= most)
        return put(c, s, len);
    for (; i < len; i++)
        if (((unsigned char)s[i] & 0xc0) != 0x80 && characters++ == most)
            break;
    return put(c, s, i);
}

static size_t needed(const struct store_save *v)
{
    size_t n = text_size(v->expected_status) + text_size(v->definition) + text_size(v->status) +
               text_size(v->current_node_id) + text_size(v->error_message);
    n += v->journal ? v->journal_len + 1 : 0;
    n += v->snapshot ? v->snapshot_len + 1 : 0;
    n += v->projection ? v->projection_len + 1 : 0;
    for (size_t i = 0; i < v->log_count; i++)
        n += text_size(v->logs[i].node_id) + text_size(v->logs[i].level) + text_size(v->logs[i].message) + 3;
    for (size_t i = 0; i < v->ask_count; i++)
        n += text_size(v->asks[i].kind) + v->asks[i].body_len + 1;
    return n;
}

static const char *or_else(const char *s, const char *fallback)
{
    return s ? s : fallback;
}

static void copy_logs(struct pending *p, const struct store_save *v, struct cursor *c)
{
    p->logs = v->log_count ? xcalloc(v->log_count, sizeof *p->logs) : NULL;
    p->save.logs = p->logs;
    for (size_t i = 0; i < v->log_count; i++) {
        const struct save_log *l = &v->logs[i];
        p->logs[i] = (struct save_log){.node_id = put_cut(c, or_else(l->node_id, ""), NODE_ID_MAX),
                                       .level = put_cut(c, or_else(l->level, "info"), LEVEL_MAX),
                                       .message = put_cut(c, or_else(l->message, ""), MESSAGE_MAX),
                                       .at_us = l->at_us};
    }
}

static void copy_used(struct pending *p, const struct store_save *v)
{
    p->save.used = NULL;
    p->save.used_count = 0;
    p->used = v->used_count ? xcalloc(v->used_count, sizeof *p->used) : NULL;
    for (size_t i = 0; i < v->used_count; i++)
        if (uuid_parse(v->used[i], &p->used[p->save.used_count]) == 0)
            p->save.used_count++;
}

static void copy_asks(struct pending *p, const struct store_save *v, struct cursor *c)
{
    p->asks = v->ask_count ? xcalloc(v->ask_count, sizeof *p->asks) : NULL;
    p->save.asks = p->asks;
    for (size_t i = 0; i < v->ask_count; i++)
        p->asks[i] = (struct save_ask){.kind = put_text(c, v->asks[i].kind),
                                       .body = put(c, v->asks[i].body, v->asks[i].body_len),
                                       .body_len = v->asks[i].body_len};
}

struct pending *pending_new(const struct store_save *v)
{
    /* 5: "info" where a log row has no level */
    size_t size = needed(v) + 5 * v->log_count;
    struct pending *p = xmalloc(sizeof *p + size);
    struct cursor c = {.at = p->memory};
    memset(p, 0, sizeof *p);
    p->save = *v;
    p->bytes = size;
    p->batch_max = BATCH_MAX;
    p->save.expected_status = put_text(&c, v->expected_status);
    p->save.definition = put_text(&c, v->definition);
    p->save.status = put_text(&c, v->status);
    p->save.current_node_id = v->current_node_id ? put_cut(&c, v->current_node_id, NODE_ID_MAX) : NULL;
    p->save.error_message = put_text(&c, v->error_message);
    p->save.journal = put(&c, v->journal, v->journal_len);
    p->save.snapshot = put(&c, v->snapshot, v->snapshot_len);
    p->save.projection = put(&c, v->projection, v->projection_len);
    copy_logs(p, v, &c);
    copy_used(p, v);
    copy_asks(p, v, &c);
    return p;
}

void pending_free(struct pending *p)
{
    xfree(p->logs);
    xfree(p->used);
    xfree(p->asks);
    xfree(p);
}
