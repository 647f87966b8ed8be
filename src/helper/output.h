/* SPDX-License-Identifier: Apache-2.0 */
/* What a helper process writes to its standard output and error: drained always, logged within bounds, counted. */
#ifndef WF_HELPER_OUTPUT_H
#define WF_HELPER_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Longest line that is logged; the rest of a longer one is dropped. */
#define OUTPUT_LINE 2000
/* Lines of one process that are logged in a second. */
#define OUTPUT_LINES 20

struct output {
    int fd;             /* not blocking; -1: closed */
    const char *plugin; /* borrowed: whose */
    const char *node, *execution; /* borrowed, or NULL: the call that runs */
    uint64_t bytes;     /* since the call began */
    char line[OUTPUT_LINE + 1], last[OUTPUT_LINE + 1]; /* what has no end yet; the last one with text in it, since the call began */
    size_t len;
    int64_t second_us;  /* when the second of `lines` began */
    unsigned lines, dropped;
};

void output_init(struct output *o, int fd, const char *plugin);
void output_call(struct output *o, const char *node, const char *execution); /* a call begins: counts from zero */

/* What has no end yet is a line. */
void output_end_line(struct output *o);

/* May another line be logged in this second?  Those that may not are counted, and told of. */
bool output_may_log(struct output *o);

/* Read what is there, `most` bytes at most.  False at the end. */
bool output_drain(struct output *o, size_t most);

/* What is left of a line and of what was dropped is logged. */
void output_close(struct output *o);

#endif
