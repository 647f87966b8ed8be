/* SPDX-License-Identifier: Apache-2.0 */
/* Running a program with a text, and getting its text. */
#ifndef WFW_PLUGINS_JQ_JQ_H
#define WFW_PLUGINS_JQ_JQ_H

#include <stdbool.h>
#include <stddef.h>

enum ended { ENDED_WELL, ENDED_BADLY, ENDED_CANCELLED, ENDED_TOO_LARGE, ENDED_NOT_STARTED };

struct process {
    const char *path;
    const char *input;
    size_t input_len, max_output;
    int cancel_fd; /* readable: kill it */
    char *output;  /* free() it; ends with a NUL */
    size_t output_len;
    int status; /* ENDED_BADLY: as waitpid() says; ENDED_NOT_STARTED: errno */
};

/* Runs it without environment and waits for its end. */
enum ended process_run(struct process *p);

#endif
