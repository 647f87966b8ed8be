/* SPDX-License-Identifier: Apache-2.0 */
/* A private PostgreSQL: made, started, stopped and removed again, for `wfworker dev` and for the tests.
 *
 * It listens on a unix socket in a directory that only its owner (and root) can enter, so it needs no password; TCP on
 * 127.0.0.1 is off unless asked for, and then asks for the password in the file `password`.  PostgreSQL refuses to run
 * as root: root runs it as the user postgres, or nobody.  It stops when this process ends, however that happens. */
#ifndef WF_CLI_DEVDB_H
#define WF_CLI_DEVDB_H

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"

struct devdb_options {
    const char *data_dir; /* kept, made when it is not there; NULL: a temporary one, removed by devdb_stop() */
    int tcp_port;         /* also listen on 127.0.0.1:tcp_port; 0: unix socket only */
    bool fast;            /* no fsync: for tests, and for data that may be lost when the machine goes down */
    const volatile sig_atomic_t *interrupted; /* give up when this becomes non-zero; may be NULL */
};

struct devdb;

/* Make (where there is none yet) and start; returns when it accepts connections, after 60 s at the latest.  NULL and *e:
 * no PostgreSQL installed, the directory cannot be used, or what PostgreSQL itself said.  Main thread. */
struct devdb *devdb_start(const struct devdb_options *options, struct error *e);

const char *devdb_dsn(const struct devdb *d);        /* libpq's keyword form; holds no password */
const char *devdb_socket_dir(const struct devdb *d); /* PGHOST; user and database are postgres */
int devdb_port(const struct devdb *d);               /* PGPORT: tcp_port, or 5432 */
const char *devdb_password_file(const struct devdb *d); /* what TCP asks for, and a newline */
const char *devdb_dir(const struct devdb *d);        /* data, log and password are in it */
const char *devdb_bindir(const struct devdb *d);     /* where initdb, postgres, psql ... are */
pid_t devdb_pid(const struct devdb *d);

/* Stop it (open transactions are rolled back), wait until it is gone, remove a temporary directory.  NULL is fine. */
void devdb_stop(struct devdb *d);

#endif
