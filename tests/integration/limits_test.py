# SPDX-License-Identifier: Apache-2.0
"""Limits: how many executions of a workflow, or of one owner's workflows, workers hold at a time.

What is at work at any moment is counted by the server that the workflows call: a request is at work from its coming until the
server lets it go.
"""

import sys
import threading
import time
import uuid

from harness import Answer, Backend, HttpServer, Postgres, Worker, case, graph, main, wait_until, wfworker

T = ("t", "trigger", {"trigger_type": "manual"})
NAMES = iter(range(1000))

postgres = Postgres()


class Counting(HttpServer):
    """Every request is at work for a moment, or as long as `hold` says; /KEY/... is counted under KEY."""

    def __init__(self, moment=0.03):
        super().__init__()
        self.now, self.most, self.came = {}, {}, {}
        self.hold = lambda key: False
        self.counting = threading.Lock()
        self.moment = moment
        self.fallback = self.work

    def work(self, request):
        key = request.path.split("/")[1]
        with self.counting:
            self.came[key] = self.came.get(key, 0) + 1
            self.now[key] = self.now.get(key, 0) + 1
            self.most[key] = max(self.most.get(key, 0), self.now[key])
        end = time.monotonic() + self.moment
        over = []

        def let_go():
            if not over and time.monotonic() >= end and not self.hold(key):
                over.append(True)
                with self.counting:
                    self.now[key] -= 1
            return bool(over)
        return Answer(until=let_go)


class Scene:
    def __init__(self, workers, *arguments, env=None):
        self.backend = Backend(postgres, "limits_%d" % next(NAMES))
        assert wfworker("migrate", "--db", self.backend.dsn).status == 0
        self.server = Counting()
        self.workers = [Worker(self.backend.dsn, *arguments, env=env) for _ in range(workers)]

    def owner(self):
        made = str(uuid.uuid4())
        self.backend.run('INSERT INTO "user" (email, is_active, is_superuser, hashed_password, id)'
                         " VALUES (%s, true, false, '', %s)", (made + "@example.org", made))
        return made

    def workflow(self, key, limit=None, owner=None, graph_limit=None):
        definition = graph([T, ("a", "http_request", {"url": self.server.url + "/" + key})], [("t", "a")])
        if graph_limit:
            definition["max_concurrent_executions"] = graph_limit
        made = self.backend.workflow(definition, trigger_config={"max_concurrent_executions": limit} if limit else {})
        if owner:
            self.backend.run("UPDATE workflow SET owner_id = %s WHERE id = %s", (owner, made))
        return made

    def all_end(self, workflow, count):
        self.backend.wait_ended_count(workflow, count)
        assert self.backend.run("SELECT DISTINCT status FROM workflowexecution WHERE workflow_id = %s", (workflow,)) == [("completed",)]


@case
def workflow_limit():
    """three workers, a workflow with max_concurrent_executions 3 and one without: never more than three at a time, and three"""
    s = Scene(3)
    limited, free = s.workflow("limited", 3), s.workflow("free")
    s.server.hold = lambda key: key == "limited" and s.server.came.get("limited", 0) < 3  # so that three do come together
    s.backend.executions(limited, 60)
    s.backend.executions(free, 60)
    s.all_end(free, 60)
    s.all_end(limited, 60)
    assert s.server.most["limited"] == 3, s.server.most
    assert s.server.came == {"limited": 60, "free": 60}, s.server.came


@case
def in_the_graph():
    """the limit may stand in graph_config, too; trigger_config's comes first"""
    s = Scene(2)
    one, two = s.workflow("one", graph_limit=1), s.workflow("two", 2, graph_limit=1)
    s.server.hold = lambda key: key == "two" and s.server.came.get("two", 0) < 2
    s.backend.executions(one, 10)
    s.backend.executions(two, 20)
    s.all_end(one, 10)
    s.all_end(two, 20)
    assert s.server.most == {"one": 1, "two": 2}, s.server.most


@case
def owner_limit():
    """WORKFLOW_CONCURRENT_EXECUTIONS_PER_USER=2, three workers: an owner's workflows together never have more than two at work"""
    s = Scene(3, env={"WORKFLOW_CONCURRENT_EXECUTIONS_PER_USER": "2"})
    first, second = s.owner(), s.owner()
    workflows = [s.workflow("first", owner=first), s.workflow("first", owner=first), s.workflow("second", owner=second)]
    s.server.hold = lambda key: s.server.came.get(key, 0) < 2
    for workflow in workflows:
        s.backend.executions(workflow, 20)
    for workflow in workflows:
        s.all_end(workflow, 20)
    assert s.server.most == {"first": 2, "second": 2}, s.server.most


@case
def both_limits():
    """a workflow's limit of 1 within its owner's of 3"""
    s = Scene(2, "--executions-per-user", "3")
    owner = s.owner()
    single, others = s.workflow("single", 1, owner=owner), s.workflow("others", owner=owner)
    s.server.hold = lambda key: key == "others" and s.server.came.get("others", 0) < 2
    s.backend.executions(single, 15)
    s.backend.executions(others, 15)
    s.all_end(single, 15)
    s.all_end(others, 15)
    assert s.server.most["single"] == 1 and s.server.most["others"] in (2, 3), s.server.most


@case
def parked():
    """what is parked holds no place: with a limit of 1 one that waits for an hour lets the next one run"""
    s = Scene(2)
    definition = graph([T, ("d", "delay", {"delay_seconds": "${wait}"}),
                        ("a", "http_request", {"url": s.server.url + "/after"})], [("t", "d"), ("d", "a")])
    workflow = s.backend.workflow(definition, trigger_config={"max_concurrent_executions": 1})
    waits = s.backend.execution(workflow, {"wait": 3600})
    wait_until("it to wait", lambda: s.backend.run(
        "SELECT 1 FROM wfworker.task WHERE execution_id = %s AND worker IS NULL AND due_at > now() + interval '10 min'", (waits,)))
    s.backend.wait_end(s.backend.execution(workflow, {"wait": 0}))
    assert s.backend.row(waits).status == "running", s.backend.row(waits)


@case
def killed():
    """a worker killed with -9 in an execution under a limit of 1: its place is free when the lease runs out, not before"""
    s = Scene(1, "--lease-seconds", "2")
    workflow = s.workflow("x", 1)
    s.server.hold = lambda key: s.server.came[key] == 1  # the first request, and no other one
    first = s.backend.execution(workflow)
    wait_until("the request", lambda: s.server.came.get("x") == 1)
    s.workers[0].kill()
    held_until = s.backend.run("SELECT due_at FROM wfworker.task WHERE execution_id = %s", (first,))[0][0]
    Worker(s.backend.dsn, "--lease-seconds", "2")
    rest = s.backend.executions(workflow, 5)
    for identity in [first] + rest:
        s.backend.wait_end(identity)
    earliest = s.backend.run("SELECT min(completed_at AT TIME ZONE 'UTC') FROM workflowexecution WHERE workflow_id = %s", (workflow,))
    assert earliest[0][0] >= held_until, (earliest, held_until)
    assert s.server.came["x"] == 7, s.server.came  # the first one's was repeated


def claimed(backend, worker, limit=10, per_owner=0):
    rows = backend.run("SELECT o_id::text, o_crashes FROM wfworker.claim(%s, %s, 3600000, false, 16777216, %s, NULL)",
                       (worker, limit, per_owner))
    assert rows[-1][0] is None, rows
    return len(rows) - 1, rows[-1][1]


@case
def changed():
    """a limit that is raised holds from the next claim on; one that is lowered counts what is held already"""
    s = Scene(0)
    b = s.backend
    workflow = s.workflow("x", 2)
    b.executions(workflow, 30)

    def limit(text):
        b.run("UPDATE workflow SET trigger_config = %s WHERE id = %s", (text, workflow))

    def give_back(count):
        b.run("UPDATE wfworker.task SET worker = NULL, token = 0, due_at = 'infinity' WHERE execution_id IN (SELECT execution_id"
              " FROM wfworker.task WHERE worker IS NOT NULL ORDER BY token LIMIT %s)", (count,))
    assert [claimed(b, 1), claimed(b, 2)] == [(2, 1), (0, 1)]
    limit('{"max_concurrent_executions": 5}')
    assert [claimed(b, 1), claimed(b, 2)] == [(3, 1), (0, 1)]
    limit('{"max_concurrent_executions": 2}')
    give_back(3)
    assert claimed(b, 1) == (0, 1)
    give_back(1)
    assert [claimed(b, 1), claimed(b, 1)] == [(1, 1), (0, 1)]
    for text in ('{"max_concurrent_executions": 0}', '{"max_concurrent_executions": "many"}', '{}'):
        limit('{"max_concurrent_executions": 1}')
        assert claimed(b, 1) == (0, 1)
        limit(text)
        assert claimed(b, 1, 2) == (2, 0), text


@case
def few_are_locked():
    """a claim under a limit locks as many places as it wants, so that another one finds others"""
    s = Scene(0)
    workflow = s.workflow("x", 100)
    first, second = postgres.connect(s.backend.database), postgres.connect(s.backend.database)
    first.autocommit = second.autocommit = False

    def places(connection, count):
        with connection.cursor() as cursor:
            cursor.execute("SELECT wfworker.free_places('w', %s, 100, %s)", (workflow, count))
            return cursor.fetchone()[0]
    assert places(first, 1) == [1]  # all are made
    first.commit()
    assert places(first, 5) == [1, 2, 3, 4, 5]
    assert places(second, 7) == [6, 7, 8, 9, 10, 11, 12]
    assert places(second, 200) == list(range(6, 101))
    first.rollback()
    assert places(first, 200) == [1, 2, 3, 4, 5]
    first.close()
    second.close()


@case
def at_once():
    """twelve claims at the same time under a limit of 5 and of 7 for the owner: never more, and in the end 7"""
    s = Scene(0)
    b = s.backend
    first, second = s.workflow("x", 5), s.workflow("y")
    for workflow in (first, second):
        b.executions(workflow, 40)
    claimed(b, 99, 1, 7)  # the lanes and places are made
    b.run("UPDATE wfworker.task SET worker = NULL, token = 0, due_at = now(), ready = false WHERE worker IS NOT NULL")
    barrier = threading.Barrier(12)

    def claim(worker):
        connection = postgres.connect(b.database)
        with connection.cursor() as cursor:
            barrier.wait()
            for _ in range(5):
                cursor.execute("SELECT count(o_id) FROM wfworker.claim(%s, 3, 3600000, false, 16777216, 7, NULL)", (worker,))
        connection.close()
    threads = [threading.Thread(target=claim, args=(n,)) for n in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    held = "SELECT count(*) FROM wfworker.task t JOIN workflowexecution e ON e.id = t.execution_id WHERE worker IS NOT NULL"

    def now_held():
        return b.run(held + " AND workflow_id = %s", (first,))[0][0], b.run(held)[0][0]
    of_first, of_all = now_held()
    assert of_first <= 5 and of_all <= 7, (of_first, of_all)
    for _ in range(3):  # those who stood in each other's way left places free; one alone fills them
        claimed(b, 99, 10, 7)
    of_first, of_all = now_held()
    assert of_first <= 5 and of_all == 7, (of_first, of_all)


sys.exit(main())
