/* SPDX-License-Identifier: Apache-2.0 */
/* Node types whose helper processes keep crashing are left alone for a while; others of the same plugin go on.
 *
 * QUARANTINE_CRASHES crashes in a row begin a quarantine: calls fail at once.  A call that comes back in between, or a crash more than
 * QUARANTINE_WITHIN_US after the one before, begins a new row, so that a few bad inputs cost the good calls nothing.  When its time
 * is over, one call tries: if it comes back, whatever it says, the quarantine is over; if it crashes, the next one takes twice as
 * long, up to QUARANTINE_LONGEST_US.  One that begins within QUARANTINE_MEMORY_US after the end of the last doubles, too.
 *
 * What is quarantined is also in a file, DIRECTORY/TYPE.quarantine: other processes see it (--list-plugins), a worker that
 * starts takes it up, and when somebody removes the file (`wfworker plugin release`), the quarantine is over.  Workers that share a
 * directory are released together.  Without a directory all this is in memory only.  Loop thread. */
#ifndef WF_SANDBOX_QUARANTINE_H
#define WF_SANDBOX_QUARANTINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/error.h"

#define QUARANTINE_CRASHES 10
#define QUARANTINE_WITHIN_US (600 * US_PER_S)
#define QUARANTINE_FIRST_US (30 * US_PER_S)
#define QUARANTINE_LONGEST_US (1800 * US_PER_S)
#define QUARANTINE_MEMORY_US (600 * US_PER_S)
#define QUARANTINE_TRIAL_MS 1000 /* calls that come while one tries are told to come again so much later */

struct quarantine; /* of one node type */

/* directory: quarantine_directory(), or NULL.  Takes up what the file says when it is this user's (or root's), nobody else may write
 * it and its time is not over.  Times are of the wall clock. */
struct quarantine *quarantine_new(const char *type, const char *directory, int64_t now_us);
const char *quarantine_name(const struct quarantine *q); /* the node type */
void quarantine_free(struct quarantine *q); /* the file stays; NULL is fine */

enum quarantine_answer {
    QUARANTINE_RUN,   /* go on */
    QUARANTINE_TRY,   /* go on: this call decides; it must end in one of the three functions below */
    QUARANTINE_REFUSE /* the call fails with type plugin_quarantined, retryable: see *w */
};
struct quarantine_words {
    char message[1400];
    int64_t retry_after_ms;
};
/* May a call begin?  *w is set for REFUSE only. */
enum quarantine_answer quarantine_ask(struct quarantine *q, int64_t now_us, struct quarantine_words *w);

/* The helper process of a call died of `cause` (death_words.message).  True: a quarantine has begun with it, and that was
 * logged. */
bool quarantine_crashed(struct quarantine *q, int64_t now_us, const char *cause);
void quarantine_came_back(struct quarantine *q, int64_t now_us); /* a call came back */
void quarantine_undecided(struct quarantine *q);                 /* the one that tried was cancelled */

/* What there is to be seen of one node type, by anybody. */
struct quarantine_state {
    bool quarantined;
    int64_t since_us, until_us; /* until may be over: then a call will try */
    unsigned crashes;
    char cause[1024];
};
bool quarantine_holds(const struct quarantine *q); /* is it quarantined?  Cheap */
void quarantine_look(const struct quarantine *q, struct quarantine_state *s);

/* How many of this process are quarantined now, and the n-th of them, its name or NULL: for metrics and the status page. */
size_t quarantine_count(void);
const char *quarantine_nth(size_t n, struct quarantine_state *s);

/* Their names, separated by ", ": as many as there is room for. */
void quarantine_names(char *out, size_t size);

/* Where the files are: the first of RUNTIME_DIRECTORY (systemd), /run/wfworker, XDG_RUNTIME_DIR/wfworker that this user may write
 * (the last one is made when it is not there); NULL: none of them.  Borrowed, looked for once. */
const char *quarantine_directory(void);

/* For another process: is the node type in quarantine by a file in any of these directories?  A file that others than its owner may
 * write, or that is not its directory's owner's or root's, is not believed. */
bool quarantine_seen(const char *type, struct quarantine_state *s);

/* The first of these directories that is there, or may be, and into which this user may not look: what is in quarantine there is hidden
 * from it.  So it is with the service under systemd's DynamicUser for all but root.  A new string; NULL: there is none. */
char *quarantine_hidden(void);

/* Remove the file from all of these directories.  1: there was one, 0: none, -1 and *e. */
int quarantine_release(const char *type, struct error *e);

#endif
