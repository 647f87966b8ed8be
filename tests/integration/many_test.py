# SPDX-License-Identifier: Apache-2.0
"""Thousands in flight in one process: parked, waiting for an answer, waiting for a thread."""

import os
import signal
import re
import resource
import sys

from crowd import Crowd
from harness import BUILDDIR, SANITIZED, Backend, Postgres, Worker, case, graph, main, note, signal, time, wait_until, wfworker

if not os.path.exists(os.path.join(BUILDDIR, "tests/plugins/.libs/good.so")):
    print("1..0 # SKIP the plugins of the tests are not built: configure without --disable-tests, make check")
    sys.exit(0)

SLOWER = 10 if SANITIZED else 1
RESERVED = 500
soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # the server's ends, and what workers may have
REQUESTS = min(5000, (hard - RESERVED) // 2) // SLOWER
LEASE = {"WFWORKER_LEASE_SECONDS": "5"}  # whoever does not renew would lose what it holds

postgres = Postgres()
crowd = Crowd()
backend = Backend(postgres, "many")
assert wfworker("migrate", "--db", backend.dsn).status == 0


def kilobytes(worker, what="VmRSS"):
    with open("/proc/%d/status" % worker.process.pid) as f:
        return int(re.search(what + r":\s+(\d+) kB", f.read()).group(1))


def calling(path):
    return backend.workflow(graph([("t", "trigger"), ("h", "http_request", {"url": crowd.url + path + "?n=${n}"}), ("e", "end")],
                                  [("t", "h"), ("h", "e")]), path)


def statuses(workflow):
    return dict(backend.run("SELECT status, count(*) FROM workflowexecution WHERE workflow_id = %s GROUP BY 1", (workflow,)))


def statistics(worker):
    """The numbers of a line of statistics, now."""
    before = len(worker.lines("statistics why=requested"))
    worker.process.send_signal(signal.SIGUSR1)
    line = worker.wait_line("statistics why=requested", count=before + 1)[-1]
    return {key: int(value) for key, value in re.findall(r"(\w+)=(\d+)\b", line)}


@case
def parked():
    """10,000 parked executions cost a worker nothing: no lease, no connection, no memory; 3,000 of them wake together, none early"""
    worker = Worker(backend.dsn, env=LEASE)
    few, many, awake = 1000 // SLOWER, 10000 // SLOWER, 3000 // SLOWER
    hour = backend.workflow(graph([("t", "trigger"), ("d", "delay", {"delay_seconds": 3600}), ("e", "end")], [("t", "d"), ("d", "e")]))

    def waiting(count):
        wait_until("all to be parked", lambda: backend.run(
            "SELECT count(*) FROM wfworker.task WHERE worker IS NULL AND due_at > now()") == [(count,)], interval=0.1)
    backend.executions(hour, few)
    waiting(few)
    before = kilobytes(worker)
    backend.executions(hour, many - few)
    waiting(many)
    after = kilobytes(worker)
    note("resident with %d parked: %d kB, with %d: %d kB" % (few, before, many, after))
    assert statistics(worker)["in_flight"] == 0
    if not SANITIZED:  # 9,000 more: less than 0.5 kB for each of them, and that for the batches in between
        assert after - before < 4096, (before, after)
    short = backend.workflow(graph([("t", "trigger"), ("d", "delay", {"delay_seconds": 4}), ("e", "end")], [("t", "d"), ("d", "e")]))
    backend.executions(short, awake)
    backend.wait_ended_count(short, awake)
    assert statuses(short) == {"completed": awake}, statuses(short)
    early, late = backend.run(
        "SELECT min(extract(epoch FROM e.at - s.at)), max(extract(epoch FROM e.at - s.at)) FROM"
        " (SELECT execution_id, min(\"timestamp\") AS at FROM executionlog WHERE message = 'Executing node: d' GROUP BY 1) s JOIN"
        " (SELECT execution_id, min(\"timestamp\") AS at FROM executionlog WHERE message = 'Executing node: e' GROUP BY 1) e"
        " USING (execution_id) JOIN workflowexecution x ON x.id = s.execution_id WHERE x.workflow_id = %s", (short,))[0]
    note("delays of 4 s took %.2f to %.2f s; resident %d kB" % (early, late, kilobytes(worker)))
    assert early >= 4, early
    backend.run("DELETE FROM workflowexecution WHERE workflow_id = %s", (hour,))
    assert worker.terminate() == 0, worker.log()


@case
def requests():
    """5,000 requests in flight in one process, to one host: each is made once, none fails, and each costs little"""
    crowd.forget()
    crowd.close()
    worker = Worker(backend.dsn, env=LEASE)
    before, cpu = kilobytes(worker), worker.cpu()
    workflow = calling("/requests")
    backend.executions(workflow, REQUESTS, lambda i: {"n": i})
    wait_until(lambda: "all to be in flight, %d are" % crowd.waiting, lambda: crowd.waiting == REQUESTS)
    each = (kilobytes(worker) - before) / REQUESTS
    numbers = statistics(worker)
    assert numbers["in_flight"] == REQUESTS and numbers["running"] == REQUESTS, numbers
    time.sleep(6)  # longer than a lease
    assert crowd.waiting == REQUESTS
    crowd.open()
    backend.wait_ended_count(workflow, REQUESTS)
    assert statuses(workflow) == {"completed": REQUESTS}, statuses(workflow)
    assert len(crowd.seen()) == REQUESTS and set(crowd.seen().values()) == {1}, "each once"
    assert not worker.lines("Z (warning|error) "), worker.lines("Z (warning|error) ")[:5]
    note("%d requests in flight: %.1f kB each, %.0f us of processor time each, all in all; at most %d kB resident" % (
        REQUESTS, each, (worker.cpu() - cpu) * 1e6 / REQUESTS, kilobytes(worker, "VmHWM")))
    if not SANITIZED:
        assert each < 64, each
    assert worker.terminate() == 0, worker.log()


@case
def few_descriptors():
    """300 open files allowed: the worker says so once, the others wait for their turn, and all are answered"""
    crowd.forget()
    crowd.close()
    worker = Worker(backend.dsn, within=["sh", "-c", 'ulimit -n 300 && exec "$@"', "sh"], env=LEASE)
    workflow = calling("/few")
    backend.executions(workflow, 400, lambda i: {"n": i})
    wait_until("as many as there may be", lambda: crowd.waiting == 86)
    worker.wait_line("http: more requests than files that may be open, the others wait for their turn at_a_time=86 open_files=300")
    crowd.open()
    backend.wait_ended_count(workflow, 400)
    assert statuses(workflow) == {"completed": 400}, statuses(workflow)
    assert crowd.most_waiting == 86, crowd.most_waiting
    assert len(crowd.seen()) == 400 and set(crowd.seen().values()) == {1}
    assert len(worker.lines("Z (warning|error) ")) == 1, worker.lines("Z (warning|error) ")
    assert worker.terminate() == 0, worker.log()


@case
def blocking():
    """1,000 executions of a blocking handler on ten threads, two workers: all end, each runs once, none loses its lease"""
    count = 1000 // SLOWER
    plugins = ["--isolate", "never", "--plugin-dir", os.path.join(BUILDDIR, "tests/plugins/.libs")]
    workers = [Worker(backend.dsn, *plugins, "--concurrency", "10", env=LEASE) for _ in range(2)]
    workflow = backend.workflow(graph([("t", "trigger"), ("b", "test.block", {"do": "hold", "ms": 60}), ("e", "end")],
                                      [("t", "b"), ("b", "e")]))
    other = backend.workflow(graph([("t", "trigger"), ("e", "end")], [("t", "e")]))
    backend.executions(workflow, count)
    wait_until("some to have ended", lambda: backend.ended(workflow) > 0)

    def threads_of():
        return [len(os.listdir("/proc/%d/task" % w.process.pid)) for w in workers]
    if not SANITIZED:  # there they are few, which may have gone to one of them as a whole
        wait_until("both to work", lambda: min(threads_of()) >= 10)
    threads = threads_of()
    assert all(n <= 20 for n in threads) and max(threads) >= 10, threads
    held = [statistics(w)["in_flight"] for w in workers]
    note("threads of the workers: %s; in flight: %s of %d" % (threads, held, count))
    identity = backend.execution(other, columns={}, state={"priority": 9})
    backend.wait_end(identity)
    backend.wait_ended_count(workflow, count)
    assert statuses(workflow) == {"completed": count}, statuses(workflow)
    runs = backend.run("SELECT n, count(*) FROM (SELECT count(*) AS n FROM executionlog l JOIN workflowexecution e ON e.id ="
                       " l.execution_id WHERE e.workflow_id = %s AND l.message = 'Executing node: b' GROUP BY e.id) x GROUP BY n",
                       (workflow,))
    assert runs == [(1, count)], runs
    for worker in workers:
        assert not worker.lines("lease lost|taken over"), worker.log()
        assert worker.terminate() == 0, worker.log()


@case
def blocking_stopped():
    """SIGTERM while a thousand wait for a thread: the worker ends within its grace, what it held is free at once"""
    plugins = ["--plugin-dir", os.path.join(BUILDDIR, "tests/plugins/.libs")]
    worker = Worker(backend.dsn, *plugins, "--concurrency", "10", "--shutdown-grace", "1", env={"WFWORKER_LEASE_SECONDS": "900"})
    workflow = backend.workflow(graph([("t", "trigger"), ("b", "test.block", {"do": "hold", "ms": 600000}), ("e", "end")],
                                      [("t", "b"), ("b", "e")]))
    backend.executions(workflow, 1000)
    wait_until("the threads to be taken", lambda: statistics(worker)["running"] >= 10)
    began = time.monotonic()
    assert worker.terminate() == 0, worker.log()
    note("it ended after %.2f s, with a grace of 1 s" % (time.monotonic() - began))
    assert not worker.lines("left behind"), worker.log()
    assert backend.run("SELECT count(*) FROM wfworker.task WHERE worker IS NOT NULL OR due_at > now()") == [(0,)]
    assert statuses(workflow) == {"running": 1000}
    backend.run("DELETE FROM workflowexecution WHERE workflow_id = %s", (workflow,))


def given_back(isolate):
    plugins = ["--plugin-dir", os.path.join(BUILDDIR, "tests/plugins/.libs"), "--isolate", isolate]
    worker = Worker(backend.dsn, *plugins, "--concurrency", "10", "--shutdown-grace", "3600", env={"WFWORKER_LEASE_SECONDS": "900"})
    workflow = backend.workflow(graph([("t", "trigger"), ("b", "test.block", {"do": "hold", "ms": 600000}), ("e", "end")],
                                      [("t", "b"), ("b", "e")]))
    backend.executions(workflow, 1000)
    wait_until("the threads to be taken, and more to wait", lambda: statistics(worker)["running"] > 10)
    worker.process.send_signal(signal.SIGTERM)
    # a process may not have been there yet
    wait_until("the others to be free", lambda: 990 <= backend.run(
        "SELECT count(*) FROM wfworker.task WHERE worker IS NULL AND due_at <= now() AND crashes = 0")[0][0]
        == 1000 - statistics(worker)["running"])
    assert worker.process.poll() is None, "it should wait for those that run"
    free = backend.run("SELECT count(*) FROM wfworker.task WHERE worker IS NULL")[0][0]
    assert free == 990 or isolate == "always", free
    worker.process.send_signal(signal.SIGTERM)
    assert worker.wait() == 128 + signal.SIGTERM, worker.log()
    assert backend.run("SELECT count(*) FROM wfworker.task WHERE worker IS NOT NULL") == [(1000 - free,)]
    backend.run("DELETE FROM workflowexecution WHERE workflow_id = %s", (workflow,))


@case
def blocking_given_back():
    """SIGTERM while a thousand wait for a thread: those that never got one are free at once, those that run have the grace period"""
    given_back("never")


@case
def blocking_given_back_by_helpers():
    """SIGTERM while a thousand wait for a helper process: the same"""
    given_back("always")


if __name__ == "__main__":
    sys.exit(main())
