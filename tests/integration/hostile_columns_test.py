# SPDX-License-Identifier: Apache-2.0
"""Rows that nobody should write, in every column that the backend can write, but execution_state and graph_config (hostile_test.py):
executions, signals, schedules, nodes as rows, trigger configurations, subscriptions of web hooks.  What is wrong is said by that
execution, schedule or definition in these words, and fifty sound executions of the same transaction complete."""

import contextlib
import json
import sys
import uuid

import psycopg2

from harness import add_case, graph, main, now, wait_until
from scene import Scene, T

GOOD = graph([T, ("v", "set_variable", {"variable_name": "x", "variable_value": "${n + 1}"}), ("e", "end")], [("t", "v"), ("v", "e")])
WAITS = graph([T, ("w", "await", {"signal_type": "go"}), ("e", "end")], [("t", "w"), ("w", "e")])
SOUND = 50
DONE = ("completed", "")
FAR = ("infinity", "-infinity", "294276-12-31 23:59:59", "4713-01-01 BC")

scenes = {kind: Scene(kind, name="columns_" + kind, arguments=("--max-retries", "0", "--poll-interval", "0.2")) for kind in ("json", "jsonb")}


def nested(depth):
    return "[" * depth + "]" * depth


# ---- One hostile row among sound ones ----

INSERT = """INSERT INTO workflowexecution (id, workflow_id, workflow_version, execution_id, status, started_at, execution_state, retry_count)
SELECT gen_random_uuid(), %s, 1, 'exec-' || left(md5(random()::text), 12), 'running', now() AT TIME ZONE 'UTC', '{{"execution_data": {{"n": 1}}}}'::{json}, 0
  FROM generate_series(1, %s)"""


class Among:
    """A transaction with fifty sound executions; what is hostile goes into the same one, by run().  At the end all of them are completed, and
    the worker is there."""

    def __init__(self, scene):
        self.scene = scene
        self.sound = scene.backend.workflow(GOOD)
        self.connection = scene.backend.postgres.connect(scene.backend.database)

    def __enter__(self):
        self.connection.autocommit = False
        self.sow(SOUND // 2)
        return self

    def run(self, text, values=None):
        with self.connection.cursor() as cursor:
            cursor.execute(text, values)

    def sow(self, count):
        self.run(INSERT.format(json=self.scene.backend.json_type), (self.sound, count))

    def commit(self):
        self.sow(SOUND - SOUND // 2)
        self.connection.commit()

    def __exit__(self, *failure):
        self.connection.close()
        if failure[0]:
            return
        counted = "SELECT count(*) FROM workflowexecution WHERE workflow_id = %s AND status = 'completed'"
        wait_until("the sound executions", lambda: self.scene.backend.run(counted, (self.sound,)) == [(SOUND,)])
        assert self.scene.workers[0].running(), "the worker is gone"


def end_of(scene, identity):
    """Status and message of an execution that is over, or that nobody will take up: asked when the sound ones are through."""
    return scene.backend.run("SELECT status, coalesce(error_message, '') FROM workflowexecution WHERE id = %s", (identity,))[0]


def reach(scene, identity, expected):
    wait_until(lambda: "%s, it is %s" % (expected, end_of(scene, identity)), lambda: end_of(scene, identity) == expected)


# ---- workflowexecution ----

GHOST = ("failed", "Node ghost not found in workflow")
EXECUTIONS = [("status %r" % text[:10], {"status": text}, (text, "")) for text in
              ("RUNNING", "", "nonsense", "x" * 50, "completed", "paused", "failed", "waiting_for_signal")]
EXECUTIONS += [("status 'pending'", {"status": "pending"}, DONE)]
EXECUTIONS += [("%s %d" % (column, n), {column: n}, DONE) for column in ("retry_count", "workflow_version")
               for n in (-1, -2147483648, 2147483647, 0)]
EXECUTIONS += [("%s %s" % (column, at), {column: at}, DONE) for column in ("started_at", "next_retry_at") for at in FAR]
EXECUTIONS += [("failed, next_retry_at %s" % at, {"status": "failed", "next_retry_at": at},
                ("failed", "")) for at in FAR[:1] + FAR[2:3]]
EXECUTIONS += [("failed, completed_at %s" % at, {"status": "failed", "completed_at": at, "next_retry_at": "2000-01-01"}, ("failed", "")) for at in FAR]
EXECUTIONS += [
    ("current_node_id of no node", {"current_node_id": "ghost"}, GHOST), ("current_node_id empty", {"current_node_id": ""}, DONE),
    ("current_node_id in the middle", {"current_node_id": "v"}, DONE),
    ("error_message of a megabyte", {"error_message": "\n" + "e" * 1000000}, DONE),
    ("execution_id empty", {"execution_id": ""}, DONE), ("execution_id of wild characters", {"execution_id": "\"'\\\n\x01\u2028" * 3}, DONE),
    ("execution_id of 255 characters", {"execution_id": "x" * 255}, DONE)]


def executions_of(scene):
    """All of them in one batch."""
    backend, made = scene.backend, []
    with Among(scene) as among:
        workflow = backend.workflow(GOOD)
        for name, columns, expected in EXECUTIONS:
            identity = str(uuid.uuid4())
            row = dict({"id": identity, "workflow_id": workflow, "workflow_version": 1, "execution_id": "exec-" + uuid.uuid4().hex[:12],
                        "status": "running", "started_at": now(), "execution_state": '{"execution_data": {"n": 1}}', "retry_count": 0}, **columns)
            among.run("INSERT INTO workflowexecution (%s) VALUES (%s)" % (", ".join(row), ", ".join(["%s"] * len(row))), list(row.values()))
            made.append((name, identity, expected))
        among.commit()
    for name, identity, expected in made:
        wait_until(lambda: "%s: %s, it is %s" % (name, expected, end_of(scene, identity)), lambda: end_of(scene, identity) == expected)


# ---- workflowsignal ----

MB = 1 << 20
LOST = "A signal cannot be read and is dropped: "
# name, type, data as text, what becomes of the execution, what its log says of the signal; json columns only
SIGNALS = (
    ("no data", "go", None, DONE, None, False), ("a text", "go", '"x"', DONE, None, False), ("1e400", "go", "1e400", DONE, None, False),
    ("50,000 members", "go", json.dumps({"k%d" % k: k for k in range(50000)}), DONE, None, False),
    ("a text of 20 MB", "go", json.dumps("x" * (20 * MB)), ("failed", "Node w failed: the output is larger than 16777216 bytes"), None, False),
    ("no type", "", "{}", ("waiting_for_signal", ""), None, False), ("another type", "x" * 100, "{}", ("waiting_for_signal", ""), None, False),
    ("a type of the worker's own", ":child:x", "{}", ("waiting_for_signal", ""), None, False),
    ("3000 levels", "go", nested(3000), ("waiting_for_signal", ""),
     LOST + "invalid JSON at line 1, column 2095: maximum parsing depth reached near '['", False),
    ("a NUL character", "go", '{"a":"\\u0000"}', ("waiting_for_signal", ""),
     LOST + "invalid JSON at line 1, column 60: \\u0000 is not allowed without JSON_ALLOW_NUL near '\"\\u0000\"'", True),
    ("half of a pair", "go", '"\\ud800"', ("waiting_for_signal", ""),
     LOST + "invalid JSON at line 1, column 55: invalid Unicode '\\uD800' near '\"\\ud800\"'", True),
    ("duplicate keys", "go", '{"a":1,"a":2}', DONE, None, False),
)


def signals_of(scene):
    backend, made = scene.backend, []
    jsonb = backend.json_type == "jsonb"
    workflow = backend.workflow(WAITS)
    signals = [s for s in SIGNALS if not (jsonb and s[5])] + [
        ("received at %s" % at, "go", "{}", DONE, None, False, at) for at in ("infinity", "-infinity")]
    for signal in signals:
        made.append((backend.execution(workflow, {"n": 1}),) + signal)
    for identity, *_ in made:
        scene.waiting(identity)
    with Among(scene) as among:
        for identity, name, kind, data, expected, said, plain, *at in made:
            among.run("INSERT INTO workflowsignal (id, execution_id, signal_type, signal_data, received_at, processed)"
                      " VALUES (%s, %s, %s, %s, %s, false)", (str(uuid.uuid4()), identity, kind, data, at[0] if at else now()))
        among.commit()
    for identity, name, kind, data, expected, said, plain, *at in made:
        wait_until(lambda: "%s: %s, it is %s" % (name, expected, end_of(scene, identity)), lambda: end_of(scene, identity) == expected)
        if not said:
            continue
        row = ("system", "error", said)
        wait_until(lambda: "%s: the row %s, there are %s" % (name, row, backend.log(identity)), lambda: row in backend.log(identity))
        assert [processed for _, processed in scene.signals(identity)] == [True], name
        scene.signal(identity, "go", {})
        reach(scene, identity, DONE)  # it waits for a sound one
        assert [message for _, _, message in backend.log(identity)].count(said) == 1, name


# ---- workflowschedule and trigger_config ----

CRON = "there is only 1 field; the fields are minute, hour, day of month, month, weekday; a sixth one in front is the second"
ZONE = "; names are written as in Europe/Berlin, America/New_York, UTC"
CRONS = (
    ("", 'wrong cron expression "": there are no fields; the fields are minute, hour, day of month, month, weekday; a sixth one in front is the second'),
    ("* * * *", 'wrong cron expression "* * * *": there are only 4 fields; the fields are minute, hour, day of month, month, weekday; a sixth one in front is the second'),
    ("61 * * * *", 'wrong cron expression "61 * * * *": minute "61" is out of range; the minute goes from 0 to 59'),
    ("x" * 100, 'wrong cron expression "%s": %s' % ("x" * 100, CRON)),
    ("\u00e9 * * * *", 'wrong cron expression "\u00e9 * * * *": there is a character that does not belong there'),
    ("0 0 30 2 *", "the cron expression never comes: no run within 50 years; see whether the day, the month and the weekday can meet"),
    ("*/0 * * * *", 'wrong cron expression "*/0 * * * *": minute "*/0" has a step of 0'),
    ("\n", 'wrong cron expression "\n": there is a character that does not belong there'))
# what begins a text of a megabyte is enough
TRIGGERS = (
    ({"cron": 5}, 'wrong cron expression "5": ' + CRON), ({"cron": [1]}, 'wrong cron expression "[1]": ' + CRON),
    ({"timezone": "Mars/X"}, 'there is no time zone "Mars/X"' + ZONE), ({"timezone": 5}, 'there is no time zone "5"' + ZONE),
    ({"catch_up": {"a": 1}}, 'catch_up is none, one or all, not "{"a": 1}"'), ({"overlap": "x"}, 'overlap is allow, skip or cancel_other, not "x"'),
    ({"cron": "x" * MB}, "the cron expression is longer than 1000 characters"),
    ({"timezone": "../../etc/passwd"}, 'there is no time zone "../../etc/passwd"' + ZONE),
    ({"timezone": "x" * MB}, 'there is no time zone "xxxxxxxx'), ({"catch_up_seconds": 1e300}, None))
NO_SCHEDULE = ({"type": {"schedule": 1}}, "schedule", ["schedule"], 5, None)


def schedule_of(scene, workflow):
    return scene.backend.run("SELECT state, error FROM wfworker.schedules WHERE workflow_id = %s", (workflow,))


def schedules_of(scene):
    backend, made = scene.backend, []
    with Among(scene) as among:
        for cron, said in CRONS:
            made.append((backend.workflow(GOOD), said))
            among.run("INSERT INTO workflowschedule (id, workflow_id, cron_expression, is_active) VALUES (%s, %s, %s, true)",
                      (str(uuid.uuid4()), made[-1][0], cron))
        for config, said in TRIGGERS:
            made.append((backend.workflow(GOOD, trigger_config=dict({"type": "schedule", "cron": "0 0 1 1 *"}, **config)), said))
        none = [backend.workflow(GOOD, trigger_config=config) for config in NO_SCHEDULE]
        among.commit()
    for workflow, said in made:
        def is_so():
            found = schedule_of(scene, workflow)
            return found == [("active", None)] if said is None else \
                found and found[0][0] == "error" and (found[0][1] == said or len(found[0][1]) > 60 and found[0][1].startswith(said))
        wait_until(lambda: "%s, it is %s" % (said, str(schedule_of(scene, workflow))[:300]), is_so)
        assert not scene.executions_of(workflow), said
    for workflow in none:
        assert schedule_of(scene, workflow) == [], workflow
    for workflow, _ in made:
        backend.run("DELETE FROM workflow WHERE id = %s", (workflow,))


def times_of(scene):
    """next_run_at: what lies before 1970 is overdue, and comes once; infinity never comes."""
    backend, made = scene.backend, []
    with Among(scene) as among:
        for at in FAR:
            made.append((backend.workflow(graph([T, ("e", "end")], [("t", "e")])), at))
            among.run("INSERT INTO workflowschedule (id, workflow_id, cron_expression, is_active, next_run_at) VALUES (%s, %s, '0 0 1 1 *', true, %s)",
                      (str(uuid.uuid4()), made[-1][0], at))
        among.commit()
    for workflow, at in made:
        if at in ("-infinity", "4713-01-01 BC"):
            wait_until("the run that is overdue", lambda: len(scene.executions_of(workflow)) == 1)
        else:
            wait_until("the schedule", lambda: schedule_of(scene, workflow) == [("active", None)])
            assert scene.executions_of(workflow) == [], at
            assert backend.run("SELECT next_run_at::text FROM workflowschedule WHERE workflow_id = %s", (workflow,)) == [(at,)]


# ---- workflownode, workflow.trigger_config ----

UNREAD = "workflow definition cannot be read: workflow's "
ROWS = (
    ("two of one id", [("a", "noop", {}), ("a", "noop", {})], ("failed", 'duplicate node id "a"')),
    ("no id", [("", "noop", {})], ("failed", "none of the 1 nodes has a node_id")),
    ("no type", [("a", "", {})], ("failed", 'Node a failed: no plugin provides the node type "unknown": searched ')),
    ("a wild type", [("a", "\n\x01", {})], ("failed", 'Node a failed: no plugin provides the node type "\n\x01": searched ')),
    ("config null", [("a", "noop", None)], DONE), ("config an array", [("a", "noop", [1])], ("failed", "the config of node a is an array, not an object")),
    ("config a text", [("a", "delay", "x")], ("failed", "the config of node a is a text, not an object")),
    ("config a number", [("a", "delay", 5)], ("failed", "the config of node a is a number, not an object")),
    ("an id of 255 characters", [("x" * 255, "noop", {})], DONE), ("no rows", [], DONE))
NODE_TEXTS = (  # text, what is said, refused by jsonb columns
    (nested(3000), UNREAD + "node rows: invalid JSON at line 1, column 2", False),
    ('{"a":"\\u0000"}', UNREAD + "node rows: invalid JSON at line 1, column 121: \\u0000 is not allowed without JSON_ALLOW_NUL near '\"\\u0000\"'", True),
    ('{"a":"\\ud800"}', UNREAD + "node rows: invalid JSON at line 1, column 121: invalid Unicode '\\uD800' near '\"\\ud800\"'", True),
    (json.dumps("x" * 17000000), UNREAD + "node rows: larger than 16777216 bytes", False))
TRIGGER_TEXTS = (
    ('{"type":"schedule","cron":"\\u0000"}', "trigger_config: invalid JSON at line 1, column 34: \\u0000 is not allowed without JSON_ALLOW_NUL near '\"\\u0000\"'", True),
    ('{"type":"manual","x":%s}' % nested(3000), "trigger_config: invalid JSON at line 1, column 20", False),
    ('{"type":"manual","type":"schedule","cron":"\\ud800"}', "trigger_config: invalid JSON at line 1, column 50: invalid Unicode '\\uD800' near '\"\\ud800\"'", True),
    ('"{\\"type\\":\\"schedule\\""', None, False), ("null", None, False))
TIMES = ({"timeout_seconds": 1e300}, {"timeout_seconds": -1}, {"timeout_seconds": "x"}, {"timeout_seconds": {}}, {"timezone": 5},
         {"timezone": "Mars"}, {"max_concurrent_executions": "many"}, {"max_concurrent_executions": -5}, [], 5, None)


def set_text(scene, table, column, where, text):
    scene.backend.run("UPDATE %s SET %s = %%s::text::%s WHERE %s" % (table, column, scene.backend.json_type, where), (text,))


def hostile_definitions(scene):
    """(workflow, what its execution says, or what that begins with)"""
    backend, made = scene.backend, []
    jsonb = backend.json_type == "jsonb"
    for name, rows, expected in ROWS:
        made.append((backend.workflow(None, rows=rows), expected))
    for text, said, plain in NODE_TEXTS:
        if not (plain and jsonb):
            made.append((backend.workflow(None, rows=[("a", "noop", {}), ("b", "noop", {})]), ("failed", said)))
            set_text(scene, "workflownode", "config", "workflow_id = '%s' AND node_id = 'a'" % made[-1][0], text)
    for text, said, plain in TRIGGER_TEXTS:
        if not (plain and jsonb):
            made.append((backend.workflow(GOOD), ("failed", UNREAD + said) if said else DONE))
            set_text(scene, "workflow", "trigger_config", "id = '%s'" % made[-1][0], text)
    made += [(backend.workflow(GOOD, trigger_config=config), DONE) for config in TIMES]
    made.append((backend.workflow(None, rows=[("a", "noop", {})]), DONE))
    backend.run("UPDATE workflownode SET position_x = 'NaN', position_y = '-infinity' WHERE workflow_id = %s", (made[-1][0],))
    made.append((backend.workflow(GOOD), DONE))
    backend.run("UPDATE workflow SET version = -1, name = %s WHERE id = %s", ("\x01\n\u2028'\"", made[-1][0]))
    made.append((backend.workflow(GOOD, active=False), DONE))
    made.append((backend.workflow(GOOD), DONE))
    backend.run("UPDATE workflow SET updated_at = 'infinity', created_at = '-infinity', graph_config = NULL, trigger_config = NULL"
                " WHERE id = %s", (made[-1][0],))
    return made


def definitions_of(scene):
    made = []
    definitions = hostile_definitions(scene)
    with Among(scene) as among:
        for workflow, expected in definitions:
            identity = str(uuid.uuid4())
            among.run("INSERT INTO workflowexecution (id, workflow_id, workflow_version, execution_id, status, started_at, execution_state,"
                      " retry_count) VALUES (%s, %s, 1, %s, 'running', %s, %s, 0)",
                      (identity, workflow, "exec-" + uuid.uuid4().hex[:12], now(), '{"execution_data": {"n": 1}}'))
            made.append((identity, expected))
        among.commit()
    for identity, (status, said) in made:
        def is_so():
            found = end_of(scene, identity)
            return found[0] == status and (found[1] == said or len(found[1]) > 60 and said and found[1].startswith(said))
        wait_until(lambda: "%s, it is %s" % ((status, said), str(end_of(scene, identity))[:400]), is_so)


# ---- What the worker does not read, and what the server does not take ----

def webhooks_of(scene):
    """Rows of subscriptions are the backend's: whatever stands there, nothing happens."""
    backend = scene.backend
    with Among(scene) as among:
        for path, secret, headers in (("", None, nested(100)), ("x" * 500, "\x01" * 255, '{"a": [1e100]}'), ("../..", "", "null"), ("/a", "s", None)):
            among.run("INSERT INTO workflowwebhooksubscription (headers, filters, id, workflow_id, webhook_path, secret, is_active, created_at, updated_at)"
                      " VALUES (%s, %s, %s, %s, %s, %s, true, '-infinity', 'infinity')",
                      (headers, headers, str(uuid.uuid4()), backend.workflow(GOOD), path, secret))
        among.commit()


def too_deep_for_the_server(scene):
    """100,000 levels: the server refuses the row, or the execution says that it cannot be read; nothing else happens."""
    backend = scene.backend
    text = '{"execution_data": {"a": %s}}' % nested(100000)
    workflow = backend.workflow(GOOD)
    with Among(scene) as among:
        among.commit()
        identity = None
        with contextlib.suppress(psycopg2.errors.StatementTooComplex):
            identity = backend.execution(workflow, columns={"execution_state": text})
        if identity:
            reach(scene, identity, ("failed", "execution_state cannot be read: invalid JSON at line 1, column 2072: maximum parsing depth reached near '['"))
        with contextlib.suppress(psycopg2.errors.StatementTooComplex):
            set_text(scene, "workflow", "graph_config", "id = '%s'" % workflow, '{"nodes": %s}' % nested(100000))
            identity = backend.execution(workflow, {"n": 1})
            reach(scene, identity, ("failed", UNREAD + "graph_config: invalid JSON at line 1, column 2058: maximum parsing depth reached near '['"))


CASES = (("executions: every column", executions_of), ("signals", signals_of), ("schedules and trigger configurations", schedules_of),
         ("times of schedules", times_of), ("nodes as rows, definitions and trigger configurations", definitions_of),
         ("subscriptions of web hooks", webhooks_of), ("100,000 levels", too_deep_for_the_server))
for kind, each in scenes.items():
    for name, function in CASES:
        add_case("%s: %s" % (kind, name), lambda each=each, function=function: function(each))


if __name__ == "__main__":
    sys.exit(main(keep_workers=True))
