/* SPDX-License-Identifier: Apache-2.0 */
/* Programs as node types: what the configuration says of each, and what they say while they run. */
#ifndef WFW_PLUGINS_EXEC_EXEC_H
#define WFW_PLUGINS_EXEC_EXEC_H

#include "common/util.h"

#define MAX_WORDS 64
#define MAX_SCHEMA ((size_t)1024 * 1024)
#define LONGEST_OUTPUT ((size_t)256 * 1024 * 1024) /* with limit_output = none */

extern const struct wfw_host *host;

/* One [exec TYPE] section. */
struct exec_type {
    struct wfw_node node;
    char *words;               /* what argv points into */
    char *argv[MAX_WORDS + 1]; /* the command */
    char *env_words;
    char *env[MAX_WORDS + 1];  /* names of variables that it sees */
    char *options[16];         /* of wfworker-sandbox: key=value, in the order of options.c */
    size_t option_count;
    size_t output;             /* limit_output in bytes */
    char output_text[32];      /* the same for people */
    long long kill_after_ms;
    char *schema;
};

/* types.c: the node types of [exec TYPE] sections, kept until types_free().  NULL and msg. */
const struct wfw_node *const *types_read(const struct wfw_value *config, char *msg, size_t msglen);
void types_free(void);

/* What has come on standard output, line by line (lines.c). */
enum said { SAID_NOTHING, SAID_RESULT, SAID_ERROR, SAID_PARK };
struct lines {
    struct wfw_task *task;
    const char *type;              /* node type, for texts */
    char *text;                    /* the line that is not at its end yet */
    size_t len, cap, number;
    enum said said;
    const struct wfw_value *message; /* the line that says how it ended */
    char wrong[512];               /* the first line that cannot be used, "" = none */
};
void lines_add(struct lines *l, const char *bytes, size_t len);
void lines_end(struct lines *l); /* a last line without a line end counts */
void lines_free(struct lines *l);

/* outcome.c: from what it said and how it ended to the outcome of the task. */
struct ending {
    int exit_code;                   /* -1: see report */
    const struct wfw_value *report;  /* of wfworker-sandbox; NULL: there is none */
    int too_much;                    /* it wrote more than limit_output */
    char last[512];                  /* the last line of standard error */
};
void outcome_give(struct wfw_task *task, const struct exec_type *t, const struct lines *l, const struct ending *e);

/* process.c: run it to its end.  Returns -1 when the task was cancelled or the program could not be started and the task
 * has failed: there is nothing more to say. */
int process_run(struct wfw_task *task, const struct exec_type *t, const char *input, size_t len, struct lines *l,
                struct ending *e);
int process_find_sandbox(char *msg, size_t msglen);

#endif
