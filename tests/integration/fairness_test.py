# SPDX-License-Identifier: Apache-2.0
"""Who is next when much waits: shares of owners and workflows, and what a claim reads.

The cases claim as a worker does, by wfworker.claim() with the memo of the claim before, and count claims, rows and pages, never
time.
"""

import collections
import contextlib
import re
import sys
import uuid

from harness import Backend, Postgres, add_case, case, graph, main, wait_until, wfworker, Worker

GRAPH = graph([("t", "trigger", {"trigger_type": "manual"}), ("e", "end")], [("t", "e")])
NAMES = iter(range(1000))

postgres = Postgres()


class Queue:
    """A database of its own, in which the case itself is the worker."""

    def __init__(self):
        self.backend = Backend(postgres, "fairness_%d" % next(NAMES))
        assert wfworker("migrate", "--db", self.backend.dsn).status == 0
        self.run = self.backend.run
        self.run("INSERT INTO wfworker.worker (id, name, version) VALUES (1, 'test', '')")
        self.memo = None

    def owner(self, made=None):
        made = made or str(uuid.uuid4())
        self.run('INSERT INTO "user" (email, is_active, is_superuser, hashed_password, id) VALUES (%s, true, false, %s, %s)',
                 (made + "@example.org", "", made))
        return made

    def workflow(self, owner=None):
        made = self.backend.workflow(GRAPH)
        if owner:
            self.run("UPDATE workflow SET owner_id = %s WHERE id = %s", (owner, made))
        return made

    def insert(self, workflow, count, priority=None):
        """In one transaction, as somebody does who imports."""
        state = '{"priority": "%s"}' % priority if priority else "{}"
        self.run("INSERT INTO workflowexecution (id, workflow_id, workflow_version, execution_id, status, started_at,"
                 " execution_state, retry_count) SELECT gen_random_uuid(), %s, 1, 'exec-' || gen_random_uuid(), 'running', now(),"
                 " %s::json, 0 FROM generate_series(1, %s)", (workflow, state, count))

    def known(self, *workflows):
        """Their lanes are there: one execution of each was claimed and is over."""
        for workflow in workflows:
            self.insert(workflow, 1)
        while self.claim(100):
            pass
        self.run("DELETE FROM workflowexecution")
        self.memo = None

    def claimed(self, limit):
        """The ids of what was claimed, in order."""
        return [row[0] for row in self.run("SELECT o_id::text FROM wfworker.claim(1, %s, 3600000, false, 16777216, 0, NULL)"
                                           " WHERE o_id IS NOT NULL", (limit,))]

    def claim(self, limit):
        """The workflows of what was claimed, in order."""
        rows = self.run("SELECT o_id::text, o_workflow::text, o_state FROM wfworker.claim(1, %s, 3600000, false, 16777216, 0, %s)",
                        (limit, self.memo))
        assert rows[-1][0] is None, rows
        self.memo = rows[-1][2]
        return [row[1] for row in rows[:-1]]

    def pages(self, limit):
        """How many pages one claim looks at."""
        with self.backend.connection.cursor() as cursor:
            cursor.execute("EXPLAIN (ANALYZE, BUFFERS, COSTS OFF, TIMING OFF) SELECT o_id, o_state FROM"
                           " wfworker.claim(1, %s, 3600000, false, 16777216, 0, %s)", (limit, self.memo))
            text = "\n".join(row[0] for row in cursor.fetchall())
        count = int(re.search(r"actual rows=(\d+)", text).group(1)) - 1
        found = re.search(r"Buffers: shared hit=(\d+)(?: read=(\d+))?", text)
        return count, int(found.group(1)) + int(found.group(2) or 0)


def backlog(first_known):
    q = Queue()
    long, short = q.workflow(), q.workflow()
    foreign = q.workflow(q.owner())
    if first_known:
        q.known(long, short, foreign)
    q.insert(long, 3000)
    q.insert(short, 5)
    q.insert(foreign, 5)
    claims = []
    while sum(c[short] + c[foreign] for c in claims) < 10:
        claims.append(collections.Counter(q.claim(100)))
        assert len(claims) < 50, claims
    return claims


@case
def the_largest_owner():
    """owners whose ids have all bits set are owners like others"""
    q = Queue()
    owners = [q.owner(made) for made in ("ffffffff-ffff-ffff-ffff-ffffffffffff", "00000000-0000-0000-0000-00007fffffff")]
    workflows = [q.workflow(owner) for owner in (owners[0], owners[0], owners[1], None)]
    for workflow in workflows:
        q.insert(workflow, 10)
    for _ in range(3):  # the lanes are made; then they are there
        for workflow in workflows:
            q.insert(workflow, 10)
        assert len(q.claim(20)) == 20
    claimed = collections.Counter()
    while len(found := q.claim(100)) > 0:
        claimed.update(found)
    assert sum(claimed.values()) == 100 and set(claimed) == set(workflows), claimed
    numbers = q.run("SELECT count(DISTINCT id >> 32)::int, max(id >> 32) < 1073741824 FROM wfworker.lane")
    assert numbers == [(3, True)], numbers


@case
def after_very_many_claims():
    """how often a worker has claimed is not counted for ever: its memo stays within what the sums can hold"""
    q = Queue()
    q.insert(q.workflow(), 3)
    q.memo = "{0,1048575,0,0}"
    assert len(q.claim(1)) == 1
    assert q.memo.split(",")[1] == "0", q.memo
    assert len(q.claim(2)) == 2 and q.memo.split(",")[1] == "1", q.memo


@case
def shares():
    """a workflow with 3000 waiting does not keep others waiting, neither of the same owner nor of another: one claim has them all"""
    claims = backlog(True)
    assert len(claims) == 1, claims
    assert sum(claims[0].values()) == 100, claims


@case
def first_time():
    """the same when no execution of these workflows was ever seen: what is due becomes ready 500 at a time"""
    claims = backlog(False)
    assert len(claims) <= 8, claims


@case
def owners():
    """twenty workflows of one owner get as much together as the one of another"""
    q = Queue()
    many, one = [q.workflow() for _ in range(20)], q.workflow(q.owner())
    q.known(*many, one)
    for workflow in many:
        q.insert(workflow, 50)
    q.insert(one, 50)
    served = [collections.Counter(q.claim(20)) for _ in range(4)]
    assert [c[one] for c in served] == [10] * 4, served
    assert all(sum(c.values()) == 20 for c in served), served


@case
def more_owners_than_room():
    """150 owners and claims of 20: nobody is served a second time before everybody was served once"""
    q = Queue()
    workflows = [q.workflow(q.owner()) for _ in range(150)]
    q.known(*workflows)
    for workflow in workflows:
        q.insert(workflow, 3)
    served = collections.Counter()
    for _ in range(8):
        served.update(q.claim(20))
    assert sum(served.values()) == 160 and set(served) == set(workflows), (len(served), served.most_common(3))
    assert max(served.values()) <= 2, served.most_common(3)


@case
def more_workflows_than_room():
    """100 workflows of one owner and claims of 10: each is served soon, and all in the end"""
    q = Queue()
    workflows = [q.workflow() for _ in range(100)]
    q.known(*workflows)
    for workflow in workflows:
        q.insert(workflow, 20)
    served = collections.Counter()
    for _ in range(100):
        served.update(q.claim(10))
    assert set(served) == set(workflows), (len(served), served.most_common(3))
    while True:
        more = q.claim(100)
        if not more:
            break
        served.update(more)
    assert sum(served.values()) == 2000, served


@case
def priorities():
    """priorities come before shares"""
    q = Queue()
    first, second = q.workflow(), q.workflow(q.owner())
    q.known(first, second)
    q.insert(first, 150, "high")
    q.insert(second, 150)
    served = [collections.Counter(q.claim(100)) for _ in range(3)]
    assert served == [{first: 100}, {first: 50, second: 50}, {second: 100}], served


@case
def timers():
    """2000 timers of one workflow that are due at once do not keep another's waiting for more than six claims"""
    q = Queue()
    long, short = q.workflow(), q.workflow()
    q.known(long, short)
    q.insert(long, 2000)
    q.insert(short, 1)
    q.run("UPDATE wfworker.task SET ready = false, due_at = now() - CASE WHEN lane = (SELECT id FROM wfworker.lane WHERE"
          " workflow_id = %s) THEN interval '1 s' ELSE interval '2 s' - random() * interval '1 s' END", (short,))
    claims = []
    while not claims or short not in claims[-1]:
        claims.append(collections.Counter(q.claim(100)))
        assert len(claims) <= 6, claims


def drained(holder):
    q = Queue()
    workflow = q.workflow()
    q.known(workflow)
    q.insert(workflow, 300)
    while q.claim(100):
        pass
    with contextlib.closing(postgres.connect(q.backend.database)) as other:
        if holder:
            other.autocommit = False
            with other.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
                cursor.execute("SELECT count(*) FROM wfworker.task")
        q.insert(workflow, 20000)
        early, late = [q.pages(100) for _ in range(5)], []
        for _ in range(180):
            assert len(q.claim(100)) == 100
        late = [q.pages(100) for _ in range(5)]
        other.rollback()
    assert all(n == 100 for n, _ in early + late), (early, late)
    assert min(p for _, p in late) <= 1.5 * max(p for _, p in early), (early, late)


add_case("20,000 that wait are drained without a vacuum: the last claims read no more pages than the first", lambda: drained(False))
add_case("the same while somebody's transaction is open, which keeps all that is gone in the index", lambda: drained(True))


@case
def parked_and_over():
    """a claim reads as many pages with 20,000 that are parked, 20,000 not due and 20,000 held as without"""
    q = Queue()
    workflow = q.workflow()
    q.known(workflow)

    def measured():
        q.insert(workflow, 300)
        q.memo = None
        q.claim(100)
        return min(q.pages(50) for _ in range(3))
    few = measured()
    q.insert(workflow, 60000)
    q.run("UPDATE wfworker.task SET ready = false, due_at = CASE n % 3 WHEN 0 THEN 'infinity' ELSE now() + interval '1 hour' END,"
          " worker = CASE n % 3 WHEN 1 THEN 2 END FROM (SELECT execution_id AS id, row_number() OVER () AS n FROM wfworker.task) x"
          " WHERE id = execution_id AND ready")
    q.run("VACUUM ANALYZE wfworker.task")
    many = measured()
    assert few[0] == many[0] == 50, (few, many)
    assert many[1] <= 1.5 * few[1] + 20, (few, many)


@case
def bytes_bound():
    """a claim brings no more than so many bytes of state, but always one; the rest stays where it stood"""
    q = Queue()
    workflow = q.workflow()
    q.known(workflow)
    for size in (10, 3000000, 3000000, 10, 20000000):
        q.run("INSERT INTO workflowexecution (id, workflow_id, workflow_version, execution_id, status, started_at, execution_state,"
              " retry_count) VALUES (gen_random_uuid(), %s, 1, 'exec-' || gen_random_uuid(), 'running', now(),"
              " json_build_object('x', repeat('y', %s)), 0)", (workflow, size))
    claims = []
    for _ in range(6):
        rows = q.run("SELECT length(o_state), o_crashes FROM wfworker.claim(1, 100, 3600000, false, 4000000, 0, NULL)"
                     " WHERE o_id IS NOT NULL")
        claims.append([(size // 1000, crashes) for size, crashes in rows])
    assert claims == [[(0, 0), (3000, 0)], [(3000, 0), (0, 0)], [(20000, 0)], [], [], []], claims


def in_place(poke):
    """Five wait; the first one is poked and keeps its place; who waits for a time is due at once."""
    q = Queue()
    workflow = q.workflow()
    q.known(workflow)
    for _ in range(5):
        q.insert(workflow, 1)
    waiting = [row[0] for row in q.run("SELECT execution_id::text FROM wfworker.task WHERE ready ORDER BY due_at")]
    assert len(waiting) == 5, waiting
    before = q.run("SELECT due_at FROM wfworker.task WHERE execution_id = %s", (waiting[0],))
    parked = waiting.pop()
    q.run("UPDATE wfworker.task SET ready = false, due_at = 'infinity' WHERE execution_id = %s", (parked,))
    for identity in (waiting[0], parked):
        q.run(poke, (identity,))
    assert q.run("SELECT poked, ready, due_at FROM wfworker.task WHERE execution_id = %s", (waiting[0],)) == [(True, True) + before[0]]
    assert q.run("SELECT poked, due_at <= clock_timestamp() FROM wfworker.task WHERE execution_id = %s", (parked,)) == [(True, True)]
    assert q.claimed(10) == waiting + [parked]


add_case("who is poked while he waits in his lane keeps his place", lambda: in_place("SELECT wfworker.poke(%s)"))
add_case("whose status changes while he waits in his lane keeps his place, too",
         lambda: in_place("UPDATE workflowexecution SET status = 'waiting_for_signal' WHERE id = %s"))
add_case("and to whom a signal comes", lambda: in_place(
    "INSERT INTO workflowsignal (id, execution_id, signal_type, signal_data, received_at, processed)"
    " VALUES (gen_random_uuid(), %s, 'news', '{}', now(), false)"))


@case
def lanes_of_workflows_that_are_gone():
    """house-keeping removes lanes and places of workflows that are gone, not while one of their executions is in the queue"""
    q = Queue()
    owner, other = q.owner(), q.owner()
    kept, gone, busy = q.workflow(owner), q.workflow(other), q.workflow(owner)
    q.run("UPDATE workflow SET trigger_config = '{\"max_concurrent_executions\": 2}'")
    for workflow in (kept, gone, busy):
        q.insert(workflow, 3)
    for _ in range(5):
        q.run("SELECT wfworker.claim(1, 10, 3600000, false, 16777216, 5, NULL)")
    places = "SELECT id::text, count(*)::int FROM wfworker.place GROUP BY 1"
    full = {kept: 2, gone: 2, busy: 2, owner: 5, other: 5}
    assert dict(q.run(places)) == full, q.run(places)
    lanes = lambda: {row[0] for row in q.run("SELECT workflow_id::text FROM wfworker.lane")}
    assert lanes() == {kept, gone, busy}
    q.run("SELECT wfworker.upkeep(30)")
    assert lanes() == {kept, gone, busy} and dict(q.run(places)) == full
    q.run("DELETE FROM workflowexecution WHERE workflow_id = %s", (gone,))
    q.run("SET session_replication_role = replica")  # neither triggers nor foreign keys: as in databases without them
    q.run("DELETE FROM workflow WHERE id IN (%s, %s)", (gone, busy))
    q.run("SET session_replication_role = origin")
    q.run("SELECT wfworker.upkeep(30)")
    assert lanes() == {kept, busy}, lanes()
    assert dict(q.run(places)) == {kept: 2, busy: 2, owner: 5}, q.run(places)
    q.run("DELETE FROM workflowexecution WHERE workflow_id = %s", (busy,))
    q.run("SELECT wfworker.upkeep(30)")
    assert lanes() == {kept} and dict(q.run(places)) == {kept: 2, owner: 5}, q.run(places)
    while q.claim(10):
        pass
    q.run("INSERT INTO workflowexecution (id, workflow_id, workflow_version, execution_id, status, started_at, execution_state,"
          " retry_count) SELECT gen_random_uuid(), id, 1, 'exec-x', 'running', now(), '{}', 0 FROM workflow WHERE id = %s", (kept,))
    q.run("UPDATE wfworker.task SET worker = NULL, due_at = now(), ready = true WHERE worker IS NOT NULL")
    assert q.claimed(10), "what is left is claimed as before"


@case
def worker_with_backlog():
    """a worker with room for twenty and 1500 waiting: what another owner inserts meanwhile ends while most still wait"""
    q = Queue()
    long, short = q.workflow(), q.workflow(q.owner())
    q.known(long, short)
    q.insert(long, 1500)
    q.insert(short, 10)
    Worker(q.backend.dsn, "--max-in-flight", "20")
    wait_until("all to end", lambda: q.backend.ended(long) + q.backend.ended(short) == 1510)
    before = q.run("SELECT count(*) FROM workflowexecution WHERE workflow_id = %s AND completed_at <"
                   " (SELECT max(completed_at) FROM workflowexecution WHERE workflow_id = %s)", (long, short))[0][0]
    assert before <= 200, before


@case
def one_transaction_waits():
    """while a worker's transaction waits for somebody's lock, what comes behind it in the queue is claimed and ends"""
    q = Queue()
    workflow = q.workflow()
    q.known(workflow)
    q.insert(workflow, 1)
    q.run("CREATE TABLE gate AS SELECT execution_id AS id FROM wfworker.task")
    q.run("CREATE FUNCTION pass_gate() RETURNS trigger LANGUAGE plpgsql AS"
          " $$ BEGIN PERFORM FROM gate g WHERE g.id = NEW.execution_id FOR SHARE; RETURN NEW; END $$")
    q.run("CREATE TRIGGER pass_gate BEFORE INSERT ON executionlog FOR EACH ROW EXECUTE FUNCTION pass_gate()")
    q.insert(workflow, 999)
    with contextlib.closing(postgres.connect(q.backend.database)) as connection, connection.cursor() as cursor:
        connection.autocommit = False
        cursor.execute("SELECT FROM gate FOR UPDATE")
        worker = Worker(q.backend.dsn + " options='-c statement_timeout=0'")
        # What waits: a batch of saves (256 at most), and what was claimed in the same transaction (100).
        wait_until("640 of 1000 to end", lambda: q.backend.ended(workflow) >= 640)
        assert q.run("SELECT status FROM workflowexecution WHERE id = (SELECT id FROM gate)")[0][0] == "running"
        assert "did not answer" not in worker.log()
        connection.rollback()
    wait_until("the others to end", lambda: q.backend.ended(workflow) == 1000)


sys.exit(main())
