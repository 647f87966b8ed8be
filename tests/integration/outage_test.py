# SPDX-License-Identifier: Apache-2.0
"""The database is the only thing that a worker needs: what it says and does when that is wrong, missing or away."""

import re
import sys

from harness import Backend, HttpServer, Postgres, Worker, Answer, case, free_port, graph, main, note, signal, time, wait_until, wfworker

postgres = Postgres(tcp=True)
server = HttpServer()
backend = Backend(postgres, "outage")
SECRET = Postgres.PASSWORD


def error_lines(worker):
    return [line for line in worker.log().splitlines() if re.search(r"\b(error|fatal|warning)\b", line)]


def no_secret(text, secret=SECRET):
    assert secret not in text, "a password was printed: " + text


def calm(worker, seconds=3.0):
    """No busy loop: the processor time of a worker that cannot reach its database, for a while."""
    before = worker.cpu()
    time.sleep(seconds)
    used = worker.cpu() - before
    note("%.2f s of processor time in %.1f s" % (used, seconds))
    assert used < seconds / 4, used


def simple_execution():
    return backend.execution(backend.workflow(graph([("t", "trigger"), ("e", "end")], [("t", "e")])))


@case
def schema_missing():
    """run on a database without the schema: one line that names wfworker migrate, and the end"""
    worker = Worker(backend.dsn, ready=False)
    assert worker.wait() not in (0, None), worker.log()
    found = [line for line in worker.log().splitlines() if "wfworker migrate" in line]
    assert len(found) == 1, worker.log()
    assert wfworker("migrate", "--db", backend.dsn).status == 0


@case
def passwords_and_spellings():
    """a password with special characters works raw and encoded, and is never printed"""
    encoded = "".join("%%%02X" % b for b in SECRET.encode())
    address = "127.0.0.1:%d/outage" % postgres.port
    urls = ["postgresql://postgres:%s@%s" % (encoded, address), "postgresql+psycopg://postgres:%s@%s" % (encoded, address),
            "postgres://postgres:%s@%s" % (encoded, address)]
    for url in urls:
        done = wfworker("check", "--db-only", env={"SUPABASE_DB_URL": url})
        assert done.status == 0, (url, done)
        no_secret(done.out + done.err)
        no_secret(done.out + done.err, encoded)
    for names in ("HOST", "SERVER"):
        done = wfworker("check", "--db-only", env={
            "POSTGRES_" + names: "127.0.0.1", "POSTGRES_PORT": str(postgres.port), "POSTGRES_USER": "postgres",
            "POSTGRES_PASSWORD": SECRET, "POSTGRES_DB": "outage"})
        assert done.status == 0, done
        no_secret(done.out + done.err)


@case
def wrong_password():
    """wrong password: it is said once, without the password; no crash, no busy loop"""
    wrong = "not-the-password-77"
    worker = Worker(postgres.tcp_dsn("outage", wrong), ready=False)

    def said():
        return [line for line in worker.log().splitlines() if "password authentication failed" in line]
    wait_until("the line about the password", said)
    if worker.running():  # either is fine: an end with an error, or waiting with back-off for it to be put right
        calm(worker)
        assert worker.running() or worker.process.returncode != 0, worker.log()
    assert len(said()) == 1, worker.log()
    no_secret(worker.log(), wrong)
    worker.terminate()
    assert worker.process.returncode >= 0, "it crashed: " + worker.log()
    done = wfworker("check", "--db-only", "--db", postgres.tcp_dsn("outage", wrong))
    assert done.status == 1 and "password authentication failed" in done.out + done.err, done
    no_secret(done.out + done.err, wrong)


@case
def nobody_there():
    """nothing listens at the address: it is said once, and the worker goes on when the database comes"""
    port = free_port()
    worker = Worker("host=127.0.0.1 port=%d user=postgres dbname=outage" % port, ready=False)

    def said():
        return [line for line in worker.log().splitlines() if "onnection refused" in line]
    wait_until("the line about the connection", said)
    calm(worker)
    assert worker.running(), worker.log()
    assert len(said()) == 1, worker.log()
    began = time.monotonic()
    assert worker.terminate() == 0, worker.log()
    assert time.monotonic() - began < 10
    done = wfworker("check", "--db-only", "--db", "host=127.0.0.1 port=%d user=postgres dbname=outage" % port)
    assert done.status == 1 and "onnection refused" in done.out + done.err, done


@case
def no_such_host():
    """a host name that does not exist is named"""
    done = wfworker("check", "--db-only", "--db", "host=no-such-host.invalid user=postgres dbname=outage")
    assert done.status == 1 and "no-such-host.invalid" in done.out + done.err, done


@case
def stopped_and_started():
    """the database is stopped and started: said once each, nothing lost, nothing repeated"""
    worker = Worker(postgres.dsn("outage"))
    assert backend.wait_end(simple_execution()).status == "completed"
    server.script["/during"] = [Answer(delay=2)]
    workflow = backend.workflow(graph([("t", "trigger"), ("h", "http_request", {"method": "POST", "url": server.url + "/during"}),
                                       ("e", "end")], [("t", "h"), ("h", "e")]))
    running = backend.execution(workflow)
    wait_until("the request", lambda: len(server.seen("/during")) == 1)
    postgres.stop(signal.SIGQUIT)
    time.sleep(3)  # the answer comes while there is no database
    calm(worker)
    assert worker.running(), worker.log()
    lost = [line for line in error_lines(worker) if re.search(r"connection|server|database", line)]
    assert 1 <= len(lost) <= 3, "said once, by each connection at most: %s" % lost
    postgres.start()
    backend.reconnect()
    row = backend.wait_end(running)
    assert row.status == "completed" and row.state["completed_node_ids"] == ["t", "h", "e"], row
    assert len(server.seen("/during")) == 1, "the request was repeated"
    fresh = simple_execution()
    assert backend.wait_end(fresh).status == "completed"
    assert worker.terminate() == 0, worker.log()


@case
def connections_cut():
    """connections are cut by the administrator: the worker goes on"""
    worker = Worker(postgres.dsn("outage"))
    for _ in range(3):
        backend.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = 'outage'")
        assert backend.wait_end(simple_execution()).status == "completed"
    assert worker.running()
    assert worker.terminate() == 0, worker.log()


@case
def backend_tables_missing():
    """check on an empty database names what is missing"""
    postgres.create("empty")
    done = wfworker("check", "--db", postgres.dsn("empty"))
    assert done.status == 1 and "wfworker migrate" in done.out + done.err, done
    done = wfworker("check", "--db-only", "--db", postgres.dsn("empty"))
    assert done.status == 0, done


@case
def row_security():
    """a role that row level security hides everything from is told so by check"""
    guarded = Backend(postgres, "guarded", row_security=True)
    assert wfworker("migrate", "--db", guarded.dsn).status == 0
    guarded.run("CREATE ROLE outsider LOGIN; GRANT ALL ON ALL TABLES IN SCHEMA public TO outsider; GRANT USAGE ON SCHEMA wfworker TO"
                " outsider; GRANT ALL ON ALL TABLES IN SCHEMA wfworker TO outsider")
    done = wfworker("check", "--db", postgres.dsn("guarded", "outsider"))
    assert done.status == 1 and "row level security" in (done.out + done.err).lower().replace("-", " "), done
    done = wfworker("check", "--db", guarded.dsn)
    assert done.status == 0, done


@case
def newer_schema():
    """a schema that is too new for the worker: it says so and ends"""
    newer = Backend(postgres, "newer")
    assert wfworker("migrate", "--db", newer.dsn).status == 0
    table, column = newer.run("SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'wfworker'"
                              " AND table_name IN ('migration', 'schema_migration', 'schema_version') AND column_name = 'version'")[0]
    newer.run("INSERT INTO wfworker.%s SELECT (jsonb_populate_record(m, jsonb_build_object('%s', 9999))).* FROM wfworker.%s m LIMIT 1"
              % (table, column, table))
    newer.run("UPDATE wfworker.meta SET oldest_program = 9999")
    worker = Worker(newer.dsn, ready=False)
    assert worker.wait() not in (0, None), worker.log()
    assert len([line for line in worker.log().splitlines() if "newer" in line and "9999" in line]) == 1, worker.log()


if __name__ == "__main__":
    sys.exit(main())
