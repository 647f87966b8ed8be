# SPDX-License-Identifier: Apache-2.0
"""A database and its workers, what the cases insert there, and the http server that the workflows talk to."""

import json
import uuid

from harness import Answer, Backend, HttpServer, Postgres, Worker, now, wait_until, wfworker

T = ("t", "trigger", {"trigger_type": "manual"})

postgres = Postgres()
server = HttpServer()


class Scene:
    """One database and its worker, and what the cases have inserted."""

    def __init__(self, json_type, workers=1, **options):
        self.name = options.pop("name", json_type)
        self.backend = Backend(postgres, "scene_" + self.name, json_type=json_type)
        assert wfworker("migrate", "--db", self.backend.dsn).status == 0
        arguments = options.pop("arguments", ())
        self.workers = [Worker(self.backend.dsn, *arguments, name="%s-%d" % (self.name, i), **options) for i in range(workers)]
        self.paths = 0

    def path(self, *answers):
        self.paths += 1
        path = "/%s-%d" % (self.name, self.paths)
        server.script[path] = list(answers) or [Answer()]
        return path

    def call(self, path, **config):
        return "http_request", dict(config, url=server.url + path)

    def start(self, definition, data=None, trigger_config=None, **options):
        return self.backend.execution(self.backend.workflow(definition, trigger_config=trigger_config), data, **options)

    def signal(self, identity, kind, data):
        """A row as the backend's engine writes it."""
        made = str(uuid.uuid4())
        self.backend.run("INSERT INTO workflowsignal (id, execution_id, signal_type, signal_data, received_at, processed)"
                         " VALUES (%s, %s, %s, %s, %s, false)", (made, identity, kind, json.dumps(data), now()))
        return made

    def signals(self, identity):
        return self.backend.run("SELECT id::text, processed FROM workflowsignal WHERE execution_id = %s ORDER BY received_at",
                                (identity,))

    def schedule(self, workflow, cron, next_run_at):
        made = str(uuid.uuid4())
        self.backend.run("INSERT INTO workflowschedule (id, workflow_id, cron_expression, is_active, next_run_at)"
                         " VALUES (%s, %s, %s, true, %s)", (made, workflow, cron, next_run_at))
        return made

    def executions_of(self, workflow):
        return [r[0] for r in self.backend.run("SELECT id::text FROM workflowexecution WHERE workflow_id = %s", (workflow,))]

    def waiting(self, identity):
        wait_until("the execution to wait", lambda: self.backend.row(identity).status == "waiting_for_signal")

    def shown(self, identity, node, text="Executing node: %s"):
        wait_until("the row to show %s" % node, lambda: (node, "info", text % node) in self.backend.log(identity))

    def data(self, row):
        return row.state["execution_data"]
