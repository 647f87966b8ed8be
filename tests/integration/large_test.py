# SPDX-License-Identifier: Apache-2.0
"""Large values are kept apart from the state and written once; readers see a name while it runs and the value at the end;
recovery, replay, retry and retention work with them."""

import json
import sys

from harness import SANITIZED, Answer, Worker, add_case, case, graph, main, note, wait_until, wfworker
from scene import Scene, T, postgres, server

MB = 1 << 20


def text_of(size, seed="x"):
    """Text that PostgreSQL does not compress away."""
    out, at = [], 0
    while at < size:
        out.append("%s%08x" % (seed, (at * 2654435761) & 0xffffffff))
        at += len(out[-1])
    return "".join(out)[:size]


LEASE = "30" if SANITIZED else "3"  # seconds: what is large takes as long with a sanitizer as others are given for all of it
BIG = {"text": text_of(MB), "number": 1}
scene = Scene("json", name="large", arguments=("--lease-seconds", LEASE))
jsonb = Scene("jsonb", name="large_b", arguments=("--lease-seconds", LEASE))


def rounds(call, passes):
    """A loop of so many passes with a durable point in each."""
    return graph([T, ("v", "set_variable", {"variable_name": "mine", "variable_value": "${big}"}),
                  ("l", "repeat", {"repeat_count": passes, "keep": 1}), ("c",) + call, ("e", "end")],
                 [("t", "v"), ("v", "l"), ("l", "c", "body"), ("c", "l"), ("l", "e", "done")])


def wal():
    return int(postgres.sql("postgres", "SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')")[0][0])


def written_by(scene, passes):
    path = scene.path()
    before = wal()
    identity = scene.start(rounds(scene.call(path), passes), {"big": BIG})
    row = scene.backend.wait_end(identity)
    bytes_written = wal() - before
    assert row.status == "completed", (row.status, row.error_message)
    assert len(server.seen(path)) == passes, len(server.seen(path))
    data = scene.data(row)
    assert data["big"] == BIG and data["v_output"]["value"] == BIG, "the values are not what they were"
    return identity, bytes_written


def payloads(scene, identity):
    return scene.backend.run("SELECT count(*)::int, coalesce(sum(length(value)), 0)::int FROM wfworker.payload WHERE execution_id = %s",
                             (identity,))[0]


@case
def a_loop_over_a_large_value():
    """a loop of 100 durable passes over a value of 1 MB writes it a few times, not 100 times"""
    identity, apart = written_by(scene, 100)
    journal = scene.backend.run("SELECT sum(length(events))::int, count(*) FROM wfworker.journal WHERE execution_id = %s", (identity,))[0]
    inline = Scene("json", name="large_inline", arguments=("--max-inline", "16 MiB"))
    whole = written_by(inline, 5)[1]
    note("WAL: %.1f MB for 100 passes with the value apart, %.1f MB for 5 passes with it inside" % (apart / MB, whole / MB))
    note("journal: %d bytes in %d rows; %d payload of %d bytes" % (*journal, *payloads(scene, identity)))
    assert journal[0] < MB / 2 and journal[1] >= 100, journal
    assert payloads(scene, identity) == (1, MB + 2)  # the same value in the data, a variable and an output
    assert apart < 16 * MB, apart
    assert whole > apart, whole
    inline.workers[0].terminate()


def shown(value):
    assert set(value) == {"large_value", "bytes"} and value["bytes"] == MB + 2, str(value)[:200]
    return True


def waiting(scene):
    """An execution that waits for a signal, with large values in its data, in an answer and in a variable."""
    path = scene.path(Answer(body=json.dumps({"rows": text_of(MB, "y")})))
    definition = graph([T, ("h",) + scene.call(path, response_format="json"),
                        ("v", "set_variable", {"variable_name": "kept", "variable_value": "${h_output.json}"}),
                        ("w", "await", {"signal_type": "go"}),
                        ("g", "get_variable", {"variable_name": "kept"}), ("e", "end")],
                       [("t", "h"), ("h", "v"), ("v", "w"), ("w", "g"), ("g", "e")])
    identity = scene.start(definition, {"big": BIG})
    scene.waiting(identity)
    return identity


def completed(scene, identity, signal=None):
    row = scene.backend.wait_end(identity)
    assert row.status == "completed", (row.status, row.error_message)
    data, rows = scene.data(row), {"rows": text_of(MB, "y")}
    assert data["big"] == BIG and data["h_output"]["json"] == rows and data["g_output"]["value"] == rows, "values have changed"
    assert row.state["node_results"]["g"]["output"]["value"] == rows and "large_value" not in row.text, "a name stands in the state"
    if signal is not None:
        assert data["signal_go"] == signal, "the signal has changed"
    return row


def seen_while_it_waits(scene):
    identity = waiting(scene)
    row = scene.backend.row(identity)
    results = row.state["node_results"]
    shown(row.state["execution_data"]["big"]["text"])
    shown(results["h"]["output"]["json"]["rows"])
    shown(results["v"]["output"]["value"]["rows"])
    assert results["h"]["output"]["status_code"] == 200 and set(results["h"]["output"]["body"]) == {"large_value", "bytes"}
    assert len(row.text) < 20000, len(row.text)
    full = scene.backend.run("SELECT wfworker.full_state(%s)", (identity,))[0][0]
    assert full["execution_data"]["big"] == BIG and full["node_results"]["v"]["output"]["value"] == {"rows": text_of(MB, "y")}
    big = {"all": text_of(MB, "z")}
    scene.signal(identity, "go", big)
    completed(scene, identity, big)
    # the text of the answer, what it says, the data, and the signal
    assert payloads(scene, identity)[0] == 4, payloads(scene, identity)


def another_worker_goes_on(scene):
    identity = waiting(scene)
    scene.workers[0].kill()
    scene.workers[0] = Worker(scene.backend.dsn, "--lease-seconds", LEASE, name="after")
    scene.signal(identity, "go", {})
    completed(scene, identity)


def killed_between(scene):
    """Where the worker is killed with a large value in its journal and nothing in a snapshot."""
    killed = []
    path, slow = scene.path(Answer(body=json.dumps(text_of(MB, "k")))), scene.path(Answer(until=lambda: killed), Answer())
    definition = graph([T, ("h",) + scene.call(path), ("s",) + scene.call(slow), ("e", "end")], [("t", "h"), ("h", "s"), ("s", "e")])
    identity = scene.start(definition, {"big": BIG})
    wait_until("the slow call", lambda: server.seen(slow))
    scene.workers[0].kill()
    killed.append(True)
    scene.workers[0] = Worker(scene.backend.dsn, "--lease-seconds", LEASE, name="takes over")
    row = scene.backend.wait_end(identity)
    assert row.status == "completed" and row.state["node_results"]["h"]["output"]["json"] == text_of(MB, "k"), row.error_message
    assert len(server.seen(path)) == 1, "the answer was fetched again"


def pinned(scene):
    """A large value in the first row of the journal, no snapshot, and the workflow is changed meanwhile."""
    killed = []
    slow, before, after = scene.path(Answer(until=lambda: killed), Answer()), scene.path(), scene.path()

    def definition(path):
        return graph([T, ("s",) + scene.call(slow), ("h",) + scene.call(path)], [("t", "s"), ("s", "h")])
    identity = scene.start(definition(before), {"big": BIG})
    wait_until("the slow call", lambda: server.seen(slow))
    scene.backend.run("UPDATE workflow SET graph_config = %s WHERE id = %s",
                      (json.dumps(definition(after)), scene.backend.row(identity).workflow_id))
    for command in (("explain", identity), ("graph", identity)):
        said = wfworker(*command, "--db", scene.backend.dsn)
        assert said.status == 0 and said.err == "", said
    scene.workers[0].kill()
    killed.append(True)
    scene.workers[0] = Worker(scene.backend.dsn, "--lease-seconds", LEASE, name="goes on as it began")
    assert scene.backend.wait_end(identity).status == "completed"
    assert (len(server.seen(before)), len(server.seen(after))) == (1, 0), "calls by the old definition, and by the new one"


def never_ran(scene):
    """Its definition has errors; a large value is in the only row of its journal."""
    path = scene.path()
    identity = scene.start(graph([T], [("t", "ghost")]), {"big": BIG})
    assert scene.backend.wait_end(identity).status == "failed"
    scene.backend.run("UPDATE workflow SET graph_config = %s WHERE id = %s",
                      (json.dumps(graph([T, ("h",) + scene.call(path)], [("t", "h")])), scene.backend.row(identity).workflow_id))
    scene.backend.set_status(identity, "running")
    wait_until("the end", lambda: scene.backend.row(identity).status == "completed")
    assert len(server.seen(path)) == 1


def retried_and_replayed(scene):
    path = scene.path(Answer(status=404), Answer(status=200))
    definition = graph([T, ("v", "set_variable", {"variable_name": "kept", "variable_value": "${big}"}), ("c",) + scene.call(path),
                        ("g", "get_variable", {"variable_name": "kept"})], [("t", "v"), ("v", "c"), ("c", "g")])
    identity = scene.start(definition, {"big": BIG})
    assert scene.backend.wait_end(identity).status == "failed"
    scene.backend.run("SELECT wfworker.retry(%s)", (identity,))
    row = wait_until("the retry", lambda: next((r for r in [scene.backend.row(identity)] if r.status == "completed"), None))
    assert row.state["node_results"]["g"]["output"]["value"] == BIG, "the value has changed"
    for node in (None, "g"):
        again = str(scene.backend.run("SELECT id FROM wfworker.replay(%s, %s)", (identity, node))[0][0])
        row = scene.backend.wait_end(again)
        assert row.status == "completed" and row.state["node_results"]["g"]["output"]["value"] == BIG, (node, row.error_message)


def read_only_for_a_while(scene):
    """A fail-over: for a moment the server takes no values.  That is nothing of the execution's."""
    run = scene.backend.run
    run("CREATE FUNCTION read_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'cannot execute INSERT in a"
        " read-only transaction' USING ERRCODE = 'read_only_sql_transaction'; END $$")
    run("CREATE TRIGGER read_only BEFORE INSERT ON wfworker.payload FOR EACH ROW EXECUTE FUNCTION read_only()")
    path = scene.path()
    identity = scene.start(rounds(scene.call(path), 2), {"big": BIG})
    scene.workers[0].wait_line("the server has become read-only", count=2)
    assert server.seen(path) == [] and scene.backend.row(identity).status == "running"
    run("DROP FUNCTION read_only() CASCADE")
    row = scene.backend.wait_end(identity)
    assert row.status == "completed" and scene.data(row)["big"] == BIG, row.error_message
    assert len(server.seen(path)) == 2


def refused(scene):
    """A value that the database does not take: the execution fails with its words."""
    run = scene.backend.run
    run("CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF strpos(new.value, 'refuse me') > 0 THEN"
        " RAISE EXCEPTION 'not this value' USING ERRCODE = 'untranslatable_character'; END IF; RETURN new; END $$")
    run("CREATE TRIGGER refuse BEFORE INSERT ON wfworker.payload FOR EACH ROW EXECUTE FUNCTION refuse()")
    path = scene.path(Answer(body=json.dumps({"rows": "refuse me" + text_of(MB, "r"), "more": [text_of(MB, "m"), "refuse me"]})))
    identity = scene.start(graph([T, ("h",) + scene.call(path)], [("t", "h")]), {"big": BIG})
    row = scene.backend.wait_end(identity)
    run("DROP FUNCTION refuse() CASCADE")
    assert (row.status, row.error_message) == (
        "failed", "Worker error: the database refuses the execution's data: saving a large value: not this value"), row[:9]
    assert row.state["execution_data"]["big"] == BIG and len(server.seen(path)) == 1


def gone_with_the_execution(scene):
    identity, other = waiting(scene), waiting(scene)
    assert payloads(scene, identity)[0] == 3
    scene.backend.run("DELETE FROM workflowexecution WHERE id = %s", (identity,))
    assert payloads(scene, identity) == (0, 0) and payloads(scene, other)[0] == 3
    scene.signal(other, "go", {})
    completed(scene, other)
    scene.backend.run("UPDATE wfworker.payload SET saved_at = now() - interval '31 days'")
    living = waiting(scene)
    scene.backend.run("UPDATE wfworker.payload SET saved_at = now() - interval '31 days'")
    scene.backend.run("SELECT wfworker.upkeep(30)")
    assert payloads(scene, other) == (0, 0) and payloads(scene, living)[0] == 3, "only those of ended executions are too old"
    scene.signal(living, "go", {})
    completed(scene, living)


def missing(scene):
    """A value that somebody deleted: the execution waits for it to come back, the others go on."""
    identity = waiting(scene)
    scene.backend.run("CREATE TABLE saved AS SELECT * FROM wfworker.payload WHERE execution_id = %s", (identity,))
    scene.backend.run("DELETE FROM wfworker.payload WHERE execution_id = %s", (identity,))
    scene.signal(identity, "go", {})
    scene.workers[0].wait_line("state of the execution cannot be read.*the large value .* is not there")
    other = waiting(scene)
    scene.signal(other, "go", {})
    completed(scene, other)
    scene.backend.run("INSERT INTO wfworker.payload SELECT * FROM saved")
    scene.backend.run("DROP TABLE saved")
    scene.backend.run("UPDATE wfworker.task SET due_at = now() WHERE execution_id = %s AND worker IS NULL", (identity,))
    completed(scene, identity)


for each in (scene, jsonb):
    for function, name in ((seen_while_it_waits, "readers see names while it runs, and the values at the end"),
                           (another_worker_goes_on, "another worker goes on with the values"),
                           (killed_between, "recovery from the journal alone"),
                           (pinned, "its definition stays the one that it began with, for workers and for people"),
                           (never_ran, "begun anew after a definition with errors"),
                           (retried_and_replayed, "retry and replay"),
                           (read_only_for_a_while, "a server that is read-only for a while"),
                           (refused, "a value that the database refuses"),
                           (gone_with_the_execution, "removed with the execution, and when they are too old"),
                           (missing, "a value that is missing costs nobody else")):
        add_case("%s: %s" % (each.backend.json_type, name), lambda each=each, function=function: function(each))


if __name__ == "__main__":
    sys.exit(main(keep_workers=True))
