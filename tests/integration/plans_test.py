# SPDX-License-Identifier: Apache-2.0
"""What the hot queries cost depends on the batch, and not on how many executions are over, parked or logged: in a session whose plans
were made while the tables were small, in one without statistics, and in one with."""

import os
import sys

import plans
from harness import case, main, note, setting_up

ROWS = int(os.environ.get("WFWORKER_TEST_PLAN_ROWS", "100000"))
SMALL = 500

# A node of a plan may read so many rows: four log rows for each execution of the batch are the most that there is to do.
MOST_ROWS = 8 * plans.BATCH
# Indexes of large tables are a level or two higher.
MORE_BUFFERS = 2.5
SOME_BUFFERS = 300

BIG = {"workflowexecution", "executionlog", "task", "snapshot", "inbox", "linked", "signal_waiting", "outbox", "journal_default"}

backend = plans.make(SMALL)
old = plans.Session(backend)
few = {}


def buffers(found):
    top = found[-1]["Plan"]
    return top["Shared Hit Blocks"] + top["Shared Read Blocks"]


def rows_of(node):
    """Rows that a node has read: what it gave, and what it threw away."""
    removed = sum(node.get(key, 0) for key in ("Rows Removed by Filter", "Rows Removed by Join Filter", "Rows Removed by Index Recheck"))
    return (node["Actual Rows"] + removed) * node["Actual Loops"]


def complaints(name, found):
    said = []
    for statement in found:
        for node in plans.nodes(statement["Plan"]):
            relation = node.get("Relation Name", "")
            if rows_of(node) > MOST_ROWS:
                said.append("%s: %s on %s reads %d rows: %s" % (name, node["Node Type"], relation or "-", rows_of(node),
                                                                 statement["Query Text"][:300]))
            if node["Node Type"] == "Seq Scan" and (relation in BIG or relation.startswith("journal_2")) and node["Actual Loops"] > 0:
                said.append("%s: a sequential scan of %s: %s" % (name, relation, statement["Query Text"][:300]))
    return said


def measure(session):
    """The second run: the first one makes the plans, and reads what is not in memory."""
    found = {}
    for name, text in plans.QUERIES:
        session.plans(text)
        found[name] = session.plans(text)
    return found


def check(session):
    said = []
    for name, found in measure(session).items():
        said += complaints(name, found)
        now, most = buffers(found), MORE_BUFFERS * few[name] + SOME_BUFFERS
        note("%-40s %6d buffers, %6d while the tables were small" % (name, now, few[name]))
        if now > most:
            said.append("%s: %d buffers, %d while the tables were small" % (name, now, few[name]))
    assert not said, "\n".join(said)


@setting_up
def small():
    """small tables: each query does what it is asked for"""
    for name, found in measure(old).items():
        few[name] = buffers(found)
        assert few[name] > 0, name
        statements = "\n".join(f["Query Text"] for f in found)
        if name.startswith("save:"):
            assert "FOR NO KEY UPDATE OF x SKIP LOCKED" in statements, (name, statements)
        if name == "save: the end":
            assert statements.count("FOR KEY SHARE OF x") == 4 * plans.BATCH, statements.count("FOR KEY SHARE OF x")
    for name, text in plans.QUERIES:
        if not name.startswith("save:") or "fenced" in name:
            continue
        with old.connection.cursor() as cursor:
            cursor.execute(text)
            assert cursor.fetchall() == [(-1, 0, None)], name
            cursor.execute("SELECT count(*) FROM executionlog WHERE message = 'Executing node: n' AND xmin = pg_current_xact_id()::xid")
            assert cursor.fetchone()[0] == 4 * plans.BATCH, name
        old.connection.rollback()
    with old.connection.cursor() as cursor:
        cursor.execute(dict(plans.QUERIES)["save: all fenced"])
        assert cursor.fetchall() == [(n, 1, None) for n in range(plans.BATCH)] + [(-1, 0, None)]
        cursor.execute(dict(plans.QUERIES)["claim"])
        assert cursor.rowcount == plans.BATCH + 1  # the last row is about all
    old.connection.rollback()


@case
def kept_plans():
    """large tables, plans that were made while they were small"""
    plans.fill_up(backend, ROWS)
    check(old)


@case
def no_statistics():
    """large tables without statistics"""
    check(plans.Session(backend))


@case
def statistics():
    """large tables with statistics"""
    backend.run("ANALYZE")
    check(plans.Session(backend))


@case
def grown_from_statistics():
    """statistics that say that the tables are empty: the next thing that happens to a new installation"""
    empty = plans.make(0)
    empty.run("ANALYZE")
    plans.fill_up(empty, ROWS // 4)
    check(plans.Session(empty))


@case
def made_on_nothing():
    """plans that were made when statistics said that every table is empty, and are kept while they fill"""
    kept = []

    def nothing_there(backend):
        backend.run("VACUUM ANALYZE")
        kept.append(plans.Session(backend))
        backend.run("CREATE TABLE plans_batch (id uuid[], token bigint[], expected text[], seq bigint[], none text[], journal text[],"
                    " snapshot text[], definition text[], projection json[], zero integer[], never timestamp[], at timestamp[],"
                    " due bigint[])")
        for _, text in plans.QUERIES:
            kept[0].plans(text.replace("100", "1"))
        backend.run("DROP TABLE plans_batch")
    filled = plans.make(0, nothing_there)
    plans.fill_up(filled, ROWS)
    check(kept[0])


@case
def deleted():
    """executions are deleted by key: the statements of our trigger, in a session with kept plans, and in one without statistics"""
    text = "DELETE FROM workflowexecution x USING plans_batch b WHERE x.id = ANY (b.id)"
    fresh = plans.make(0, lambda backend: backend.run("VACUUM ANALYZE"))
    kept = plans.Session(fresh)
    kept.plans(text)
    plans.fill_up(fresh, ROWS // 10)
    for session in (old, kept, plans.Session(fresh)):
        found = [f for f in session.plans(text) if "old_rows" in f["Query Text"]]
        assert len(found) >= 9, [f["Query Text"] for f in found]
        said = complaints("delete", found)
        assert not said, "\n".join(said)


def blocks(session, count):
    """What one part of the sweep found, and how many blocks it looked at."""
    with session.connection.cursor() as cursor:
        cursor.execute("SELECT wfworker.sweep_part(%s)", (count,))
        found = cursor.fetchone()[0]
    session.connection.commit()
    return found


@case
def swept_in_parts():
    """a part of the sweep reads a part of the table, and all parts find everything: also what is held, and in a second round"""
    swept = plans.make(0)
    plans.fill_up(swept, 10000)
    session = plans.Session(swept)
    size = swept.run("SELECT pg_relation_size('workflowexecution') / current_setting('block_size')::bigint")[0][0]
    part = size // 20 + 1
    swept.run("DELETE FROM wfworker.task t USING workflowexecution x WHERE x.id = t.execution_id AND x.status = 'running'")
    missing = swept.run("SELECT count(*) FROM workflowexecution WHERE status = 'running'")[0][0]
    assert missing > 10000, missing
    found = [blocks(session, part) for _ in range(20)]
    assert sum(found) == missing and max(found) <= missing // 5, found
    assert swept.run("SELECT count(*) FROM wfworker.task t JOIN workflowexecution x ON x.id = t.execution_id"
                     " WHERE x.status = 'running'")[0][0] == missing
    swept.run("DELETE FROM wfworker.task t USING workflowexecution x WHERE x.id = t.execution_id AND x.execution_id = 'held-1'")
    assert sum(blocks(session, part) for _ in range(20)) == 1
    for _ in range(2):
        top = buffers(session.plans("SELECT wfworker.sweep_part(%d)" % part))
        assert top < 12 * part + 12 * missing // 5, (top, part, missing)


@case
def a_scan_is_noticed():
    """the test itself: a query that looks through the log is complained of"""
    session = plans.Session(backend)
    found = session.plans("SELECT count(*) FROM executionlog WHERE message LIKE '%x'")
    assert len(complaints("scan", found)) >= 2, complaints("scan", found)
    found = session.plans("SELECT id FROM workflowexecution WHERE status = 'completed' ORDER BY id LIMIT 2000")
    assert any("reads 2000 rows" in c for c in complaints("index", found)), complaints("index", found)


if __name__ == "__main__":
    sys.exit(main())
