# SPDX-License-Identifier: Apache-2.0
"""wfworker exec: definitions run in memory, with the plugins of the build."""

import contextlib
import json
import os
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

from tap import SOURCE, case, graph, is_, main, run, write

KEYS = ["status", "data", "node_results", "completed_node_ids", "error_message"]


def execute(definition, *arguments, status=0, **options):
    name = definition if isinstance(definition, str) else write("w.json", definition)
    done = run("exec", name, "--log-level", "error", *arguments, **options) # warnings of a slow machine are not the point
    assert done.status == status, done
    is_("", done.err)
    return json.loads(done.out)


def virtual(definition, *arguments, **options):
    return execute(definition, "--virtual-time", *arguments, **options)


def entry(node, status="completed", branch=None, run=1, scope=None):
    return {"node_id": node, "pass": run, "scope": scope, "branch": branch, "status": status}


def trace(definition, *arguments, **options):
    return virtual(definition, "--trace", *arguments, **options)["trace"]


@case
def examples():
    """the examples that need no server complete"""
    hello = execute(os.path.join(SOURCE, "examples/hello.json"), "--data", '{"name": "Ada"}')
    is_(KEYS, list(hello))
    is_("completed", hello["status"])
    is_({"name": "Ada", "trigger_output": {"name": "Ada"}, "end_output": {}}, hello["data"])
    is_(["trigger", "end"], hello["completed_node_ids"])
    is_(None, hello["error_message"])
    is_({"name": "Ada"}, hello["node_results"]["trigger"]["output"])
    parallel = virtual(os.path.join(SOURCE, "examples/parallel.json"))
    is_(["trigger", "first", "second", "third", "meet", "end"], parallel["completed_node_ids"])
    is_("2026-01-01T00:00:01", parallel["node_results"]["end"]["completed_at"])


@case
def whole_result():
    """the whole result, as text"""
    write("one.json", graph(only=("trigger",)))
    done = run("exec", "one.json", "--virtual-time", "--trace", "--data", '{"n": 0.1}')
    is_((0, ""), (done.status, done.err))
    is_("""{
  "status": "completed",
  "data": {
    "n": 0.1,
    "only_output": {
      "n": 0.1
    }
  },
  "node_results": {
    "only": {
      "node_id": "only",
      "status": "success",
      "output": {
        "n": 0.1
      },
      "error": null,
      "started_at": "2026-01-01T00:00:00",
      "completed_at": "2026-01-01T00:00:00",
      "duration_ms": 0
    }
  },
  "completed_node_ids": [
    "only"
  ],
  "error_message": null,
  "trace": [
    {
      "node_id": "only",
      "pass": 1,
      "scope": null,
      "branch": null,
      "status": "completed"
    }
  ]
}
""", done.out)


@case
def three_days():
    """a delay of three days takes no time when time is virtual"""
    result = virtual(graph("a -> b", a=("trigger",), b=("delay", {"delay_seconds": 259200})))
    is_("2026-01-04T00:00:00", result["node_results"]["b"]["completed_at"])
    is_(259200000, result["node_results"]["b"]["duration_ms"])


@case
def real_time():
    """without --virtual-time a delay takes its time"""
    result = execute(graph("a -> b", a=("trigger",), b=("delay", {"delay_seconds": 0.2})))
    assert result["node_results"]["b"]["duration_ms"] >= 200, result


@case
def start_time():
    """--start says where virtual time begins; delay until a time goes there"""
    until = graph("a -> b", a=("trigger",), b=("delay", {"delay_type": "until_time", "target_time": "2030-05-06T07:08:09Z"}))
    result = virtual(until, "--start", "2030-05-06T06:00:00Z")
    is_("2030-05-06T06:00:00", result["node_results"]["b"]["started_at"])
    is_("2030-05-06T07:08:09", result["node_results"]["b"]["completed_at"])


@case
def timers_in_order():
    """equal timers fire in the order in which they were set, earlier ones first"""
    wait = {"delay_seconds": 60}
    is_([entry(n) for n in ("t", "c", "a", "b", "short", "after_short", "after_c", "after_a", "after_b")],
        trace(graph("t -> c", "t -> a", "t -> b", "t -> short", "c -> after_c", "a -> after_a", "b -> after_b",
                    "short -> after_short", t=("trigger",), a=("delay", wait), b=("delay", wait), c=("delay", wait),
                    short=("delay", {"delay_seconds": 59}), after_a=("noop",), after_b=("noop",), after_c=("noop",),
                    after_short=("noop",))))


@case
def edge_order():
    """ready nodes start in edge order, not in that of the nodes"""
    is_(["t", "z", "m", "a", "end"],
        [e["node_id"] for e in trace(graph("t -> z", "t -> m", "t -> a", "a -> end", "m -> end", "z -> end", t=("trigger",),
                                           a=("noop",), end=("end",), m=("noop",), z=("noop",)))])


@case
def branches():
    """a condition's branch is in the trace; what was not taken is not"""
    g = graph("t -> c", "c -true-> yes", "c -false-> no", t=("trigger",), c=("condition", {"expression": "n > 3"}),
              yes=("noop",), no=("noop",))
    is_([entry("t"), entry("c", branch="true"), entry("yes")], trace(g, "--data", '{"n": 4}'))
    is_([entry("t"), entry("c", branch="false"), entry("no")], trace(g, "--data", '{"n": 3}'))


@case
def any_join():
    """join any goes on with the first and cancels the others"""
    g = graph("t -> slow", "t -> fast", "slow -> meet", "fast -> meet", t=("trigger",), slow=("delay", {"delay_seconds": 100}),
              fast=("delay", {"delay_seconds": 1}), meet=("noop", {}, {"join": "any"}))
    is_([entry("t"), entry("slow", "cancelled"), entry("fast"), entry("meet")], trace(g))
    is_("2026-01-01T00:00:01", virtual(g)["node_results"]["meet"]["completed_at"])


@case
def error_edge():
    """an error edge takes a failure, and the execution completes"""
    g = graph("t -> c", "c -error-> mend", "c -> never", t=("trigger",), c=("condition", {"expression": "missing > 3"}),
              mend=("noop",), never=("noop",))
    result = virtual(g, "--trace")
    is_([entry("t"), entry("c", "failed"), entry("mend")], result["trace"])
    is_("unknown_name", result["data"]["c_output"]["error"]["type"])
    is_(["t", "mend"], result["completed_node_ids"])


@case
def failure():
    """a failure ends the execution with 1; it is not tried again"""
    g = graph("t -> c", "t -> other", t=("trigger",), c=("condition", {"expression": "missing > 3"}),
              other=("delay", {"delay_seconds": 5}))
    result = virtual(g, "--trace", status=1)
    is_("failed", result["status"])
    is_('Node c failed: expression "missing > 3": unknown name "missing", line 1, column 1', result["error_message"])
    is_([entry("t"), entry("c", "failed"), entry("other", "cancelled")], result["trace"])


class Flaky(BaseHTTPRequestHandler):
    """Fails twice, then succeeds."""

    def do_GET(self):
        self.server.seen.append(dict(self.headers))
        self.send_response(200 if len(self.server.seen) > 2 else 503)
        self.end_headers()
        self.wfile.write(json.dumps({"ok": True, "word": self.headers["X-Word"]}).encode())

    def log_message(self, *arguments):
        pass


@contextlib.contextmanager
def flaky():
    server = HTTPServer(("127.0.0.1", 0), Flaky)
    server.seen = []
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.seen, "http://127.0.0.1:%d/" % server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@case
def node_retries():
    """a node retries, its back-off passes in virtual time, and the trace has it once"""
    with flaky() as (seen, url):
        result = virtual(graph("t -> h", t=("trigger",),
                               h=("http_request", {"url": url, "method": "GET"},
                                  {"retry": {"max_attempts": 3, "initial_ms": 3600000, "multiplier": 2, "max_ms": 86400000}})),
                         "--trace")
    is_([entry("t"), entry("h")], result["trace"])
    is_("2026-01-01T03:00:00", result["node_results"]["h"]["completed_at"])
    is_({"ok": True, "word": None}, result["data"]["h_output"]["json"])
    is_(3, len(seen))


@case
def retries_used_up():
    """a node whose attempts are used up fails the execution"""
    with flaky() as (seen, url):
        result = virtual(graph("t -> h", t=("trigger",),
                               h=("http_request", {"url": url}, {"retry": {"max_attempts": 2, "initial_ms": 60000}})),
                         "--trace", status=1)
    is_([entry("t"), entry("h", "failed")], result["trace"])
    is_("2026-01-01T00:01:00", result["node_results"]["h"]["completed_at"])
    is_(2, len(seen))


@case
def secrets():
    """secrets and allowed variables are there for handlers, and nowhere in the result"""
    with flaky() as (seen, url):
        result = virtual(graph("t -> h", t=("trigger",),
                               h=("http_request", {"url": url, "headers": {"X-Word": "${secret.WORD}", "X-Open": "${env.OPEN}"}},
                                  {"retry": {"max_attempts": 3}})),
                         env={"WFWORKER_SECRET_WORD": "xyzzy", "OPEN": "yes", "WFWORKER_ENV_ALLOW": "OPEN"})
    is_([("xyzzy", "yes")] * 3, [(h["X-Word"], h["X-Open"]) for h in seen])
    is_({"ok": True, "word": "***"}, result["data"]["h_output"]["json"])
    assert "xyzzy" not in json.dumps(result), result


@case
def node_timeout():
    """an attempt that takes too long fails, and virtual time follows"""
    server = HTTPServer(("127.0.0.1", 0), Flaky)  # the kernel accepts, nobody answers
    try:
        g = graph("t -> h", t=("trigger",),
                  h=("http_request", {"url": "http://127.0.0.1:%d/" % server.server_port}, {"timeout_seconds": 0.3}))
        result = virtual(g, "--trace", status=1)
    finally:
        server.server_close()
    is_("Node h timed out after 0.3 seconds", result["error_message"])
    is_([entry("t"), entry("h", "failed")], result["trace"])
    is_("2026-01-01T00:00:00.300000", result["node_results"]["h"]["completed_at"])


@case
def cycles():
    """the passes of a cycle are counted"""
    g = graph("t -> work", "work -> again", "again -true-> work", "again -false-> end", t=("trigger",),
              work=("delay", {"delay_seconds": 10}), again=("condition", {"expression": "now() < 1767225625000"}),
              end=("end",))
    is_([entry("t"), entry("work"), entry("again", branch="true"), entry("work", run=2), entry("again", branch="true", run=2),
         entry("work", run=3), entry("again", branch="false", run=3), entry("end")], trace(g))


@case
def scopes():
    """a loop in a try: scope and pass are in the trace"""
    g = graph("t -> try", "try -body-> l", "l -body-> w", "l -done-> bad", "try -catch-> c", "try -finally-> f", "try -done-> end",
              t=("trigger",), **{"try": ("try",)}, l=("for", {"array_expression": "[1, 2]"}), w=("delay", {"delay_seconds": 60}),
              bad=("condition", {"expression": "missing"}), c=("catch",), f=("finally",), end=("end",))
    result = virtual(g, "--trace")
    is_([entry("t"), entry("try", branch="done"), entry("l", branch="done", scope="try"), entry("w", scope="try/l#1"),
         entry("w", scope="try/l#2"), entry("bad", "failed", scope="try"), entry("c", scope="try"), entry("f", scope="try"),
         entry("end")], result["trace"])
    is_(2, result["data"]["l_output"]["count"])
    is_("2026-01-01T00:02:00", result["node_results"]["f"]["completed_at"])


@case
def many_passes():
    """ten thousand passes of a loop"""
    g = graph("t -> l", "l -body-> w", "l -done-> end", t=("trigger",), l=("repeat", {"repeat_count": 10000}), w=("noop",),
              end=("end",))
    result = virtual(g, "--trace")
    is_(10003, len(result["trace"]))
    is_(entry("w", scope="l#10000"), result["trace"][-2])
    is_(10000, result["data"]["l_output"]["count"])


@case
def repeatable():
    """two runs with virtual time are equal byte for byte"""
    write("r.json", graph("t -> a", "t -> b", "t -> h", "a -> meet", "b -> meet", "h -error-> meet", t=("trigger",),
                          a=("delay", {"delay_seconds": 0.5}), b=("delay", {"delay_type": "until_condition", "poll_interval": 1,
                                                                            "condition_expression": "a_output.completed"}),
                          h=("http_request", {"url": "http://127.0.0.1:1/"},
                             {"retry": {"max_attempts": 4, "initial_ms": 1000, "jitter": "full"}}),
                          meet=("noop",)))
    runs = {run("exec", "r.json", "--virtual-time", "--trace", "--data", '{"x": 1}') for _ in range(3)}
    is_(1, len(runs))


def nested(depth):
    value = 1
    for _ in range(depth):
        value = {"x": value}
    return value


@case
def nesting():
    """data as deep as it may be come out as they went in; deeper ones are an error of the node"""
    g = graph("t -> d", t=("trigger",), d=("delay", {"delay_seconds": 5}))
    result = virtual(g, "--data", "@-", stdin=json.dumps(nested(511)))
    is_(nested(511), result["data"]["t_output"])
    result = virtual(g, "--data", "@-", stdin=json.dumps(nested(512)), status=1)
    is_("Node t failed: the output is nested more than 512 levels deep", result["error_message"])


@case
def trigger_in_a_cycle():
    """a trigger that comes again hands on the data without its own result"""
    g = graph("t -> a", "a -> c", "c -true-> t", t=("trigger",), a=("noop",),
              c=("condition", {"expression": "now() < 1767225602000"}))
    g["nodes"][1] = {"node_id": "a", "node_type": "delay", "config": {"delay_seconds": 1}}
    done = {"delay_type": "seconds", "completed": True}
    is_({"n": 1, "a_output": done, "c_output": {"condition_result": True, "branch": "true", "condition_expr": "now() < 1767225602000"}},
        virtual(g, "--data", '{"n": 1}')["data"]["t_output"])
    result = virtual(graph("t -> t", t=("trigger",)), status=1)
    is_("Node t failed: more than 10000 passes of the cycle that comes back to this node", result["error_message"])


@case
def unknown_type():
    """a node type that no plugin has fails and says where was looked"""
    result = virtual(graph("t -> x", t=("trigger",), x=("does_not_exist",)), status=1)
    assert result["error_message"].startswith('Node x failed: no plugin provides the node type "does_not_exist"; searched '), result


@case
def broken_definition():
    """a definition with an error fails with it"""
    result = virtual({"nodes": [{"node_id": "a", "node_type": "noop"}], "edges": [{"from": "a", "to": "b"}]}, status=1)
    is_("Node b not found in workflow", result["error_message"])
    is_([], result["completed_node_ids"])


@case
def never_true():
    """a condition that never becomes true ends with 3, the execution still waiting"""
    g = graph("t -> w", t=("trigger",), w=("delay", {"delay_type": "until_condition", "condition_expression": "1 > 2"}))
    result = virtual(g, "--trace", status=3)
    is_("running", result["status"])
    is_([entry("t"), entry("w", "waiting")], result["trace"])
    is_(["t"], result["completed_node_ids"])


@case
def deadline():
    """the workflow's own deadline comes in virtual time"""
    g = graph("t -> w", t=("trigger",), w=("delay", {"delay_seconds": 1000}))
    result = virtual({"graph_config": g, "trigger_config": {"timeout_seconds": 600}}, status=1)
    is_("Workflow execution timed out after 600 seconds", result["error_message"])


@case
def standard_input():
    """- reads the definition from standard input, @FILE the data from a file"""
    write("data.json", '{"a": 1}')
    result = execute("-", "--data", "@data.json", stdin=json.dumps(graph(t=("trigger",))))
    is_({"a": 1, "t_output": {"a": 1}}, result["data"])


@case
def wrong_usage():
    """what is wrong is said, with 1 or 2, and nothing on standard output"""
    write("w.json", graph(t=("trigger",)))
    write("bad.json", '{"nodes": [}')
    write("no.json", '{"name": "x"}')
    is_((2, "", "wfworker: FILE is missing\nHINT:  usage: wfworker exec FILE [OPTION...]\n"), run("exec"))
    is_((1, "", "wfworker: none.json: No such file or directory\n"), tuple(run("exec", "none.json")))
    is_((1, "", "wfworker: no.json: this is no workflow\n"
         'HINT:  it is a JSON object with "nodes" and "edges", or one with "graph_config"\n'), tuple(run("exec", "no.json")))
    is_((1, "", "wfworker: --data is not a JSON object\n"
         "HINT:  for example --data '{\"amount\": 12}', or --data @FILE\n"), tuple(run("exec", "w.json", "--data", "[1]")))
    is_((2, "", 'wfworker: --start "noon" is not a time\nHINT:  write it as 2026-11-23T06:00:00Z\n'),
        tuple(run("exec", "w.json", "--virtual-time", "--start", "noon")))
    is_((2, "", "wfworker: --start is of use only with --virtual-time\nHINT:  the wall clock begins where it is\n"),
        tuple(run("exec", "w.json", "--start", "2026-01-01")))
    is_((2, "", "wfworker: the workflow and --data cannot both be read from standard input\nHINT:  give one of them as a file\n"),
        tuple(run("exec", "-", "--data", "@-")))
    done = run("exec", "bad.json")
    is_((1, ""), done[:2])
    assert done.err.startswith("wfworker: bad.json: "), done


@case
def the_time_of_log_lines():
    """what nodes log in virtual time says when that was; a text that is no JSON is refused with an example"""
    file = write("w.json", graph("d -> a", d=("delay", {"delay_seconds": 90}),
                                 a=("human_approval", {"approval_message": "Now?", "timeout_seconds": 5, "default_option": "approve"})))
    done = run("exec", file, "--virtual-time")
    line = "info Approval requested: Now? (answer with signal human_approval:a: approve, reject) node=a virtual_time=2026-01-01T00:01:30\n"
    is_((0, line), (done.status, done.err.partition(" ")[2]))
    is_((1, "", "wfworker: --signal x=yes: invalid JSON at line 1, column 3: invalid token near 'yes'\n"
         """HINT:  for example --signal 'paid={"amount": 12}', --signal 'answer="yes"' or --signal paid@+60\n"""),
        tuple(run("exec", file, "--signal", "x=yes")))


main()
