# SPDX-License-Identifier: Apache-2.0
"""Schedules: every time once, however many workers run; what is wrong costs the others nothing."""

import datetime
import json
import sys
import uuid

from harness import Backend, Postgres, Worker, case, graph, main, now, time, wait_until, wfworker

LEASE = {"WFWORKER_LEASE_SECONDS": "3"}
EVERY_SECOND = "* * * * * *"
NEVER_SOON = "0 0 1 1 *"

postgres = Postgres()
backend = Backend(postgres, "schedules")


def short_workflow(name="short", trigger=None, active=True):
    return backend.workflow(graph([("t", "trigger"), ("e", "end")], [("t", "e")]), name, trigger_config=trigger, active=active)


def long_workflow(name="long"):
    return backend.workflow(graph([("t", "trigger"), ("d", "delay", {"delay_seconds": 3600})], [("t", "d")]), name)


def schedule(workflow, cron, next_run_at=None, active=True):
    identity = str(uuid.uuid4())
    backend.run("INSERT INTO workflowschedule (id, workflow_id, cron_expression, is_active, next_run_at) VALUES (%s, %s, %s, %s, %s)",
                (identity, workflow, cron, active, next_run_at))
    return identity


def started(workflow):
    """scheduled_for of its executions, in order."""
    rows = backend.run("SELECT execution_state::json -> 'execution_data' ->> 'scheduled_for' FROM workflowexecution"
                       " WHERE workflow_id = %s ORDER BY 1", (workflow,))
    return [r[0] for r in rows]


def ours(identity):
    """(active, next_at is a time, error) of wfworker's own row."""
    return backend.run("SELECT active, next_at < 'infinity', error FROM wfworker.schedule WHERE id = %s", (identity,))[0]


def hours_ago(hours):
    return (now() - datetime.timedelta(hours=hours)).replace(microsecond=0)


@case
def migrate():
    """migrate makes the tables of schedules"""
    done = wfworker("migrate", "--db", backend.dsn)
    assert done.status == 0, done


@case
def exactly_once():
    """two workers and every-second schedules: each second exactly once, also when one worker is killed"""
    workflows = [short_workflow("every %d" % i) for i in range(5)]
    workers = [Worker(backend.dsn, env=LEASE), Worker(backend.dsn, env=LEASE)]
    for workflow in workflows:
        schedule(workflow, EVERY_SECOND)
    wait_until("eight runs of each", lambda: all(len(started(w)) >= 8 for w in workflows))
    workers[0].kill()
    seen = {w: len(started(w)) for w in workflows}
    wait_until("eight more of each", lambda: all(len(started(w)) >= seen[w] + 8 for w in workflows))
    backend.run("UPDATE workflowschedule SET is_active = false")
    for workflow in workflows:
        times = started(workflow)
        assert len(times) == len(set(times)), times
        first, last = (datetime.datetime.fromisoformat(t) for t in (times[0], times[-1]))
        assert len(times) == (last - first).total_seconds() + 1, times
    wait_until("all to be completed", lambda: backend.run("SELECT count(*) FROM workflowexecution WHERE status <> 'completed'")[0][0] == 0)
    assert workers[1].terminate() == 0, workers[1].log()


@case
def trigger_data():
    """the execution gets trigger_type, schedule_id, cron_expression and scheduled_for; next_run_at and last_run_at are written"""
    workflow = short_workflow()
    due = hours_ago(0) - datetime.timedelta(seconds=2)
    identity = schedule(workflow, NEVER_SOON, due)
    Worker(backend.dsn)
    wait_until("the run", lambda: started(workflow))
    row = backend.run("SELECT id::text FROM workflowexecution WHERE workflow_id = %s", (workflow,))[0][0]
    data = backend.wait_end(row).state["execution_data"]
    expected = {"trigger_type": "schedule", "schedule_id": identity, "cron_expression": NEVER_SOON,
                "scheduled_for": due.isoformat() + "+00:00"}
    assert {k: data[k] for k in expected} == expected, data
    next_run, last_run = backend.run("SELECT next_run_at, last_run_at FROM workflowschedule WHERE id = %s", (identity,))[0]
    assert next_run == datetime.datetime(now().year + 1, 1, 1), next_run
    assert abs((now() - last_run).total_seconds()) < 600, last_run


@case
def null_is_computed():
    """next_run_at null is computed; a schedule that is added or changed is taken over at once"""
    Worker(backend.dsn)
    workflow = short_workflow()
    identity = schedule(workflow, NEVER_SOON)
    def next_run():
        return backend.run("SELECT next_run_at FROM workflowschedule WHERE id = %s", (identity,))[0][0]
    wait_until("next_run_at", lambda: next_run() == datetime.datetime(now().year + 1, 1, 1))
    backend.run("UPDATE workflowschedule SET cron_expression = '0 0 2 1 *' WHERE id = %s", (identity,))
    wait_until("the new next_run_at", lambda: next_run() == datetime.datetime(now().year + 1, 1, 2))
    backend.run("UPDATE workflowschedule SET next_run_at = %s WHERE id = %s", (now(), identity))
    wait_until("the run at the time that somebody set", lambda: len(started(workflow)) == 1)
    wait_until("next_run_at after it", lambda: next_run() == datetime.datetime(now().year + 1, 1, 2))


@case
def wrong_is_reported_once():
    """a wrong expression is reported once, on the schedule; it starts nothing and costs the others nothing"""
    wrong, never, good = short_workflow("wrong"), short_workflow("never"), short_workflow("good")
    first, second = schedule(wrong, "0 22-2 * * *", now()), schedule(never, "0 0 30 2 *", now())
    third = schedule(good, EVERY_SECOND)
    worker = Worker(backend.dsn)
    wait_until("runs of the good one", lambda: len(started(good)) >= 4)
    assert ours(first) == (True, False, 'wrong cron expression "0 22-2 * * *": hour "22-2" runs backwards; write 22-23,0-2'), ours(first)
    assert ours(second)[2] == ("the cron expression never comes: no run within 50 years; "
                               "see whether the day, the month and the weekday can meet"), ours(second)
    assert started(wrong) == [] and started(never) == []
    assert len(worker.lines("schedule cannot run")) == 2, worker.log()
    backend.run("UPDATE workflowschedule SET cron_expression = %s WHERE id = %s", (EVERY_SECOND, first))
    wait_until("the one that was put right", lambda: len(started(wrong)) >= 1)
    assert ours(first)[2] is None
    backend.run("UPDATE workflowschedule SET is_active = false WHERE id IN (%s, %s)", (first, third))


@case
def many_wrong_ones():
    """300 wrong schedules do not keep a good one from its times"""
    workflow, good = short_workflow("many wrong"), short_workflow("among many")
    backend.run("INSERT INTO workflowschedule (id, workflow_id, cron_expression, is_active, next_run_at)"
                " SELECT gen_random_uuid(), %s, 'x' || n, true, now() - interval '1 day' FROM generate_series(1, 300) n", (workflow,))
    identity = schedule(good, EVERY_SECOND)
    worker = Worker(backend.dsn)
    wait_until("runs of the good one", lambda: len(started(good)) >= 3)
    wait_until("all to be reported", lambda: len(worker.lines("schedule cannot run")) == 300)
    assert started(workflow) == []
    backend.run("DELETE FROM workflowschedule WHERE workflow_id = %s", (workflow,))
    backend.run("UPDATE workflowschedule SET is_active = false WHERE id = %s", (identity,))


@case
def catch_up_one():
    """after a downtime one run makes up for all that were missed, at the newest time"""
    workflow = short_workflow()
    schedule(workflow, "0 * * * *", hours_ago(30))
    Worker(backend.dsn)
    wait_until("the run", lambda: started(workflow))
    time.sleep(1)
    hour = now().replace(minute=0, second=0, microsecond=0)
    times = started(workflow)
    assert len(times) == 1 and times[0] in [(hour - datetime.timedelta(hours=h)).isoformat() + "+00:00" for h in (0, 1)], times


def choose(column, value, identity):
    """Set an option of a schedule; the worker that is just ending may be the one that takes it up first."""
    def chosen():
        backend.run("SELECT wfworker.sync_schedules()")
        return backend.run("UPDATE wfworker.schedule SET " + column + " = %s WHERE id = %s RETURNING id", (value, identity))
    wait_until("the schedule is taken up", chosen)


@case
def catch_up_none_and_all():
    """catch_up none leaves missed runs out, all makes up for each within the window"""
    none, all_ = short_workflow("none"), short_workflow("all")
    a, b = schedule(none, "0 0 * * *", hours_ago(50)), schedule(all_, "30 * * * *", hours_ago(50))
    choose("catch_up", "none", a)
    choose("catch_up_seconds", 36000, b)
    choose("catch_up", "all", b)
    Worker(backend.dsn)
    wait_until("ten runs", lambda: len(started(all_)) >= 10)
    wait_until("next_run_at", lambda: backend.run("SELECT next_run_at > now() AT TIME ZONE 'UTC' FROM workflowschedule WHERE id = %s", (a,))[0][0])
    times = [datetime.datetime.fromisoformat(t) for t in started(all_)]
    assert len(times) in (10, 11) and all(t.minute == 30 for t in times), times
    assert all((b_ - a_).total_seconds() == 3600 for a_, b_ in zip(times, times[1:])), times
    assert started(none) == []


@case
def overlap():
    """overlap skip passes over a time while the last run is not over, cancel_other ends that run, allow starts beside it"""
    workflows = {name: long_workflow(name) for name in ("allow", "skip", "cancel_other")}
    identities = {name: schedule(w, EVERY_SECOND) for name, w in workflows.items()}
    for name, identity in identities.items():
        choose("overlap", name, identity)
    Worker(backend.dsn)
    wait_until("four runs beside each other", lambda: len(started(workflows["allow"])) >= 4)
    wait_until("four runs after each other", lambda: len(started(workflows["cancel_other"])) >= 4)
    wait_until("times that are passed over", lambda: backend.run(
        "SELECT count(*) FROM wfworker.schedule_run WHERE schedule_id = %s AND execution_id IS NULL", (identities["skip"],))[0][0] >= 3)
    backend.run("UPDATE workflowschedule SET is_active = false")
    assert len(started(workflows["skip"])) == 1, started(workflows["skip"])
    rows = backend.run("SELECT status, error_message FROM workflowexecution WHERE workflow_id = %s ORDER BY started_at",
                       (workflows["cancel_other"],))
    assert set(rows[:-1]) == {("failed", "Execution cancelled: the next run of its schedule began")}, rows
    assert rows[-1][0] == "running", rows
    backend.run("DELETE FROM workflow WHERE id = ANY (%s::uuid[])", (list(workflows.values()),))


@case
def trigger_config():
    """a workflow's trigger_config {type: schedule, cron} is a schedule, until it is changed"""
    worker = Worker(backend.dsn)
    workflow = short_workflow("by trigger", {"type": "schedule", "cron": EVERY_SECOND, "timezone": "UTC"})
    other = short_workflow("manual", {"type": "manual", "cron": EVERY_SECOND})
    empty = short_workflow("nothing given", {"type": "schedule"})
    wait_until("runs", lambda: len(started(workflow)) >= 3)
    backend.run("UPDATE workflow SET trigger_config = %s WHERE id = %s", (json.dumps({"type": "manual"}), workflow))
    count = len(started(workflow))
    time.sleep(2.5)
    assert len(started(workflow)) == count, (count, started(workflow))
    assert started(other) == [] and started(empty) == []
    assert len(worker.lines('error="?wrong cron expression .*there are no fields')) == 1, worker.log()


@case
def a_row_and_a_trigger():
    """a row for the same expression as the trigger_config is the same schedule, not a second one"""
    workflow = short_workflow("both", {"type": "schedule", "cron": EVERY_SECOND})
    identity = schedule(workflow, EVERY_SECOND)
    Worker(backend.dsn)
    wait_until("runs", lambda: len(started(workflow)) >= 3)
    backend.run("UPDATE workflowschedule SET is_active = false WHERE id = %s", (identity,))
    times = started(workflow)
    assert len(times) == len(set(times)), times


@case
def inactive_workflows():
    """schedules of inactive workflows start nothing, and nothing is made up for when they become active"""
    workflow = short_workflow("inactive", active=False)
    by_trigger = short_workflow("inactive by trigger", {"type": "schedule", "cron": EVERY_SECOND}, active=False)
    identity = schedule(workflow, EVERY_SECOND, hours_ago(1))
    marker = short_workflow("marker")
    schedule(marker, EVERY_SECOND)
    worker = Worker(backend.dsn)
    wait_until("runs of another one", lambda: len(started(marker)) >= 3)
    assert started(workflow) == [] and started(by_trigger) == []
    assert ours(identity) == (False, False, None), ours(identity)
    before = datetime.datetime.now(datetime.timezone.utc)
    backend.run("UPDATE workflow SET is_active = true WHERE id = %s", (workflow,))
    wait_until("runs", lambda: len(started(workflow)) >= 2)
    assert datetime.datetime.fromisoformat(started(workflow)[0]) >= before.replace(microsecond=0), started(workflow)
    backend.run("UPDATE workflowschedule SET is_active = false")
    assert worker.lines("cannot run") == [], worker.log()


@case
def without_notifications():
    """without triggers and LISTEN schedules are found by polling"""
    backend.run("DROP TRIGGER wfworker_schedule ON workflowschedule; DROP TRIGGER wfworker_schedule ON workflow")
    Worker(backend.dsn, "--listen", "off")
    workflow = short_workflow("polled")
    identity = schedule(workflow, EVERY_SECOND)
    wait_until("runs", lambda: len(started(workflow)) >= 2)
    backend.run("UPDATE workflowschedule SET is_active = false WHERE id = %s", (identity,))
    done = wfworker("migrate", "--db", backend.dsn)
    assert done.status == 0, done
    assert backend.run("SELECT count(*) FROM pg_trigger WHERE tgname = 'wfworker_schedule'")[0][0] == 2


@case
def command_line():
    """schedule add, list, pause, resume, run and remove"""
    short_workflow("nightly")
    db = ["--db", backend.dsn]
    def run(*arguments):
        return wfworker("schedule", *arguments, *db)
    added = run("add", "nightly", "0 3 * * *", "--timezone", "Europe/Berlin", "--catch-up", "all", "--catch-up-seconds=60", "--overlap", "skip")
    assert added.status == 0, added
    identity = added.out.strip()
    def listed():
        done = run("list", "--json")
        assert done.status == 0, done
        return [row for row in json.loads(done.out) if row["id"] == identity]
    row = listed()[0]
    expected = {"workflow": "nightly", "cron": "0 3 * * *", "timezone": "Europe/Berlin", "catch_up": "all", "catch_up_seconds": 60,
                "overlap": "skip", "from_trigger": False, "state": "active", "error": None}
    assert {k: row[k] for k in expected} == expected, row
    worker = Worker(backend.dsn)
    wait_until("next_at", lambda: listed()[0]["next_at"])
    at = datetime.datetime.fromisoformat(listed()[0]["next_at"])
    assert at.minute == 0 and at.hour in (1, 2) and at > now(), at
    assert run("pause", identity) == (0, "", ""), identity
    wait_until("the pause", lambda: listed()[0]["state"] == "paused" and listed()[0]["next_at"] is None)
    assert run("resume", identity) == (0, "", ""), identity
    wait_until("the next time", lambda: listed()[0]["state"] == "active" and listed()[0]["next_at"])
    ran = run("run", identity, "--json")
    assert ran.status == 0, ran
    data = backend.wait_end(json.loads(ran.out)["id"]).state["execution_data"]
    assert (data["trigger_type"], data["schedule_id"], data["cron_expression"]) == ("schedule", identity, "0 3 * * *"), data
    assert identity in run("list").out
    assert run("remove", identity) == (0, "", ""), identity
    assert listed() == []
    gone = run("remove", identity)
    assert gone == (1, "", 'wfworker: there is no schedule "%s"\nHINT:  "wfworker schedule list" shows the schedules\n' % identity), gone
    assert run("pause", "x").err.startswith('wfworker: there is no schedule "x"')
    wrong = run("add", "nightly", "0 22-2 * * *")
    assert wrong == (1, "", 'wfworker: wrong cron expression "0 22-2 * * *": hour "22-2" runs backwards\nHINT:  write 22-23,0-2\n'), wrong
    never = run("add", "nightly", "0 0 30 2 *")
    assert never.status == 1 and "never comes" in never.err, never
    usage = run("add", "nightly", "0 0 * * *", "--overlap", "maybe")
    assert usage == (2, "", 'wfworker: invalid value "maybe" for option --overlap\nDETAIL:  it must be allow, skip or cancel_other\n'), usage
    missing = run("add", "nowhere", "0 0 * * *")
    assert missing.status == 1 and 'there is no workflow "nowhere"' in missing.err, missing
    assert worker.lines("cannot run") == [], worker.log()


@case
def trigger_schedules_from_the_command_line():
    """the schedule of a trigger_config can be paused and resumed, not removed"""
    workflow = short_workflow("paused trigger", {"type": "schedule", "cron": EVERY_SECOND})
    Worker(backend.dsn)
    db = ["--db", backend.dsn]
    wait_until("runs", lambda: len(started(workflow)) >= 2)
    done = wfworker("schedule", "pause", workflow, *db)
    assert done == (0, "", ""), done
    count = len(started(workflow))
    time.sleep(2.5)
    assert len(started(workflow)) in (count, count + 1), (count, started(workflow))
    done = wfworker("schedule", "remove", workflow, *db)
    assert done == (1, "", 'wfworker: the schedule "%s" is the trigger_config of its workflow\n'
                    "HINT:  change the workflow, or pause the schedule\n" % workflow), done
    assert wfworker("schedule", "resume", workflow, *db).status == 0
    count = len(started(workflow))
    wait_until("more runs", lambda: len(started(workflow)) >= count + 2)
    backend.run("UPDATE workflow SET is_active = false WHERE id = %s", (workflow,))


if __name__ == "__main__":
    sys.exit(main())
