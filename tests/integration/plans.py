#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The plans of the hot queries, with every statement inside their functions: `make plans`, and plans_test.py.

A private server gets tables of a given size (executions that are over, that are parked, their log rows, journal, snapshots,
signals, answers and asks that are not due yet); each query runs in a transaction that is rolled back, and auto_explain says what its
statements did.  A new hot query is a line in QUERIES.
"""

import argparse
import collections
import json
import sys

from harness import Backend, Postgres, contextlib, graph, wfworker

BATCH = 100

# What a measurement works on: executions that are held by worker 1, or due.  A temporary table holds the parameters of one
# batch, as arrays in one row.
SCENE = """
CREATE TABLE plans_batch AS
SELECT array_agg(q.id) AS id, array_agg(1000 + q.n) AS token, array_agg('running'::text) AS expected, array_agg(2::bigint) AS seq,
       array_agg(NULL::text) AS none, array_agg('[{"ev":"done"}]'::text) AS journal, array_agg('{"at":2}'::text) AS snapshot,
       array_agg('d'::text) AS definition, array_agg(json_build_object('status', 'x', 'filler', repeat('x', 700))) AS projection,
       array_agg(0) AS zero, array_agg(NULL::timestamp) AS never, array_agg(now()::timestamp) AS at, array_agg(3600000000) AS due
  FROM (SELECT x.id, row_number() OVER (ORDER BY x.id) AS n FROM workflowexecution x WHERE x.execution_id LIKE 'held-%%' ORDER BY x.id) q;
UPDATE wfworker.task t SET token = 1000 + q.n, worker = 1, due_at = now() + interval '15 s'
  FROM (SELECT x.id, row_number() OVER (ORDER BY x.id) AS n FROM workflowexecution x WHERE x.execution_id LIKE 'held-%%') q
 WHERE t.execution_id = q.id;
"""

# %(what)s: 'over', 'parked', 'due', 'ready' or 'held'; as many as %(count)s.  Triggers and foreign keys are off: this is only fast.
FILL = """
SET session_replication_role = replica;
CREATE TEMPORARY TABLE fresh ON COMMIT DROP AS
SELECT gen_random_uuid() AS id, i, %(what)s || '-' || %(first)s + i AS execution_id FROM generate_series(1, %(count)s) i;
INSERT INTO workflowexecution (id, workflow_id, workflow_version, execution_id, status, started_at, completed_at, execution_state,
                               retry_count)
SELECT f.id, %(workflow)s, 1, f.execution_id, CASE %(what)s WHEN 'over' THEN 'completed' WHEN 'parked' THEN 'waiting_for_signal'
       ELSE 'running' END, now() - f.i * interval '1 s', CASE %(what)s WHEN 'over' THEN now() END,
       json_build_object('status', 'x', 'filler', repeat('x', 200)), 0 FROM fresh f;
INSERT INTO executionlog (id, execution_id, node_id, level, message, "timestamp")
SELECT gen_random_uuid(), f.id, 'n', 'info', 'Executing node: n', now() - f.i * interval '1 s' FROM fresh f, generate_series(1, 2)
 WHERE %(what)s NOT IN ('due', 'ready');
SELECT wfworker.lane_of(%(workflow)s);
INSERT INTO wfworker.journal (execution_id, seq, token, at, events)
SELECT f.id, 1, 1, now() - f.i %% 20 * interval '1 day', '[{"ev":"start","definition":"d"}]' FROM fresh f WHERE %(what)s NOT IN ('due', 'ready');
INSERT INTO wfworker.task (execution_id, priority, due_at, token, worker, seq, since, status, lane, ready)
SELECT f.id, 5, CASE %(what)s WHEN 'parked' THEN CASE f.i %% 2 WHEN 0 THEN 'infinity' ELSE now() + f.i * interval '1 s' END
       ELSE now() - interval '1 s' END, 0, NULL, CASE WHEN %(what)s IN ('due', 'ready') THEN 0 ELSE 1 END,
       CASE %(what)s WHEN 'held' THEN now() - interval '1 hour' ELSE 'infinity' END, 'x',
       CASE %(what)s WHEN 'ready' THEN wfworker.lane_of(%(workflow)s) END, %(what)s = 'ready'
  FROM fresh f WHERE %(what)s <> 'over';
INSERT INTO wfworker.snapshot (execution_id, seq, definition, state)
SELECT f.id, 1, 'd', '{"filler":"' || repeat('x', 200) || '"}' FROM fresh f WHERE %(what)s = 'parked';
INSERT INTO wfworker.inbox (execution_id, type, data) SELECT f.id, ':answer', '{}' FROM fresh f WHERE %(what)s = 'parked';
INSERT INTO wfworker.linked (execution_id) SELECT f.id FROM fresh f WHERE %(what)s = 'parked';
INSERT INTO wfworker.signal_waiting (execution_id, id) SELECT f.id, gen_random_uuid() FROM fresh f WHERE %(what)s = 'parked';
INSERT INTO wfworker.outbox (execution_id, kind, body, tries, due_at)
SELECT f.id, 'poke', '{}', 1, now() + interval '1 hour' FROM fresh f WHERE %(what)s = 'parked';
RESET session_replication_role;
"""

SAVE = """SELECT s.* FROM plans_batch b, LATERAL wfworker.save(15000, b.id, b.token, b.expected, b.seq, {has}, b.journal, {snapshot},
 {snapshot_definition}, {projection}, b.expected, b.none, b.none, b.zero, b.never, {completed}, {then}, b.due,
 ARRAY(SELECT i / 4 + 1 FROM generate_series(0, 4 * cardinality(b.id) - 1) i),
 ARRAY(SELECT gen_random_uuid() FROM generate_series(1, 4 * cardinality(b.id))), array_fill('n'::text, ARRAY[4 * cardinality(b.id)]),
 array_fill('info'::text, ARRAY[4 * cardinality(b.id)]), array_fill('Executing node: n'::text, ARRAY[4 * cardinality(b.id)]),
 array_fill(now()::timestamp, ARRAY[4 * cardinality(b.id)]), {used}, ARRAY[]::text[], ARRAY[]::text[]) s"""


def save(then, snapshot=False, projection=True, used=False, fenced=False):
    text = SAVE.format(
        has="array_fill(%d, ARRAY[cardinality(b.id)])" % (1 + 2 * snapshot + 4 * projection),
        snapshot="b.snapshot" if snapshot else "ARRAY[]::text[]", snapshot_definition="b.definition" if snapshot else "ARRAY[]::text[]",
        projection="b.projection" if projection else "ARRAY[]::json[]", completed="b.at" if then == 2 else "b.never",
        then="array_fill(%d, ARRAY[cardinality(b.id)])" % then,
        used="ARRAY(SELECT generate_series(1, cardinality(b.id))), b.id, ARRAY[]::integer[]" if used
        else "ARRAY[]::integer[], ARRAY[]::uuid[], ARRAY[]::integer[]")
    return text.replace("b.token", "b.seq") if fenced else text


# What a worker asks again and again, for a batch of 100 (a full sweep and house-keeping are not here).
CLAIM = "SELECT * FROM wfworker.claim(1, %d, 15000, false, 16777216, 0, %s)"
QUERIES = [
    ("claim", CLAIM % (BATCH, "NULL")),
    ("claim, and go on there", CLAIM % (1, "(SELECT q.o_state FROM (%s) q WHERE q.o_id IS NULL)" % CLAIM % (BATCH, "NULL"))),
    ("load", "SELECT l.* FROM plans_batch b, LATERAL wfworker.load(b.id) l"),
    ("peek", "SELECT l.* FROM plans_batch b, LATERAL wfworker.peek(b.id[1], b.token[1]) l"),
    ("save: the end", save(2)),
    ("save: goes on", save(0)),
    ("save: goes on, not shown yet", save(0, projection=False)),
    ("save: parks", save(1, snapshot=True)),
    ("save: signals and answers were used", save(0, used=True)),
    ("save: all fenced", save(2, fenced=True)),
    ("renew", "SELECT r.* FROM plans_batch b, LATERAL wfworker.renew(1, 'w', '1', 15000, b.id, b.token) r"),
    ("release", "SELECT wfworker.release(b.id, b.token, b.due) FROM plans_batch b"),
    ("give back a claim whose answer was lost",
     "SELECT wfworker.release_others(1, b.id[1 : cardinality(b.id) / 2], 15000) FROM plans_batch b"),
    ("poked", "SELECT execution_id FROM wfworker.task WHERE worker = 1 AND poked"),
    ("deliver", "SELECT wfworker.deliver(%d)" % BATCH),
    ("pin", "SELECT * FROM wfworker.pin((SELECT id FROM workflow LIMIT 1))"),
]


def make(rows=0, before=lambda backend: None):
    """A server with the tables, and little in them; `before` is called while there is nothing in them."""
    postgres = Postgres()
    backend = Backend(postgres, "plans")
    done = wfworker("migrate", "--db", backend.dsn)
    assert done.status == 0, done
    backend.run("ALTER SYSTEM SET autovacuum = off")  # statistics come when they are asked for
    backend.run("SELECT pg_reload_conf()")
    backend.run("SELECT wfworker.upkeep(30)")
    backend.filled = 0
    before(backend)
    backend.plan_workflow = backend.workflow(graph([("t", "trigger")], []))
    fill(backend, "held", BATCH)
    fill(backend, "due", 2 * BATCH)
    backend.run(SCENE)
    fill_up(backend, rows)
    return backend


def fill(backend, what, count):
    with contextlib.closing(backend.postgres.connect(backend.database)) as connection:
        connection.autocommit = False
        with connection.cursor() as cursor:
            cursor.execute(FILL, {"what": what, "count": count, "first": backend.filled, "workflow": backend.plan_workflow})
        connection.commit()
    backend.filled += count


def fill_up(backend, rows):
    """As many executions that are over, as many that are parked, and as many that wait for a worker."""
    if rows > 0:
        fill(backend, "over", rows)
        fill(backend, "parked", rows)
        fill(backend, "ready", rows)


class Session:
    """One connection, whose functions keep the plans that they have made."""

    def __init__(self, backend):
        self.connection = backend.postgres.connect(backend.database)
        self.connection.autocommit = False
        with self.connection.cursor() as cursor:
            cursor.execute("LOAD 'auto_explain'")
            for name, value in (("log_min_duration", "0"), ("log_nested_statements", "on"), ("log_analyze", "on"),
                                ("log_buffers", "on"), ("log_timing", "off"), ("log_triggers", "on"), ("log_level", "notice")):
                cursor.execute("SELECT set_config('auto_explain.%s', %%s, false)" % name, (value,))
        self.connection.commit()

    def plans(self, text, form="json"):
        """Run it, roll it back: the plans of all its statements, the innermost first."""
        with self.connection.cursor() as cursor:
            cursor.execute("SET auto_explain.log_format = %s", (form,))
            self.connection.notices = collections.deque()  # of a list, psycopg2 keeps only the last fifty
            cursor.execute(text)
            found = [n.split("plan:", 1)[1].strip() for n in self.connection.notices if "plan:" in n]
        self.connection.rollback()
        return [json.loads(f) for f in found] if form == "json" else found

    def close(self):
        self.connection.close()


def nodes(plan):
    yield plan
    for child in plan.get("Plans", ()):
        yield from nodes(child)


def once(texts):
    """A statement that runs for each row (the check of a foreign key) is shown once, with how often it ran."""
    plans, times = {}, {}
    for text in texts:
        query = text.split("\n", 1)[0]
        plans[query] = text
        times[query] = times.get(query, 0) + 1
    return [text if times[query] == 1 else "%d times:\n%s" % (times[query], text) for query, text in plans.items()]


def printed(backend, wanted=()):
    """Names and plans as text."""
    session = Session(backend)
    for name, text in QUERIES:
        if wanted and not any(w in name for w in wanted):
            continue
        session.plans(text)  # the first run reads from the disk and makes the plans
        yield name, once(session.plans(text, "text"))
    session.close()


def main():
    parser = argparse.ArgumentParser(description="Print the plans of the hot queries, of every statement inside their functions.")
    parser.add_argument("--rows", type=int, default=1000, help="executions that are over, as many that are parked, and as many that wait (%(default)s)")
    parser.add_argument("--no-statistics", action="store_true", help="without ANALYZE")
    parser.add_argument("name", nargs="*", help="only queries whose name has this in it")
    options = parser.parse_args()
    backend = make(options.rows)
    if not options.no_statistics:
        backend.run("ANALYZE")
    for name, plans in printed(backend, options.name):
        print("==== %s (batch of %d; %d over, as many parked, as many waiting)" % (name, BATCH, options.rows))
        for plan in plans:
            print(plan)
            print()
    return 0


if __name__ == "__main__":
    sys.exit(main())
