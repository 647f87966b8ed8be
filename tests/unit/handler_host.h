/* SPDX-License-Identifier: Apache-2.0 */
/* Runs one handler of the built plugins through the real registry and task host, with scripted services: a virtual
 * clock, expressions whose values are given, http answers that are given.  Requests and outcomes come back as text. */
#ifndef WF_TESTS_UNIT_HANDLER_HOST_H
#define WF_TESTS_UNIT_HANDLER_HOST_H

#include <jansson.h>
#include <uv.h>

#include "plugin/registry.h"
#include "plugin/task.h"

#include "base/buf.h"
#include "expr/expr.h"

struct handler_reply {
    int status;
    const char *const *headers;
    const void *body;
    size_t body_len; /* 0: strlen(body) */
    const char *error_type, *error;
};

struct handler_host {
    uv_loop_t loop;
    struct registry *registry;
    struct task_host *tasks;
    int64_t now_ms;
    json_t *evals; /* expression: value; a value {"error": text} is an error; others are unknown */
    bool real_expressions; /* evaluate them instead, over the input */
    json_t *input;         /* of the run */
    struct expr_cache *exprs;
    json_t *variables; /* {"SCOPE NAME": value}; scope nearest for none */
    struct handler_reply reply;
    struct buf request;         /* METHOD URL\nheaders\n\nbody of the last one */
    struct http_request limits; /* the last one's numbers */
    struct buf log;             /* LEVEL TEXT\n of what handlers log */
    int requests;
    char *outcome;
    int turns; /* of the loop that the last run took */
};

struct handler_run {
    const char *type, *config, *input; /* JSON; input NULL: {} */
    uint32_t why;
    const char *checkpoint;
    const char *signal, *event, *edges; /* event, edges: JSON */
};

void handler_host_open(struct handler_host *h);
void handler_host_close(struct handler_host *h);

/* The outcome, valid until the next call:
 * {"done":OUTPUT,"branch":B?,"variables":[[NAME,SCOPE,VALUE]]?} | {"fail":TYPE,"message":M,"retryable":R,"retry_after_ms":N?,"details":D?} |
 * {"park_until_ms":T,"signals":[TYPE]?,"child":ID?,"checkpoint":C?} | {"enter":BRANCH}; each with "asks":[ASK] when there are any */
const char *handler_outcome(struct handler_host *h, const struct handler_run *run);

#endif
