/* SPDX-License-Identifier: Apache-2.0 */
/* A batch of saves as the parameters of wfworker.save(): one array for each column of the batch. */
#include "config.h"

#include <string.h>

#include "base/clock.h"
#include "store/pending.h"

#define BIN_LENGTH sizeof(int32_t) /* in front of each element */
#define FAR_US (INT64_C(50) * 365 * 86400 * US_PER_S)

/* The parameters, in order. */
enum { P_LEASE, P_ID, P_TOKEN, P_EXPECTED, P_SEQ, P_HAS, P_JOURNAL, P_SNAPSHOT, P_DEFINITION, P_PROJECTION, P_STATUS, P_NODE, P_ERROR,
       P_RETRIES, P_NEXT_RETRY, P_COMPLETED, P_THEN, P_DUE, P_LOG_OF, P_LOG_ID, P_LOG_NODE, P_LOG_LEVEL, P_LOG_MESSAGE, P_LOG_AT,
       P_USED_OF, P_USED, P_ASK_OF, P_ASK_KIND, P_ASK_BODY, P_COUNT };

const char save_sql[] = "SELECT * FROM wfworker.save($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18,"
                        " $19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29)";

static const Oid types[P_COUNT] = {
    [P_ID] = OID_UUID,        [P_TOKEN] = OID_INT8,       [P_EXPECTED] = OID_TEXT,   [P_SEQ] = OID_INT8,
    [P_HAS] = OID_INT4,       [P_JOURNAL] = OID_TEXT,     [P_SNAPSHOT] = OID_TEXT,   [P_DEFINITION] = OID_TEXT,
    [P_PROJECTION] = OID_JSON, [P_STATUS] = OID_TEXT,     [P_NODE] = OID_TEXT,       [P_ERROR] = OID_TEXT,
    [P_RETRIES] = OID_INT4,   [P_NEXT_RETRY] = OID_TIMESTAMP, [P_COMPLETED] = OID_TIMESTAMP, [P_THEN] = OID_INT4,
    [P_DUE] = OID_INT8,       [P_LOG_OF] = OID_INT4,      [P_LOG_ID] = OID_UUID,     [P_LOG_NODE] = OID_TEXT,
    [P_LOG_LEVEL] = OID_TEXT, [P_LOG_MESSAGE] = OID_TEXT, [P_LOG_AT] = OID_TIMESTAMP, [P_USED_OF] = OID_INT4,
    [P_USED] = OID_UUID,      [P_ASK_OF] = OID_INT4,      [P_ASK_KIND] = OID_TEXT,   [P_ASK_BODY] = OID_TEXT,
};

enum { HAS_JOURNAL = 1, HAS_SNAPSHOT = 2, HAS_PROJECTION = 4 };

struct encoder {
    struct bin_call *call;
    int64_t now_us;
    struct uuid log_id; /* rising, so that the log's largest index grows at its end and not everywhere */
    int has;            /* of the whole batch */
};

static int has(const struct store_save *v)
{
    return (v->journal ? HAS_JOURNAL : 0) | (v->snapshot ? HAS_SNAPSHOT : 0) | (v->projection ? HAS_PROJECTION : 0);
}

static void add_text(struct bin_call *c, int array, const char *s)
{
    bin_add_text(c, array, s, s ? strlen(s) : 0);
}

static void add_texts(struct encoder *e, const struct store_save *v)
{
    struct bin_call *c = e->call;
    if (e->has & HAS_JOURNAL)
        bin_add_text(c, P_JOURNAL, v->journal, v->journal_len);
    if (e->has & HAS_SNAPSHOT) {
        bin_add_text(c, P_SNAPSHOT, v->snapshot, v->snapshot_len);
        add_text(c, P_DEFINITION, v->definition);
    }
    if (e->has & HAS_PROJECTION)
        bin_add_text(c, P_PROJECTION, v->projection, v->projection_len);
}

static void add_row(struct encoder *e, const struct store_save *v)
{
    struct bin_call *c = e->call;
    int64_t in = v->due_us - e->now_us;
    bin_add_uuid(c, P_ID, &v->id);
    bin_add_int8(c, P_TOKEN, v->token);
    add_text(c, P_EXPECTED, v->expected_status);
    bin_add_int8(c, P_SEQ, v->seq);
    bin_add_int4(c, P_HAS, has(v));
    add_text(c, P_STATUS, v->status);
    add_text(c, P_NODE, v->current_node_id);
    add_text(c, P_ERROR, v->error_message);
    bin_add_int4(c, P_RETRIES, v->retry_count);
    bin_add_time(c, P_NEXT_RETRY, v->next_retry_at_us);
    bin_add_time(c, P_COMPLETED, v->completed_at_us);
    bin_add_int4(c, P_THEN, (int32_t)v->then);
    if (v->due_us == INT64_MAX)
        bin_add_null(c, P_DUE);
    else
        bin_add_int8(c, P_DUE, in < 0 ? 0 : in < FAR_US ? in : FAR_US);
}

static void add_logs(struct encoder *e, int32_t n, const struct store_save *v)
{
    struct bin_call *c = e->call;
    for (size_t i = 0; i < v->log_count; i++) {
        const struct save_log *l = &v->logs[i];
        bin_add_int4(c, P_LOG_OF, n);
        bin_add_uuid(c, P_LOG_ID, &e->log_id);
        add_text(c, P_LOG_NODE, l->node_id);
        add_text(c, P_LOG_LEVEL, l->level);
        add_text(c, P_LOG_MESSAGE, l->message);
        bin_add_time(c, P_LOG_AT, l->at_us ? l->at_us : e->now_us);
        uuid_step(&e->log_id);
    }
}

static void add_dealings(struct encoder *e, int32_t n, const struct pending *p)
{
    struct bin_call *c = e->call;
    for (size_t i = 0; i < p->save.used_count; i++) {
        bin_add_int4(c, P_USED_OF, n);
        bin_add_uuid(c, P_USED, &p->used[i]);
    }
    for (size_t i = 0; i < p->save.ask_count; i++) {
        bin_add_int4(c, P_ASK_OF, n);
        add_text(c, P_ASK_KIND, p->asks[i].kind);
        bin_add_text(c, P_ASK_BODY, p->asks[i].body, p->asks[i].body_len);
    }
}

/* Room for what is long, so that it is not copied each time the arrays grow. */
static void reserve(struct bin_call *c, const struct batch *b)
{
    size_t journals = 0, projections = 0;
    for (size_t i = 0; i < b->count; i++) {
        journals += b->items[i]->save.journal_len + BIN_LENGTH;
        projections += b->items[i]->save.projection_len + BIN_LENGTH;
    }
    buf_reserve(&c->values[P_JOURNAL], journals);
    buf_reserve(&c->values[P_PROJECTION], projections);
}

void save_call(struct bin_call *c, const struct batch *b, int64_t lease_us)
{
    struct encoder e = {.call = c, .now_us = clock_now_us()};
    e.log_id = uuid_by_time(e.now_us);
    bin_int8(c, lease_us / US_PER_MS);
    for (int i = P_ID; i < P_COUNT; i++)
        bin_array(c, types[i]);
    for (size_t i = 0; i < b->count; i++)
        e.has |= has(&b->items[i]->save);
    reserve(c, b);
    for (size_t i = 0; i < b->count; i++) {
        const struct pending *p = b->items[i];
        add_row(&e, &p->save);
        add_texts(&e, &p->save);
        add_logs(&e, (int32_t)i + 1, &p->save);
        add_dealings(&e, (int32_t)i + 1, p);
    }
}
