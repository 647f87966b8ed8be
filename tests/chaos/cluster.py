# SPDX-License-Identifier: Apache-2.0
"""What the workers of the chaos suite live on: PostgreSQL with a synchronous standby, a small disk, a pooler, a bad network,
and the server outside that writes down what is asked of it.  All private, all stopped by process id."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time

import harness
from harness import Postgres, free_port, tmpdir, wait_until

HERE = os.path.dirname(os.path.abspath(__file__))
DATABASE = "chaos"
SMALL_DISK_MB = 96


def clean_env(extra=None):
    return {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LC_ALL": "C", **(extra or {})}


class Primary(Postgres):
    """One that knows when each transaction was committed, and whose database may lie on a disk of its own."""

    def __init__(self, disk=None):
        self.disk = disk
        super().__init__()
        if disk:
            self.sql("postgres", "CREATE TABLESPACE small LOCATION '%s'" % self.make_tablespace(disk))

    def make_tablespace(self, disk):
        path = os.path.join(disk, "tables")
        self.make_dir(path)
        return path

    def make_data(self):
        super().make_data()
        with open(self.data + "/pg_hba.conf", "a") as f:
            f.write("local replication all trust\n")
        with open(self.data + "/postgresql.conf", "a") as f:
            f.write("track_commit_timestamp = on\nmax_connections = 200\nwal_level = replica\nmax_wal_senders = 5\n"
                    "hot_standby = on\nwal_sender_timeout = 5s\nwal_retrieve_retry_interval = 100ms\n")

    def create(self, database):
        self.sql("postgres", 'CREATE DATABASE "%s"%s' % (database, " TABLESPACE small" if self.disk else ""))
        return database

    def socket(self):
        return "%s/.s.PGSQL.%d" % (self.dir, self.port)


class Standby(Primary):
    """A copy that follows, and every commit waits for it."""

    def __init__(self, primary):
        self.primary = primary
        self.promoted = False
        super().__init__()
        primary.sql("postgres", "ALTER SYSTEM SET synchronous_standby_names = '*'")
        primary.sql("postgres", "SELECT pg_reload_conf()")
        wait_until("the standby to follow", lambda: primary.sql(
            "postgres", "SELECT 1 FROM pg_stat_replication WHERE sync_state = 'sync'"))

    def make_data(self):
        command = [self.bindir + "/pg_basebackup", "-D", self.data, "-h", self.primary.dir, "-p", str(self.primary.port),
                   "-U", "postgres", "-R", "-X", "stream", "-c", "fast", "--no-sync"]
        if self.primary.disk:
            command += ["-T", "%s/tables=%s/tables" % (self.primary.disk, self.dir)]
        subprocess.run(command, check=True, cwd="/", env=clean_env(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                       **self.identity())
        with open(self.data + "/postgresql.conf", "a") as f:
            f.write("port = %d\nunix_socket_directories = '%s'\n" % (self.port, self.dir))

    def promote(self):
        self.promoted = True
        self.sql("postgres", "SELECT pg_promote(true, 60)")


class Helper:
    """A process of ours that is told things on its standard input."""

    def __init__(self, *command):
        self.process = subprocess.Popen([sys.executable, *command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        env=clean_env())
        harness._stoppers.append(self.stop)
        self.first = self.process.stdout.readline().strip()
        assert self.first, "%s did not start" % (command,)

    def tell(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline().strip() == "ok", line

    def stop(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


class Bouncer:
    """PgBouncer in transaction mode; `program` is None where it is not installed."""

    program = shutil.which("pgbouncer", path="/usr/sbin:/usr/bin:" + os.environ.get("PATH", ""))

    def __init__(self, postgres):
        self.dir = os.path.join(tmpdir(), "bouncer")
        postgres.make_dir(self.dir)
        self.port = free_port()
        self.process = None
        self.identity = postgres.identity()
        harness._stoppers.append(self.stop)
        self.start(postgres)

    def start(self, postgres):
        with open(self.dir + "/ini", "w") as f:
            f.write("[databases]\n%s = host=%s port=%d\n[pgbouncer]\nlisten_addr =\nlisten_port = %d\nunix_socket_dir = %s\n"
                    "auth_type = any\npool_mode = transaction\ndefault_pool_size = 20\nmax_client_conn = 200\n"
                    "ignore_startup_parameters = extra_float_digits,options\nserver_login_retry = 1\nlogfile = %s/log\n"
                    % (DATABASE, postgres.dir, postgres.port, self.port, self.dir, self.dir))
        text = open(self.dir + "/ini").read().replace("%s = host" % DATABASE, "%s = user=postgres host" % DATABASE)
        with open(self.dir + "/ini", "w") as f:
            f.write(text)
        with contextlib.suppress(FileNotFoundError):
            os.unlink("%s/.s.PGSQL.%d" % (self.dir, self.port))
        self.process = subprocess.Popen([self.program, "-q", self.dir + "/ini"], cwd="/", stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=clean_env(), **self.identity)

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()

    def dsn(self):
        return "host=%s port=%d user=postgres dbname=%s" % (self.dir, self.port, DATABASE)


class Disk:
    """A small file system of its own; path is None, and why says the reason, where none can be mounted."""

    def __init__(self):
        self.path, self.why = os.path.join(tmpdir(), "disk"), ""
        os.mkdir(self.path, 0o755)
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=%dm,mode=755" % SMALL_DISK_MB, "tmpfs", self.path],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) \
            if os.geteuid() == 0 and shutil.which("mount") else None
        if done is None or done.returncode != 0:
            self.why = "no file system can be mounted here" + (": " + done.stdout.strip() if done else "")
            self.path = None
        else:
            harness._stoppers.insert(0, self.unmount)

    def unmount(self):
        subprocess.run(["umount", "-l", self.path], stdin=subprocess.DEVNULL, check=False)

    def fill(self):
        with contextlib.suppress(OSError), open(self.path + "/filler", "wb", buffering=0) as f:
            while True:
                f.write(b"\0" * 65536)

    def free(self):
        os.unlink(self.path + "/filler")


class Cluster:
    """All of it.  `primary` is the server that takes writes now."""

    def __init__(self, standby=True, disk=True):
        self.disk = Disk() if disk else None
        self.primary = Primary(self.disk.path if self.disk else None)
        self.first = self.primary
        self.backend = harness.Backend(self.primary, DATABASE)
        self.standby = None
        self.want_standby = standby
        self.record = os.path.join(tmpdir(), "record")
        open(self.record, "w").close()
        self.recorder = Helper(os.path.join(HERE, "recorder.py"), self.record)
        self.base = "http://127.0.0.1:" + self.recorder.first
        proxy_dir = os.path.join(tmpdir(), "proxy")
        os.mkdir(proxy_dir, 0o711)
        self.proxy_dsn = "host=%s port=5432 user=postgres dbname=%s" % (proxy_dir, DATABASE)
        self.proxy = Helper(os.path.join(HERE, "proxy.py"), proxy_dir + "/.s.PGSQL.5432")
        self.proxy.tell("to " + self.primary.socket())
        self.bouncer = Bouncer(self.primary) if Bouncer.program else None

    def add_standby(self):
        """After the schema is there, so that little is to be copied."""
        if self.want_standby:
            self.standby = Standby(self.primary)

    def servers(self):
        return [self.primary] + ([self.standby] if self.standby and not self.standby.promoted else [])

    def direct_dsn(self):
        """Every host; the one that takes writes is found."""
        all_of_them = [self.first] + ([self.standby] if self.standby else [])
        return "host=%s port=%s user=postgres dbname=%s target_session_attrs=read-write" % (
            ",".join(p.dir for p in all_of_them), ",".join(str(p.port) for p in all_of_them), DATABASE)

    def fail_over(self):
        """The primary dies, the standby takes over."""
        self.primary.stop(signal.SIGQUIT)
        self.standby.promote()
        self.primary = self.standby
        self.backend.postgres = self.primary
        self.proxy.tell("to " + self.primary.socket())
        self.proxy.tell("cut")
        if self.bouncer:
            self.bouncer.stop()
            self.bouncer.start(self.primary)

    def restart(self):
        self.primary.stop(signal.SIGQUIT)
        self.primary.start()

    def run(self, text, values=None):
        """As the backend, which tries again while the database is away."""
        end = time.monotonic() + harness.PATIENCE
        while True:
            try:
                return self.backend.run(text, values)
            except harness.psycopg2.Error:
                if time.monotonic() > end:
                    raise
                time.sleep(0.1)
                with contextlib.suppress(harness.psycopg2.Error):
                    self.backend.reconnect()
