/* SPDX-License-Identifier: Apache-2.0 */
/* Texts of arrays are copied, since they stand in the result without a NUL; the rest points into it. */
#include "config.h"

#include "store/claim_row.h"

#include <stdlib.h>

#include "base/json.h"
#include "base/json_read.h"
#include "base/mem.h"
#include "store/bin.h"

/* Of an execution without a snapshot: the definition that its first event names. */
static const char *definition_of(const char *events, size_t len, json_t **keep)
{
    *keep = json_read_names(events, len, JS_MAX_DEPTH + JS_OWN_DEPTH); /* large values stay names */
    const char *id = NULL;
    for (size_t i = 0; !id && i < json_array_size(*keep); i++)
        id = js_str(json_array_get(*keep, i), "definition");
    return id;
}

static void read_texts(const PGresult *r, int row, int column, struct row_texts *t)
{
    size_t offset = 0, len, n = bin_text_array_count(r, row, column);
    const char *text;
    if (n == 0)
        return;
    t->texts = xcalloc(n, sizeof *t->texts);
    t->lengths = xcalloc(n, sizeof *t->lengths);
    while (t->count < n && bin_text_array_next(r, row, column, &offset, &text, &len)) {
        t->texts[t->count] = xstrndup(text, len);
        t->lengths[t->count++] = len;
    }
}

static void texts_free(struct row_texts *t)
{
    for (size_t i = 0; i < t->count; i++)
        xfree(t->texts[i]);
    xfree(t->texts);
    xfree(t->lengths);
}

static void read_journal(const PGresult *r, int row, struct store_claim *c, struct row_memory *m)
{
    const struct row_texts *t = &m->journal;
    read_texts(r, row, C_JOURNAL, &m->journal);
    c->journal = (const char *const *)t->texts;
    c->journal_len = t->lengths;
    c->journal_count = t->count;
    if (!c->definition && t->count > 0)
        c->definition = definition_of(t->texts[0], t->lengths[0], &m->first);
}

static void read_signals(const PGresult *r, int row, struct store_claim *c, struct row_memory *m)
{
    read_texts(r, row, C_SIGNALS, &m->signals);
    c->signals = (const char *const *)m->signals.texts;
    c->signals_len = m->signals.lengths;
    c->signal_count = m->signals.count;
}

void claim_row_read(const PGresult *r, int row, struct store_claim *c, struct row_memory *m)
{
    bin_get_uuid(r, row, C_ID, &c->id);
    bin_get_uuid(r, row, C_WORKFLOW, &c->workflow_id);
    c->token = bin_get_int(r, row, C_TOKEN, 0);
    c->crashes = (int)bin_get_int(r, row, C_CRASHES, 0);
    c->workflow_version = bin_get_int(r, row, C_VERSION, 0);
    c->execution_id = bin_get_text(r, row, C_EXECUTION, NULL);
    c->status = bin_get_text(r, row, C_STATUS, NULL);
    c->error_message = bin_get_text(r, row, C_ERROR, NULL);
    c->current_node_id = bin_get_text(r, row, C_NODE, NULL);
    c->execution_state = bin_get_text(r, row, C_STATE, &c->execution_state_len);
    c->started_at_us = bin_get_time(r, row, C_STARTED);
    c->retry_count = (int)bin_get_int(r, row, C_RETRIES, 0);
    c->next_retry_at_us = bin_get_time(r, row, C_NEXT_RETRY);
    c->completed_at_us = bin_get_time(r, row, C_COMPLETED);
    c->snapshot = bin_get_text(r, row, C_SNAPSHOT, &c->snapshot_len);
    c->definition = bin_get_text(r, row, C_DEFINITION, NULL);
    if (c->definition && !*c->definition)
        c->definition = NULL;
    c->next_seq = bin_get_int(r, row, C_NEXT_SEQ, 1);
    c->workflow_stamp = bin_get_text(r, row, C_STAMP, NULL);
    c->workflow_active = bin_get_bool(r, row, C_ACTIVE);
    read_journal(r, row, c, m);
    read_signals(r, row, c, m);
}

void row_memory_free(struct row_memory *m)
{
    texts_free(&m->journal);
    texts_free(&m->signals);
    json_decref(m->first);
}
