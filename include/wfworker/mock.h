/* SPDX-License-Identifier: Apache-2.0 */
/* wfworker/mock.h - calls the handlers of a plugin in a unit test, without a worker, a database, a network or waiting.
 *
 * The library (libwfworker-mock, `pkg-config wfworker-plugin-mock`) is the plugin side of wfworker itself with a test
 * where the worker would be: what it refuses, wfworker refuses, in the same words.  Plain C99 and C++11.
 *
 *     #include <setjmp.h> ... <cmocka.h>
 *     #define WFW_ABI_MINOR 0
 *     #include <wfworker/plugin.h>
 *     #include <wfworker/mock.h>
 *
 *     // the plugin's source is linked into the test
 *     static void it_greets(void **state)
 *     {
 *         struct wfw_mock *mock = wfw_mock_open(wfw_plugin_v1(), NULL);
 *         const struct wfw_mock_call call = {.size = sizeof call, .config = "{\"name\":\"Ada\"}"};
 *         struct wfw_mock_run *run = wfw_mock_call(mock, &call);
 *         (void)state;
 *         assert_string_equal(wfw_mock_json(run), "{\"outcome\":\"done\",\"output\":{\"greeting\":\"Ada\"}}");
 *         wfw_mock_free(run);
 *         assert_true(wfw_mock_exhaust(mock, &call, 0) > 0);   // cancelled and refused at every step
 *         assert_int_equal(wfw_mock_close(mock), 0);           // nothing was misused
 *     }
 *
 * TIME is virtual: it begins at 2026-01-01T00:00:00Z and passes only when the test lets it (wfw_mock_advance()), or
 * when a call is being finished and nothing else is left to do: then it jumps to what is due next.  No test waits for a
 * timer, a delay or a slow answer.  Only what a handler does by itself, on a thread or through a descriptor, takes its
 * real time.  Callbacks of http come on the test's thread, also with WFW_HTTP_ANY_THREAD.
 *
 * COMPLAINTS are what is wrong with a plugin though its outcome may look right: a second outcome, an argument that is
 * refused, a task that is used after its end, a capability that is not declared, a request that was not
 * expected.  They are gathered in words; wfw_mock_close() prints them to standard error and returns their number.
 *
 * Structures: size = sizeof, the rest zeroed is the ordinary case; they only grow at their end.  Texts that are passed
 * in are copied; those that are handed out live as long as the object that they were asked of.  Use a mock from one
 * thread. */
#ifndef WFWORKER_MOCK_H
#define WFWORKER_MOCK_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct wfw_plugin;   /* of wfworker/plugin.h */
struct wfw_task;     /* the same */
struct wfw_mock;     /* a plugin that is open, and what the test lends to it */
struct wfw_mock_run; /* one call of a handler, and what came of it */

/* ---- A plugin ---- */

/* What WFW_PLUGIN makes: the descriptor of the plugin whose source is linked into the test. */
const struct wfw_plugin *wfw_plugin_v1(void);

/* Bring up a plugin whose source is linked into the test, as wfworker would: its descriptor is checked, its section
 * converted and checked against its schema, init() is called.  section: the [plugin NAME] section as a JSON object,
 * {"key":"value"}, also with the keys `deny` and `isolate` (never: handlers run in the test); NULL = {}.  NULL when it
 * is refused: see wfw_mock_error(). */
struct wfw_mock *wfw_mock_open(const struct wfw_plugin *plugin, const char *section);

/* The same for a file, by its path: as it will be installed, with all checks of files. */
struct wfw_mock *wfw_mock_open_file(const char *path, const char *section);

/* drain() and exit() of the plugin, after what still runs was cancelled; runs must have been freed, those that were not
 * are freed.  Prints the complaints to standard error, "mock: " in front of each; their number.  NULL: 0. */
int wfw_mock_close(struct wfw_mock *mock);

/* Why the last function said NULL or -1, in wfworker's words: a message, then lines "DETAIL:  " and "HINT:  " where
 * there are any. Of this thread; "" before the first. */
const char *wfw_mock_error(void);

/* What was misused so far, a line each; "" = nothing.  Valid until the next function of this mock. */
const char *wfw_mock_complaints(struct wfw_mock *mock);
/* Forget them, because the test wanted them.  How many there were. */
int wfw_mock_forgive(struct wfw_mock *mock);

/* ---- A call ---- */

enum wfw_mock_flag {
    WFW_MOCK_INLINE = 1, /* a blocking handler is called on the test's own thread (for a debugger, for cmocka's mocks);
                          * without it on another one, as in wfworker */
    WFW_MOCK_EXACT = 2   /* wfw_mock_exhaust(): a handler that is denied something must fail, or succeed with the very
                          * outcome that it has undisturbed: half an output is a complaint */
};

/* What struct wfw_call will say; texts of JSON where it has values.  Zero and NULL are what stands behind each. */
struct wfw_mock_call {
    size_t size;
    const char *node_type;    /* or an alias; the plugin's first */
    const char *node_id;      /* "node-1" */
    const char *execution_id; /* "execution-1" */
    const char *workflow_id;  /* "workflow-1" */
    const char *key;          /* "EXECUTION_ID/NODE_ID" */
    const char *config;       /* JSON; {} */
    const char *input;        /* JSON; {} */
    const char *checkpoint;   /* JSON; none */
    const char *event;        /* JSON; none */
    const char *signal;       /* none */
    const char *scope;        /* JSON; none */
    const char *edges;        /* JSON; none */
    uint32_t attempt;         /* 1 */
    uint32_t why;             /* enum wfw_why: WFW_WHY_START */
    uint32_t scope_outcome;   /* enum wfw_scope: WFW_SCOPE_DONE */
    uint32_t flags;           /* enum wfw_mock_flag */
    uint64_t scope_pass;      /* 0 */
    int64_t deadline_ms;      /* never; else the call ends with the outcome WFW_MOCK_TIMEOUT after so much time */
    uint32_t cancel_at;       /* never; N: a blocking handler is cancelled right before its Nth call of the host; a
                               * loop handler, which can be cancelled between its turns only, after the Nth (run() is
                               * the first, then each callback) */
    uint32_t fault_at;        /* never; N: the Nth thing that the host could deny is denied: memory and values are
                               * NULL, set() and push() answer WFW_E_NOMEM, eval() fails, a watch is NULL, a secret is
                               * not granted */
};

/* Call and wait for the outcome; time jumps.  Never NULL: a call that cannot be made (JSON that is none, an unknown
 * node type) has the outcome WFW_MOCK_INVALID, and is a complaint. */
struct wfw_mock_run *wfw_mock_call(struct wfw_mock *mock, const struct wfw_mock_call *call);

/* The same in steps.  Start it: run() was called (of a blocking handler: may be at work), nothing else. */
struct wfw_mock_run *wfw_mock_start(struct wfw_mock *mock, const struct wfw_mock_call *call);
/* Let `ms` pass: timers, answers and deadlines that are due by then come in their order, of all runs that are open. */
void wfw_mock_advance(struct wfw_mock *mock, int64_t ms);
/* Wait for the outcome; time jumps, but stands while a descriptor is watched or a thread at work.  enum
 * wfw_mock_outcome.  What takes longer than a minute of real time (WFW_MOCK_PATIENCE: seconds, in the environment) has
 * the outcome WFW_MOCK_HANGS. */
uint32_t wfw_mock_finish(struct wfw_mock_run *run);
/* Cancel it, as a terminated execution does.  Nothing when it is over. */
void wfw_mock_cancel(struct wfw_mock_run *run);
/* Cancelled when it is not over.  NULL is fine. */
void wfw_mock_free(struct wfw_mock_run *run);

/* The handle of the call: to see what the plugin does with one that is over. */
struct wfw_task *wfw_mock_task(const struct wfw_mock_run *run);

/* ---- What came of it ---- */

enum wfw_mock_outcome {
    WFW_MOCK_NONE = 0, /* not over */
    WFW_MOCK_DONE = 100,
    WFW_MOCK_FAIL = 200, /* also what wfworker decides: config_invalid, handler_error (no outcome) */
    WFW_MOCK_PARK = 300,
    WFW_MOCK_ENTER = 400,
    WFW_MOCK_LEAVE = 500,
    WFW_MOCK_CANCELLED = 600,
    WFW_MOCK_TIMEOUT = 700, /* deadline_ms was over */
    WFW_MOCK_HANGS = 800,   /* no outcome, and nothing left that could bring one in time; a complaint */
    WFW_MOCK_INVALID = 900  /* the call could not be made */
};

/* Texts that are not there are NULL; (JSON): a text of JSON. */
struct wfw_mock_result {
    size_t size;
    uint32_t outcome;       /* enum wfw_mock_outcome */
    int32_t retryable;      /* FAIL: 0 or 1 */
    const char *output;     /* DONE, LEAVE (JSON) */
    const char *branch;     /* DONE, ENTER */
    const char *error_type; /* FAIL */
    const char *message;    /* FAIL, INVALID */
    const char *details;    /* FAIL (JSON) */
    const char *error_node; /* FAIL */
    int64_t retry_after_ms; /* FAIL */
    int64_t until_ms;       /* PARK, ENTER: since 1970; 0 = no time */
    const char *signals;    /* PARK, ENTER (JSON): all types, an array */
    const char *child;      /* PARK: id */
    const char *answer;     /* PARK: id */
    const char *checkpoint; /* PARK, ENTER (JSON) */
    const char *vars;       /* ENTER (JSON) */
    const char *passes;     /* ENTER (JSON) */
    const char *to;         /* ENTER */
    const char *label;      /* LEAVE */
    const char *variables;  /* DONE (JSON): [{"name", "scope", "value"}] */
    const char *asks;       /* all but FAIL (JSON): what was asked for, see wfw_mock_json() */
    const char *cancels;    /* DONE (JSON): [{"node", "complete"}] */
    uint64_t pass;          /* ENTER */
    uint32_t flags;         /* ENTER: enum wfw_enter_flag; PARK: enum wfw_park_flag */
    uint32_t keep;          /* ENTER */
    uint32_t leave;         /* LEAVE: enum wfw_leave */
    uint32_t reserved;
};
const struct wfw_mock_result *wfw_mock_result(const struct wfw_mock_run *run);

/* The outcome as one line of JSON, in this order, members that say nothing left out:
 * {"outcome":"done","output":O,"branch":B,"variables":[..],"cancels":[..],"asks":[..]}
 * {"outcome":"fail","type":T,"message":M,"retryable":false,"retry_after_ms":N,"details":D,"node":ID}
 * {"outcome":"park","until_ms":N,"signals":[..],"child":ID,"answer":ID,"fresh":true,"checkpoint":C,"asks":[..]}
 * {"outcome":"enter","branch":B,"vars":V,"passes":[..],"pass":N,"to":ID,"flags":["loop"],"keep":N,"until_ms":N,
 *  "signals":[..],"checkpoint":C,"asks":[..]}
 * {"outcome":"leave","leave":"break","label":L,"output":O,"asks":[..]}
 * {"outcome":"cancelled"}, {"outcome":"timeout"}, {"outcome":"hangs"}, {"outcome":"none"},
 * {"outcome":"invalid","message":M}
 * asks: {"ask":"child","id","workflow","data","detach","abandon"}, {"ask":"lock","id","key","limit"},
 * {"ask":"signal","id","execution","type","data"}, {"ask":"request","id","signal","about"},
 * {"ask":"request_over","id","choice","answer"}.  `wfworker plugin run` prints the same. */
const char *wfw_mock_json(const struct wfw_mock_run *run);

/* What it logged: lines "info: text"; "" = nothing. */
const char *wfw_mock_log(const struct wfw_mock_run *run);
/* What it showed with progress(): a JSON array. */
const char *wfw_mock_progress(const struct wfw_mock_run *run);
/* How often it called the host, how many of these could be denied, and its turns: the ranges of cancel_at and fault_at.
 */
uint32_t wfw_mock_steps(const struct wfw_mock_run *run);
uint32_t wfw_mock_faults(const struct wfw_mock_run *run);
uint32_t wfw_mock_turns(const struct wfw_mock_run *run);

/* ---- Every way that it can go wrong ----
 * The call undisturbed; then again and again, cancelled at each step, then denied each thing that it asks for, until it
 * passes untouched.  Each time there must be one outcome (when it was not cancelled), no complaint, no descriptor and
 * no memory left over.  what: enum wfw_mock_exhaust_flag, or-ed; 0 = both.  The script of http and the time are as at
 * the beginning each time. How many calls were made; -1: see wfw_mock_error(), which names the step. */
enum wfw_mock_exhaust_flag { WFW_MOCK_CANCELS = 1, WFW_MOCK_FAULTS = 2 };
int wfw_mock_exhaust(struct wfw_mock *mock, const struct wfw_mock_call *call, uint32_t what);

/* ---- Time ---- */

int64_t wfw_mock_now(const struct wfw_mock *mock); /* milliseconds since 1970: what host->now_ms() says */
/* Another time, when nothing runs; 0, or -1. */
int wfw_mock_set_now(struct wfw_mock *mock, int64_t ms);

/* ---- What the test lends.  value NULL takes it away; 0, or -1 when it is no JSON ---- */

int wfw_mock_secret(struct wfw_mock *mock, const char *name, const char *value);
int wfw_mock_env(struct wfw_mock *mock, const char *name, const char *value);
/* scope: "workflow", "loop" or "node"; json: its value. */
int wfw_mock_variable(struct wfw_mock *mock, const char *name, const char *scope, const char *json);

/* Expressions are evaluated by wfworker's own language.  They see, in this order: the vars of the call of eval(), names
 * that are given here (results of other nodes, say), `input`, and the members of the input. */
int wfw_mock_name(struct wfw_mock *mock, const char *name, const char *json);
/* This expression has this value instead; json NULL: it fails with that type (NULL: expression_error) and message. */
int wfw_mock_eval(struct wfw_mock *mock, const char *expression, const char *json, const char *error_type,
                  const char *message);

/* ---- Requests ----
 * Each request is answered by the first entry of the script, in the order in which they were added, that has its method
 * and url and is not used up.  What else an entry demands and the request does not have is a complaint (and it is
 * answered); a request without an entry is a complaint, too, and fails with network_error; so is an entry that nobody
 * used when the mock is closed. */
struct wfw_mock_http {
    size_t size;
    const char *method;               /* GET */
    const char *url;                  /* needed; one that ends with '*' stands for every url that begins so */
    const char *const *headers;       /* lines that the request must have, "Name: value"; names in any case */
    const char *body;                 /* what its body must be; JSON on both sides is compared as values */
    size_t body_len;                  /* 0 = strlen(body) */
    uint32_t times;                   /* 1; how many requests it answers */
    int32_t status;                   /* 200 */
    const char *const *reply_headers; /* none */
    const char *reply;                /* empty */
    size_t reply_len;                 /* 0 = strlen(reply) */
    int64_t delay_ms; /* the answer comes so much later; beyond the request's timeout_ms it fails with "timeout" */
    const char *error_type;    /* no answer but this error: network_error, tls_error, timeout, ... */
    const char *error;         /* its text; error_type */
    const char *effective_url; /* url */
};
int wfw_mock_http(struct wfw_mock *mock, const struct wfw_mock_http *entry); /* 0, or -1 */

/* The requests that were made, a JSON array of {"method", "url", "headers": [..], "body", "timeout_ms", "max_response",
 * "max_redirects"}, the last three only where given.  Valid until the next function of this mock. */
const char *wfw_mock_requests(struct wfw_mock *mock);

#ifdef __cplusplus
}
#endif
#endif
