# SPDX-License-Identifier: Apache-2.0
"""The commands, as a person or a script uses them, against a database that `wfworker migrate` made from nothing."""

import json
import os
import re
import sys

from harness import (Answer, HttpServer, Postgres, Worker, case, contextlib, graph, main, program, signal, subprocess, tmpdir,
                     wait_until, wfworker, clean_environment)

postgres = Postgres()
server = HttpServer()
DB = postgres.create("cli")
DSN = postgres.dsn(DB)
ENV = {"WFWORKER_DB": DSN}

COMMANDS = ["run", "dev", "migrate", "check", "workflow", "submit", "list", "show", "logs", "config", "pause", "resume", "terminate", "retry", "replay",
            "adopt", "explain", "workers"]


def ok(*arguments, **options):
    options.setdefault("env", ENV)
    done = wfworker(*arguments, **options)
    assert done.status == 0, (arguments, done)
    return done.out


def refused(*arguments, status=None, env=None):
    done = wfworker(*arguments, env=ENV if env is None else env)
    assert done.status != 0 and (status is None or done.status == status), (arguments, done)
    assert done.err.strip(), "nothing was said: %s" % (done,)
    return done.err


def write(name, value):
    path = os.path.join(tmpdir(), name)
    with open(path, "w") as f:
        f.write(value if isinstance(value, str) else json.dumps(value))
    return path


@case
def version_and_help():
    """--version, and --help at every level"""
    assert re.match(r"wfworker \d+\.\d+\.\d+", ok("--version", env={})), ok("--version", env={})
    overview = ok("--help", env={})
    for command in COMMANDS:
        assert re.search(r"\b%s\b" % command, overview), command
        text = ok(command, "--help", env={})
        assert "wfworker " + command in text, (command, text)
        assert text != overview, command


@case
def wrong_usage():
    """wrong usage is status 2 and names what is wrong"""
    assert "frobnicate" in refused("frobnicate", status=2)
    assert "--no-such-flag" in refused("list", "--no-such-flag", status=2)
    said = refused("list", "--status", "complete", status=2)
    assert 'invalid value "complete" for option --status' in said and "waiting_for_signal" in said, said
    refused("submit", status=2)
    refused("show", status=2)


@case
def wrong_settings():
    """a wrong value is an error that names the setting, the value and where it came from"""
    text = refused("config", env={"WFWORKER_LEASE_SECONDS": "soon"})
    assert "soon" in text and "WFWORKER_LEASE_SECONDS" in text, text
    text = refused("config", env={"WORKFLOW_WORKER_CONCURRENCY": "-4"})
    assert "-4" in text and "WORKFLOW_WORKER_CONCURRENCY" in text, text
    path = write("wrong.conf", "concurrency = 3\npol_interval = 2\n")
    text = refused("config", "--config", path, env={})
    assert path + ":2" in text and "poll_interval" in text, text


@case
def config_origins():
    """config shows every setting with its value and origin, never a password"""
    path = write("right.conf", "concurrency = 7\nlease_seconds = 20\n")
    env = {"SUPABASE_DB_URL": "postgresql+psycopg://postgres:s3cr%40t-word@db.example.com:5432/postgres", "WFWORKER_LEASE_SECONDS": "25",
           "WORKFLOW_MAX_RETRIES": "9", "DATABASE_URL": "postgresql://x:other@elsewhere/x"}
    text = ok("config", "--config", path, "--poll-interval", "2.5", env=env)
    lines = {line.split()[0]: line for line in text.splitlines() if line.split()}

    def shows(setting, value, origin):
        assert setting in lines, text
        assert re.search(r"\s%s ?s?\s" % re.escape(value), lines[setting]) and origin in lines[setting], lines[setting]
    shows("poll_interval", "2.5", "--poll-interval")
    shows("lease_seconds", "25", "WFWORKER_LEASE_SECONDS")
    shows("concurrency", "7", path)
    shows("max_retries", "9", "WORKFLOW_MAX_RETRIES")
    shows("shutdown_grace", "10", "default")
    assert "db.example.com" in lines["db"] and "SUPABASE_DB_URL" in lines["db"], lines["db"]
    for secret in ("s3cr", "t-word", "other"):
        assert secret not in text, secret


@case
def env_file():
    """a .env file in the working directory is read, the environment beats it"""
    directory = os.path.join(tmpdir(), "project")
    os.mkdir(directory)
    with open(directory + "/.env", "w") as f:
        f.write("# comment\nexport WORKFLOW_MAX_RETRIES=5\nWFWORKER_LEASE_SECONDS='31'\n")

    def config(extra):
        done = subprocess.run([program(), "config"], env=clean_environment(extra), cwd=directory, stdout=subprocess.PIPE, text=True,
                              check=True, stdin=subprocess.DEVNULL)
        return {line.split()[0]: line for line in done.stdout.splitlines() if line.split()}
    assert re.search(r"\s5\b", config({})["max_retries"]) and ".env" in config({})["max_retries"], config({})["max_retries"]
    assert re.search(r"\s31 ?s?\s", config({})["lease_seconds"])
    assert re.search(r"\s6\b", config({"WORKFLOW_MAX_RETRIES": "6"})["max_retries"])


@case
def migrate_empty():
    """migrate --dry-run prints and changes nothing; migrate makes all tables on an empty database"""
    done = wfworker("run", env=ENV)
    assert done.status == 1 and re.search(r'\nwfworker: the database "\w+" has no schema of wfworker\nHINT:  run "wfworker migrate"\n$', done.err), done
    assert "stopping" not in done.err and "statistics" not in done.err, done
    assert "CREATE" in ok("migrate", "--dry-run").upper()
    assert postgres.sql(DB, "SELECT count(*) FROM information_schema.tables WHERE table_schema IN ('public', 'wfworker')")[0][0] == 0
    ok("migrate")
    tables = {t for t, in postgres.sql(DB, "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'")}
    assert {"user", "workflow", "workflownode", "workflowexecution", "executionlog", "workflowschedule", "workflowsignal"} <= tables, tables
    assert ok("migrate", "--dry-run").startswith("-- The schema is up to date (version "), "nothing but the triggers is left"
    ok("migrate")


@case
def check_lines():
    """check says how it stands, one line each; --db-only only the database"""
    text = ok("check")
    for word in ("server", "schema", "role", "listen", "plugin"):
        assert re.search(word, text, re.I), (word, text)
    only = ok("check", "--db-only")
    assert len(only.splitlines()) < len(text.splitlines()), only


@case
def workflow_add_and_list():
    """workflow add, list, and replacing by the same name"""
    definition = graph([("t", "trigger"), ("c", "condition", {"expression": "n > 1"}), ("a", "noop"), ("b", "noop")],
                       [("t", "c"), ("c", "a", "true"), ("c", "b", "false")])
    path = write("choice.json", definition)
    ok("workflow", "add", path, "--name", "choice")
    assert "choice" in ok("workflow", "list")
    ok("workflow", "add", path, "--name", "choice")
    assert postgres.sql(DB, "SELECT count(*) FROM workflow WHERE name = 'choice'")[0][0] == 1
    assert "not-there.json" in refused("workflow", "add", os.path.join(tmpdir(), "not-there.json"))
    broken = write("broken.json", '{"nodes": [')
    assert "broken.json" in refused("workflow", "add", broken)
    email = postgres.sql(DB, 'SELECT count(*) FROM "user"')[0][0]
    assert email == 1, "one user owns what workflow add makes"


@case
def submit_and_wait():
    """submit --wait ends with 0 for completed and not for failed; submit without a worker leaves it running"""
    worker = Worker(DSN)
    text = ok("submit", "choice", "--data", '{"n": 2}', "--wait")
    assert "completed" in text, text
    path = write("data.json", {"n": 0})
    text = ok("submit", "choice", "--data", "@" + path, "--wait")
    assert "completed" in text, text
    rows = postgres.sql(DB, "SELECT execution_state::text FROM workflowexecution ORDER BY started_at")
    results = [json.loads(r)["completed_node_ids"] for r, in rows]
    assert results == [["t", "c", "a"], ["t", "c", "b"]], results
    ok("workflow", "add", write("failing.json", graph([("t", "trigger"), ("z", "frobnicate")], [("t", "z")])), "--name", "failing")
    done = wfworker("submit", "failing", "--wait", env=ENV)
    assert done.status == 1, done
    assert "frobnicate" in done.out + done.err, done
    assert "nowhere" in refused("submit", "nowhere")
    refused("submit", "choice", "--data", "{not json")
    assert worker.terminate() == 0, worker.log()


@case
def submit_by_id():
    """submit takes a workflow's id; the row is as the backend makes it"""
    identity = postgres.sql(DB, "SELECT id::text FROM workflow WHERE name = 'choice'")[0][0]
    text = ok("submit", identity, "--data", '{"n": 5, "name": "Zoë"}')
    execution = re.search(r"exec-[0-9a-f]{12}", text).group()
    row = postgres.sql(DB, "SELECT status, retry_count, current_node_id, execution_state::text, id::text FROM workflowexecution"
                       " WHERE execution_id = %s", (execution,))[0]
    state = json.loads(row[3])
    assert row[:3] == ("running", 0, None), row
    assert list(state) == ["execution_id", "workflow_id", "workflow_version", "status", "current_node_id", "completed_node_ids",
                           "node_results", "execution_data", "started_at", "retry_count"], list(state)
    assert state["execution_data"] == {"n": 5, "name": "Zoë"}
    log = postgres.sql(DB, "SELECT node_id, level, message FROM executionlog WHERE execution_id = %s", (row[4],))
    assert log == [("start", "info", "Workflow execution started: " + execution)], log
    done = wfworker("run", "--until-idle", env=ENV)
    assert done.status == 0, done
    status = postgres.sql(DB, "SELECT status FROM workflowexecution WHERE execution_id = %s", (execution,))[0][0]
    assert status == "completed", status


@case
def list_show_logs():
    """list, show and logs, also as JSON"""
    text = ok("list")
    assert "completed" in text and "failed" in text and "choice" in text, text
    only = ok("list", "--status", "failed")
    assert "failing" in only and "choice" not in only, only
    execution = re.search(r"exec-[0-9a-f]{12}", only).group()
    shown = ok("show", execution)
    assert "frobnicate" in shown and "failed" in shown and execution in shown, shown
    document = json.loads(ok("show", execution, "--json"))
    assert document["execution_id"] == execution and document["status"] == "failed", document
    lines = ok("logs", execution)
    assert "Executing node: t" in lines and "Workflow execution failed permanently: " in lines, lines
    assert "exec-000000000000" in refused("show", "exec-000000000000", status=1)
    assert "exec-000000000000" in refused("logs", "exec-000000000000", status=1)


@case
def logs_follow():
    """logs -f shows rows as they come and ends with the execution"""
    worker = Worker(DSN)
    ok("workflow", "add", write("slow.json", graph([("t", "trigger"), ("d", "delay", {"delay_seconds": 1}), ("e", "end")],
                                                   [("t", "d"), ("d", "e")])), "--name", "slow")
    execution = re.search(r"exec-[0-9a-f]{12}", ok("submit", "slow")).group()
    lines = ok("logs", execution, "-f")
    assert "Workflow execution started: " + execution in lines and "Workflow execution completed" in lines, lines
    assert worker.terminate() == 0, worker.log()


@case
def validate_and_graph():
    """validate takes a workflow of the database; graph draws what an execution runs, with its state"""
    text = ok("validate", "choice")
    assert re.search(r"^valid: 0 errors, \d+ warnings?$", text, re.M), text
    ok("workflow", "add", write("hourly.json", {"trigger_config": {"type": "schedule", "cron": "61 * * * *"},
                                                "graph_config": graph([("t", "trigger")], [])}))
    done = wfworker("validate", "hourly", env=ENV)
    assert (done.status, done.out) == (1, 'error: /trigger_config/cron: wrong cron expression "61 * * * *": minute "61" is out of '
                                          "range; the minute goes from 0 to 59\nentry: t\nnot valid: 1 error, 0 warnings\n"), done
    assert "nowhere" in refused("validate", "nowhere", status=1)
    definition = graph([("t", "trigger"), ("good", "noop"), ("bad", "frobnicate"), ("after", "noop")],
                       [("t", "good"), ("good", "bad"), ("bad", "after")])
    ok("workflow", "add", write("drawn.json", definition))
    worker = Worker(DSN)
    done = wfworker("submit", "drawn", "--wait", env=ENV)
    execution = re.search(r"exec-[0-9a-f]{12}", done.out).group()
    assert worker.terminate() == 0, worker.log()
    # the execution keeps the definition that it began with
    ok("workflow", "add", write("drawn.json", graph([("other", "trigger")], [])))
    text = ok("graph", execution)
    for part in ("✓ t (trigger)", "✓ good (noop)", "✗ bad (frobnicate)", "│ after (noop)"):
        assert part in text, (part, text)
    assert "other" not in text, text
    assert re.search(r'"bad" .*fillcolor="#fbdcdc"', ok("graph", execution, "--format", "dot"))
    assert 'class="node failed"' in ok("graph", execution, "--format", "svg")
    assert "exec-000000000000" in refused("graph", "exec-000000000000", status=1)


@case
def list_plugins():
    """--list-plugins, and as JSON"""
    text = ok("--list-plugins", env={})
    for name in ("core", "http", "delay", "condition"):
        assert re.search(r"\bok\s+%s\b" % name, text), text
    document = json.loads(ok("--list-plugins", "--json", env={}))
    assert document["abi"] == {"major": 1, "minor": document["abi"]["minor"]} and document["version"], document
    types = {t for p in document["plugins"] if p["state"] == "ok" for t in p["node_types"]}
    assert {"trigger", "start", "end", "noop", "http_request", "delay", "condition", "switch"} <= types, types
    assert document["searched"] and all(os.path.isabs(p["file"]) for p in document["plugins"]), document


@case
def signals_and_statistics():
    """SIGUSR1 prints statistics; JSON logs are one object a line"""
    worker = Worker(DSN, "--log-format", "json", "--log-level", "debug", ready=False)
    worker.wait_line("worker running")
    ok("submit", "choice", "--data", '{"n": 2}', "--wait")
    worker.process.send_signal(signal.SIGUSR1)
    worker.wait_line("statistics")
    assert worker.terminate() == 0, worker.log()
    records = [json.loads(line) for line in worker.log().splitlines()]
    assert all({"time", "level", "message"} <= set(r) for r in records), records
    statistics = [r for r in records if r["message"] == "statistics"]
    assert len(statistics) >= 2, "on the signal and at the end"
    assert statistics[-1]["processed"] == 1, statistics[-1]


@case
def dev():
    """dev --workflow runs a workflow on a database of its own, prints its result, and leaves nothing behind"""
    server.script["/dev"] = [Answer(200, '{"price": 12}')]
    definition = graph([("t", "trigger"), ("h", "http_request", {"url": "${base}/dev"}), ("d", "delay", {"delay_seconds": 1}),
                        ("c", "condition", {"expression": "h_output.json.price > 10"}), ("dear", "noop"), ("cheap", "noop")],
                       [("t", "h"), ("h", "d"), ("d", "c"), ("c", "dear", "true"), ("c", "cheap", "false")])
    path = write("dev.json", definition)
    out = ok("dev", "--workflow", path, "--data", json.dumps({"base": server.url}), env={})
    assert "completed" in out and "dear" in out, out
    assert len(server.seen("/dev")) == 1
    failing = write("dev-failing.json", graph([("z", "frobnicate")], []))
    done = wfworker("dev", "--workflow", failing, env={})
    assert done.status == 1 and "frobnicate" in done.out + done.err, done


@case
def dev_interrupted():
    """dev without a workflow goes on until SIGINT, then stops its PostgreSQL too"""
    with open(os.path.join(tmpdir(), "dev.log"), "w+b") as log:
        process = subprocess.Popen([program(), "dev"], env=clean_environment({"TMPDIR": "/tmp"}), cwd=tmpdir(), stdin=subprocess.DEVNULL,
                                   stdout=log, stderr=log)
        try:
            wait_until("the worker to be ready", lambda: b"worker running" in open(log.name, "rb").read())
            offspring = children(process.pid)
            assert offspring or not os.path.exists("/proc/self"), "no PostgreSQL of its own"
            process.send_signal(signal.SIGINT)
            assert process.wait(60) == 0, open(log.name, errors="replace").read()
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
        wait_until("the server to be gone", lambda: not [p for p in offspring if os.path.exists("/proc/%d" % p)])


@case
def dev_interrupted_early():
    """a SIGINT that comes before the worker watches for signals ends dev, too"""
    process = subprocess.Popen([program(), "dev"], env=clean_environment({"TMPDIR": "/tmp"}), cwd=tmpdir(), stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        lines = []
        while not lines or not lines[-1].startswith("Shell"):  # PostgreSQL is there, the tables are made next
            lines.append(process.stdout.readline())
            assert lines[-1], lines
        process.send_signal(signal.SIGINT)
        rest = process.communicate(timeout=60)[0]
        assert process.returncode == 0, rest
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()


def children(pid):
    with contextlib.suppress(OSError), open("/proc/%d/task/%d/children" % (pid, pid)) as f:
        return [int(p) for p in f.read().split()]
    return []


if __name__ == "__main__":
    sys.exit(main())
