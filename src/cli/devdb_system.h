/* SPDX-License-Identifier: Apache-2.0 */
/* What the private PostgreSQL needs of the system: its programs, its user, child processes, removing a directory. */
#ifndef WF_CLI_DEVDB_SYSTEM_H
#define WF_CLI_DEVDB_SYSTEM_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"

/* Who runs PostgreSQL: `name` NULL means as whoever we are. */
struct devdb_user {
    char *name;
    uid_t uid;
    gid_t gid;
};

/* Where initdb and postgres are; `version` ("15", or NULL for any) asks for that major version.  A new string, or NULL
 * and *e. */
char *devdb_find_bindir(const char *version, struct error *e);

/* Root becomes postgres or nobody; everybody else stays.  `name` is a new string. */
int devdb_find_user(struct devdb_user *user, struct error *e);

/* Start argv[0] (an absolute path) as that user, in "/", in its own process group, with standard output and error going
 * to the end of the file `log`.  It gets SIGINT when this process ends.  The pid, or -1 and *e. */
pid_t devdb_spawn(const struct devdb_user *user, const char *const *argv, const char *log, struct error *e);

/* True when that user can enter, read and write the directory. */
bool devdb_user_can_use(const struct devdb_user *user, const char *dir);

/* A small process that outlives this one, however it ends, and then removes the directory once process `server` is gone.
 * *fd is written to by devdb_janitor_dismiss(), which ends it without that.  Its pid, or -1: there is none, and a crash
 * leaves the directory behind. */
pid_t devdb_janitor(const char *path, pid_t server, int *fd);
void devdb_janitor_dismiss(pid_t janitor, int fd);

/* Remove a directory with all that is in it; symbolic links are removed, not followed. */
void devdb_remove_tree(const char *path);

#endif
