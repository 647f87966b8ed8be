# SPDX-License-Identifier: Apache-2.0
"""Everything through PgBouncer: in transaction mode with and without a direct address to listen at, and in session mode.

The pool is smaller than what is connected to it, so that transactions of all clients share server sessions."""

import contextlib
import datetime
import json
import os
import subprocess
import sys

import psycopg2

from crowd import Crowd
from harness import (Backend, Postgres, Worker, case, clean_environment, graph, main, note, now, program, time, tmpdir, wait_until,
                     wfworker)
from pooler import Pooler, pgbouncer

POOL = 4
pgbouncer()
postgres = Postgres()
crowd = Crowd()
pooler = Pooler(postgres, size=POOL)
backend = Backend(postgres, "pooled")
DSN = pooler.dsn("pooled")
SILENT = "notifications do not arrive, polling"


def command(*arguments, status=0):
    done = wfworker(*arguments, env={"WFWORKER_DB": DSN})
    assert done.status == status, (arguments, done)
    return done.out + done.err


def calling(path):
    return backend.workflow(graph([("t", "trigger"), ("h", "http_request", {"url": crowd.url + path + "?n=${n}"}), ("e", "end")],
                                  [("t", "h"), ("h", "e")]), path)


def of(document):
    path = os.path.join(tmpdir(), "workflow.json")
    with open(path, "w") as f:
        json.dump(document, f)
    return path


def sessions(question):
    """Ask every server session of the pool: as many transactions at once as there are sessions."""
    with contextlib.ExitStack() as stack:
        answers = {}
        for _ in range(POOL):
            connection = psycopg2.connect(DSN)
            stack.callback(connection.close)
            cursor = connection.cursor()
            cursor.execute("SELECT pg_backend_pid()")
            pid = cursor.fetchone()[0]
            cursor.execute(question)
            answers[pid] = cursor.fetchall()
        assert len(answers) == POOL, answers
        return answers


SETTINGS = ("SELECT name, setting FROM pg_settings WHERE source = 'session' AND name NOT IN ('client_encoding', 'application_name',"
            " 'DateStyle', 'TimeZone', 'standard_conforming_strings', 'transaction_isolation', 'transaction_read_only',"
            " 'transaction_deferrable')")


def nothing_left():
    """No setting, prepared statement, cursor, temporary table or advisory lock stays in a session that others get next."""
    assert set(map(str, sessions(SETTINGS).values())) == {"[]"}, sessions(SETTINGS)
    for table in ("pg_prepared_statements", "pg_cursors WHERE statement NOT LIKE '%pg_cursors%'", "pg_locks WHERE locktype = 'advisory'",
                  "pg_class WHERE relpersistence = 't'"):
        assert set(map(str, sessions("SELECT * FROM " + table).values())) == {"[]"}, (table, sessions("SELECT * FROM " + table))
    for channels in sessions("SELECT pg_listening_channels()").values():
        assert all(name.startswith("wfworker_test_") for (name,) in channels), channels


@case
def migrated():
    """migrate through the pooler, six times at once: each migration is applied once, and no lock is left"""
    running = [subprocess.Popen([program(), "migrate", "--db", DSN], env=clean_environment(), cwd=tmpdir(), stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, text=True) for _ in range(6)]
    outputs = [p.communicate(timeout=120)[0] for p in running]
    assert [p.returncode for p in running] == [0] * 6, outputs
    names = [line for out in outputs for line in out.splitlines() if line.startswith("applied ")]
    applied = ["applied " + name for (name,) in backend.run("SELECT name FROM wfworker.migration ORDER BY version")]
    assert sorted(names) == applied, outputs
    nothing_left()


@case
def checked():
    """check says that a pooler is between, and that notifications do not arrive; with a direct address they do"""
    out = command("check")
    assert "✓ pooler      a pooler is between: no session state is used\n" in out, out
    assert ("! listen      notifications do not arrive: the worker polls (a transaction pooler? set listen_dsn to a direct "
            "address)\n") in out, out
    out = command("check", "--listen-dsn", backend.dsn)
    assert "✓ listen      notifications arrive\n" in out, out


@case
def polls():
    """run without a direct address: it says once that it polls, the registry too, and everything runs"""
    worker = Worker(DSN, "--poll-interval", "0.1")
    worker.wait_line(SILENT)
    for path in ("/a", "/b"):
        workflow = calling(path)
        backend.executions(workflow, 100, lambda i: {"n": i})
        backend.wait_ended_count(workflow, 100)
        assert set(n for p, n in crowd.seen().items() if p.startswith(path)) == {1}, crowd.seen()
    backend.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = 'pooled'")
    workflow = calling("/c")
    backend.executions(workflow, 100, lambda i: {"n": i})
    backend.wait_ended_count(workflow, 100)
    assert len(worker.lines(SILENT)) == 1, worker.log()
    assert [row["listening"] for row in json.loads(command("workers", "--json"))] == [False]
    assert worker.terminate() == 0, worker.log()
    assert json.loads(command("workers", "--json")) == []
    nothing_left()


@case
def listens_directly():
    """run with a direct address to listen at: new executions wake it, though it would poll once an hour only"""
    worker = Worker(DSN, "--listen-dsn", backend.dsn, "--poll-interval", "3600")
    worker.wait_line("notifications arrive")
    workflow = calling("/woken")
    for n in range(5):
        assert backend.wait_end(backend.execution(workflow, {"n": n})).status == "completed"
    assert [row["listening"] for row in json.loads(command("workers", "--json"))] == [True]
    assert not worker.lines(SILENT), worker.log()
    assert worker.terminate() == 0, worker.log()


@case
def session_mode():
    """a pooler in session mode: notifications arrive through it"""
    other = Pooler(postgres, mode="session", size=10)
    worker = Worker(other.dsn("pooled"), "--poll-interval", "3600")
    worker.wait_line("notifications arrive")
    assert backend.wait_end(backend.execution(calling("/session"), {"n": 1})).status == "completed"
    assert worker.terminate() == 0, worker.log()
    other.kill()


@case
def commands():
    """every command that works on the database works through the pooler, and leaves nothing in its sessions"""
    worker = Worker(DSN, "--poll-interval", "0.1")
    command("workflow", "add", of(graph([("t", "trigger"), ("w", "wait", {"signal_type": "go"}), ("e", "end")], [("t", "w"), ("w", "e")])),
            "--name", "waits")
    assert "waits" in command("workflow", "list")
    name = command("submit", "waits", "--data", '{"n": 1}').split()[0]
    wait_until("it to wait", lambda: "Executing node: w" in command("logs", name))
    assert name in command("list") and name in command("show", name) and "node w waits" in command("explain", name)
    command("pause", name)
    command("signal", name, "go", "--data", '{"ok": true}')
    assert "paused" in command("show", name)
    command("resume", name)
    wait_until("its end", lambda: "completed" in command("show", name))
    second = command("submit", "waits").split()[0]
    command("terminate", second)
    wait_until("its end", lambda: "failed" in command("show", second))
    command("retry", second)
    command("signal", second, "go")
    wait_until("its end", lambda: "completed" in command("show", second))
    third = command("replay", name).split()[0]
    command("signal", third, "go")
    wait_until("its end", lambda: "completed" in command("show", third))
    command("workflow", "add", of(graph([("t", "trigger"), ("ok", "human_approval", {"message": "Fine?"})],
                                        [("t", "ok")])), "--name", "asks")
    fourth = command("submit", "asks").split()[0]
    wait_until("the request", lambda: fourth in command("approvals"))
    command("answer", fourth, "ok", "approve")
    wait_until("its end", lambda: "completed" in command("show", fourth))
    for last in (["locks"], ["adopt", "--all"], ["validate", "waits"], ["workers"]):
        command(*last)
    schedule = command("schedule", "add", "waits", "0 0 1 1 *").split()[0]
    assert schedule in command("schedule", "list")
    for verb in ("pause", "resume", "run", "remove"):
        command("schedule", verb, schedule)
    assert worker.terminate() == 0, worker.log()
    nothing_left()


@case
def scheduled():
    """schedules that are due fire once each with three workers behind the pooler"""
    workers = [Worker(DSN, "--poll-interval", "0.2") for _ in range(3)]
    workflow = backend.workflow(graph([("t", "trigger")], []))
    due = now().replace(microsecond=0) - datetime.timedelta(seconds=1)
    backend.run("INSERT INTO workflowschedule (id, workflow_id, cron_expression, is_active, next_run_at)"
                " SELECT gen_random_uuid(), %s, '0 0 1 1 *', true, %s FROM generate_series(1, 30)", (workflow, due))
    wait_until("all to have fired", lambda: not backend.run("SELECT 1 FROM workflowschedule WHERE next_run_at <= %s", (due,)))
    backend.wait_ended_count(workflow, 30)
    assert backend.run("SELECT count(*) FROM workflowexecution WHERE workflow_id = %s", (workflow,)) == [(30,)]
    for worker in workers:
        assert worker.terminate() == 0, worker.log()


@case
def thousands():
    """3,000 executions with a call each, three workers on a pool of four sessions: every call once, everything completed"""
    crowd.forget()
    workers = [Worker(DSN, "--poll-interval", "0.2"), Worker(DSN, "--poll-interval", "0.2"), Worker(DSN, "--listen-dsn", backend.dsn)]
    workflow = calling("/many")
    began = time.monotonic()
    backend.executions(workflow, 3000, lambda i: {"n": i})
    backend.wait_ended_count(workflow, 3000)
    note("3000 executions: %.2f s" % (time.monotonic() - began))
    assert backend.run("SELECT status, count(*) FROM workflowexecution WHERE workflow_id = %s GROUP BY 1",
                       (workflow,)) == [("completed", 3000)]
    seen = crowd.seen()
    assert len(seen) == 3000 and set(seen.values()) == {1}, [s for s in seen.items() if s[1] > 1]
    for worker in workers:
        assert worker.terminate() == 0, worker.log()
    nothing_left()


@case
def restarted():
    """the pooler is killed and comes back while 300 calls are in flight: nothing is lost, nothing is called twice"""
    crowd.forget()
    crowd.close()
    lease = {"WFWORKER_LEASE_SECONDS": "300"}
    workers = [Worker(DSN, "--poll-interval", "0.2", env=lease), Worker(DSN, "--listen-dsn", backend.dsn, env=lease)]
    workflow = calling("/restart")
    backend.executions(workflow, 300, lambda i: {"n": i})
    wait_until("all to be in flight", lambda: crowd.waiting == 300)
    pooler.kill()
    crowd.open()
    for worker in workers:
        worker.wait_line("database connection lost, trying again")
    pooler.start()
    backend.executions(workflow, 100, lambda i: {"n": 300 + i})
    for _ in range(3):
        pooler.restart(away=0.3)
        time.sleep(0.5)
    backend.wait_ended_count(workflow, 400)
    seen = crowd.seen()
    assert [n for path, n in seen.items() if int(path.split("=")[1]) < 300] == [1] * 300, "a call that was in flight was repeated"
    assert len(seen) == 400
    assert backend.run("SELECT status, count(*) FROM workflowexecution WHERE workflow_id = %s GROUP BY 1",
                       (workflow,)) == [("completed", 400)]
    for worker in workers:
        assert worker.terminate() == 0, worker.log()
    nothing_left()


if __name__ == "__main__":
    sys.exit(main())
