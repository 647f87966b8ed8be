# SPDX-License-Identifier: Apache-2.0
"""What the integration tests share: a private PostgreSQL, workers, an http server, the backend's tables, and TAP.

Everything lives in one temporary directory and is stopped by process id, also when a test breaks off.  Waits are
bounded; nothing listens but on 127.0.0.1 and on sockets in that directory.  A program prints one TAP line a case and is
skipped as a whole where PostgreSQL or psycopg2 is missing.
"""

import atexit
import collections
import contextlib
import ctypes
import datetime
import glob
import http.server
import json
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import uuid

try:
    import psycopg2
except ImportError:
    print("1..0 # SKIP python3-psycopg2 is not installed")
    sys.exit(0)

BUILDDIR = os.environ.get("builddir") or os.getcwd()
SRCDIR = os.path.abspath(os.environ.get("srcdir") or os.path.join(os.path.dirname(__file__), "../.."))
# Sanitized builds on a busy machine are slow: waits are long, and never part of what is asserted.
PATIENCE = float(os.environ.get("WFWORKER_TEST_PATIENCE", "60"))


def _sanitized():
    """Whether the program is built with a sanitizer: its memory is not what it is otherwise, and everything takes longer."""
    try:
        with open(os.path.join(BUILDDIR, "config.status"), errors="replace") as status:
            return "-fsanitize" in status.read()
    except FileNotFoundError:  # a program that is installed
        return False


SANITIZED = _sanitized()

_tmp = None
_stoppers = []
_in_vain = 0


def tmpdir():
    """The directory of this program; others may pass through it, since PostgreSQL runs as another user under root."""
    global _tmp
    if _tmp is None:
        _tmp = tempfile.mkdtemp(prefix="wfworker-test-", dir="/tmp")
        os.chmod(_tmp, 0o711)
    return _tmp


@atexit.register
def stop_everything():
    for stop in reversed(_stoppers):
        with contextlib.suppress(Exception):
            stop()
    if _tmp and not os.environ.get("WFWORKER_TEST_KEEP"):
        shutil.rmtree(_tmp, ignore_errors=True)


def wait_until(what, condition, timeout=None, interval=0.02):
    """Poll until condition() is true and return what it returned; an AssertionError that says what was waited for."""
    global _in_vain
    patience = PATIENCE if timeout is None else timeout
    if _in_vain >= 5:  # something is broken: do not wait a minute for each case that shows it
        patience = min(patience, 3)
    end = time.monotonic() + patience
    while True:
        value = condition()
        if value:
            return value
        Worker.none_crashed()
        if time.monotonic() > end:
            _in_vain += 1
            raise AssertionError("waited in vain for " + (what() if callable(what) else what))
        time.sleep(interval)


def free_port():
    with contextlib.closing(socket.socket()) as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


# ---- TAP ----

_cases = []


def case(function):
    """A test case: its docstring's first line is its name."""
    add_case(function.__doc__.strip().splitlines()[0], function)
    return function


def setting_up(function):
    """A case that makes what those after it need: it runs whichever are chosen."""
    add_case(function.__doc__.strip().splitlines()[0], function, always=True)
    return function


def add_case(name, function, always=False):
    _cases.append((name, function, always))


def note(text):
    for line in str(text).splitlines() or [""]:
        print("# " + line)
    sys.stdout.flush()


def main(keep_workers=False):
    """Run the cases in order (or those whose names match the arguments, and what sets up); 0 when there were some and all
    passed.  Workers end with their case."""
    wanted = [c for c in _cases if not sys.argv[1:] or any(re.search(a, c[0]) for a in sys.argv[1:])]
    chosen = [c for c in _cases if c in wanted or c[2] and wanted]
    failed = 0
    print("1..%d" % len(chosen))
    for number, (name, function, _) in enumerate(chosen, 1):
        began = time.monotonic()
        try:
            function()
            print("ok %d - %s" % (number, name))
        except Exception:  # every kind of failure is one failed case
            failed += 1
            print("not ok %d - %s" % (number, name))
            note(traceback.format_exc())
            for worker in Worker.all:
                note("log of %s:\n%s" % (worker.name, "\n".join(worker.log().splitlines()[-30:])))
        if not keep_workers:
            for worker in Worker.all:
                worker.kill()
            Worker.all.clear()
        note("%.2f s" % (time.monotonic() - began))
    return 1 if failed or not chosen else 0


# ---- PostgreSQL ----


def postgresql_bindir():
    candidates = []
    with contextlib.suppress(Exception):
        candidates.append(subprocess.check_output(["pg_config", "--bindir"], text=True, stderr=subprocess.DEVNULL).strip())
    candidates += sorted(glob.glob("/usr/lib/postgresql/*/bin"), key=lambda p: float(p.split("/")[-2]), reverse=True)
    candidates += os.environ.get("PATH", "").split(":")
    for directory in candidates:
        if os.access(directory + "/initdb", os.X_OK) and os.access(directory + "/postgres", os.X_OK):
            return directory
    return None


def server_user():
    """PostgreSQL refuses root."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise RuntimeError("neither user postgres nor nobody exists")


def _die_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGINT)  # PR_SET_PDEATHSIG


class Postgres:
    """A private server: a unix socket, and 127.0.0.1 with passwords when tcp is set.  User postgres, trusted locally."""

    PASSWORD = "p:a/s@s %41?"
    _template = None
    _count = 0

    def __init__(self, tcp=False):
        self.bindir = postgresql_bindir()
        if self.bindir is None:
            print("1..0 # SKIP PostgreSQL's server is not installed")
            sys.exit(0)
        Postgres._count += 1
        self.user = server_user()
        self.dir = os.path.join(tmpdir(), "pg%d" % Postgres._count)
        self.make_dir(self.dir)
        self.data = self.dir + "/data"
        self.port = free_port()
        self.tcp = tcp
        self.process = None
        self.make_data()
        _stoppers.append(self.stop)
        self.start()
        if tcp:
            self.sql("postgres", "ALTER ROLE postgres PASSWORD %s", (self.PASSWORD,))

    def make_dir(self, path):
        os.mkdir(path, 0o711)
        if self.user:
            os.chown(path, self.user.pw_uid, self.user.pw_gid)

    def identity(self):
        if not self.user:
            return {}
        return {"user": self.user.pw_uid, "group": self.user.pw_gid, "extra_groups": []}

    def make_data(self):
        """initdb once in a program; further servers get a copy."""
        environment = {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LC_ALL": "C"}
        if Postgres._template is None:
            template = os.path.join(tmpdir(), "template")
            self.make_dir(template)
            subprocess.run(
                [self.bindir + "/initdb", "-N", "-D", template + "/data", "-U", "postgres", "-A", "trust",
                 "-E", "UTF8", "--locale=C"],
                check=True, cwd="/", env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, **self.identity())
            Postgres._template = template + "/data"
        subprocess.run(["cp", "-a", Postgres._template, self.data], check=True)
        with open(self.data + "/pg_hba.conf", "w") as f:
            f.write("local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n")
        with open(self.data + "/postgresql.conf", "a") as f:
            f.write("listen_addresses = '%s'\nport = %d\nunix_socket_directories = '%s'\n" %
                    ("127.0.0.1" if self.tcp else "", self.port, self.dir))
            f.write("fsync = off\nfull_page_writes = off\nshared_buffers = 32MB\nmax_connections = 60\n")
            f.write("log_line_prefix = '%m [%p] %a '\nlog_min_messages = warning\n")

    def start(self):
        with open(self.dir + "/log", "ab") as log:
            self.process = subprocess.Popen(
                [self.bindir + "/postgres", "-D", self.data], cwd="/", stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env={"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LC_ALL": "C"}, preexec_fn=_die_with_parent,
                **self.identity())

        def ready():
            if self.process.poll() is not None:
                raise AssertionError("postgres ended: " + self.log())
            try:
                self.connect("postgres").close()
                return True
            except psycopg2.OperationalError:
                return False
        wait_until("postgres to accept connections", ready)

    def stop(self, how=signal.SIGINT):
        """SIGINT: fast.  SIGQUIT: immediate, as in a crash."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(how)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process = None

    def log(self):
        with open(self.dir + "/log", errors="replace") as f:
            return f.read()

    def dsn(self, database, user="postgres"):
        return "host=%s port=%d user=%s dbname=%s" % (self.dir, self.port, user, database)

    def tcp_dsn(self, database, password=None, user="postgres"):
        password = (self.PASSWORD if password is None else password).replace("\\", "\\\\").replace("'", "\\'")
        return "host=127.0.0.1 port=%d user=%s dbname=%s password='%s'" % (self.port, user, database, password)

    def connect(self, database, user="postgres"):
        connection = psycopg2.connect(self.dsn(database, user))
        connection.autocommit = True
        return connection

    def sql(self, database, text, values=None):
        with contextlib.closing(self.connect(database)) as connection, connection.cursor() as cursor:
            cursor.execute(text, values)
            return cursor.fetchall() if cursor.description else None

    def create(self, database):
        self.sql("postgres", 'CREATE DATABASE "%s"' % database)
        return database


# ---- The backend's side of the database ----

CORE = """
CREATE TABLE "user" (email varchar(255) NOT NULL, is_active boolean NOT NULL, is_superuser boolean NOT NULL,
  full_name varchar(255), hashed_password varchar NOT NULL, id uuid PRIMARY KEY, clerk_user_id varchar(255),
  phone_number varchar(50), email_verified boolean NOT NULL DEFAULT false, clerk_metadata jsonb DEFAULT '{{}}');
CREATE UNIQUE INDEX ix_user_email ON "user" (email);
CREATE TABLE workflow (name varchar(255) NOT NULL, description varchar(1000), is_active boolean NOT NULL,
  version integer NOT NULL, trigger_config {json}, graph_config {json}, id uuid PRIMARY KEY,
  owner_id uuid NOT NULL REFERENCES "user" (id) ON DELETE CASCADE, created_at timestamp NOT NULL, updated_at timestamp NOT NULL);
CREATE TABLE workflowexecution (id uuid PRIMARY KEY, workflow_id uuid NOT NULL REFERENCES workflow (id) ON DELETE CASCADE,
  workflow_version integer NOT NULL, execution_id varchar(255) NOT NULL, status varchar(50) NOT NULL,
  started_at timestamp NOT NULL, completed_at timestamp, error_message varchar, current_node_id varchar(255),
  execution_state {json}, retry_count integer NOT NULL, next_retry_at timestamp);
CREATE UNIQUE INDEX ix_workflowexecution_execution_id ON workflowexecution (execution_id);
CREATE TABLE executionlog (id uuid PRIMARY KEY, execution_id uuid NOT NULL REFERENCES workflowexecution (id) ON DELETE CASCADE,
  node_id varchar(255) NOT NULL, level varchar(20) NOT NULL, message varchar(5000) NOT NULL, "timestamp" timestamp NOT NULL);
"""
NODES = """
CREATE TABLE workflownode (id uuid PRIMARY KEY, workflow_id uuid NOT NULL REFERENCES workflow (id) ON DELETE CASCADE,
  node_type varchar(100) NOT NULL, node_id varchar(255) NOT NULL, position_x double precision NOT NULL,
  position_y double precision NOT NULL, config {json});
"""
OPTIONAL = """
CREATE UNIQUE INDEX ix_user_clerk_user_id ON "user" (clerk_user_id);
CREATE INDEX ix_user_email_verified ON "user" (email_verified);
CREATE TABLE workflowschedule (id uuid PRIMARY KEY, workflow_id uuid NOT NULL REFERENCES workflow (id) ON DELETE CASCADE,
  cron_expression varchar(100) NOT NULL, is_active boolean NOT NULL, next_run_at timestamp, last_run_at timestamp);
CREATE TABLE workflowsignal (id uuid PRIMARY KEY, execution_id uuid NOT NULL REFERENCES workflowexecution (id) ON DELETE CASCADE,
  signal_type varchar(100) NOT NULL, signal_data {json}, received_at timestamp NOT NULL, processed boolean NOT NULL);
CREATE TABLE workflowwebhooksubscription (headers jsonb, filters jsonb, id uuid PRIMARY KEY,
  workflow_id uuid NOT NULL REFERENCES workflow (id) ON DELETE CASCADE, webhook_path varchar(500) NOT NULL, secret varchar(255),
  is_active boolean NOT NULL, created_at timestamp NOT NULL, updated_at timestamp NOT NULL);
CREATE TABLE emailtemplate (html_content json, text_content json, variables jsonb, id uuid PRIMARY KEY,
  name varchar(255) NOT NULL, slug varchar(100) NOT NULL, subject varchar(500) NOT NULL, category varchar(50) NOT NULL,
  is_active boolean NOT NULL, is_system boolean NOT NULL, created_at timestamp NOT NULL, updated_at timestamp NOT NULL,
  created_by uuid REFERENCES "user" (id) ON DELETE SET NULL);
"""
INDEXES = """
CREATE INDEX ix_workflowexecution_status ON workflowexecution (status);
CREATE INDEX ix_workflowexecution_started_at ON workflowexecution (started_at);
CREATE INDEX ix_workflowexecution_workflow_id ON workflowexecution (workflow_id);
CREATE INDEX ix_executionlog_execution_id ON executionlog (execution_id);
CREATE INDEX ix_executionlog_timestamp ON executionlog ("timestamp");
"""
ROW_SECURITY = """
DO $$BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'service_role') THEN CREATE ROLE service_role NOLOGIN BYPASSRLS; END IF; END$$;
DO $$DECLARE t text; BEGIN FOR t IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' LOOP
  EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
  EXECUTE format('CREATE POLICY %I ON %I FOR ALL TO service_role USING (true) WITH CHECK (true)', t || '_service_role_policy', t);
END LOOP; END$$;
"""


STATE_KEYS = ["execution_id", "workflow_id", "workflow_version", "status", "current_node_id", "completed_node_ids", "node_results",
              "execution_data", "started_at", "error_message", "retry_count", "next_retry_at"]
RESULT_KEYS = ["node_id", "status", "output", "error", "started_at", "completed_at", "duration_ms"]


def now():
    return datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None)


class Backend:
    """The other program: it makes the tables, inserts workflows and executions, changes the status, and reads."""

    def __init__(self, postgres, database, json_type="json", nodes=True, optional=True, indexes=True, row_security=False):
        self.postgres = postgres
        self.database = database
        self.json_type = json_type
        postgres.create(database)
        self.connection = postgres.connect(database)
        text = CORE + (NODES if nodes else "") + (OPTIONAL if optional else "") + (INDEXES if indexes else "")
        self.run(text.format(json=json_type))
        if row_security:
            self.run(ROW_SECURITY)
        self.owner = str(uuid.uuid4())
        self.run('INSERT INTO "user" (email, is_active, is_superuser, hashed_password, id) VALUES (%s, true, false, %s, %s)',
                 ("owner@example.com", "x", self.owner))

    @property
    def dsn(self):
        return self.postgres.dsn(self.database)

    def run(self, text, values=None):
        with self.connection.cursor() as cursor:
            cursor.execute(text, values)
            return cursor.fetchall() if cursor.description else None

    def reconnect(self):
        with contextlib.suppress(Exception):
            self.connection.close()
        self.connection = self.postgres.connect(self.database)

    def workflow(self, graph, name="test", rows=(), trigger_config=None, active=True):
        """Insert a workflow; rows are (node_id, node_type, config) for workflownode.  Its id."""
        identity = str(uuid.uuid4())
        self.run("INSERT INTO workflow (name, is_active, version, trigger_config, graph_config, id, owner_id, created_at, updated_at)"
                 " VALUES (%s, %s, 1, %s, %s, %s, %s, %s, %s)",
                 (name, active, json.dumps(trigger_config or {}), json.dumps(graph), identity, self.owner, now(), now()))
        for node_id, node_type, config in rows:
            self.run("INSERT INTO workflownode (id, workflow_id, node_type, node_id, position_x, position_y, config)"
                     " VALUES (%s, %s, %s, %s, 0, 0, %s)",
                     (str(uuid.uuid4()), identity, node_type, node_id, json.dumps(config)))
        return identity

    def execution(self, workflow, data=None, status="running", columns=None, state=None):
        """Insert an execution as the backend's engine does: the row with ten keys of state, then its log row.  Its row id."""
        identity = str(uuid.uuid4())
        execution_id = "exec-" + uuid.uuid4().hex[:12]
        started = now()
        document = {
            "execution_id": execution_id, "workflow_id": workflow, "workflow_version": 1, "status": status,
            "current_node_id": None, "completed_node_ids": [], "node_results": {}, "execution_data": data or {},
            "started_at": now().isoformat(), "retry_count": 0,
        }
        document.update(state or {})
        row = {"id": identity, "workflow_id": workflow, "workflow_version": 1, "execution_id": execution_id, "status": status,
               "started_at": started, "completed_at": None, "error_message": None, "current_node_id": None,
               "execution_state": json.dumps(document), "retry_count": 0, "next_retry_at": None}
        row.update(columns or {})
        names = list(row)
        with contextlib.closing(self.postgres.connect(self.database)) as connection:
            connection.autocommit = False
            with connection.cursor() as cursor:
                cursor.execute("INSERT INTO workflowexecution (%s) VALUES (%s)" % (", ".join(names), ", ".join(["%s"] * len(names))),
                               [row[n] for n in names])
                cursor.execute('INSERT INTO executionlog (id, execution_id, node_id, level, message, "timestamp")'
                               " VALUES (%s, %s, 'start', 'info', %s, %s)",
                               (str(uuid.uuid4()), identity, "Workflow execution started: " + execution_id, now()))
            connection.commit()
        return identity

    def executions(self, workflow, count, data=None):
        """Insert many in one transaction; their row ids in order.  data(i) gives the trigger data of each."""
        rows, logs, identities = [], [], []
        for i in range(count):
            identity, execution_id, at = str(uuid.uuid4()), "exec-" + uuid.uuid4().hex[:12], now()
            document = {"execution_id": execution_id, "workflow_id": workflow, "workflow_version": 1, "status": "running",
                        "current_node_id": None, "completed_node_ids": [], "node_results": {},
                        "execution_data": data(i) if data else {}, "started_at": at.isoformat(), "retry_count": 0}
            rows.append((identity, workflow, execution_id, at, json.dumps(document)))
            logs.append((str(uuid.uuid4()), identity, "Workflow execution started: " + execution_id, at))
            identities.append(identity)
        with contextlib.closing(self.postgres.connect(self.database)) as connection:
            connection.autocommit = False
            with connection.cursor() as cursor:
                cursor.executemany("INSERT INTO workflowexecution (id, workflow_id, workflow_version, execution_id, status,"
                                   " started_at, execution_state, retry_count) VALUES (%s, %s, 1, %s, 'running', %s, %s, 0)", rows)
                cursor.executemany('INSERT INTO executionlog (id, execution_id, node_id, level, message, "timestamp")'
                                   " VALUES (%s, %s, 'start', 'info', %s, %s)", logs)
            connection.commit()
        return identities

    def row(self, identity):
        """The row as a namedtuple; `state` is the parsed execution_state, `text` its text."""
        found = self.run("SELECT id::text, workflow_id::text, workflow_version, execution_id, status, started_at, completed_at,"
                         " error_message, current_node_id, retry_count, next_retry_at, execution_state::text AS text"
                         " FROM workflowexecution WHERE id = %s", (identity,))
        if not found:
            return None
        record = collections.namedtuple("Row", "id workflow_id workflow_version execution_id status started_at completed_at "
                                        "error_message current_node_id retry_count next_retry_at text state")
        return record(*found[0], json.loads(found[0][-1]))

    def log(self, identity):
        """(node_id, level, message) ordered by time alone, as readers do."""
        return self.run('SELECT node_id, level, message FROM executionlog WHERE execution_id = %s ORDER BY "timestamp"', (identity,))

    def set_status(self, identity, status, message=None, completed=False, log=None):
        """As the API's pause, resume and terminate do: the row, a rewritten state, and a log row (node, level, text), all in one
        transaction."""
        row = self.row(identity)
        state = {key: row.state.get(key) for key in STATE_KEYS}  # whatever else is in there is dropped
        state["status"] = status
        if message:
            state["error_message"] = message
        with contextlib.closing(self.postgres.connect(self.database)) as connection:
            connection.autocommit = False
            with connection.cursor() as cursor:
                cursor.execute(
                    "UPDATE workflowexecution SET status = %s, execution_state = %s, error_message = coalesce(%s, error_message),"
                    " completed_at = CASE WHEN %s THEN %s ELSE completed_at END WHERE id = %s",
                    (status, json.dumps(state), message, completed, now(), identity))
                if log:
                    cursor.execute('INSERT INTO executionlog (id, execution_id, node_id, level, message, "timestamp")'
                                   " VALUES (%s, %s, %s, %s, %s, %s)", (str(uuid.uuid4()), identity, *log, now()))
            connection.commit()

    def wait_end(self, identity, timeout=None):
        """The row once it has ended for good."""
        def ended():
            row = self.row(identity)
            return row if row.status == "completed" or (row.status == "failed" and row.completed_at) else None
        return wait_until(lambda: "the end of execution, which is %s" % (self.row(identity),), ended, timeout)

    def wait_ended_count(self, workflow, count, timeout=None):
        def ended():
            return self.ended(workflow) >= count
        wait_until(lambda: "%d executions to end, %d have" % (count, self.ended(workflow)), ended, timeout, 0.05)

    def ended(self, workflow):
        return self.run("SELECT count(*) FROM workflowexecution WHERE workflow_id = %s AND completed_at IS NOT NULL", (workflow,))[0][0]


# ---- The program under test ----


def clean_environment(extra=None):
    """No setting leaks in from the environment of whoever runs the tests."""
    keep = ("PATH", "LANG", "LC_ALL", "TMPDIR", "TZ", "ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS", "TSAN_OPTIONS", "LD_LIBRARY_PATH",
            "WFW_TEST_WRAPPER")
    environment = {k: v for k, v in os.environ.items() if k in keep}
    environment["HOME"] = tmpdir()
    environment["RUNTIME_DIRECTORY"] = tmpdir()  # what is in quarantine: never that of another test
    environment.update(extra or {})
    return environment


def program():
    return os.path.join(BUILDDIR, "wfworker.build")


Result = collections.namedtuple("Result", "status out err")


def wfworker(*arguments, env=None, timeout=None, stdin=None):
    """Run a command to its end."""
    done = subprocess.run([program(), *arguments], env=clean_environment(env), cwd=tmpdir(), input=stdin or "",
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=timeout or PATIENCE * 2, text=True)
    return Result(done.returncode, done.stdout, done.stderr)


class Worker:
    """`wfworker run` as a process of its own, with its log in a file."""

    all = []
    count = 0
    READY = r"worker running"

    def __init__(self, dsn, *arguments, env=None, name=None, ready=True, within=()):
        """within: a command that the program is run by, as its last arguments."""
        Worker.count += 1
        self.name = name or "worker%d" % Worker.count
        self.killed = False
        self.path = os.path.join(tmpdir(), "%s.%d.log" % (self.name, Worker.count))
        command = [*within, program(), "run", "--log-format", "text"] + (["--db", dsn] if dsn else []) + list(arguments)
        with open(self.path, "wb") as log:
            self.process = subprocess.Popen(command, env=clean_environment(env), cwd=tmpdir(), stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log)
        Worker.all.append(self)
        _stoppers.append(self.kill)
        if ready:
            self.wait_line(self.READY)

    @classmethod
    def none_crashed(cls):
        for worker in cls.all:
            status = worker.process.poll()
            assert worker.killed or status is None or status >= 0, "%s died of signal %d: %s" % (
                worker.name, -status, worker.log()[-3000:])

    def log(self):
        with open(self.path, errors="replace") as f:
            return f.read()

    def lines(self, pattern):
        return [line for line in self.log().splitlines() if re.search(pattern, line)]

    def wait_line(self, pattern, timeout=None, count=1):
        def there():
            found = self.lines(pattern)
            if len(found) >= count:
                return found
            assert self.process.poll() is None, "%s ended with %d: %s" % (self.name, self.process.returncode, self.log()[-3000:])
            return None
        return wait_until(lambda: "a line like '%s' from %s" % (pattern, self.name), there, timeout)

    def cpu(self):
        """Seconds of processor time so far (works without /proc)."""
        clock = ctypes.c_int()
        error = ctypes.CDLL(None).clock_getcpuclockid(self.process.pid, ctypes.byref(clock))
        assert error == 0, os.strerror(error)
        return time.clock_gettime(clock.value)

    def running(self):
        return self.process.poll() is None

    def terminate(self, timeout=None):
        """SIGTERM; the exit status."""
        if self.running():
            self.process.send_signal(signal.SIGTERM)
        return self.wait(timeout)

    def wait(self, timeout=None):
        self.process.wait(timeout or PATIENCE)
        return self.process.returncode

    def kill(self):
        if self.running():
            self.killed = True
            self.process.kill()
            self.process.wait()


# ---- What the workflows talk to ----

# `until` is a function: the answer is held back until it is true.
Answer = collections.namedtuple("Answer", "status body headers delay until", defaults=(200, '{"ok": true}', {}, 0, None))
Request = collections.namedtuple("Request", "method path headers body time")


class _Listener(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 512

    def handle_error(self, request, client_address):
        pass  # a client that was killed


class HttpServer:
    """Remembers every request; answers come from script[path], one after the other, the last one again and again.
    fallback(request) answers where the script has nothing."""

    def __init__(self):
        self.lock = threading.RLock()
        self.requests = []
        self.script = {}
        self.fallback = lambda request: Answer()
        self.stopped = False
        owner = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode("utf-8", "replace")
                answer = owner.take(Request(self.command, self.path, self.headers, body, time.monotonic()))
                if answer.delay:
                    time.sleep(answer.delay)
                end = time.monotonic() + PATIENCE
                while answer.until and not answer.until() and time.monotonic() < end and not owner.stopped:
                    time.sleep(0.01)
                data = answer.body if isinstance(answer.body, bytes) else answer.body.encode()
                self.send_response(answer.status)
                for key, value in {"Content-Type": "application/json", **answer.headers}.items():
                    self.send_header(key, value)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer

            def log_message(self, *_):
                pass

        self.server = _Listener(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        self.url = "http://127.0.0.1:%d" % self.port
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        _stoppers.append(self.stop)

    def take(self, request):
        with self.lock:
            self.requests.append(request)
            answers = self.script.get(request.path.split("?")[0])
            if answers is None:
                return self.fallback(request)
            return answers.pop(0) if len(answers) > 1 else answers[0]

    def seen(self, path):
        with self.lock:
            return [r for r in self.requests if r.path.split("?")[0] == path]

    def counts(self, key):
        """How often each value of key(request) came."""
        with self.lock:
            return collections.Counter(key(r) for r in self.requests)

    def stop(self):
        self.stopped = True
        self.server.shutdown()
        self.server.server_close()


def graph(nodes, edges, entry=None):
    """Array form: nodes are (id, type, config), edges (from, to) or (from, to, branch)."""
    return {
        "nodes": [{"node_id": n[0], "node_type": n[1], "position_x": 0, "position_y": 0, "config": n[2] if len(n) > 2 else {}}
                  for n in nodes],
        "edges": [dict(zip(("from", "to", "branch"), e)) for e in edges],
        **({"entry_node_id": entry} if entry else {}),
    }
