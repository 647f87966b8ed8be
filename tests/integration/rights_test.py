# SPDX-License-Identifier: Apache-2.0
"""Roles without superuser's rights, as managed databases give them: the owner of the tables, and a role with the fewest rights.
doc/deployment.md lists what is granted here."""

import contextlib
import datetime
import sys

from harness import Backend, Postgres, Worker, case, graph, main, now, wait_until, wfworker

postgres = Postgres()

# What a role needs that is not the owner of the backend's tables.
GRANTS = """
GRANT CREATE ON DATABASE {database} TO {role};
GRANT SELECT ON workflow, workflownode, "user" TO {role};
GRANT SELECT, INSERT, UPDATE ON workflowexecution, workflowsignal, workflowschedule TO {role};
GRANT SELECT, INSERT ON executionlog TO {role};
GRANT TRIGGER ON workflow, workflowexecution, workflowsignal, workflowschedule TO {role};
"""
NODES = [("t", "trigger"), ("d", "delay", {"delay_seconds": 0.3}), ("w", "wait", {"signal_type": "go"}),
         ("s", "sub_workflow", {"workflow_id": "$child", "wait_for_completion": True}), ("m", "mutex", {"key": "k"}), ("e", "end")]


def everything(backend, dsn):
    """Delay, signal, child, lock, pause, schedule, submit, terminate, retry: through the role."""
    worker = Worker(dsn)
    child = backend.workflow(graph([("t", "trigger"), ("e", "end")], [("t", "e")]), "child")
    nodes = [(n[0], n[1], {k: child if v == "$child" else v for k, v in (n[2] if len(n) > 2 else {}).items()}) for n in NODES[:4]]
    workflow = backend.workflow(graph([*nodes, NODES[5]], [("t", "d"), ("d", "w"), ("w", "s"), ("s", "e")]), "parent")
    done = wfworker("submit", "parent", "--db", dsn)
    assert done.status == 0, done
    name = done.out.split()[0]
    identity = backend.run("SELECT id::text FROM workflowexecution WHERE execution_id = %s", (name,))[0][0]
    wait_until("it to wait", lambda: ("w", "info", "Executing node: w") in backend.log(identity))
    for command in (["pause", name], ["resume", name], ["signal", name, "go"]):
        assert wfworker(*command, "--db", dsn).status == 0, command
    assert backend.wait_end(identity).status == "completed"
    second = wfworker("submit", "parent", "--db", dsn).out.split()[0]
    assert wfworker("terminate", second, "--db", dsn).status == 0
    assert wfworker("replay", name, "--db", dsn).status == 0
    due = now().replace(microsecond=0) - datetime.timedelta(seconds=1)
    backend.run("INSERT INTO workflowschedule (id, workflow_id, cron_expression, is_active, next_run_at)"
                " VALUES (gen_random_uuid(), %s, '0 0 1 1 *', true, %s)", (child, due))
    wait_until("the schedule to fire", lambda: backend.run("SELECT 1 FROM workflowexecution WHERE execution_state::json ->"
                                                           " 'execution_data' ->> 'trigger_type' = 'schedule'"))
    assert backend.run("SELECT count(*) > 1 FROM pg_inherits WHERE inhparent = 'wfworker.journal'::regclass") == [(True,)]
    assert backend.run("SELECT count(*) FROM wfworker.task t JOIN workflowexecution e ON e.id = t.execution_id"
                       " WHERE e.workflow_id = %s AND e.completed_at IS NOT NULL", (workflow,)) == [(0,)]
    assert not [line for line in worker.lines("Z (warning|error) ") if "terminated by user" not in line], worker.log()
    assert worker.terminate() == 0, worker.log()


@case
def owner():
    """the owner of the tables, not a superuser: migrate, check and everything that a worker does"""
    backend = Backend(postgres, "owned")
    backend.run("CREATE ROLE app LOGIN; ALTER DATABASE owned OWNER TO app")
    for (table,) in backend.run("SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname = 'public'"):
        backend.run("ALTER TABLE %s OWNER TO app" % table)
    dsn = postgres.dsn("owned", "app")
    done = wfworker("migrate", "--db", dsn)
    assert done.status == 0 and "no triggers" not in done.out, done
    done = wfworker("check", "--db", dsn)
    assert done.status == 0 and "!" not in done.out, done
    everything(backend, dsn)


@case
def nothing_stays_set():
    """what save() tells the triggers is over when it returns, also within its transaction"""
    with contextlib.closing(postgres.connect("owned")) as connection, connection.cursor() as cursor:
        connection.autocommit = False
        cursor.execute("SELECT pronargs FROM pg_proc WHERE oid = 'wfworker.save'::regproc")
        arrays = ", ".join(["'{}'"] * (cursor.fetchone()[0] - 1))
        cursor.execute("SELECT o_n FROM wfworker.save(15000, %s)" % arrays)
        assert cursor.fetchall() == [(-1,)]
        cursor.execute("SELECT coalesce(current_setting('wfworker.saving', true), '')")
        assert cursor.fetchall() == [("",)]


@case
def fewest_rights():
    """a role of its own with the rights that doc/deployment.md lists: the same"""
    backend = Backend(postgres, "guest")
    backend.run("CREATE ROLE worker LOGIN")
    backend.run(GRANTS.format(database="guest", role="worker"))
    dsn = postgres.dsn("guest", "worker")
    done = wfworker("migrate", "--db", dsn)
    assert done.status == 0 and "no triggers" not in done.out, done
    everything(backend, dsn)


@case
def no_triggers():
    """without the right to make triggers migrate says so, and new executions are found by polling"""
    backend = Backend(postgres, "polled")
    backend.run("CREATE ROLE poller LOGIN")
    backend.run("\n".join(line for line in GRANTS.format(database="polled", role="poller").splitlines() if "TRIGGER" not in line))
    dsn = postgres.dsn("polled", "poller")
    done = wfworker("migrate", "--db", dsn)
    assert done.status == 0 and "no triggers (permission denied for table workflowexecution" in done.out, done
    assert "found by polling" in done.out, done
    worker = Worker(dsn, "--poll-interval", "0.2")
    identity = backend.execution(backend.workflow(graph([("t", "trigger"), ("e", "end")], [("t", "e")])))
    assert backend.wait_end(identity).status == "completed"
    assert worker.terminate() == 0, worker.log()


if __name__ == "__main__":
    sys.exit(main())
