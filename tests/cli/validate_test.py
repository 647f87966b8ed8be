# SPDX-License-Identifier: Apache-2.0
"""wfworker validate: what it says about definitions, in whole."""

import json
import os

from tap import SOURCE, case, graph, is_, main, run, write


def check(expected, definition, *arguments, status=None):
    if status is None:
        status = 0 if expected.rstrip().splitlines()[-1].startswith("valid:") else 1
    done = run("validate", write("w.json", definition), *arguments)
    is_((status, expected, ""), tuple(done))


@case
def good_ones():
    """examples are valid, and their structure is printed"""
    done = run("validate", os.path.join(SOURCE, "examples/demo.json"), "--strict")
    is_((0, """entry: trigger
trigger -> fetch
fetch -> pause
pause -> large
large -true-> approve
large -false-> reject
approve -> end
reject -> end
valid: 0 errors, 0 warnings
""", ""), tuple(done))
    for name in ("hello", "parallel", "retry", "data"):
        done = run("validate", os.path.join(SOURCE, "examples", name + ".json"), "--strict")
        is_((0, "valid: 0 errors, 0 warnings"), (done.status, done.out.splitlines()[-1]))


@case
def many_faults():
    """errors and warnings with their pointers"""
    check("""error: /nodes/1/config/expression: node c: unexpected end of the text, line 1, column 4
error: /nodes/2/config/delay_type: node d: delay_type must be of type string or null, is integer
error: /nodes/3/config/url: node h: unexpected "}", line 1, column 15
error: /nodes/3/config/method: node h: method must be of type string or null, is integer
warning: /nodes/4/node_type: node x: no plugin provides the node type "nonsense"
warning: /nodes/5: node far cannot be reached from t and never runs
warning: /nodes/0/config/cron_expresion: node t: node type trigger has no configuration key "cron_expresion"; did you mean "cron_expression"?
entry: t
t -> c
c -true-> d
c -false-> h
d -> x
not valid: 4 errors, 3 warnings
""", graph("t -> c", "c -true-> d", "c -false-> h", "d -> x", t=("trigger", {"cron_expresion": "x"}),
           c=("condition", {"expression": "n >"}), d=("delay", {"delay_seconds": "${n}", "delay_type": 7}),
           h=("http_request", {"url": "http://x/${a +}", "method": 5}), x=("nonsense",), far=("noop",)))


@case
def strict():
    """with --strict a warning is enough for exit code 1"""
    g = graph(t=("trigger", {"colour": "red"}))
    text = """warning: /nodes/0/config/colour: node t: node type trigger has no configuration key "colour"
entry: t
%s: 0 errors, 1 warning
"""
    check(text % "valid", g)
    check(text % "not valid", g, "--strict")


@case
def did_you_mean():
    """what is misspelt in a node type or a key, by two letters at most, is named as it is spelt; what is far from everything is not"""
    check("""warning: /nodes/1/node_type: node h: no plugin provides the node type "http_requst"; did you mean "http_request"?
warning: /nodes/2/node_type: node u: no plugin provides the node type "HTTP-Request"; did you mean "http_request"?
warning: /nodes/3/node_type: node f: no plugin provides the node type "frobnicate"
warning: /nodes/0/config/trigger_tpye: node t: node type trigger has no configuration key "trigger_tpye"; did you mean "trigger_type"?
warning: /nodes/0/config/timeout_second: node t: node type trigger has no configuration key "timeout_second"; did you mean "timeout_seconds"?
warning: /nodes/0/config/trigger_kind_of: node t: node type trigger has no configuration key "trigger_kind_of"
entry: t
t -> h
h -> u
u -> f
valid: 0 errors, 6 warnings
""", graph("t -> h", "h -> u", "u -> f", t=("trigger", {"trigger_tpye": "manual", "timeout_second": 3, "trigger_kind_of": 1}),
           h=("http_requst",), u=("HTTP-Request",), f=("frobnicate",)))


@case
def options_in_config():
    """options of the node may stand in its config, and are no unknown keys"""
    check("entry: t\nvalid: 0 errors, 0 warnings\n",
          graph(t=("noop", {"join": "any", "retry": {"max_attempts": 2}, "timeout_seconds": 5, "label": "for people"})), "--strict")


@case
def edges_to_nowhere():
    """an edge to a node that is not there, a node twice, no nodes at all"""
    check("""error: /edges/0: Node nowhere not found in workflow
entry: t
not valid: 1 error, 0 warnings
""", graph("t -> nowhere", t=("trigger",)))
    twice = graph(t=("trigger",))
    twice["nodes"] *= 2
    check('error: /nodes/1: duplicate node id "t"\nentry: t\nnot valid: 1 error, 0 warnings\n', twice)
    check("warning: the workflow has no nodes: it completes at once\nentry: none\nvalid: 0 errors, 1 warning\n", {"nodes": []})


@case
def other_forms():
    """pointers into the dict form, and into what drawing tools write"""
    check("""error: /nodes/b~1c/delay_type: node b/c: delay_type must be of type string or null, is integer
entry: a
a -> b/c
not valid: 1 error, 0 warnings
""", {"nodes": {"a": {"node_type": "trigger", "next": "b/c"}, "b/c": {"node_type": "delay", "delay_type": 7}}})
    check("""error: /nodes/0/data/delay_type: node a: delay_type must be of type string or null, is integer
error: /nodes/1/data/config/delay_type: node b: delay_type must be of type string or null, is integer
entry: a
a -> b
not valid: 2 errors, 0 warnings
""", {"nodes": [{"id": "a", "data": {"node_type": "delay", "label": "x", "delay_type": 7}},
                {"id": "b", "data": {"node_type": "delay", "config": {"delay_type": 8}}}],
      "edges": [{"source": "a", "target": "b"}]})


@case
def inferred_labels():
    """a condition that was drawn without labels"""
    check("""warning: /nodes/1: node c: its edges have no branch, so the first drawn (to yes) is true and the second (to no) is false
entry: t
t -> c
c -true-> yes
c -false-> no
valid: 0 errors, 1 warning
""", graph("t -> c", "c -> yes", "c -> no", t=("trigger",), c=("condition", {"expression": "true"}), yes=("noop",), no=("noop",)))


@case
def cycles():
    """an edge that closes a cycle is marked"""
    check("""entry: t
t -> a
a -> c
c -true-> a (back)
c -false-> end
valid: 0 errors, 0 warnings
""", graph("t -> a", "a -> c", "c -true-> a", "c -false-> end", t=("trigger",), a=("noop",),
           c=("condition", {"expression": "1 > 2"}), end=("end",)))


@case
def scopes():
    """a loop in a try, drawn without labels: what was inferred, and what runs in which scope"""
    check("""warning: /nodes/1: node try: its edge to l has no branch and is read as body
warning: /nodes/2: node l: its edge to w has no branch and is read as body
warning: /nodes/2: node l: its edge to c has no branch and is read as done
warning: /nodes/4: node c: read as the catch of node try
warning: /nodes/5: node f: read as the finally of node try
entry: t
t -> try
try -body-> l
l -body-> w
w -> l (back)
l -done-> c (not used)
c -> f (not used)
f -> end (not used)
try -catch-> c
try -finally-> f
try -done-> end
l runs in body of try
w runs in body of l
c runs in catch of try
f runs in finally of try
valid: 0 errors, 5 warnings
""", graph("t -> try", "try -> l", "l -> w", "w -> l", "l -> c", "c -> f", "f -> end", t=("trigger",), **{"try": ("try",)},
           l=("for", {"array_expression": "[1, 2]"}), w=("noop",), c=("catch",), f=("finally",), end=("end",)))


def joining(n, *lines, **nodes):
    return graph("t -> c", "c -true-> a", "c -false-> b", "a -> j", "b -> j", *lines, t=("trigger",),
                 c=("condition", {"expression": "true"}), a=("noop",), b=("noop",), j=("noop", {}, {"join": "n_of_m", "join_n": n}),
                 **nodes)


def last_error(definition):
    done = run("validate", write("w.json", definition))
    return [line for line in done.out.splitlines() if line.startswith("error")]


@case
def impossible_joins():
    """n_of_m: more edges than there are, or than a condition's branches let through"""
    never = ("error: /nodes/4: node j: its join waits for %d edges, but so many are never taken together: "
             "the join can never fire")
    is_([], last_error(joining(1)))
    is_([never % 2], last_error(joining(2)))
    is_([], last_error(joining(2, "t -> d", "d -> j", d=("noop",))))
    is_([never % 3], last_error(joining(3, "t -> d", "d -> j", d=("noop",))))
    is_(["error: /nodes/4/join_n: node j: join_n is 3, but 2 edges can arrive: the join can never fire"], last_error(joining(3)))
    # an edge that both branches lead to needs neither
    is_([], last_error(joining(2, "a -> d", "b -> d", "d -> j", d=("noop",))))
    # a switch inside a branch
    is_([never % 4], last_error(joining(4, "a -> s", "s -x-> p", "s -y-> q", "p -> j", "q -> j",
                                        s=("switch", {"switch_expression": "k", "cases": {"1": "x", "2": "y"}}), p=("noop",),
                                        q=("noop",))))


@case
def as_json():
    """--json: everything, for programs"""
    done = run("validate", write("w.json", graph("t -> c", "c -> end", t=("trigger", {"colour": 1}),
                                                 c=("condition", {"expression": ")"}), end=("end",))), "--json")
    is_((1, ""), (done.status, done.err))
    is_({"valid": False,
         "errors": [{"pointer": "/nodes/1/config/expression", "message": 'node c: unexpected ")", line 1, column 1'}],
         "warnings": [{"pointer": "/nodes/0/config/colour", "message": 'node t: node type trigger has no configuration key "colour"'}],
         "structure": {"entry": "t",
                       "nodes": [{"id": "t", "type": "trigger", "reachable": True, "join": "all", "scope": None},
                                 {"id": "c", "type": "condition", "reachable": True, "join": "all", "scope": None},
                                 {"id": "end", "type": "end", "reachable": True, "join": "all", "scope": None}],
                       "edges": [{"from": "t", "to": "c", "branch": None, "back": False, "silent": False},
                                 {"from": "c", "to": "end", "branch": None, "back": False, "silent": False}]}}, json.loads(done.out))


@case
def terminals():
    """control characters do not reach a terminal"""
    done = run("validate", write("w.json", graph(**{"a\x1b[31m": ("nonsense",)})))
    assert "\x1b" not in done.out, done


@case
def not_there():
    """what is not there is said"""
    is_((1, "", "wfworker: none.json: No such file or directory\n"), tuple(run("validate", "none.json")))


main()
