# SPDX-License-Identifier: Apache-2.0
"""The rules of loops, maps, tries and scopes in detail, one case for each; the names of the cases are the numbers of the
rules. details_test.py has those of structure, joins and cycles."""

import json

from details import (ANY, BAD, FOR, IF, NOOP, REPEAT, SET, SWITCH, T, TRY, UNTIL, WAIT, case, diagnostics, graph, is_, main, run, runs,
                     write)

MISSING = 'expression "missing": unknown name "missing", line 1, column 1'


def MAP(*items, **options):
    return FOR(*items, max_concurrency=len(items), **options)


def trying(*lines, **nodes):
    """t -> o, a try, and what is given."""
    return graph("t -> o", *lines, t=T, o=TRY, **nodes)


def looping(*lines, l=FOR(1, 2), **nodes):
    return graph("t -> l", *lines, t=T, l=l, **nodes)


# ---- loops and maps ----

@case
def detail_30():
    """detail 30: a pass ends when nothing is live in it, an edge back changes nothing; continue ends it at once"""
    expected = "t, l -done, l#1/a, l#1/w, l#2/a, l#2/w, z"
    lines = ["l -body-> a", "l -body-> w", "l -done-> z"]
    nodes = {"a": WAIT(2), "w": WAIT(5), "z": NOOP}
    runs(expected, looping(*lines, **nodes), at={"z": 10})
    runs(expected, looping(*lines, "a -> l", **nodes), at={"z": 10})
    runs("t, l -done, l#1/k, l#1/w cancelled, l#2/k, l#2/w cancelled, z",
         looping("l -body-> k", "l -body-> w", "l -done-> z", "k -> never", k=("continue",), w=WAIT(5), never=NOOP, z=NOOP),
         **{"l_output.count": 2, "l_output.succeeded": 2})


@case
def detail_31():
    """detail 31: an edge out of a region is taken when any pass took it that did not fail; else, and without passes, it is dead"""
    def g(*items, body="item > 1", **options):
        return graph("t -> l", "l -body-> a", "a -true-> out", "a -> b", "l -done-> y", "y -true-> out", "l -error-> e", t=T, a=IF(body),
                     b=IF("item == 1 && fail ? missing : true"), y=IF("false"), out=NOOP, e=NOOP, l=FOR(*items, **options))
    no, yes = ("--data", '{"fail": false}'), ("--data", '{"fail": true}')
    runs("t, l -done, l#1/a -false, l#1/b -true, l#2/a -true, l#2/b -true, y -false, out", g(1, 2), *no)
    runs("t, l -done, l#1/a -false, l#1/b -true, y -false", g(1), *no)
    runs("t, l -done, y -false", g(), *no)
    runs("t, l -done, l#1/a -true, l#1/b failed, y -false", g(1, body="true", tolerate=1), *yes)
    runs("t, l -done, l#1/a -true, l#1/b failed, l#2/a -true, l#2/b -true, y -false, out", g(1, 2, body="true", tolerate=1), *yes)
    runs("t, l failed, l#1/a -true, l#1/b failed, e", g(1, body="true"), *yes)
    # of a try, those of the branch that failed: only one edge comes to z
    two = ("noop", {}, {"join": "n_of_m", "join_n": 2})
    both = trying("o -body-> a", "a -> z", "a -> bad", "o -catch-> c", "c -> z", a=NOOP, bad=BAD, c=("catch",), z=two)
    runs("t, o -done, o/a, o/bad failed, o/c", both,
         end="failed: Node z failed: the join needs 2 edges, but only 1 can still be taken")
    both["nodes"][-1]["join_n"] = 1
    runs("t, o -done, o/a, o/bad failed, o/c, z", both)


def mapped(expression):
    return ("map", {"input_array": "[%s]" % expression, "map_expression": "item"})


@case
def detail_32():
    """detail 32: outputs of the body are seen in the pass at once, outside when it ends; the loop's result has the last passes"""
    g = looping("l -body-> a", "a -> b", "l -done-> z", l=FOR(1, 2), a=mapped("item * 10"), b=IF("a_output.result[0] == item * 10"),
                z=IF("a_output.result[0] == 20"))
    runs("t, l -done, l#1/a, l#1/b -true, l#2/a, l#2/b -true, z -true", g)
    for name in ("item", "index"):
        runs(None, looping("l -body-> a", "l -done-> z", a=NOOP, z=IF(name)),
             end='failed: Node z failed: expression "%s": unknown name "%s", line 1, column 1' % (name, name))
    result = {"result": [2], "transformed": True, "type": "map"}
    runs(None, looping("l -body-> a", l=FOR(1, 2, 3, keep=2), a=mapped("item - 1")), l_output={
        "count": 3, "succeeded": 3, "failed": 0, "results": [{**result, "result": [1]}, result]})
    # two last nodes: an object by their ids; what failed: its error
    runs(None, looping("l -body-> a", "l -body-> b", l=FOR(0, 1, tolerate=1), a=NOOP, b=IF("item == 0 ? missing : true")), l_output={
        "count": 2, "succeeded": 1, "failed": 1, "results": [
            {"error": {"node_id": "b", "type": "unknown_name", "message": MISSING.replace("missing", "item == 0 ? missing : true", 1)
                       .replace("column 1", "column 13"), "details": None}},
            {"a": {}, "b": {"condition_result": True, "branch": "true", "condition_expr": "item == 0 ? missing : true"}}]})
    # published however the pass ends: failed, left, cancelled; in a map in the order of the items
    runs(None, looping("l -body-> a", "a -> bad", l=FOR(7, tolerate=1), a=mapped("item"), bad=BAD), **{"a_output.result": [7]})
    runs(None, looping("l -body-> a", "a -> b", l=FOR(7), a=mapped("item"), b=("break",)), **{"a_output.result": [7]})
    runs("t, l cancelled, w, l#1/a, l#1/slow cancelled, j",
         looping("t -> w", "l -body-> a", "a -> slow", "l -done-> j", "w -> j", l=FOR(7), a=mapped("item"), slow=WAIT(9), w=WAIT(1), j=ANY),
         **{"a_output.result": [7]})
    runs("t, l -done, l#1/d, l#2/d, l#2/a, l#1/a", looping("l -body-> d", "d -> a", l=MAP(20, 10), d=WAIT("${item}"), a=mapped("item")),
         **{"a_output.result": [10]})


def get(name, default=None):
    return ("get_variable", {"variable_name": name, "default_value": default})


@case
def detail_33():
    """detail 33: a variable of the workflow is one for all, of the loop for the pass, of the node for its later runs"""
    runs(None, looping("l -body-> s", "l -done-> z", s=SET("n", "${(vars.n ?? 0) + item}"), z=get("n")), **{"z_output.value": 3})
    runs(None, looping("l -body-> g", "g -> s", "s -> after", "l -done-> z", g=get("n", "none"), s=SET("n", "${item}", "loop"),
                       after=get("n"), z=get("n", "gone")),
         **{"g_output.value": "none", "after_output.value": 2, "z_output.value": "gone"})
    runs(None, looping("l -body-> s", "s -> g", l=REPEAT(3), s=SET("n", "${(vars.n ?? 0) + 1}", "node"), g=get("n", "hidden")),
         **{"s_output.value": 3, "g_output.value": "hidden"})
    side = looping("l -body-> d", "d -> s", "l -done-> z", l=MAP(20, 10), d=WAIT("${item}"), s=SET("n", "${item}"), z=get("n"))
    runs(None, side, **{"z_output.value": 20})
    is_(["warning: /nodes/3/config/variable_name: node s sets a variable of the workflow in passes of l that run side by side: the last "
         "one to write wins"], diagnostics(side))


@case
def detail_34():
    """detail 34: a loop is what its settings say, array before condition before count; index counts from 0"""
    every = {"array_expression": "[5]", "condition_expression": "index < 2", "repeat_count": 3}
    for left, passes in ((3, 1), (2, 2), (1, 3)):
        settings = dict(list(every.items())[3 - left:])
        runs(None, looping("l -body-> a", l=("loop", settings), a=NOOP), **{"l_output.count": passes})
    runs("t, l failed, e", looping("l -body-> a", "l -error-> e", l=("loop", {}), a=NOOP, e=NOOP),
         **{"l_output.error.type": "config_invalid"})
    for kind, passes in (("for", 1), ("while", 2), ("repeat", 3)):
        runs(None, looping("l -body-> a", l=("loop", {**every, "loop_type": kind}), a=NOOP), **{"l_output.count": passes})
        for other in ("for", "while", "repeat"):
            runs(None, looping("l -body-> a", l=(kind, {**every, "loop_type": other}), a=NOOP), **{"l_output.count": passes})
    runs("t, l -done, l#1/a -true, l#2/a -true",
         looping("l -body-> a", l=("for", {"array_expression": "[7, 8]", "loop_variable": "order"}),
                 a=IF("order == item && item == 7 + index")))
    for kind, config in (("while", {"condition_expression": "index < 2"}), ("repeat", {"repeat_count": 2})):
        runs("t, l -done, l#1/a -true, l#2/a -true", looping("l -body-> a", l=(kind, config), a=IF("item === index")))
    runs("t, l -done, z", looping("l -body-> a", "l -done-> z", l=("while", {"condition_expression": "false"}), a=NOOP, z=NOOP))


@case
def detail_35():
    """detail 35: an array that is missing, null or none is a type_error; a text is an expression, anything else the value"""
    for source in ("input.nothing", "null", "5", "'abc'", 7, {"a": 1}, None):
        runs("t, l failed, e", looping("l -body-> a", "l -error-> e", l=("for", {"array_expression": source}), a=NOOP, e=NOOP),
             **{"l_output.error.type": "type_error"})
    runs("t, l failed, e", looping("l -body-> a", "l -error-> e", l=("for", {}), a=NOOP, e=NOOP), **{"l_output.error.type": "type_error"})
    for source in ("input.items", "${input.items}", "items", [4, 5]):
        runs("t, l -done, l#1/a -true, l#2/a -true", looping("l -body-> a", l=("for", {"array_expression": source}),
                                                             a=IF("item == 4 + index")), "--data", '{"items": [4, 5]}')


@case
def detail_36():
    """detail 36: too many passes fail a for or repeat before the first one, a while after that many"""
    def g(kind, config):
        return looping("l -body-> a", "l -error-> e", l=(kind, config, {"max_iterations": 3}), a=NOOP, e=NOOP)
    for loop in (g("for", {"array_expression": [1, 2, 3, 4]}), g("repeat", {"repeat_count": 4})):
        runs("t, l failed, e", loop, **{"l_output.error.type": "max_iterations_exceeded"})
    runs("t, l failed, l#1/a, l#2/a, l#3/a, e", g("while", {"condition_expression": "true"}),
         **{"l_output.error.type": "max_iterations_exceeded"})
    runs("t, l -done, l#1/a, l#2/a, l#3/a", g("while", {"condition_expression": "index < 3"}))
    runs("t, l -done, l#1/a, l#2/a, l#3/a", g("repeat", {"repeat_count": 3}))


@case
def detail_37():
    """detail 37: break and continue succeed, cancel the rest of the pass, and run the finally of a try on the way"""
    runs("t, l -done, l#1/s -false, l#1/w, l#2/s -true, l#2/b, z",
         looping("l -body-> s", "s -true-> b", "s -false-> w", "l -done-> z", l=FOR(1, 2, 3), s=IF("item == 2"), b=("break",), w=NOOP,
                 z=NOOP), **{"l_output.count": 2, "l_output.succeeded": 2, "l_output.failed": 0})
    runs("t, l -done, l#1/b, l#1/slow cancelled, z", looping("l -body-> b", "l -body-> slow", "l -done-> z", b=("break",), slow=WAIT(9),
                                                             z=NOOP), at={"z": 0})
    runs("t, l -done, l#1/o cancelled, l#1/o/b, l#1/o/f, z",
         looping("l -body-> o", "o -body-> b", "o -finally-> f", "l -done-> z", o=TRY, b=("break",), f=WAIT(3), z=NOOP), at={"z": 3})


@case
def detail_37_labels():
    """detail 37: a loop that is passed over by a label is cancelled, and its done is not taken; in a map break cancels the others"""
    def g(kind):
        return looping("l -body-> i", "i -body-> b", "i -done-> d", "l -done-> z", i=FOR(1, 2), b=(kind, {"loop_label": "l"}), d=NOOP, z=NOOP)
    runs("t, l -done, l#1/i cancelled, l#1/i#1/b, z", g("break"), **{"l_output.count": 1, "l_output.succeeded": 1})
    runs("t, l -done, l#1/i cancelled, l#1/i#1/b, l#2/i cancelled, l#2/i#1/b, z", g("continue"),
         **{"l_output.count": 2, "l_output.succeeded": 2})
    g = looping("l -body-> d", "d -> s", "s -true-> b", "l -done-> z", l=MAP(30, 10, 20), d=WAIT("${item}"), s=IF("item == 20"),
                b=("break",), z=NOOP)
    result = runs("t, l -done, l#1/d cancelled, l#2/d, l#3/d, l#2/s -false, l#3/s -true, l#3/b, z", g, at={"z": 20},
                  **{"l_output.count": 3, "l_output.succeeded": 2})
    is_(2, len(result.data["l_output"]["results"]))


@case
def detail_38():
    """detail 38: need goes on after so many successes, the rest by join_rest; tolerate is how many passes may fail"""
    def g(*items, l=MAP, **options):
        return looping("l -body-> a", "a -> b", "l -done-> z", "l -error-> e", l=l(*items, **options), a=WAIT("${item}"),
                       b=IF("item % 2 ? missing : true"), z=NOOP, e=NOOP)
    runs("t, l -done, l#1/a, l#2/a, l#3/a cancelled, l#1/b -true, l#2/b -true, z", g(10, 20, 30, need=2), at={"z": 20},
         **{"l_output.succeeded": 2, "l_output.count": 3})
    runs("t, l -done, l#1/a, l#2/a, l#3/a, l#1/b -true, l#2/b -true, z, l#3/b -true", g(10, 20, 30, need=2, join_rest="run"),
         at={"z": 20, "b": 30})
    runs("t, l -done, z", g(10, need=0), at={"z": 0}, **{"l_output.count": 0})
    runs("t, l -done, l#1/a, z, l#1/b -true", g(10, need=0, join_rest="run"), at={"z": 0, "b": 10})
    # successes only; fewer left than needed
    runs("t, l -done, l#1/a, l#2/a, l#1/b failed, l#2/b -true, z", g(1, 2, need=1, tolerate=1), at={"z": 2})
    runs("t, l failed, l#1/a, l#2/a, l#3/a cancelled, l#1/b failed, l#2/b failed, e", g(1, 3, 6, need=2, tolerate=2), at={"l": 3},
         **{"l_output.error.type": "join_unsatisfiable"})
    # one after the other; the failure beyond is the loop's, and names the node
    runs("t, l failed, l#1/a, l#1/b failed, l#2/a, l#2/b failed, e", g(1, 3, 5, l=FOR, tolerate=1), **{
        "l_output.error.type": "unknown_name", "l_output.error.node_id": "l", "l_output.error.details.node_id": "b",
        "l_output.error.message": 'pass 2: node b failed: expression "item % 2 ? missing : true": unknown name "missing", line 1, column 12'})


@case
def detail_38_cancel():
    """detail 38: the failure that is too much cancels the other passes, and the loop fails when their finally regions are over"""
    g = looping("l -body-> s", "s -false-> o", "s -true-> b", "o -body-> w", "o -finally-> f", "l -error-> e", l=MAP(1, 2), s=IF("item == 2"),
                o=TRY, w=WAIT(99), f=WAIT(5), b=BAD, e=NOOP)
    runs("t, l failed, l#1/s -false, l#2/s -true, l#1/o cancelled, l#2/b failed, l#1/o/w cancelled, l#1/o/f, e", g, at={"e": 5})
    g = looping("l -body-> s", "s -false-> o", "s -true-> b", "o -body-> w", "o -finally-> f", "l -done-> e", l=MAP(1, 2, need=1),
                s=IF("item == 2"), o=TRY, w=WAIT(99), f=WAIT(5), b=NOOP, e=NOOP)
    runs("t, l -done, l#1/s -false, l#2/s -true, l#1/o cancelled, l#2/b, l#1/o/w cancelled, l#1/o/f, e", g, at={"e": 5})


@case
def detail_59():
    """detail 59: a need above the number of items is join_unsatisfiable at once"""
    runs("t, l failed, e", looping("l -body-> a", "l -error-> e", l=MAP(1, 2, need=3), a=NOOP, e=NOOP),
         **{"l_output.error.type": "join_unsatisfiable"})


# ---- try ----

@case
def detail_39():
    """detail 39: a try without an open error takes its done edges and the unlabelled ones"""
    def g(a):
        return trying("o -body-> a", "o -catch-> c", "o -done-> d", "o -> e", "o -error-> x", a=a, c=("catch",), d=NOOP, e=NOOP, x=NOOP)
    runs("t, o -done, o/a, d, e", g(NOOP), o_output={"caught": None})
    runs("t, o -done, o/a failed, o/c, d, e", g(BAD), **{"o_output.caught.type": "unknown_name"})


def catch(types=None):
    return ("catch", {"error_type": types} if types else {})


@case
def detail_40_catch():
    """detail 40: the first catch in edge order whose types match, else the types of the try; none: the failure goes on"""
    g = trying("o -body-> a", "o -catch-> c1", "o -catch-> c2", "o -catch-> c3", a=BAD, c1=catch("timeout,unknown"),
               c2=catch("x, unknown_name"), c3=catch())
    runs("t, o -done, o/a failed, o/c2", g)
    g["nodes"][4]["config"]["error_type"] = "x"
    runs("t, o -done, o/a failed, o/c3", g)
    for types, caught in ((None, True), ("", True), ("unknown_name", True), ("timeout", False)):
        g = trying("o -body-> a", "o -catch-> c", a=BAD, c=catch())
        g["nodes"][1]["config"] = {"error_type": types}
        if caught:
            runs("t, o -done, o/a failed, o/c", g)
        else:
            runs("t, o failed, o/a failed", g, end="failed: Node a failed: " + MISSING)


@case
def detail_40_error():
    """detail 40: error is bound in catch, and in finally when it is open, else null; outside it is unknown"""
    same = "error.node_id == 'a' && error.type == 'unknown_name' && error.details == null && error.message.startsWith('expression')"
    g = trying("o -body-> a", "o -catch-> c", "c -> k", "o -finally-> f", "f -> g", "o -done-> z", a=BAD, c=catch(), k=IF(same),
               f=("finally",), g=IF("error == null"), z=IF("error"))
    runs("t, o -done, o/a failed, o/c, o/k -true, o/f, o/g -true, z failed", g,
         end='failed: Node z failed: expression "error": unknown name "error", line 1, column 1')
    g = trying("o -body-> a", "o -finally-> f", "f -> g", a=BAD, f=("finally",), g=IF(same))
    runs("t, o failed, o/a failed, o/f, o/g -true", g, end="failed: Node a failed: " + MISSING)


@case
def detail_40_order():
    """detail 40: a failure in catch runs finally and goes on; one in finally replaces what was open; break there forgets it"""
    g = trying("o -body-> a", "o -catch-> c", "c -> k", "o -finally-> f", "f -> g", a=BAD, c=catch(), k=IF("gone"), f=("finally",), g=NOOP)
    gone = 'failed: Node %s failed: expression "gone": unknown name "gone", line 1, column 1'
    runs("t, o failed, o/a failed, o/c, o/k failed, o/f, o/g", g, end=gone % "k")
    g = trying("o -body-> a", "o -finally-> f", "f -> g", a=BAD, f=("finally",), g=IF("gone"))
    runs("t, o failed, o/a failed, o/f, o/g failed", g, end=gone % "g")
    for kind, passes in (("break", 1), ("continue", 2)):
        g = looping("l -body-> o", "o -body-> a", "o -finally-> f", "f -> k", "l -done-> z", o=TRY, a=BAD, f=("finally",), k=(kind,), z=NOOP)
        runs("t, l -done, " + "".join("l#%d/o cancelled, l#%d/o/a failed, l#%d/o/f, l#%d/o/k, " % (i, i, i, i) for i in range(1, passes + 1))
             + "z", g, **{"l_output.count": passes, "l_output.succeeded": passes, "l_output.failed": 0})


def cancelled(*lines, f=WAIT(5), **nodes):
    """A try whose body waits, and whose finally takes five seconds; beside it what is given."""
    return graph("t -> o", "t -> w1", "o -body-> w", "o -finally-> f", *lines, t=T, o=TRY, w=WAIT(100), f=f, w1=WAIT(1), **nodes)


@case
def detail_40_cancel():
    """detail 40: what is cancelled from inside runs its finally first, and what cancelled it goes on then"""
    runs("t, o cancelled, w1, o/w cancelled, o/f, j", cancelled("o -done-> j", "w1 -> j", j=ANY), at={"j": 6})
    runs("t, o cancelled, w1, o/w cancelled, bad failed, o/f", cancelled("w1 -> bad", bad=BAD), at={"f": 6},
         end="failed: Node bad failed: " + MISSING)
    for status, end in (("completed", "completed"), ("failed", "failed: enough")):
        stop = ("terminate", {"status": status, "message": "enough"})
        runs("t, o cancelled, w1, o/w cancelled, stop, o/f", cancelled("w1 -> stop", stop=stop), at={"f": 6}, end=end)
        # a failure in it is dropped
        runs("t, o cancelled, w1, o/w cancelled, stop, o/f failed", cancelled("w1 -> stop", stop=stop, f=BAD), end=end)
    limited = {"graph_config": cancelled(), "trigger_config": {"timeout_seconds": 10}}
    runs("t, o cancelled, w1, o/w cancelled, o/f", limited, at={"f": 15}, end="failed: Workflow execution timed out after 10 seconds")
    # innermost first
    nested = trying("t -> w1", "w1 -> stop", "o -body-> i", "o -finally-> fo", "i -body-> w", "i -finally-> fi", i=TRY, w=WAIT(100),
                    fo=WAIT(1), fi=WAIT(1), w1=WAIT(1), stop=("terminate",))
    runs("t, o cancelled, w1, o/i cancelled, o/i/w cancelled, stop, o/i/fi, o/fo", nested, at={"fi": 2, "fo": 3})


@case
def detail_40_terminate():
    """detail 40: terminate in a finally ends at once; program text of the editor is not run, and a warning says so"""
    g = trying("o -body-> a", "o -finally-> f", "o -finally-> w", "f -> stop", a=BAD, f=("finally",), w=WAIT(9),
               stop=("terminate", {"message": "over"}))
    runs("t, o cancelled, o/a failed, o/f, o/w cancelled, o/stop", g)
    texts = trying("o -body-> a", "o -catch-> c", "o -finally-> f", a=BAD, c=("catch", {"error_handler": "x()"}),
                   f=("finally", {"finally_code": "y()"}))
    done = run("exec", write("w.json", texts), "--virtual-time", "--log-format", "json")
    is_(0, done.status)
    said = [json.loads(row) for row in done.err.splitlines()]
    is_(["%s of node %s holds program text, which is not run; draw nodes behind it instead" % pair
         for pair in (("error_handler", "c"), ("finally_code", "f"))], [row["message"] for row in said if row["level"] == "warning"])


# ---- what exec says ----

@case
def detail_51():
    """detail 51: the trace has activations in the order of their starts, pass counts in the scope; a node is completed once"""
    g = graph("t -> l", "l -body-> a", "a -> c", "c -true-> a", "l -done-> skip", "skip -true-> never", "l -done-> again", "again -true-> l",
              t=T, l=MAP(10, 5), a=WAIT("${item}"), c=UNTIL(12), skip=IF("false"), never=NOOP, again=UNTIL(1))
    result = runs("t, l -done, l#1/a, l#2/a, l#2/c -true, l#2/a(2), l#1/c -true, l#2/c(2) -true, l#1/a(2), l#2/a(3), "
                  "l#2/c(3) -false, l#1/c(2) -false, skip -false, again -false", g)
    is_(["t", "a", "c", "l", "skip", "again"], result.completed)


@case
def detail_52():
    """detail 52: time moves only when nothing is ready, equal timers fire in the order they were set, nodes start in edge order"""
    g = graph("t -> b", "t -> a", "t -> n", "n -> n2", "n2 -> late", "b -> b2", "a -> a2", "late -> late2", t=T, a=WAIT(5), b=WAIT(5), n=NOOP,
              n2=NOOP, late=WAIT(5), a2=NOOP, b2=NOOP, late2=NOOP)
    runs("t, b, a, n, n2, late, b2, a2, late2", g, at={"n2": 0, "late": 5, "a2": 5})
    is_(1, len({json.dumps(runs(None, g).data) for _ in range(3)}))


@case
def detail_53():
    """detail 53: a scope is over when nothing in it is live, parked or waits for its turn"""
    g = looping("l -body-> s", "s -> a", "s -> b", "s -> c", "l -done-> z", s=("noop", {}, {"sequential": True}), a=NOOP, b=WAIT(5), c=NOOP,
                z=NOOP)
    runs("t, l -done, l#1/s, l#1/a, l#1/b, l#1/c, l#2/s, l#2/a, l#2/b, l#2/c, z", g, at={"z": 10})
    # a cycle inside the pass goes round before the pass is over; an edge of it that was never taken is dead then
    g = looping("l -body-> a", "a -> c", "c -again-> a", "c -out-> x", "c -other-> y", "l -done-> z", l=FOR(1), a=WAIT(5), x=NOOP, y=NOOP,
                c=SWITCH("now() < 1767225608000 ? 'again' : 'out'", {"again": "", "out": "", "other": ""}), z=NOOP)
    runs("t, l -done, l#1/a, l#1/c -again, l#1/a(2), l#1/c(2) -out, l#1/x, z", g, at={"z": 10})


# ---- corners ----

@case
def detail_54():
    """detail 54: what leads out of what runs again is decided by the first run; with several edges from the cycle it runs once"""
    def g(e, z):
        return graph("t -> a", "a -> c", "c -true-> a", "c -> e", "e -true-> z", "t -> z", t=T, a=WAIT(10), c=UNTIL(25), e=e, z=z)
    two = ("noop", {}, {"join": "n_of_m", "join_n": 2})
    runs("t, a, c -true, e -true, a(2), z, c(2) -true, e(2) -false, a(3), c(3) -false, e(3) -false", g(UNTIL(15), two), at={"z": 10})
    runs("t, a, c -true, e -false, a(2) cancelled", g(IF("now() > 1767225615000"), two), at={"z": 10},
         end="failed: Node z failed: the join needs 2 edges, but only 1 can still be taken")
    both = graph("t -> a", "a -> b", "a -> c", "b -true-> a", "c -true-> a", "b -> e", "c -> e", t=T, a=WAIT(10), b=UNTIL(15), c=UNTIL(15),
                 e=NOOP)
    runs("t, a, b -true, c -true, e, a(2), b(2) -false, c(2) -false", both, at={"e": 10})


@case
def detail_55_runs_on():
    """detail 55: a finally that has begun runs to its end; those that are not nested run side by side"""
    g = trying("t -> w1", "o -body-> a", "o -finally-> f", "f -> g", "o -done-> never", "w1 -> stop", a=NOOP, f=WAIT(10), g=WAIT(2), w1=WAIT(5),
               stop=("terminate", {"output": {"n": 1}}), never=NOOP)
    runs("t, o cancelled, w1, o/a, o/f, stop, o/g", g, at={"f": 10, "g": 12}, stop_output={"n": 1})
    side = graph("t -> p", "t -> q", "t -> w1", "p -body-> a", "p -finally-> f", "q -body-> b", "q -finally-> g", "w1 -> stop", t=T, p=TRY,
                 q=TRY, a=WAIT(100), b=WAIT(100), f=WAIT(10), g=WAIT(10), w1=WAIT(1), stop=("terminate",))
    runs("t, p cancelled, q cancelled, w1, p/a cancelled, q/b cancelled, stop, p/f, q/g", side, at={"f": 11, "g": 11})


@case
def detail_55_leaves():
    """detail 55: in the finally of a cancelled try break and continue end that region only; terminate ends as the first one said"""
    for kind in ("break", "continue"):
        g = looping("l -body-> o", "l -body-> slow", "o -body-> b", "o -finally-> f", "f -> k", "f -> w", "l -done-> z", o=TRY, b=("break",),
                    f=WAIT(10), k=(kind,), w=WAIT(5), slow=WAIT(3), z=NOOP)
        runs("t, l -done, l#1/o cancelled, l#1/slow cancelled, l#1/o/b, l#1/o/f, l#1/o/k, l#1/o/w cancelled, z", g, at={"z": 10},
             **{"l_output.count": 1, "l_output.succeeded": 1})
    g = cancelled("w1 -> stop", "f -> stop2", "f -> w2", stop=("terminate", {"status": "failed", "message": "first"}),
                  stop2=("terminate", {"message": "second"}), w2=WAIT(9))
    runs("t, o cancelled, w1, o/w cancelled, stop, o/f, o/stop2, o/w2 cancelled", g, end="failed: first")


@case
def detail_56():
    """detail 56: branches meet where different sets of them arrive; join_rest on split or meeting node; of two splits the first"""
    far = graph("t -> a", "t -> b", "a -> p", "a -> q", "p -> j", "q -> j", t=("trigger", {}, {"parallel_wait_mode": "any"}), a=NOOP, b=NOOP,
                p=NOOP, q=WAIT(10), j=NOOP)
    runs("t, a, b, p, q, j", far, at={"j": 10})
    for split, meeting, slow in (({}, {}, False), ({"join_rest": "run"}, {}, True), ({"join_rest": "run"}, {"join_rest": "cancel"}, False),
                                 ({}, {"join_rest": "run"}, True)):
        g = graph("t -> a", "t -> b", "a -> j", "b -> j", t=("trigger", {}, {"parallel_wait_mode": "any", **split}), a=NOOP, b=WAIT(10),
                  j=("noop", {}, meeting))
        runs("t, a, b, j" if slow else "t, a, b cancelled, j", g, at={"j": 0})
    lines = "t -> s", "t -> c", "s -> a", "s -> b", "a -> j", "b -> j", "c -> j"
    nodes = {"a": NOOP, "b": WAIT(10), "c": WAIT(20), "j": NOOP}
    t, s = ("trigger", {}, {"parallel_wait_mode": "any"}), ("noop", {}, {"parallel_wait_mode": "all"})
    runs("t, s, c cancelled, a, b cancelled, j", graph(*lines, t=t, s=s, **nodes), at={"j": 0})
    runs("t, s, c, a, b, j", graph(*lines, s=s, t=t, **nodes), at={"j": 20})


@case
def detail_57():
    """detail 57: a branch of a switch that no edge has keeps its name in the result"""
    g = graph("t -> s", "s -true-> a", "s -false-> b", t=T, s=SWITCH("k", {"1": "one", "2": ""}), a=NOOP, b=NOOP)
    for k, branch, last in ((1, "one", "a"), (2, "2", "a"), (3, "default", "b")):
        runs("t, s -%s, %s" % (branch, last), g, "--data", '{"k": %d}' % k, **{"s_output.branch": branch})


@case
def detail_58():
    """detail 58: what follows a finally that was inferred follows the try, whatever else is labelled"""
    g = trying("o -body-> a", "a -> f", "f -> z", a=NOOP, f=("finally",), z=NOOP)
    runs("t, o -done, o/a, o/f, z", g)
    g = trying("o -body-> a", "o -catch-> c", "c -> f", "f -> z", a=BAD, c=catch(), f=("finally",), z=NOOP)
    runs("t, o -done, o/a failed, o/c, o/f, z", g)
    g = trying("o -> a", "o -> f", "f -> z", a=BAD, f=("finally",), z=NOOP)
    runs("t, o failed, o/a failed, o/f", g, end="failed: Node a failed: " + MISSING)


main()
