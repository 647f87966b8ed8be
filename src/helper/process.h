/* SPDX-License-Identifier: Apache-2.0 */
/* One helper process, as its parent has it: started, listened to, ended.
 *
 * The process is the program itself with HELPER_ARGUMENT, the plugin's name and the parent's number.  Of the parent's it has:
 * descriptor 3, the channel; 4, the page of its last words; 1 and 2, a pipe that the parent drains; 0, /dev/null; and of the
 * environment what process.c names: no passwords, no secrets.  It is in a session of its own, all signals have their default
 * action, and it dies with the parent. */
#ifndef WF_HELPER_PROCESS_H
#define WF_HELPER_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "helper/channel.h"
#include "helper/output.h"
#include "plugin/probe.h"

#define HELPER_ARGUMENT "--helper-process"
#define HELPER_CHANNEL 3
#define HELPER_NOTE 4

/* How a process ended. */
struct ending {
    bool over;           /* it has ended, and */
    int status;          /* as of waitpid() */
    bool stopped;        /* it was stopped (SIGSTOP and the like) and therefore killed; by */
    int stop_signal;
    struct rusage usage;
};

struct process {
    pid_t pid; /* 0: there is none, or it is over and known to be */
    struct channel channel;
    struct output output;
    struct ending ending;
    bool killed; /* by wfworker */
};

/* program NULL: this one; name: of the plugin, for lists of processes; note: stays the caller's.  0, or -1 and *e. */
int process_start(struct process *p, const char *program, const char *name, int note, struct error *e);

/* Has it ended, or was it stopped?  Does not wait.  True when ending.over or ending.stopped is news. */
bool process_look(struct process *p);

void process_kill(struct process *p); /* with everything in its session's group */

/* Wait at most timeout_ms for the end; after that it is killed, and waited for. */
void process_end(struct process *p, int64_t timeout_ms);

void process_free(struct process *p); /* closes everything; it must be over */

/* For the main thread before there is a loop: the next message within timeout_ms.  A new reference; NULL: it ended, or *late. */
json_t *process_listen(struct process *p, int64_t timeout_ms, bool *late);

#endif
