# SPDX-License-Identifier: Apache-2.0
"""Where the benchmark happens: a private server with durability on, databases filled by set-based SQL, workers, and what they cost."""

import contextlib
import glob
import json
import os
import platform
import resource
import subprocess
import time

import harness
from harness import wait_until

# What an operator of a machine of its own would set; durability is as PostgreSQL ships it: fsync, full_page_writes and
# synchronous_commit are on.
SETTINGS = {
    "fsync": "on", "synchronous_commit": "on", "full_page_writes": "on", "wal_level": "replica",
    "shared_buffers": "1GB", "max_wal_size": "16GB", "min_wal_size": "2GB", "checkpoint_timeout": "30min",
    "wal_buffers": "64MB", "random_page_cost": "1.1", "maintenance_work_mem": "512MB", "max_connections": "100",
    "autovacuum_naptime": "10s", "track_commit_timestamp": "on",
}
SEED = {"amount": 42, "customer": "abc"}
TICK = os.sysconf("SC_CLK_TCK")


class Server(harness.Postgres):
    """PostgreSQL with durability on.  `extra` are more settings."""

    def __init__(self, extra=None):
        self.extra = dict(extra or {})
        super().__init__()

    def library(self, name):
        pkglibdir = subprocess.check_output([self.bindir + "/pg_config", "--pkglibdir"], text=True).strip() \
            if os.access(self.bindir + "/pg_config", os.X_OK) else os.path.join(os.path.dirname(self.bindir), "lib")
        return bool(glob.glob(os.path.join(pkglibdir, name + ".so")))

    def make_data(self):
        super().make_data()
        settings = dict(SETTINGS)
        self.statements = self.library("pg_stat_statements")
        if self.statements:
            settings["shared_preload_libraries"] = "pg_stat_statements"
            settings["pg_stat_statements.track"] = "top"
        settings.update(self.extra)
        with open(self.data + "/postgresql.conf", "a") as f:
            for name, value in settings.items():
                f.write("%s = '%s'\n" % (name, value))

    def processes(self):
        """(pid, what it calls itself) of every process of the server."""
        found = [(self.process.pid, "postmaster")]
        for path in glob.glob("/proc/[0-9]*/stat"):
            with contextlib.suppress(OSError, ValueError):
                with open(path) as f:
                    text = f.read()
                if int(text.rpartition(")")[2].split()[1]) == self.process.pid:
                    pid = int(text.split(" ", 1)[0])
                    with open("/proc/%d/cmdline" % pid) as f:
                        found.append((pid, f.read().replace("\0", " ").strip()))
        return found

    def cpu(self):
        """Seconds of processor time of all its processes, those that have ended included."""
        total = 0
        for pid, _ in self.processes():
            with contextlib.suppress(OSError):
                with open("/proc/%d/stat" % pid) as f:
                    fields = f.read().rpartition(")")[2].split()
                total += int(fields[11]) + int(fields[12])
                if pid == self.process.pid:
                    total += int(fields[13]) + int(fields[14])
        return total / TICK


# ---- Databases ----

PURE = [("t", "trigger"), ("a", "set_variable", {"variable_name": "x", "variable_value": 1}),
        ("b", "condition", {"expression": "amount > 10"})]
PURE_EDGES = [("t", "a"), ("a", "b")]
PURE_LOGS = 7  # two for each node, one at the end
EFFECTS = [("t", "trigger"), ("e1", "bench.effect"), ("e2", "bench.effect"), ("e3", "bench.effect")]
EFFECTS_LOGS = 9
EFFECTS_EDGES = [("t", "e1"), ("e1", "e2"), ("e2", "e3")]

INSERT = """
WITH made AS MATERIALIZED (
    SELECT gen_random_uuid() AS id, 'exec-' || lpad(to_hex((n * 549755813881) %% 281474976710656), 12, '0') AS name
      FROM generate_series(%(first)s::bigint, %(last)s::bigint) n
), executions AS (
    INSERT INTO workflowexecution (id, workflow_id, workflow_version, execution_id, status, started_at, completed_at, execution_state,
                                   retry_count)
    SELECT m.id, %(workflow)s, 1, m.name, %(status)s, %(at)s, %(completed)s,
           replace(%(state)s, %(name)s, m.name)::json, 0 FROM made m
)
INSERT INTO executionlog (id, execution_id, node_id, level, message, "timestamp")
SELECT gen_random_uuid(), m.id, l.node, 'info', replace(l.message, %(name)s, m.name), %(at)s + (l.n - 1) * interval '1 microsecond'
  FROM made m, unnest(%(nodes)s::text[], %(messages)s::text[]) WITH ORDINALITY l (node, message, n)
"""
SECONDARY = """
SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid), c.conname, c.conrelid::regclass::text, pg_get_constraintdef(c.oid)
  FROM pg_index LEFT JOIN pg_constraint c ON c.conindid = indexrelid AND c.contype = 'p'
 WHERE indrelid = %s::regclass
"""
# The floor's own queue: a ready queue without anything that it could do without.
FLOOR_QUEUE = """
CREATE SCHEMA bench;
CREATE TABLE bench.task (execution_id uuid PRIMARY KEY, priority smallint NOT NULL DEFAULT 5, due_at timestamptz NOT NULL,
  token bigint NOT NULL DEFAULT 0, worker bigint) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0,
  autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX task_ready ON bench.task (priority, due_at);
CREATE TABLE bench.journal (execution_id uuid, seq bigint, token bigint NOT NULL, events text NOT NULL,
  at timestamptz NOT NULL DEFAULT now());
CREATE INDEX journal_execution ON bench.journal (execution_id, seq);
CREATE SEQUENCE bench.token CACHE 100
"""
PARKED = """
CREATE TEMP TABLE parked AS SELECT id, execution_state::text AS state FROM workflowexecution e
 WHERE status = 'completed' AND NOT EXISTS (SELECT FROM wfworker.task t WHERE t.execution_id = e.id) LIMIT %(count)s;
INSERT INTO wfworker.task (execution_id, due_at, seq, since) SELECT id, now() + interval '1 day', 1, now() - interval '1 hour' FROM parked;
INSERT INTO wfworker.snapshot (execution_id, seq, definition, state) SELECT id, 1, 'parked', state FROM parked ON CONFLICT DO NOTHING;
INSERT INTO wfworker.journal (execution_id, seq, token, events) SELECT id, 1, 1, '[]' FROM parked;
DROP TABLE parked
"""


class Database(harness.Backend):
    """The backend's tables with jsonb or json, wfworker's schema, and the workflows of the benchmark."""

    def __init__(self, server, name, json_type="json"):
        super().__init__(server, name, json_type=json_type)
        made = harness.wfworker("migrate", "--db", self.dsn)
        if made.status != 0:
            raise RuntimeError("wfworker migrate: " + made.err)
        self.name = name
        self.inserted = 0
        self.pure = self.workflow(harness.graph(PURE, PURE_EDGES), name="pure")
        self.effects = self.workflow(harness.graph(EFFECTS, EFFECTS_EDGES), name="effects")
        self.run(FLOOR_QUEUE)
        self.run("SET enable_seqscan = off")
        if server.statements:
            self.run("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")

    def start_state(self, workflow, status="running"):
        return json.dumps({
            "execution_id": "exec-NAME", "workflow_id": workflow, "workflow_version": 1, "status": status, "current_node_id": None,
            "completed_node_ids": [], "node_results": {}, "execution_data": SEED, "started_at": harness.now().isoformat(),
            "retry_count": 0})

    def insert(self, cursor, workflow, count, status="running", state=None, name="exec-NAME", logs=None):
        """Executions as the backend inserts them, `count` at once, within the caller's transaction."""
        logs = logs or [("start", "Workflow execution started: exec-NAME")]
        at = harness.now()
        cursor.execute(INSERT, {
            "at": at, "completed": at if status == "completed" else None,
            "first": self.inserted + 1, "last": self.inserted + count, "workflow": workflow, "status": status, "name": name,
            "state": state or self.start_state(workflow, status),
            "nodes": [l[0] for l in logs], "messages": [l[1] for l in logs]})
        self.inserted += count

    def queue(self, workflow, count):
        """`count` executions in one transaction, found by the triggers; when it was committed, by the server's clock."""
        with contextlib.closing(self.postgres.connect(self.database)) as connection:
            connection.autocommit = False
            with connection.cursor() as cursor:
                self.insert(cursor, workflow, count)
                cursor.execute("SELECT pg_current_xact_id()::xid::text")
                xid = cursor.fetchone()[0]
            connection.commit()
        return self.run("SELECT pg_xact_commit_timestamp(%s::xid)", (xid,))[0][0]

    def queue_for_floor(self, workflow, count):
        """The same for bench/floor, in its own queue; the worker's triggers are not asked."""
        with contextlib.closing(self.postgres.connect(self.database)) as connection, connection.cursor() as cursor:
            connection.autocommit = False
            cursor.execute("SET LOCAL session_replication_role = replica")
            self.insert(cursor, workflow, count)
            cursor.execute("INSERT INTO bench.task (execution_id, due_at) SELECT id, now() FROM workflowexecution"
                           " WHERE status = 'running' AND xmin = pg_current_xact_id()::xid")
            connection.commit()

    def sample(self, workflow):
        """A finished execution of the workflow: its name, its state and its log rows (without the first, the backend's)."""
        name, state, identity = self.run(
            "SELECT execution_id, execution_state::text, id::text FROM workflowexecution"
            " WHERE workflow_id = %s AND status = 'completed' LIMIT 1", (workflow,))[0]
        return name, state, [(node, message) for node, _, message in self.log(identity)]

    def fill_finished(self, workflow, upto, sample, step=100000):
        """Finished executions, like the sample, until there are `upto`: without triggers, and without indexes while it is much."""
        name, state, logs = sample
        missing = upto - self.run("SELECT count(*) FROM workflowexecution WHERE status = 'completed'")[0][0]
        if missing <= 0:
            return
        indexes = []
        if missing >= 50000:
            for table in ("executionlog", "workflowexecution"):
                indexes += [(table, *row) for row in self.run(SECONDARY, (table,)) if table == "executionlog" or not row[2]]
        with contextlib.closing(self.postgres.connect(self.database)) as connection, connection.cursor() as cursor:
            connection.autocommit = True
            cursor.execute("SET session_replication_role = replica")
            cursor.execute("SET maintenance_work_mem = '512MB'")
            for _, index, _, constraint, table, _ in indexes:
                cursor.execute("ALTER TABLE %s DROP CONSTRAINT %s" % (table, constraint) if constraint else "DROP INDEX " + index)
            while missing > 0:
                count = min(missing, step)
                self.insert(cursor, workflow, count, "completed", state, name, logs)
                missing -= count
            for _, _, definition, constraint, table, key in indexes:
                cursor.execute("ALTER TABLE %s ADD CONSTRAINT %s %s" % (table, constraint, key) if constraint else definition)
        self.settle()

    def fill_parked(self, count):
        """So many parked executions' rows in the queue, the snapshots and the journal; none of them is due within a day."""
        with contextlib.closing(self.postgres.connect(self.database)) as connection, connection.cursor() as cursor:
            cursor.execute(PARKED, {"count": count})
        for table in ("wfworker.snapshot", "wfworker.journal"):
            self.run("VACUUM (ANALYZE) " + table)
        self.settle()

    def settle(self):
        """As after a while of quiet: statistics there, nothing to vacuum, no checkpoint about to begin."""
        self.run("VACUUM (ANALYZE) workflowexecution")
        self.run("VACUUM (ANALYZE) executionlog")
        self.run("VACUUM (ANALYZE) wfworker.task")
        self.run("CHECKPOINT")

    def row_counters(self):
        """Rows written so far, by table."""
        return {name: counts for name, *counts in self.run(
            "SELECT regexp_replace(relname, '_[0-9]{8}$', ''), sum(n_tup_ins)::bigint, sum(n_tup_upd)::bigint,"
            " sum(n_tup_del)::bigint FROM pg_stat_user_tables GROUP BY 1")}


# ---- Workers ----


def plugin_flags():
    flags = ["--isolate=never", "--plugin-dir=" + os.path.join(harness.BUILDDIR, "bench", ".libs")]
    for directory in sorted(glob.glob(os.path.join(harness.BUILDDIR, "plugins", "*", ".libs"))):
        flags.append("--plugin-dir=" + directory)
    return flags


class Worker(harness.Worker):
    """`wfworker run`: the program itself, not the script that finds its plugins.  `wrapper` is a command that runs it."""

    def __init__(self, database, *arguments, ready=True, wrapper=()):
        harness.Worker.count += 1
        self.name = "worker%d" % harness.Worker.count
        self.killed = False
        self.database = database
        self.path = os.path.join(harness.tmpdir(), self.name + ".log")
        command = [*wrapper, program(), "run", "--log-format", "text", "--db", database.dsn, *arguments, *plugin_flags()]
        with open(self.path, "wb") as log:
            self.started_ns = time.time_ns()
            self.process = subprocess.Popen(command, env=harness.clean_environment(), cwd=harness.tmpdir(),
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        harness.Worker.all.append(self)
        harness._stoppers.append(self.kill)
        if ready:
            self.wait_line(self.READY)
            self.wait_idle()

    def wait_idle(self):
        """Until it sleeps and says so in the database."""
        self.wait_line("notifications arrive")
        wait_until("the worker to be idle", lambda: self.database.run(
            "SELECT coalesce(bool_and(idle), false) FROM wfworker.worker")[0][0])

    def status(self, key):
        with open("/proc/%d/status" % self.process.pid) as f:
            for line in f:
                if line.startswith(key + ":"):
                    return int(line.split()[1]) * 1024
        return 0

    def resident(self):
        return self.status("VmRSS")

    def resident_peak(self):
        return self.status("VmHWM")


def program():
    return os.path.join(harness.BUILDDIR, "wfworker")


harness.program = program


class Answers:
    """bench/answer: an http server that answers after a time."""

    def __init__(self, milliseconds):
        self.process = subprocess.Popen([os.path.join(harness.BUILDDIR, "bench", "answer"), str(milliseconds)],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        harness._stoppers.append(self.stop)
        self.url = "http://127.0.0.1:%d" % int(self.process.stdout.readline())

    def stop(self):
        if self.process.poll() is None:
            self.process.stdin.close()
            self.process.wait(10)


def raise_descriptors(wanted=16384):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard == resource.RLIM_INFINITY or hard > soft:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, hard) if hard != resource.RLIM_INFINITY else wanted, hard))


# ---- The machine ----


def fsync_ms(directory, tries=50):
    """Milliseconds of a write of 8 KB with fdatasync, the middle one."""
    path = os.path.join(directory, "fsync")
    times = []
    fd = os.open(path, os.O_CREAT | os.O_WRONLY, 0o600)
    try:
        for _ in range(tries):
            began = time.monotonic()
            os.pwrite(fd, b"x" * 8192, 0)
            os.fdatasync(fd)
            times.append(time.monotonic() - began)
    finally:
        os.close(fd)
        os.unlink(path)
    return sorted(times)[tries // 2] * 1000


def machine(server):
    model = ""
    with contextlib.suppress(OSError), open("/proc/cpuinfo") as f:
        model = next((line.split(":", 1)[1].strip() for line in f if line.startswith("model name")), "")
    with open("/proc/meminfo") as f:
        memory = int(f.readline().split()[1]) * 1024
    return {"processor": model, "cores": len(os.sched_getaffinity(0)), "memory_bytes": memory, "kernel": platform.release(),
            "system": platform.machine(), "postgresql": server.sql("postgres", "SHOW server_version")[0][0],
            "fdatasync_8k_ms": round(fsync_ms(harness.tmpdir()), 3), "load_before": round(os.getloadavg()[0], 2)}

