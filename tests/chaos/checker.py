# SPDX-License-Identifier: Apache-2.0
"""The judge of the chaos suite.  It knows the database as it is left, what the server outside wrote down, and what was
asked for; nothing of the workers.  Every fault is one line that names what it is about.

Times are those of one machine: the server outside writes the wall clock's when a request is there, PostgreSQL (with
track_commit_timestamp) when a transaction was committed.
"""

import collections
import itertools
import json

Request = collections.namedtuple("Request", "at n node worker key nonce status")
Row = collections.namedtuple("Row", "seq token events committed")

# What must be empty when nothing is to be done: operators look at the view wfworker.stuck for the first, the rest is what an execution leaves
# behind only while it lives.
EMPTY = {
    "stuck": "SELECT * FROM wfworker.find_stuck('0')",
    "queue": "SELECT execution_id, due_at, worker FROM wfworker.task",
    "outbox": "SELECT execution_id, kind FROM wfworker.outbox",
    "inbox": "SELECT execution_id, type FROM wfworker.inbox",
    "linked": "SELECT execution_id FROM wfworker.linked",
    "locks": "SELECT execution_id, key FROM wfworker.lock_ticket",
    "snapshots": "SELECT execution_id FROM wfworker.snapshot",
    "signals": "SELECT s.id, s.execution_id, s.signal_type FROM workflowsignal s JOIN workflowexecution x ON x.id = s.execution_id"
               " WHERE NOT s.processed AND x.status = 'completed'",
    "signals waiting": "SELECT s.execution_id FROM wfworker.signal_waiting s JOIN workflowexecution x ON x.id = s.execution_id"
                       " WHERE x.status = 'completed'",
    "children that nobody was told of": "SELECT id FROM wfworker.child WHERE NOT told",
}


class Checker:
    """`grace` says that workers were harmed: without it, nothing may be lost or done twice."""

    def __init__(self, run, workload, record, harmed=True):
        self.run, self.workload, self.harmed = run, workload, harmed
        self.faults = []
        self.counts = collections.Counter()
        self.requests = collections.defaultdict(list)
        with open(record) as f:
            for line in f:
                r = Request(*json.loads(line))
                self.requests[(r.n, r.node)].append(r)
        self.journal = collections.defaultdict(list)
        self.read_rows()

    def fault(self, text, *values):
        self.faults.append(text % values)

    def read_rows(self):
        for identity, seq, token, events, at in self.run(
                "SELECT execution_id::text, seq, token, events::text, coalesce(extract(epoch FROM pg_xact_commit_timestamp(xmin))::float8, 'infinity')"
                "  FROM wfworker.journal ORDER BY execution_id, seq"):
            self.journal[identity].append(Row(seq, token, json.loads(events), at))
        self.rows = {r[0]: r for r in self.run(
            "SELECT x.id::text, w.name, x.status, x.execution_state::text, x.error_message, x.completed_at, x.next_retry_at"
            "  FROM workflowexecution x JOIN workflow w ON w.id = x.workflow_id")}
        self.logs = collections.defaultdict(list)
        for identity, node, level, message, at in self.run(
                'SELECT execution_id::text, node_id, level, message, "timestamp" FROM executionlog'
                ' ORDER BY execution_id, "timestamp"'):
            self.logs[identity].append((node, level, message, at))
        self.children = collections.defaultdict(list)
        for child, parent in self.run("SELECT id::text, parent::text FROM wfworker.child"):
            self.children[parent].append(child)

    # ---- What an execution left ----

    def events(self, identity, name=None):
        """(event, row) in order."""
        return [(e, row) for row in self.journal[identity] for e in row.events if name is None or e.get("ev") == name]

    def quarantined(self, identity):
        """A node over which three workers were lost fails with `crashed`: what it promises, and the journal shows that it is true."""
        row = self.rows[identity]
        lost = len(self.events(identity, "lost"))
        if row[2] == "failed" and lost >= 3 and "workers were lost while the node ran" in (row[4] or ""):
            return True
        return row[2] == "failed" and any(self.quarantined(c) for c in self.children[identity])

    def check_end(self, identity, kind):
        """Once, as the graph says."""
        _, _, status, state, error, completed, next_retry = self.rows[identity]
        ends = [line for line in self.logs[identity] if line[:3] == ("end", "info", "Workflow execution completed")]
        final = [line for line in self.logs[identity] if line[2].startswith("Workflow execution failed permanently")]
        if completed is None:
            self.fault("%s %s is not over: %s, %s", kind.name, identity, status, error)
            return False
        if self.quarantined(identity):
            self.counts["quarantined"] += 1
            if len(final) != 1 or ends:
                self.fault("%s %s failed and has %d rows of the log that say so", kind.name, identity, len(final))
            return False
        if status != "completed" or error or next_retry:
            self.fault("%s %s is %s: %s", kind.name, identity, status, error)
            return False
        if len(ends) != 1 or final or self.logs[identity][-1] != ends[0]:
            self.fault("%s %s has %d end rows in its log: %s", kind.name, identity, len(ends), self.logs[identity])
        document = json.loads(state)
        nodes = [node for node in document["completed_node_ids"] if not (kind.maybe and node == kind.maybe)]
        if sorted(nodes) != kind.completed:
            self.fault("%s %s completed %s, not %s", kind.name, identity, sorted(nodes), kind.completed)
        return True

    def check_log(self, identity, kind):
        done = collections.Counter(line[0] for line in self.logs[identity]
                                   if line[2] == "Node %s completed successfully" % line[0] and line[0] != kind.maybe)
        if dict(done) != kind.done:
            self.fault("%s %s logged as done %s, not %s", kind.name, identity, dict(done), kind.done)
        times = [line[3] for line in self.logs[identity]]
        if any(b <= a for a, b in zip(times, times[1:])):
            self.fault("%s %s has rows of its log with the same time: %s", kind.name, identity, times)

    def check_journal(self, identity, kind):
        """Gapless, each number once, and a token that was replaced by another one never writes again."""
        rows = self.journal[identity]
        if [r.seq for r in rows] != list(range(1, len(rows) + 1)):
            self.fault("%s %s has the journal rows %s", kind.name, identity, [r.seq for r in rows])
        holders = [token for token, _ in itertools.groupby(r.token for r in rows)]
        if len(set(holders)) != len(holders):
            self.fault("%s %s was saved with the tokens %s: an old one after a new one", kind.name, identity, [r.token for r in rows])
        lost = len(self.events(identity, "lost"))
        self.counts["lost"] += lost
        if lost and not self.harmed:
            self.fault("%s %s was lost by its worker %d times, and no worker was harmed", kind.name, identity, lost)

    # ---- What the world outside saw ----

    def outcomes(self, identity):
        """{nonce: when the outcome that holds it was committed}; a nonce that is there twice is a fault."""
        found = {}
        for event, row in self.events(identity, "done"):
            body = event.get("output")
            nonce = body["json"].get("nonce") if isinstance(body, dict) and isinstance(body.get("json"), dict) else None
            if nonce is None:
                continue
            if nonce in found:
                self.fault("%s: the answer %d counts twice", identity, nonce)
            found[nonce] = row.committed
        return found

    def check_effect(self, identity, n, node, outcomes):
        """At least once; never again after its outcome was committed; again only after a worker was lost, with the same key."""
        requests = self.requests[(n, node)]
        self.counts["effects"] += 1
        self.counts["requests"] += len(requests)
        if not requests:
            self.fault("effect %s of %s never happened", node, identity)
            return
        if len({r.key for r in requests}) != 1 or not requests[0].key:
            self.fault("effect %s of %s came with the keys %s", node, identity, sorted({r.key for r in requests}))
        counted = [r for r in requests if r.nonce in outcomes]
        if len(counted) != 1:
            self.fault("effect %s of %s has %d outcomes of %d requests", node, identity, len(counted), len(requests))
            return
        committed = outcomes[counted[0].nonce]
        for r in requests:
            if r.at > committed:
                self.fault("effect %s of %s began again %.3f s after its outcome was committed, by %s", node, identity,
                           r.at - committed, r.worker)
        causes = [row.committed for e, row in self.events(identity) if e.get("ev") in ("lost", "fail")]
        for k, r in enumerate(sorted(requests, key=lambda r: r.at)):
            if len([at for at in causes if at < r.at]) < k:
                self.fault("effect %s of %s began for the %d. time before as many losses and failures were durable", node, identity, k + 1)

    def check_effects(self, identity, n, kind):
        outcomes = self.outcomes(identity)
        for child in self.children[identity]:
            outcomes.update(self.outcomes(child))
        owners = {"child": self.children[identity], "free": self.children[identity]}
        for node in kind.effects:
            whose = (owners.get(node) or [identity])[0]
            if whose != identity and self.quarantined(whose):
                self.counts["quarantined"] += 1  # a child that nobody waits for: its parent has ended in order
            else:
                self.check_effect(whose, n, node, outcomes)
        for (number, node), requests in self.requests.items():
            if number == n and node not in kind.effects and node != kind.maybe:
                self.fault("effect %s of %s is none of its workflow: %s", node, identity, requests[0])
        if kind.maybe:
            self.check_at_most_once(identity, n, kind.maybe)

    def check_at_most_once(self, identity, n, node):
        requests = self.requests[(n, node)]
        self.counts["at most once"] += 1
        if len(requests) > 1:
            self.fault("effect %s of %s happened %d times, and may at most once", node, identity, len(requests))
        results = json.loads(self.rows[identity][3])["node_results"].get(node, {})
        if results.get("status") == "completed" and not requests:
            self.fault("effect %s of %s is done and never happened", node, identity)
        for r in requests:
            started = [row.committed for row in self.journal[identity] if row.committed < r.at]
            if not started:
                self.fault("effect %s of %s began before its start was durable", node, identity)

    def check_mutex(self):
        """Between the first `in` of an execution and its last `out` no other one of the same key is inside."""
        spans = collections.defaultdict(list)
        for identity, (n, kind) in self.workload.made.items():
            inside = [r.at for node in ("in", "out") for r in self.requests[(n, node)]]
            if kind.name == "mutex" and inside:
                spans[n % 2].append((min(inside), max(inside), identity))
        for key, list_ in spans.items():
            list_.sort()
            for (_, end, first), (begin, _, second) in zip(list_, list_[1:]):
                if begin < end:
                    self.fault("%s and %s were in the critical section k%d at the same time, for %.3f s", first, second, key, end - begin)

    # ---- What others started ----

    def check_children(self, identity, kind):
        if len(self.children[identity]) != kind.children:
            self.fault("%s %s started %d executions, not %d", kind.name, identity, len(self.children[identity]), kind.children)

    def check_schedule(self):
        """Each second from the first to the last has been taken once."""
        runs = self.run("SELECT slot, execution_id::text FROM wfworker.schedule_run ORDER BY slot")
        slots = [r[0] for r in runs]
        self.counts["slots"] = len(slots)
        for a, b in zip(slots, slots[1:]):
            if (b - a).total_seconds() != 1:
                self.fault("the schedule skipped what is between %s and %s", a, b)
        ours = collections.Counter()
        for identity, row in self.rows.items():
            if row[1] == "tick":
                ours[json.loads(row[3])["execution_data"].get("scheduled_for")] += 1
                self.check_whole(identity, None, self.workload.kinds["tick"])
        expected = collections.Counter(s.strftime("%Y-%m-%dT%H:%M:%S+00:00") for s in slots)
        if ours != expected:
            self.fault("the schedule started %s, for %s", sorted((ours - expected).elements()), sorted((expected - ours).elements()))
        if {r[1] for r in runs} != {i for i, r in self.rows.items() if r[1] == "tick"}:
            self.fault("the executions of the schedule are not those that it names")

    # ---- All of it ----

    def check_whole(self, identity, n, kind):
        self.counts["executions"] += 1
        self.check_journal(identity, kind)
        if not self.check_end(identity, kind):
            return
        self.check_log(identity, kind)
        if n is not None:
            self.check_effects(identity, n, kind)
            self.check_children(identity, kind)

    def check_empty(self):
        for name, query in EMPTY.items():
            left = self.run(query)
            if left:
                self.fault("left in %s: %d rows, the first is %s", name, len(left), left[0])

    def judge(self):
        for identity, (n, kind) in self.workload.made.items():
            if identity not in self.rows:
                self.fault("%s %s is gone", kind.name, identity)
                continue
            self.check_whole(identity, n, kind)
        for child in [c for list_ in self.children.values() for c in list_]:
            self.check_whole(child, None, self.workload.kinds["child"])
        self.check_mutex()
        self.check_schedule()
        self.check_empty()
        if self.counts["quarantined"] * 4 > self.counts["executions"]:
            self.fault("%d of %d executions were given up over lost workers", self.counts["quarantined"], self.counts["executions"])
        return self.faults
