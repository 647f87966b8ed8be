# SPDX-License-Identifier: Apache-2.0
"""A primary with a streaming standby: workers that begin too early, promotion in the middle of the work with synchronous and
with asynchronous replication, and servers that are short of connections or of patience."""

import subprocess
import sys

from crowd import Crowd
from harness import (Answer, Backend, HttpServer, Postgres, Worker, case, contextlib, graph, main, note, psycopg2, signal, time,
                     wait_until, wfworker)

server = HttpServer()
crowd = Crowd()
LEASE = {"WFWORKER_LEASE_SECONDS": "300"}


class Standby(Postgres):
    """A copy of a running server that follows it."""

    def __init__(self, primary):
        self.primary = primary
        super().__init__()

    def make_data(self):
        with open(self.primary.data + "/pg_hba.conf", "a") as f:
            f.write("local replication all trust\n")
        self.primary.sql("postgres", "SELECT pg_reload_conf()")
        subprocess.run([self.bindir + "/pg_basebackup", "-D", self.data, "-R", "-c", "fast", "-X", "stream", "-d",
                        "host=%s port=%d user=postgres" % (self.primary.dir, self.primary.port)],
                       check=True, cwd="/", stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, **self.identity())
        with open(self.data + "/postgresql.conf", "a") as f:
            f.write("port = %d\nunix_socket_directories = '%s'\n" % (self.port, self.dir))

    def follows(self):
        return self.primary.sql("postgres", "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'") == [(1,)]

    def caught_up(self):
        at = self.primary.sql("postgres", "SELECT pg_current_wal_lsn()")[0][0]
        wait_until("the standby to be as far as the primary", lambda: self.sql(
            "postgres", "SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn", (at,)) == [(True,)])

    def promote(self):
        assert self.sql("postgres", "SELECT pg_promote()") == [(True,)]


class Pair:
    """Primary, standby and the backend beside them; the backend follows a promotion."""

    def __init__(self, name, synchronous=False):
        self.primary = Postgres()
        self.backend = Backend(self.primary, name)
        assert wfworker("migrate", "--db", self.backend.dsn).status == 0
        self.standby = Standby(self.primary)
        wait_until("the standby to follow", self.standby.follows)
        if synchronous:
            self.primary.sql("postgres", "ALTER SYSTEM SET synchronous_standby_names = '*'")
            self.primary.sql("postgres", "SELECT pg_reload_conf()")
            wait_until("it to be synchronous", lambda: self.primary.sql(
                "postgres", "SELECT sync_state FROM pg_stat_replication") == [("sync",)])
        self.dsn = "host=%s,%s port=%d,%d user=postgres dbname=%s target_session_attrs=read-write" % (
            self.primary.dir, self.standby.dir, self.primary.port, self.standby.port, name)

    def fail_over(self):
        self.primary.stop(signal.SIGQUIT)
        self.standby.sql("postgres", "ALTER SYSTEM RESET synchronous_standby_names")
        self.standby.promote()
        self.backend.postgres = self.standby
        self.backend.reconnect()

    def end(self):
        self.standby.stop(signal.SIGQUIT)
        self.primary.stop(signal.SIGQUIT)


def calling(backend, address, name="calls"):
    return backend.workflow(graph([("t", "trigger"), ("h", "http_request", {"method": "POST", "url": address + "?n=${n}"}), ("e", "end")],
                                  [("t", "h"), ("h", "e")]), name)


def statuses(backend, workflow):
    return dict(backend.run("SELECT status, count(*) FROM workflowexecution WHERE workflow_id = %s GROUP BY 1", (workflow,)))


def logged_ends(backend, workflow):
    """How often each execution of it said that it has ended: {1: all of them}."""
    return dict(backend.run(
        "SELECT n, count(*) FROM (SELECT count(*) AS n FROM executionlog l JOIN workflowexecution e ON e.id = l.execution_id"
        " WHERE e.workflow_id = %s AND l.message = 'Workflow execution completed' GROUP BY e.id) x GROUP BY n", (workflow,)))


@case
def begins_on_a_standby():
    """a worker that is started on a standby says so once and waits; promoted, it goes on by itself"""
    pair = Pair("early")
    alone = "host=%s port=%d user=postgres dbname=early" % (pair.standby.dir, pair.standby.port)
    done = wfworker("check", "--db", alone)
    assert done.status == 1 and "✗ writable    this server is a standby: name the primary\n" in done.out, done
    done = wfworker("check", "--db-only", "--db", alone + " target_session_attrs=read-write")
    assert done.status == 1 and "session is read-only" in done.out and "This server is a standby" not in done.err, done
    worker = Worker(alone, ready=False)
    worker.wait_line("no database connection, trying again")
    time.sleep(2)
    said = worker.lines("standby")
    assert len(said) == 1 and 'error="the server is read-only (a standby?)"' in said[0], worker.log()
    assert worker.running()
    pair.fail_over()
    worker.wait_line(Worker.READY)
    workflow = calling(pair.backend, server.url + "/early")
    assert pair.backend.wait_end(pair.backend.execution(workflow, {"n": 1})).status == "completed"
    assert worker.terminate() == 0, worker.log()
    pair.end()


@case
def synchronous():
    """promotion with synchronous replication, 300 calls in flight: nothing is lost, no call is made twice, each end is logged once"""
    crowd.forget()
    crowd.close()
    pair = Pair("sync", synchronous=True)
    workers = [Worker(pair.dsn, env=LEASE), Worker(pair.dsn, env=LEASE)]
    workflow = calling(pair.backend, crowd.url + "/sync")
    pair.backend.executions(workflow, 300, lambda i: {"n": i})
    wait_until("all to be in flight", lambda: crowd.waiting == 300)
    crowd.open()
    time.sleep(0.1)  # in the middle of the saves
    pair.fail_over()
    began = time.monotonic()
    pair.backend.executions(workflow, 100, lambda i: {"n": 300 + i})
    pair.backend.wait_ended_count(workflow, 400)
    note("all ended %.1f s after the promotion" % (time.monotonic() - began))
    assert statuses(pair.backend, workflow) == {"completed": 400}, statuses(pair.backend, workflow)
    assert len(crowd.seen()) == 400 and set(crowd.seen().values()) == {1}, [s for s in crowd.seen().items() if s[1] > 1]
    assert logged_ends(pair.backend, workflow) == {1: 400}, logged_ends(pair.backend, workflow)
    for worker in workers:
        assert worker.running() and len(worker.lines("database connection lost")) >= 1, worker.log()
        assert worker.terminate() == 0, worker.log()
    pair.end()


@case
def asynchronous():
    """promotion after the standby fell behind: what it never heard of is gone or is done again with the same key; nothing sticks"""
    pair = Pair("async")
    worker = Worker(pair.dsn, env={"WFWORKER_LEASE_SECONDS": "3"})
    gate = []
    server.script["/behind"] = [Answer(until=lambda: gate)]
    workflow = calling(pair.backend, server.url + "/behind")
    known = pair.backend.executions(workflow, 20, lambda i: {"n": i})
    wait_until("all to be in flight", lambda: len(server.seen("/behind")) == 20)
    pair.standby.caught_up()
    pair.standby.sql("postgres", "ALTER SYSTEM SET primary_conninfo = ''")
    pair.standby.sql("postgres", "SELECT pg_reload_conf()")
    wait_until("the standby to follow no more", lambda: not pair.standby.follows())
    unknown = pair.backend.executions(workflow, 20, lambda i: {"n": 100 + i})
    gate.append(True)
    pair.backend.wait_ended_count(workflow, 40)
    gate.clear()
    forgotten = pair.backend.executions(workflow, 5, lambda i: {"n": 200 + i})
    wait_until("these to be in flight", lambda: len(server.seen("/behind")) == 45)
    pair.fail_over()
    gate.append(True)
    pair.backend.wait_ended_count(workflow, 20)
    assert statuses(pair.backend, workflow) == {"completed": 20}, statuses(pair.backend, workflow)
    assert not [i for i in unknown + forgotten if pair.backend.row(i)], "the standby cannot know of these"
    assert all(pair.backend.row(i).status == "completed" for i in known)
    keys = {}
    for request in server.seen("/behind"):
        keys.setdefault(request.path, []).append(request.headers["Idempotency-Key"])
    assert [len(keys["/behind?n=%d" % n]) for n in range(20)] == [2] * 20, "done again: the standby knew of no answer"
    assert [len(set(keys["/behind?n=%d" % n])) for n in range(20)] == [1] * 20, "with the same key"
    fresh = pair.backend.execution(workflow, {"n": 300})
    assert pair.backend.wait_end(fresh).status == "completed"
    wait_until("an empty queue", lambda: not pair.backend.run("SELECT 1 FROM wfworker.task"))
    assert worker.running() and not worker.lines("Z error "), worker.log()
    assert worker.terminate() == 0, worker.log()
    pair.end()


# ---- One server ----

postgres = Postgres()
backend = Backend(postgres, "short")


def ends_of(count, worker):
    workflow = calling(backend, server.url + "/short")
    for n in range(count):
        assert backend.wait_end(backend.execution(workflow, {"n": n})).status == "completed", worker.log()


@contextlib.contextmanager
def role(settings):
    """A superuser whose sessions have these settings."""
    backend.run("CREATE ROLE odd LOGIN SUPERUSER " + settings[0])
    for setting in settings[1:]:
        backend.run("ALTER ROLE odd SET " + setting)
    try:
        yield postgres.dsn("short", "odd")
    finally:
        for worker in Worker.all:
            worker.terminate()
        backend.run("REASSIGN OWNED BY odd TO postgres")
        backend.run("DROP ROLE odd")


@case
def too_many_connections():
    """the role or the server has no connection left: said once with what to do, the worker waits, and works with fewer than it wants"""
    assert wfworker("migrate", "--db", backend.dsn).status == 0
    backend.run("CREATE ROLE scarce LOGIN CONNECTION LIMIT 1; GRANT ALL ON ALL TABLES IN SCHEMA public, wfworker TO scarce;"
                " GRANT USAGE ON SCHEMA wfworker TO scarce; GRANT ALL ON ALL SEQUENCES IN SCHEMA wfworker TO scarce")
    taken = psycopg2.connect(postgres.dsn("short", "scarce"))
    worker = Worker(postgres.dsn("short", "scarce"), "--poll-interval", "0.2", ready=False)
    worker.wait_line("too many connections for role")
    time.sleep(2)
    assert len(worker.lines("too many connections for role")) == 1, worker.log()
    done = wfworker("check", "--db-only", "--db", postgres.dsn("short", "scarce"))
    assert done.status == 1 and "Raise the limit of the role or database, or use a pooler." in done.out, done
    taken.close()
    worker.wait_line(Worker.READY)
    ends_of(5, worker)
    assert worker.terminate() == 0, worker.log()


@case
def impatient_sessions():
    """idle_session_timeout, idle_in_transaction_session_timeout and statement_timeout of the role do not cut the worker's connections"""
    timeouts = ["", "statement_timeout = '1s'", "idle_in_transaction_session_timeout = '1s'"]
    if int(backend.run("SHOW server_version_num")[0][0]) >= 140000:
        timeouts.append("idle_session_timeout = '1s'")
    with role(timeouts) as dsn:
        worker = Worker(dsn)
        worker.wait_line("notifications arrive")
        sessions = backend.run("SELECT pid FROM pg_stat_activity WHERE usename = 'odd' ORDER BY 1")
        ends_of(3, worker)
        time.sleep(3)
        ends_of(3, worker)
        assert backend.run("SELECT pid FROM pg_stat_activity WHERE usename = 'odd' ORDER BY 1") == sessions, worker.log()
        assert not worker.lines("warning|error"), worker.log()


@case
def read_only_role():
    """default_transaction_read_only of the role: said once, and the worker waits until it may write"""
    with role(["", "default_transaction_read_only = on"]) as dsn:
        worker = Worker(dsn, ready=False)
        worker.wait_line("read-only")
        backend.run("ALTER ROLE odd SET default_transaction_read_only = off")
        worker.wait_line(Worker.READY)
        ends_of(3, worker)
        assert len(worker.lines("read-only")) == 1, worker.log()


@case
def immediate_restart():
    """the server is restarted immediately, three times, under load: every call once"""
    crowd.forget()
    worker = Worker(backend.dsn, env=LEASE)
    workflow = calling(backend, crowd.url + "/restart", "restart")
    backend.executions(workflow, 600, lambda i: {"n": i})
    for _ in range(3):
        wait_until("some to have ended", lambda before=backend.ended(workflow): backend.ended(workflow) > min(before, 599))
        postgres.stop(signal.SIGQUIT)
        postgres.start()
        backend.reconnect()
    backend.wait_ended_count(workflow, 600)
    assert statuses(backend, workflow) == {"completed": 600}
    assert len(crowd.seen()) == 600 and set(crowd.seen().values()) == {1}, [s for s in crowd.seen().items() if s[1] > 1]
    assert logged_ends(backend, workflow) == {1: 600}
    assert worker.terminate() == 0, worker.log()


if __name__ == "__main__":
    sys.exit(main())
