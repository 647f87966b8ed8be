# SPDX-License-Identifier: Apache-2.0
"""What surrounds the work: signals, the grace period, quarantine of what takes workers down, secrets, the web service."""

import os
import re
import shutil
import socket
import sys
import tempfile
import urllib.error
import urllib.request

from harness import Answer, Backend, HttpServer, Postgres, Worker, case, free_port, graph, main, signal, time, wait_until, wfworker

LEASE = {"WFWORKER_LEASE_SECONDS": "2"}

postgres = Postgres()
server = HttpServer()
backend = Backend(postgres, "lifecycle")
assert wfworker("migrate", "--db", backend.dsn).status == 0


def slow(path, seconds, **config):
    server.script[path] = [Answer(delay=seconds)]
    config["url"] = server.url + path
    return backend.workflow(graph([("h", "http_request", config)], []))


def begun(path, count=1):
    wait_until("the request", lambda: len(server.seen(path)) == count)


def fetch(address, path, method="GET"):
    request = urllib.request.Request("http://%s%s" % (address, path), method=method)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.headers["Content-Type"], answer.read().decode()
    except urllib.error.HTTPError as e:
        return e.code, e.headers["Content-Type"], e.read().decode()


def line(worker, pattern):
    return wait_until(lambda: "a line like %s in %s" % (pattern, worker.log()), lambda: re.search(pattern, worker.log()))


@case
def statistics():
    """SIGUSR1 writes one line of statistics, the end writes the last one; debug shows every step"""
    worker = Worker(backend.dsn, "--log-level", "debug")
    identity = backend.execution(backend.workflow(graph([("t", "trigger"), ("e", "end")], [("t", "e")])))
    assert backend.wait_end(identity).status == "completed"
    line(worker, "execution completed")
    worker.process.send_signal(signal.SIGUSR1)
    line(worker, r"statistics why=requested processed=1 completed=1 failed=0 retried=0 nodes=2 nodes_failed=0 errors=0 in_flight=0 "
                 r"running=0 longest_turn_ms=\d+ memory=\d+ reconnects=0 uptime=00:00:\d\d( queue_depth=\d+)?\n")
    line(worker, r"debug Executing node: e execution=exec-\w+ node=e\n")
    assert worker.terminate() == 0
    line(worker, r"stopping why=SIGTERM held=0 running_nodes=0 grace_ms=10000")
    line(worker, r"statistics why=final processed=1 completed=1 .* reconnects=0 uptime=00:00:\d\d( queue_depth=\d+)?\n")


@case
def stopped_while_it_starts():
    """SIGTERM or SIGINT before the worker is there, while it waits for its database to migrate it: it ends in order"""
    directory = tempfile.mkdtemp()
    for first, status in ((signal.SIGTERM, 0), (signal.SIGINT, 0)):
        worker = Worker("postgresql:///x?host=" + directory, "--migrate", ready=False, name="early-%d" % first)
        line(worker, "cannot connect to the database, trying again")
        worker.process.send_signal(first)
        assert worker.wait() == status, worker.log()
    os.rmdir(directory)


@case
def settings_again():
    """SIGHUP reads the settings again and the worker goes on"""
    worker = Worker(backend.dsn)
    worker.process.send_signal(signal.SIGHUP)
    line(worker, "settings read again in_force=")
    identity = backend.execution(backend.workflow(graph([("t", "trigger")], [])))
    assert backend.wait_end(identity).status == "completed"
    assert worker.terminate() == 0


@case
def grace_period_over():
    """SIGTERM while a node runs longer than the grace period: it is cancelled, and another worker does it again"""
    first = Worker(backend.dsn, "--shutdown-grace", "0.5", env={"WFWORKER_LEASE_SECONDS": "120"}, name="first")
    workflow = slow("/long", 30)
    identity = backend.execution(workflow)
    begun("/long")
    began = time.monotonic()
    assert first.terminate() == 0, first.log()
    assert time.monotonic() - began >= 0.5
    line(first, "grace period is over, running nodes are cancelled nodes=1")
    server.script["/long"] = [Answer()]
    second = Worker(backend.dsn, env={"WFWORKER_LEASE_SECONDS": "120"}, name="second")
    row = backend.wait_end(identity)
    assert row.status == "completed", row
    requests = server.seen("/long")
    assert len(requests) == 2 and requests[0].headers["Idempotency-Key"] == requests[1].headers["Idempotency-Key"], requests
    assert second.terminate() == 0


@case
def quarantine():
    """a node over which three workers are lost fails with that cause and is not run a fourth time"""
    workflow = slow("/deadly", 60)
    identity = backend.execution(workflow)
    for i in range(3):
        worker = Worker(backend.dsn, env=LEASE, name="victim%d" % i)
        begun("/deadly", i + 1)
        worker.kill()
    last = Worker(backend.dsn, env=dict(LEASE, WORKFLOW_MAX_RETRIES="0"), name="last")
    row = backend.wait_end(identity)
    assert row.status == "failed" and row.error_message == "Node h failed: 3 workers were lost while the node ran", row
    assert len(server.seen("/deadly")) == 3
    assert last.terminate() == 0


@case
def secrets():
    """secrets and allowed variables reach the node and nothing else; others are unknown names"""
    env = {"WFWORKER_SECRET_token": "s3cr3t-value", "REGION": "eu-7", "WFWORKER_ENV_ALLOW": "REGION", "HIDDEN": "h1dden"}
    worker = Worker(backend.dsn, "--log-level", "debug", env=env)
    server.script["/secret"] = [Answer()]
    headers = {"X-Token": "${secret.token}", "X-Region": "${env.REGION}"}
    good = backend.execution(backend.workflow(graph([("h", "http_request", {"url": server.url + "/secret", "headers": headers})], [])))
    bad = backend.execution(backend.workflow(graph([("h", "http_request", {"url": server.url + "/secret?x=${env.HIDDEN}"})], [])))
    assert backend.wait_end(good).status == "completed"
    server.script["/repeats"] = [Answer(body='{"you": "s3cr3t-value"}'), Answer(status=400, body='{"you": "s3cr3t-value"}')]
    repeating = backend.workflow(graph([("h", "http_request", {"url": server.url + "/repeats?key=${secret.token}"})], []))
    row = backend.wait_end(backend.execution(repeating))
    output = row.state["node_results"]["h"]["output"]
    assert row.status == "completed" and output["url"] == server.url + "/repeats?key=***", row
    assert output["body"] == '{"you": "***"}' and output["json"] == {"you": "***"}, row
    assert backend.wait_end(backend.execution(repeating)).status == "failed"
    assert all("key=s3cr3t-value" in r.path for r in server.seen("/repeats"))
    failed = backend.wait_end(bad)
    assert failed.status == "failed" and "env.HIDDEN" in failed.error_message, failed
    seen = server.seen("/secret")
    assert len(seen) == 1 and seen[0].headers["X-Token"] == "s3cr3t-value" and seen[0].headers["X-Region"] == "eu-7", seen
    assert worker.terminate() == 0
    assert "s3cr3t-value" not in worker.log() and "h1dden" not in worker.log()
    for table in ("public.workflowexecution", "public.executionlog", "wfworker.journal", "wfworker.snapshot"):
        assert backend.run("SELECT count(*) FROM %s t WHERE t::text LIKE '%%s3cr3t-value%%'" % table)[0][0] == 0, table


def built_with_systemd():
    with open(os.path.join(os.environ["builddir"], "config.h")) as f:
        return "#define WITH_SYSTEMD 1" in f.read()


class Manager:
    """What systemd is told."""

    def __init__(self):
        self.directory = tempfile.mkdtemp(prefix="wfworker-notify-")
        self.env = {"NOTIFY_SOCKET": self.directory + "/s", "WATCHDOG_USEC": "400000"}
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.env["NOTIFY_SOCKET"])
        self.socket.settimeout(30)
        self.told = []

    def until(self, text, count=1):
        while self.told.count(text) < count:
            self.told.append(self.socket.recv(4096).decode())

    def close(self):
        self.socket.close()
        shutil.rmtree(self.directory)


@case
def service_manager():
    """ready means connected; the watchdog is fed all the time"""
    if not built_with_systemd():
        return
    manager = Manager()
    worker = Worker("host=127.0.0.1 port=%d" % free_port(), env=manager.env, ready=False)
    manager.until("WATCHDOG=1", 3)
    assert manager.told[0] == "STATUS=waiting for the database" and "READY=1" not in manager.told, manager.told
    assert worker.terminate() == 0
    manager.until("STOPPING=1")
    assert "READY=1" not in manager.told, manager.told
    manager.told = []
    worker = Worker(backend.dsn, env=manager.env)
    manager.until("READY=1")
    manager.until("WATCHDOG=1")
    assert worker.terminate() == 0
    manager.until("STOPPING=1")
    assert manager.told.count("READY=1") == 1, manager.told
    manager.close()


@case
def web():
    """health, readiness, metrics and the status page; nothing else, and only reading"""
    address = "127.0.0.1:%d" % free_port()
    worker = Worker(backend.dsn, "--web-listen", address)
    identity = backend.execution(backend.workflow(graph([("t", "trigger")], [])))
    assert backend.wait_end(identity).status == "completed"
    line(worker, "execution completed")
    assert fetch(address, "/healthz") == (200, "text/plain; charset=utf-8", "ok\n")
    assert fetch(address, "/readyz") == (200, "text/plain; charset=utf-8", "ok\n")
    status, kind, text = fetch(address, "/metrics")
    assert (status, kind) == (200, "text/plain; version=0.0.4; charset=utf-8")
    assert '\nwfworker_executions_total{status="completed"} 1\n' in text and "\nwfworker_database_up 1\n" in text, text
    status, kind, text = fetch(address, "/")
    assert (status, kind) == (200, "text/html; charset=utf-8") and "<tr><td>completed</td><td>1</td></tr>" in text, text
    assert fetch(address, "/etc/passwd")[0] == 404
    assert fetch(address, "/metrics", "DELETE")[0] == 405
    other = Worker(backend.dsn, "--web-listen", address, ready=False)
    assert other.wait() == 1, other.log()
    line(other, "web_listen: cannot listen on %s: Address already in use" % re.escape(address))
    assert worker.terminate() == 0


if __name__ == "__main__":
    sys.exit(main())
