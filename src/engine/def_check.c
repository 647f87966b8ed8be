/* SPDX-License-Identifier: Apache-2.0 */
/* What is wrong or doubtful about a definition, and the labels of conditions that were drawn without any. */
#include "engine/def_int.h"

#include <string.h>

#include "base/mem.h"

static bool is_condition(const struct def_node *n)
{
    return n->is_switch || strcmp(n->type, "condition") == 0 || strcmp(n->type, "if") == 0;
}

/* The existing editor saves no labels.  A condition with exactly two edges, both without one: the first drawn is true,
 * the second false. */
static void infer_node(struct def_load *l, struct def_node *n)
{
    struct def *d = l->d;
    uint32_t found[2] = {NO_INDEX, NO_INDEX}, edges = 0, labelled = 0;
    for (uint32_t i = 0; i < n->out_count; i++) {
        const struct def_edge *e = &d->edges[n->out[i]];
        if (e->error)
            continue;
        if (edges < 2)
            found[edges] = n->out[i];
        edges++;
        labelled += e->label != NULL;
    }
    if (labelled || edges < 2)
        return;
    if (edges > 2) {
        load_note(l, false, xstrdup(n->pointer), "node %s: its %u edges have no branch, so all of them are taken", n->id,
                  edges);
        return;
    }
    if (l->options && !l->options->unlabelled_condition_order)
        return;
    d->edges[found[0]].label = xstrdup("true");
    d->edges[found[1]].label = xstrdup("false");
    load_note(l, false, xstrdup(n->pointer),
              "node %s: its edges have no branch, so the first drawn (to %s) is true and the second (to %s) is false", n->id,
              d->nodes[d->edges[found[0]].to].id, d->nodes[d->edges[found[1]].to].id);
}

void load_infer_labels(struct def_load *l)
{
    for (size_t i = 0; i < l->d->node_count; i++)
        if (is_condition(&l->d->nodes[i]))
            infer_node(l, &l->d->nodes[i]);
}

/* A join that came from the node where its branches part. */
static void check_parallel(struct def_load *l, const struct def_node *n, const struct def_node *split)
{
    int64_t want = n->options.join_n;
    if (want == INT64_MIN)
        load_note(l, true, load_pointer(split->pointer, "parallel_wait_n"),
                  "node %s: parallel_wait_mode n_of_m needs parallel_wait_n", split->id);
    else if (want < 1 || want > (int64_t)n->join_in)
        load_note(l, true, load_pointer(split->pointer, "parallel_wait_n"),
                  "node %s: parallel_wait_n is %lld, but %u edges can arrive at node %s: its join can never fire", split->id,
                  (long long)want, n->join_in, n->id);
}

static void check_join(struct def_load *l, const struct def_node *n)
{
    int64_t want = n->options.join_n;
    if (n->options.join == JOIN_EACH && n->cycle != NO_INDEX)
        load_note(l, true, load_pointer(n->pointer, "join"),
                  "node %s: join each cannot stand in a cycle that is drawn without a loop node", n->id);
    if (n->options.join != JOIN_N_OF_M)
        return;
    if (n->split != NO_INDEX && !n->options.join_given) {
        check_parallel(l, n, &l->d->nodes[n->split]);
        return;
    }
    if (want == INT64_MIN)
        load_note(l, true, load_pointer(n->pointer, "join_n"), "node %s: join n_of_m needs join_n", n->id);
    else if (want < 1 || want > (int64_t)n->join_in)
        load_note(l, true, load_pointer(n->pointer, "join_n"),
                  "node %s: join_n is %lld, but %u edges can arrive: the join can never fire", n->id, (long long)want,
                  n->join_in);
}

void load_check(struct def_load *l)
{
    const struct def *d = l->d;
    for (uint32_t i = 0; i < d->node_count; i++) {
        check_join(l, &d->nodes[i]);
        if (!d->nodes[i].reachable)
            load_note(l, false, xstrdup(d->nodes[i].pointer), "node %s cannot be reached from %s and never runs",
                      d->nodes[i].id, d->nodes[d->entry].id);
    }
}
