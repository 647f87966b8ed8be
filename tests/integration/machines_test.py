# SPDX-License-Identifier: Apache-2.0
"""Many workers on many machines: the registry, what is handed over when one of them ends, and upgrades without a stop."""

import json
import os
import sys

from crowd import Crowd
from harness import SRCDIR, Backend, Postgres, Worker, case, graph, main, note, signal, time, wait_until, wfworker

NEWEST = max(int(name[:4]) for name in os.listdir(os.path.join(SRCDIR, "sql")) if name.endswith(".sql"))
postgres = Postgres()
crowd = Crowd()
backend = Backend(postgres, "machines")
LONG = {"WFWORKER_LEASE_SECONDS": "900"}  # whoever waited for it would be noticed
MEMBERS = ["name", "host", "pid", "version", "abi", "schema_version", "started_at", "seen_at", "seen_us", "alive", "state", "idle",
           "held", "listening", "node_types"]


def registry():
    done = wfworker("workers", "--json", "--db", backend.dsn)
    assert done.status == 0, done
    return {row["pid"]: row for row in json.loads(done.out)}


def calling(path):
    return backend.workflow(graph([("t", "trigger"), ("h", "http_request", {"url": crowd.url + path + "?n=${n}"}), ("e", "end")],
                                  [("t", "h"), ("h", "e")]), path)


def simple():
    return backend.execution(backend.workflow(graph([("t", "trigger"), ("e", "end")], [("t", "e")])))


@case
def migrated():
    """the schema, with what the registry says"""
    done = wfworker("migrate", "--db", backend.dsn)
    assert done.status == 0 and "applied 0015_machines" in done.out, done


@case
def listed():
    """registry: two workers, one that listens and one that polls, with all that is known of them; who ends leaves it"""
    listening, polling = Worker(backend.dsn), Worker(backend.dsn, "--listen", "off")
    wait_until("both, and the first one listening", lambda: len(registry()) == 2 and registry()[listening.process.pid]["listening"])
    rows = registry()
    first, second = rows[listening.process.pid], rows[polling.process.pid]
    for row, worker in ((first, listening), (second, polling)):
        assert list(row) == MEMBERS, row
        assert row["name"] == "%s:%d" % (row["host"], row["pid"]) and row["alive"] is True and row["held"] == 0, row
        assert row["abi"] == "1.0" and row["schema_version"] == NEWEST and row["version"], row
        assert {"http_request", "delay", "trigger"} <= set(row["node_types"]), row
        assert 0 <= row["seen_us"] < 120e6, row
    assert second["listening"] is False, second
    wait_until("idle", lambda: registry()[listening.process.pid]["state"] == "idle")
    table = wfworker("workers", "--db", backend.dsn).out.splitlines()
    shown = {line.split()[0]: line.split()[1:8] for line in table[1:]}
    assert shown[first["name"]] == [first["version"], "1.0", str(NEWEST), "idle", "0", "listening", str(len(first["node_types"]))], table
    assert set(shown) == {first["name"], second["name"]} and shown[second["name"]][5] == "polling", table
    for worker in (listening, polling):
        assert worker.terminate() == 0, worker.log()
    assert registry() == {}, registry()


@case
def stopping():
    """registry: a worker that finishes what it holds is stopping, with what it has in flight"""
    crowd.close()
    worker = Worker(backend.dsn, "--shutdown-grace", "60")
    identity = backend.execution(calling("/stopping"), {"n": 1})
    wait_until("the request", lambda: crowd.waiting == 1)
    row = registry()[worker.process.pid]
    assert (row["state"], row["held"]) == ("working", 1), row
    worker.process.send_signal(signal.SIGTERM)
    wait_until("it to be stopping", lambda: registry()[worker.process.pid]["state"] == "stopping")
    assert registry()[worker.process.pid]["held"] == 1
    crowd.open()
    assert worker.wait() == 0, worker.log()
    assert registry() == {}
    after = Worker(backend.dsn)
    assert backend.wait_end(identity).status == "completed"
    assert after.terminate() == 0, after.log()
    assert crowd.seen()["/stopping?n=1"] == 1


@case
def lost():
    """registry: a killed worker is lost after two minutes of silence, and off the list after an hour"""
    worker = Worker(backend.dsn)
    wait_until("its row", registry)
    worker.kill()
    assert registry()[worker.process.pid]["state"] in ("idle", "working")
    backend.run("UPDATE wfworker.worker SET seen_at = now() - interval '121 seconds'")
    row = registry()[worker.process.pid]
    assert (row["state"], row["alive"]) == ("lost", False), row
    backend.run("SELECT wfworker.upkeep(30)")
    assert worker.process.pid in registry()
    backend.run("UPDATE wfworker.worker SET seen_at = now() - interval '61 minutes'")
    backend.run("SELECT wfworker.upkeep(30)")
    assert registry() == {}, registry()


def handed_over(count, grace, how):
    """`count` requests are in flight in one worker when it is stopped; the other one is there already."""
    crowd.forget()
    crowd.close()
    first = Worker(backend.dsn, "--shutdown-grace", grace, env=LONG, name="first")
    workflow = calling("/over-%s" % how)
    backend.executions(workflow, count, lambda i: {"n": i})
    wait_until("all to be in flight", lambda: crowd.waiting == count)
    second = Worker(backend.dsn, env=LONG, name="second")
    began = time.monotonic()
    first.process.send_signal(signal.SIGTERM)
    assert first.wait() == 0, first.log()
    left = time.monotonic()
    held = dict(backend.run("SELECT coalesce(w.pid, 0), count(*) FROM wfworker.task t LEFT JOIN wfworker.worker w ON w.id = t.worker"
                            " GROUP BY 1"))
    assert set(held) <= {0, second.process.pid} and sum(held.values()) == count, held
    wait_until("the other one to have all", lambda: sum(crowd.seen().values()) == 2 * count)
    taken = time.monotonic()
    crowd.open()
    backend.wait_ended_count(workflow, count)
    note("%d in flight: the first ended after %.2f s, the second had all of them %.2f s later" % (count, left - began, taken - left))
    assert set(crowd.seen().values()) == {2}, "each was called by both workers, once"
    assert backend.run("SELECT DISTINCT status FROM workflowexecution WHERE workflow_id = %s", (workflow,)) == [("completed",)]
    assert second.terminate() == 0, second.log()


@case
def handed_over_at_once():
    """500 executions in flight: who is stopped hands them over at once, none waits for a lease"""
    handed_over(500, "0", "at-once")


@case
def handed_over_after_grace():
    """500 executions in flight, after a grace period that was not enough: the same"""
    handed_over(500, "1", "after-grace")


@case
def found_by_lease():
    """500 executions in flight in a worker killed with -9: the other one has them when the lease is over"""
    crowd.forget()
    crowd.close()
    victim = Worker(backend.dsn, env={"WFWORKER_LEASE_SECONDS": "3"}, name="victim")
    workflow = calling("/lease")
    backend.executions(workflow, 500, lambda i: {"n": i})
    wait_until("all to be in flight", lambda: crowd.waiting == 500)
    victim.kill()
    other = Worker(backend.dsn, env={"WFWORKER_LEASE_SECONDS": "3"}, name="other")
    wait_until("the other one to have all", lambda: sum(crowd.seen().values()) == 1000)
    crowd.open()
    backend.wait_ended_count(workflow, 500)
    assert set(crowd.seen().values()) == {2}, "each was called by both workers, once"
    assert other.terminate() == 0, other.log()


# ---- Upgrades ----

AHEAD = "schema is newer than this program"


def newer_migration(oldest_program):
    backend.run("DELETE FROM wfworker.migration WHERE version = 9999")
    backend.run("INSERT INTO wfworker.migration (version, name, program) VALUES (9999, '9999_later', '99.0')")
    backend.run("UPDATE wfworker.meta SET oldest_program = %s", (oldest_program,))


def cut():
    backend.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'wfworker'")


@case
def upgrade_without_a_stop():
    """upgrade: somebody migrates for the next release; workers of this one go on and say it once, new ones of it begin"""
    running = Worker(backend.dsn)
    newer_migration(NEWEST)
    assert backend.wait_end(simple()).status == "completed"
    for _ in range(3):
        cut()
        running.wait_line("database connection is back", count=1)
        assert backend.wait_end(simple()).status == "completed"
    assert len(running.lines(AHEAD)) == 1 and "schema=9999 known=%d" % NEWEST in running.lines(AHEAD)[0], running.log()
    fresh = Worker(backend.dsn, "--migrate")
    assert len(fresh.lines(AHEAD)) == 1, fresh.log()
    assert running.terminate() == 0, running.log()
    assert backend.wait_end(simple()).status == "completed"
    assert fresh.terminate() == 0, fresh.log()


@case
def upgrade_commands():
    """upgrade: the commands of this release go on beside the newer schema; migrate leaves it alone, check says so"""
    before = backend.run("SELECT oid, proname FROM pg_proc WHERE pronamespace = 'wfworker'::regnamespace ORDER BY 1")
    done = wfworker("migrate", "--db", backend.dsn)
    assert (done.status, done.out, done.err) == (0, "the schema is version 9999, newer than version %d of this program, which works "
                                                 "with it: nothing to do\n" % NEWEST, ""), done
    assert backend.run("SELECT oid, proname FROM pg_proc WHERE pronamespace = 'wfworker'::regnamespace ORDER BY 1") == before
    done = wfworker("check", "--db", backend.dsn)
    assert done.status == 0 and "! schema      version 9999, newer than the %d of this program, which works with it\n" % NEWEST in done.out, done
    assert wfworker("workers", "--db", backend.dsn).status == 0


@case
def upgrade_that_needs_a_stop():
    """upgrade: a migration that this release cannot live with ends its workers at their next connection, with one line"""
    backend.run("DELETE FROM wfworker.migration WHERE version = 9999")
    worker = Worker(backend.dsn)
    newer_migration(9999)
    cut()
    assert worker.wait() == 1, worker.log()
    text = 'the schema of wfworker in database "machines" is version 9999, newer than this program can work with: it knows %d' % NEWEST
    assert len([line for line in worker.log().splitlines() if text in line]) == 1, worker.log()
    for command in ("migrate", "check", "workers"):
        done = wfworker(command, "--db", backend.dsn)
        assert done.status == 1 and text in done.out + done.err and "update this program" in done.out + done.err, done
    backend.run("DELETE FROM wfworker.migration WHERE version = 9999")
    backend.run("UPDATE wfworker.meta SET oldest_program = %s", (NEWEST,))


if __name__ == "__main__":
    sys.exit(main())
