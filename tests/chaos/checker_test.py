# SPDX-License-Identifier: Apache-2.0
"""The checker of the chaos suite finds what it is there for: workers with a fault put in on purpose, and records that were tampered
with.  A check that finds nothing here would find nothing there."""

import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "integration"))

from harness import case, main, note, time, wait_until  # noqa: E402
from chaos import Run  # noqa: E402
from checker import Checker  # noqa: E402
from fleet import LEASE_S, crash_points  # noqa: E402

POINTS, FAULTS = crash_points()
if not POINTS:
    print("1..0 # SKIP this build has no crash points (configure --enable-crash-points)")
    sys.exit(0)

run = Run(1, standby=False, disk=False, points=[])
TABLES = ("workflowexecution, workflowsignal, workflowschedule, wfworker.schedule_run, wfworker.schedule, wfworker.child, wfworker.task,"
          " wfworker.snapshot, wfworker.journal, wfworker.outbox, wfworker.inbox, wfworker.linked, wfworker.lock_ticket,"
          " wfworker.signal_waiting")


def everybody_goes():
    run.fleet.want = 0
    for worker in list(run.fleet.workers):
        run.fleet.end(worker, "asked")
    end = time.monotonic() + 60
    while run.fleet.workers:
        run.fleet.tick()
        assert time.monotonic() < end, "workers do not end"
        time.sleep(0.02)


def queue():
    return run.cluster.run("SELECT count(*) FROM wfworker.task")[0][0]


def course(fault, names, disturb=None, schedule=False, patience=60):
    """Executions by two workers that have the fault; in the end by sound ones.  What the checker says."""
    run.cluster.run("TRUNCATE %s CASCADE" % TABLES)
    os.truncate(run.cluster.record, 0)
    for kept in (run.workload.made, run.workload.numbers, run.workload.sent):
        kept.clear()
    run.workload.to_signal.clear()
    run.fleet.fault, run.fleet.want = fault, 2
    run.fleet.run_for(1)
    if schedule:
        run.workload.start_schedule()
    run.workload.submit(names)
    if disturb:
        disturb()
    run.fleet.run_for(3 if schedule else 1)
    if schedule:
        run.workload.stop_schedule()
    run.workload.send_signals(10**6)
    end = time.monotonic() + patience
    while time.monotonic() < end and queue() > 0:
        run.fleet.run_for(0.1)
    everybody_goes()
    return judged(disturb is not None)


def judged(harmed=False):
    return Checker(run.cluster.backend.run, run.workload, run.cluster.record, harmed).judge()


def found(faults, text):
    for fault in faults[:3]:
        note(fault[:300])
    assert any(text in fault for fault in faults), "nothing like '%s' in %s" % (text, faults[:20])


@case
def sound():
    """without a fault the checker is content, whatever kind of execution it is"""
    faults = course(None, run.workload.names * 3, schedule=True)
    assert faults == [], faults


@case
def names():
    """the program lists its crash points and faults, and each fault has its case here"""
    assert len(POINTS) == len(set(POINTS)) > 30 and "save.sent" in POINTS and "effect.started" in POINTS, POINTS
    assert sorted(FAULTS) == ["ack-early", "double-run", "lose-save", "renew-never", "skip-fence"], FAULTS


@case
def double_run():
    """double-run: every handler is called twice"""
    found(course("double-run", ["chain"] * 6), "began for the 2. time before as many losses and failures were durable")


@case
def lose_save():
    """lose-save: the engine hears that a save is durable which was never sent"""
    found(course("lose-save", ["chain", "loop"] * 8, patience=10), "has the journal rows [")


@case
def renew_never():
    """renew-never: leases run out though no worker is harmed"""
    found(course("renew-never", ["slow"] * 4, patience=20), "and no worker was harmed")


@case
def skip_fence():
    """skip-fence: a worker that was stopped beyond its lease saves over what another one has done since"""
    def disturb():
        wait_until("some requests", lambda: os.path.getsize(run.cluster.record) > 1000)
        for worker in run.fleet.workers:
            worker.stop_for(LEASE_S + 3)
        run.fleet.want = 3
        run.fleet.add(healthy=True)
    found(course("skip-fence", ["slow"] * 12, disturb, patience=20), "an old one after a new one")


@case
def ack_early():
    """ack-early: effects begin before their start is durable"""
    found(course("ack-early", ["once", "chain"] * 10, patience=10), "began before its start was durable")


# ---- Records that were tampered with: one thing each, after a course that was sound ----

TAMPERED = [
    ("an execution that does not end", "UPDATE workflowexecution SET completed_at = NULL, status = 'running' WHERE id = %(chain)s",
     "is not over: running"),
    ("an execution that failed", "UPDATE workflowexecution SET status = 'failed' WHERE id = %(chain)s", "is failed"),
    ("a second end row", "INSERT INTO executionlog SELECT gen_random_uuid(), execution_id, node_id, level, message, \"timestamp\" +"
     " interval '1 s' FROM executionlog WHERE execution_id = %(chain)s AND node_id = 'end'", "has 2 end rows"),
    ("no end row", "DELETE FROM executionlog WHERE execution_id = %(chain)s AND node_id = 'end'", "has 0 end rows"),
    ("a node that is done twice", "INSERT INTO executionlog SELECT gen_random_uuid(), execution_id, node_id, level, message, \"timestamp\" -"
     " interval '1 microsecond' FROM executionlog WHERE execution_id = %(chain)s AND message = 'Node a completed successfully'",
     "logged as done"),
    ("rows of the log with one time", "UPDATE executionlog SET \"timestamp\" = '2026-01-01' WHERE execution_id = %(chain)s",
     "with the same time"),
    ("a node that was not run", "UPDATE workflowexecution SET execution_state = replace(execution_state::text, '\"d\"', '\"x\"')::json"
     " WHERE id = %(chain)s", "completed ["),
    ("a journal row that is missing", "DELETE FROM wfworker.journal WHERE execution_id = %(chain)s AND seq = 2", "has the journal rows"),
    ("a journal row that is there twice", "INSERT INTO wfworker.journal SELECT * FROM wfworker.journal WHERE execution_id = %(chain)s"
     " AND seq = 2", "has the journal rows"),
    ("an old token that writes again", "UPDATE wfworker.journal SET token = -1 WHERE execution_id = %(loop)s AND seq = 2",
     "an old one after a new one"),
    ("an execution in no queue", "UPDATE workflowexecution SET status = 'paused', completed_at = NULL WHERE id = %(pure)s",
     "left in stuck"),
    ("a task that is left", "INSERT INTO wfworker.task (execution_id, due_at) VALUES (%(pure)s, 'infinity')", "left in queue"),
    ("an ask that nobody carries out", "INSERT INTO wfworker.outbox (execution_id, kind, body) VALUES (%(pure)s, 'poke', '{}')",
     "left in outbox"),
    ("an answer that nobody takes", "INSERT INTO wfworker.inbox (execution_id, type) VALUES (%(pure)s, ':x')", "left in inbox"),
    ("a link that is left", "INSERT INTO wfworker.linked VALUES (%(pure)s)", "left in linked"),
    ("a lock that is kept", "INSERT INTO wfworker.lock_ticket (execution_id, id, key, n, node, most)"
     " VALUES (%(pure)s, gen_random_uuid(), 'k', 1, 'm', 1)", "left in locks"),
    ("a signal that nobody used", "UPDATE workflowsignal SET processed = false", "left in signals"),
    ("a child too many", "INSERT INTO wfworker.child (id, parent, node, depth, waits, abandon, told)"
     " SELECT %(pure)s, %(parent)s, 's', 1, true, false, true", "started 2 executions, not 1"),
    ("a child that is missing", "DELETE FROM wfworker.child WHERE parent = %(parent)s", "started 0 executions, not 1"),
    ("a slot that was skipped", "DELETE FROM wfworker.schedule_run WHERE slot = (SELECT min(slot) + interval '1 s' FROM"
     " wfworker.schedule_run)", "the schedule skipped"),
    ("a slot that was taken twice", "UPDATE workflowexecution x SET workflow_id = y.workflow_id, execution_state = y.execution_state"
     " FROM workflowexecution y WHERE y.id = (SELECT execution_id FROM wfworker.schedule_run LIMIT 1) AND x.id = %(pure)s",
     "the schedule started"),
]


def numbers_of(name):
    return [n for n, kind in run.workload.made.values() if kind.name == name]


def late(lines):
    return lines + [[time.time(), *lines[0][1:5], 10**6, 200]]


def other_key(lines):
    return lines + [[lines[0][0] - 0.001, *lines[0][1:4], "other", 10**6, 200]]


def overlapping(lines):
    """A second execution of the same key is inside between the first one's `in` and `out`."""
    first, second = [n for n in numbers_of("mutex") if n % 2 == numbers_of("mutex")[0] % 2][:2]
    begin = min(line[0] for line in lines if line[1] == first)
    return [[begin + 0.0001, *line[1:]] if line[1] == second and line[2] == "in" else line for line in lines]


RECORDS = [
    ("a request after its outcome was committed", late, "after its outcome was committed"),
    ("a repeat with another key", other_key, "came with the keys"),
    ("an effect that never happened", lambda lines: lines[1:], "never happened"),
    ("an outcome that nobody gave", lambda lines: [[*lines[0][:5], 10**6, 200]] + lines[1:], "has 0 outcomes of 1 requests"),
    ("an effect of no workflow", lambda lines: lines + [[*lines[0][:2], "stray", *lines[0][3:]]], "is none of its workflow"),
    ("two in a critical section", overlapping, "were in the critical section"),
    ("at most once, twice", lambda lines: lines + [line for line in lines if line[1] in numbers_of("once")], "and may at most once"),
]


def rewrite(change):
    """Change the lines of the record; its text as it was."""
    with open(run.cluster.record) as f:
        text = f.read()
    with open(run.cluster.record, "w") as f:
        f.writelines(json.dumps(line) + "\n" for line in change([json.loads(line) for line in text.splitlines()]))
    return text


def tampered_database(statement, chosen):
    connection = run.cluster.backend.connection
    connection.autocommit = False
    try:
        run.cluster.backend.run(statement, chosen)
        return judged()
    finally:
        connection.rollback()
        connection.autocommit = True


def tampered_record(change):
    text = rewrite(change)
    try:
        return judged()
    finally:
        with open(run.cluster.record, "w") as f:
            f.write(text)


@case
def tampered():
    """every check finds the one thing that it is for"""
    faults = course(None, ["chain", "pure", "loop", "parent", "signal", "once"] + ["mutex"] * 4, schedule=True)
    assert faults == [], faults
    chosen = {kind.name: identity for identity, (_, kind) in run.workload.made.items()}
    silent = []
    for name, statement, expected in TAMPERED:
        faults = tampered_database(statement, chosen)
        if not any(expected in fault for fault in faults):
            silent.append((name, expected, faults[:5]))
    for name, change, expected in RECORDS:
        faults = tampered_record(change)
        if not any(expected in fault for fault in faults):
            silent.append((name, expected, faults[:5]))
    assert silent == [], silent
    assert judged() == []


if __name__ == "__main__":
    sys.exit(main())
