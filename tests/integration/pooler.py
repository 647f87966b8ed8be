# SPDX-License-Identifier: Apache-2.0
"""A PgBouncer of one's own before a private server, for the tests."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time

from harness import _die_with_parent, _stoppers, free_port, tmpdir, wait_until


def pgbouncer():
    """Its path; programs without it are skipped."""
    path = shutil.which("pgbouncer", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
    if not path:
        print("1..0 # SKIP pgbouncer is not installed")
        sys.exit(0)
    return path


class Pooler:
    """`size` server connections for each database, in the given mode; anybody may log in on 127.0.0.1."""

    count = 0

    def __init__(self, postgres, mode="transaction", size=4):
        Pooler.count += 1
        self.postgres = postgres
        self.mode = mode
        self.port = free_port()
        self.dir = os.path.join(tmpdir(), "pooler%d" % Pooler.count)
        self.process = None
        postgres.make_dir(self.dir)
        self.write("users", '"postgres" ""\n')
        self.write("ini", "[databases]\n* = host=%s port=%d\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = %d\nunix_socket_dir =\n"
                   "auth_type = trust\nauth_file = %s/users\npool_mode = %s\ndefault_pool_size = %d\nmax_client_conn = 500\n"
                   "server_login_retry = 1\n" % (postgres.dir, postgres.port, self.port, self.dir, mode, size))
        _stoppers.append(self.kill)
        self.start()

    def write(self, name, text):
        with open(os.path.join(self.dir, name), "w") as f:
            f.write(text)
        os.chmod(os.path.join(self.dir, name), 0o644)

    def start(self):
        with open(self.dir + "/log", "ab") as log:
            self.process = subprocess.Popen([pgbouncer(), self.dir + "/ini"], cwd="/", stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            preexec_fn=_die_with_parent, **self.postgres.identity())

        def ready():
            assert self.process.poll() is None, "pgbouncer ended: " + self.log()
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return True
            except OSError:
                return False
        wait_until("pgbouncer to accept connections", ready)

    def kill(self):
        """As a crash does it: every connection is gone at once."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
        self.process = None

    def restart(self, away=0.0):
        self.kill()
        time.sleep(away)
        self.start()

    def log(self):
        with open(self.dir + "/log", errors="replace") as f:
            return f.read()

    def dsn(self, database):
        return "host=127.0.0.1 port=%d user=postgres dbname=%s" % (self.port, database)
