/* SPDX-License-Identifier: Apache-2.0 */
/* dedupe: of elements that are equal, or equal in a key, one is kept. */
#include "data/data.h"

enum keep { FIRST, LAST };
static const char *const keeps[] = {"first", "last", NULL};

struct dedupe {
    struct work work;
    struct binding at;
    size_t count;
    bool by_key;
    enum keep keep;
    struct expression key;
    struct canon canon;
    struct wfw_value *seen; /* text of the key -> number of its place in `kept` */
    size_t *kept, kept_count; /* numbers of elements */
    struct wfw_value *result;
    size_t out;
};

static int by_number(const void *a, const void *b)
{
    size_t x = *(const size_t *)a, y = *(const size_t *)b;
    return (x > y) - (x < y);
}

static bool output_step(struct work *w)
{
    struct dedupe *d = (struct dedupe *)w;
    if (d->out < d->kept_count) {
        host->push(d->result, host->item(d->at.array, d->kept[d->out++], NULL));
        return true;
    }
    struct wfw_value *out = new_output(w->task, d->result, NULL, "dedupe");
    host->set(out, "removed", host->integer(w->task, (int64_t)(d->count - d->kept_count)));
    host->done(w->task, out, NULL);
    return false;
}

static bool look_step(struct work *w)
{
    struct dedupe *d = (struct dedupe *)w;
    int64_t place;
    if (d->at.index == d->count) {
        if (d->kept_count)
            qsort(d->kept, d->kept_count, sizeof *d->kept, by_number);
        w->step = output_step;
        return true;
    }
    d->at.item = host->item(d->at.array, d->at.index, NULL);
    const struct wfw_value *v = d->by_key ? expression_eval(w->task, &d->key, &d->at, PARAMS_ITEM) : d->at.item;
    const char *pointer = v ? canon_pointer(&d->canon, &v, 1) : NULL;
    if (!pointer)
        return false;
    const struct wfw_value *known = host->get(d->seen, pointer);
    if (!known) {
        host->set(d->seen, pointer + 1, host->integer(w->task, (int64_t)d->kept_count));
        d->kept[d->kept_count++] = d->at.index;
    } else if (d->keep == LAST && host->get_int(known, "", &place) == WFW_OK) {
        d->kept[place] = d->at.index;
    }
    if (d->by_key)
        host->release(w->task, v);
    d->at.index++;
    return true;
}

static void dedupe_run(void *state, struct wfw_task *task, const struct wfw_call *call)
{
    (void)state;
    const struct wfw_value *by = member(host, call->config, "/dedupe_by");
    int keep = choice(task, call->config, "keep", keeps);
    struct dedupe *d = keep < 0 ? NULL : work_alloc(task, 1, sizeof *d);
    if (!d || (by && expression_read(task, by, "dedupe_by", true, &d->key) != 0))
        return;
    d->at.array = array_source(task, call->config, "input_array");
    if (!d->at.array)
        return;
    d->count = host->length(d->at.array);
    d->work = (struct work){.task = task, .step = look_step};
    d->by_key = by;
    d->keep = (enum keep)keep;
    d->canon.task = task;
    d->seen = host->object(task);
    d->result = host->array(task);
    d->kept = work_alloc(task, d->count + 1, sizeof *d->kept);
    if (d->kept)
        work_run(&d->work);
}

const struct wfw_node dedupe_node = {
    .size = sizeof dedupe_node,
    .type = "dedupe",
    .summary = "keeps one of elements that are equal",
    .description =
        "The result is the array without repetitions, in its order. Elements are compared as a whole, by value, or by "
        "dedupe_by, an expression or the name of a member." ELEMENT_NOTE ERRORS_NOTE,
    .config_schema =
        "{\"type\":\"object\",\"properties\":{" INPUT_ARRAY_PROPERTY ","
        "\"dedupe_by\":{\"type\":[\"string\",\"null\"],\"format\":\"expression\","
        "\"description\":\"what is compared: an expression or the name of a member\"},"
        "\"keep\":{\"type\":[\"string\",\"null\"],\"default\":\"first\",\"description\":\"first or last\",\"x-values\":[\"first\",\"last\"]}}"
        ",\"x-needs\":[[\"input_array\"]]}",
    .output_schema = "{\"type\":\"object\",\"properties\":{\"result\":{\"type\":\"array\"},\"type\":{\"const\":\"dedupe\"},"
                     "\"removed\":{\"type\":\"integer\",\"description\":\"how many were left out\"}}}",
    .examples = "[{\"input_array\":\"input.events\",\"dedupe_by\":\"id\",\"keep\":\"last\"}]",
    .exec = WFW_EXEC_LOOP,
    .effect = WFW_EFFECT_PURE,
    .run = dedupe_run,
};
