# SPDX-License-Identifier: Apache-2.0
"""The rules of structure, joins and cycles in detail, one case for each; the names of the cases are the numbers of the rules.
details_scopes_test.py has those of loops, tries and scopes."""

from details import (ANY, FOR, IF, NOOP, REPEAT, SWITCH, T, WAIT, BAD, case, diagnostics, edge, graph, is_, main, node, runs,
                     structure, UNTIL)

# ---- definition and structure ----


@case
def forms():
    """definition: arrays, objects with next, and what drawing tools save mean the same"""
    expected = "t, c -true, a, z"
    runs(expected, graph("t -> c", "c -true-> a", "c -false-> b", "a -> z", "b -> z", t=T, c=IF("true"), a=NOOP, b=NOOP, z=NOOP))
    runs(expected, {"nodes": [{"id": "t", "type": "trigger"}, {"id": "c", "type": "box", "data": {"node_type": "condition",
                                                                                              "config": {"expression": "true"}}},
                              {"id": "a", "type": "noop", "data": {"label": "A"}}, {"id": "b", "data": {"type": "noop"}},
                              {"id": "z", "data": {"nodeType": "end"}}],
                    "edges": [{"source": "t", "target": "c"}, {"source": "c", "target": "a", "sourceHandle": "true"},
                              {"source": "c", "target": "b", "sourceHandle": "false"}, {"source": "a", "target": "z"},
                              {"source": "b", "target": "z"}]})
    runs(expected, {"nodes": {"t": {"node_type": "trigger", "next": "c"},
                              "c": {"node_type": "condition", "expression": "true", "next": ["a", "b"]},
                              "a": {"node_type": "noop", "next": ["z"]}, "b": {"node_type": "noop", "next": "z"}, "z": {"node_type": "end"}}})
    # next is read only when there are no edges
    runs("t, b", {"nodes": {"t": {"node_type": "trigger", "next": "a"}, "a": {"node_type": "noop"}, "b": {"node_type": "noop"}},
                  "edges": [edge("t", "b")]})


@case
def entry():
    """definition: the entry is entry_node_id, else the first trigger, else the first without an in-edge, else the first"""
    g = graph("a -> b", "c -> t", a=NOOP, b=NOOP, c=NOOP, t=T)
    runs("c, t", {**g, "entry_node_id": "c"})
    runs("t", {**g, "entry_node_id": "nobody"})
    is_("warning: /entry_node_id: entry_node_id names no node: nobody", diagnostics({**g, "entry_node_id": "nobody"})[0])
    runs("t", g)
    runs("a, b -false", graph("a -> b", "b -true-> c", "c -> b", c=NOOP, a=NOOP, b=IF("false")))
    runs("b -false", graph("b -true-> c", "c -> b", b=IF("false"), c=NOOP))
    runs("", {"nodes": [], "edges": []})


@case
def detail_1():
    """detail 1: branch, condition, sourceHandle are labels in this order; label is text for people; empty and null are none"""
    g = graph("t -> c", t=T, c=IF("true"), yes=NOOP, no=NOOP, bare=NOOP, null=NOOP, k=NOOP, h=NOOP, first=NOOP)
    g["edges"] += [edge("c", "yes", branch="true", label="false"), edge("c", "no", branch="false", label="true"),
                   edge("c", "bare", branch="", label="false"), edge("c", "null", branch=None), edge("c", "k", condition="true"),
                   edge("c", "h", sourceHandle="true"), edge("c", "first", branch="true", condition="false")]
    runs("t, c -true, yes, bare, null, k, h, first", g)
    g["edges"][2]["branch"] = 7
    runs("", g, end="failed: edge 3 from c to no: the branch is not a string")


@case
def detail_2():
    """detail 2: options stand on the node, else in data, else in config; the node wins"""
    for options, last in (({"join": "any", "config": {"join": "all"}}, 1), ({"data": {"join": "any", "config": {"join": "all"}}}, 1),
                          ({"config": {"join": "any"}}, 1), ({"data": {"join": "any"}}, 1),
                          ({"join": "all", "data": {"join": "any"}}, 10), ({"config": {}}, 10)):
        g = graph("t -> slow", "t -> fast", "slow -> j", "fast -> j", t=T, slow=WAIT(10), fast=WAIT(1))
        g["nodes"].append({"node_id": "j", "node_type": "noop", **options})
        runs("t, slow, fast, j" if last == 10 else "t, slow cancelled, fast, j", g, at={"j": last})


@case
def detail_3():
    """detail 3: a node twice and an edge to nowhere are errors and nothing runs; a node without an id is left out"""
    twice = graph("t -> a", t=T, a=NOOP)
    twice["nodes"].append(node("a", "noop"))
    runs("", twice, end='failed: duplicate node id "a"')
    runs("", graph("t -> a", "a -> nowhere", t=T, a=NOOP), end="failed: Node nowhere not found in workflow")
    runs("", graph("nowhere -> t", t=T), end="failed: Node nowhere not found in workflow")
    nameless = graph("t -> a", t=T, a=NOOP)
    nameless["nodes"].insert(1, {"node_type": "noop"})
    runs("t, a", nameless)
    is_(["warning: /nodes/1: a node without node_id is left out"], diagnostics(nameless))


@case
def detail_4():
    """detail 4: unreachable nodes are dead from the start; the entry runs at once; of several triggers only the entry is one"""
    far = graph("t -> a", "far -> a", "far -> far2", t=T, a=NOOP, far=NOOP, far2=NOOP)
    runs("t, a", far)
    is_(["warning: /nodes/2: node far cannot be reached from t and never runs",
         "warning: /nodes/3: node far2 cannot be reached from t and never runs"], diagnostics(far))
    runs("b, c -false", {**graph("b -> c", "c -true-> b", b=NOOP, c=IF("false")), "entry_node_id": "b"})
    runs("t1, x", graph("t2 -> x", "t1 -> x", t1=T, t2=T, x=NOOP))


@case
def detail_5():
    """detail 5: regions lie in each other; an edge from the inner one to the outer owner goes back in the outer pass"""
    g = graph("t -> l", "l -body-> m", "m -body-> a", "m -done-> b", "a -> l", "l -done-> z", t=T, l=FOR(1, 2), m=FOR(1), a=NOOP,
              b=NOOP, z=NOOP)
    runs("t, l -done, l#1/m -done, l#1/m#1/a, l#1/b, l#2/m -done, l#2/m#1/a, l#2/b, z", g)
    is_(["m runs in body of l", "a runs in body of m", "b runs in body of l"], structure(g)[-3:])


@case
def detail_6():
    """detail 6: the target of a catch edge belongs to the catch; what two branches share is outside; error and done count"""
    def g(a):
        return graph("t -> try", "try -body-> a", "try -catch-> c", "a -> c", "c -> k", "a -> z", "k -> z", t=T, a=a, c=("catch",),
                     k=NOOP, z=NOOP, **{"try": ("try",)})
    runs("t, try -done, try/a, z", g(NOOP))
    runs("t, try -done, try/a failed, try/c, try/k, z", g(BAD))
    for label in ("error", "done"):
        shared = graph("t -> l", "l -body-> a", "a -> e", "l -%s-> e" % label, t=T, l=FOR(1, 2), a=NOOP, e=NOOP)
        runs("t, l -done, l#1/a, l#2/a, e", shared)


@case
def detail_7():
    """detail 7: an edge into a region from the side is an error with both names, unless nothing comes from there"""
    runs("", graph("t -> l", "l -body-> a", "a -> b", "t -> b", t=T, l=FOR(1), a=NOOP, b=NOOP),
         end="failed: the edge from node t to node b enters the body of node l from the side")
    g = graph("t -> l", "l -body-> a", "a -> b", "far -> b", t=T, l=FOR(1), a=NOOP, b=NOOP, far=NOOP)
    runs("t, l -done, l#1/a, l#1/b", g)
    is_(["warning: /nodes/4: node far cannot be reached from t and never runs"], diagnostics(g))


@case
def detail_8():
    """detail 8: beside a body edge the unlabelled ones are done; without one they are inferred; error edges are no labels"""
    runs("t, l -done, l#1/a, z", graph("t -> l", "l -> z", "l -body-> a", t=T, l=FOR(1), a=NOOP, z=NOOP))
    runs("t, l -done, l#1/a, z", graph("t -> l", "l -> a", "l -done-> z", t=T, l=FOR(1), a=NOOP, z=NOOP))
    runs("t, l -done, l#1/a", graph("t -> l", "l -> a", "l -error-> e", t=T, l=FOR(1), a=NOOP, e=NOOP))
    runs("t, l -done, l#1/a, z",
         graph("t -> l", "l -> a", "a -> l", "l -> z", "l -error-> e", t=T, l=FOR(1), a=NOOP, z=NOOP, e=NOOP))


@case
def detail_9():
    """detail 9: a way back to the loop through what every way to it leads through does not make a body"""
    g = graph("t -> p", "p -> l", "l -> a", "a -> l", "l -> z", "z -true-> p", t=T, p=NOOP, l=FOR(1), a=WAIT(10), z=UNTIL(15))
    is_(["entry: t", "t -> p", "p -> l", "l -body-> a", "a -> l (back)", "l -done-> z", "z -true-> p (back)"], structure(g)[:7])
    runs("t, p, l -done, l#1/a, z -true, p(2), l(2) -done, l(2)#1/a, z(2) -false", g)


@case
def detail_10():
    """detail 10: a catch belongs to the innermost open try without one, a second one to the only open try, else it needs labels"""
    nested = graph("t -> o", "o -> i", "i -> a", "a -> c", "c -> d", t=T, o=("try",), i=("try",), a=BAD, c=("catch",), d=("catch",))
    is_(["c runs in catch of i", "d runs in catch of o"], structure(nested)[-2:])
    runs("t, o -done, o/i -done, o/i/a failed, o/i/c", nested)
    closed = graph("t -> o", "o -> a", "a -> f", "f -> b", "b -> c", t=T, o=("try",), a=NOOP, f=("finally",), b=NOOP, c=("catch",))
    is_("warning: /nodes/5: node c: a catch outside of a try does nothing", diagnostics(closed)[-1])
    runs("t, o -done, o/a, o/f, b, c", closed)
    second = graph("t -> o", "o -> a", "a -> c", "c -> d", t=T, o=("try",), a=BAD, c=("catch", {"error_type": "timeout"}),
                   d=("catch", {"error_type": "unknown_name"}))
    runs("t, o -done, o/a failed, o/d", second)
    both = graph("t -> o", "o -body-> i", "o -catch-> c", "i -body-> a", "i -catch-> d", "a -> e", t=T, o=("try",), i=("try",),
                 a=NOOP, c=("catch",), d=("catch",), e=("catch",))
    is_(["error: /nodes/6: node e: more than one try is open here and each has a catch; label the edges of the tries"],
        diagnostics(both))
    direct = graph("t -> o", "o -> i", "o -> c", "i -> a", t=T, o=("try",), i=("try",), a=BAD, c=("catch",))
    runs("t, o -done, o/i failed, o/i/a failed, o/c", direct)


@case
def detail_11():
    """detail 11: behind the finally of a chain is what follows; without one, what follows the catch is in it, with a warning"""
    def chain(a):
        return graph("t -> o", "o -> a", "a -> c", "c -> b", "b -> f", "f -> z", t=T, o=("try",), a=a, c=("catch",), b=NOOP,
                     f=("finally",), z=NOOP)
    runs("t, o -done, o/a, o/f, z", chain(NOOP))
    runs("t, o -done, o/a failed, o/c, o/b, o/f, z", chain(BAD))
    short = graph("t -> o", "o -> a", "a -> c", "c -> b", t=T, o=("try",), a=NOOP, c=("catch",), b=NOOP)
    runs("t, o -done, o/a", short)
    is_("warning: /nodes/3: node c: there is no finally, so what follows it (b) belongs to the catch and runs only after a "
        "failure; draw what follows the try from node o, with branch done", diagnostics(short)[-1])
    labelled = graph("t -> o", "o -body-> a", "o -catch-> c", "c -> b", "o -finally-> f", "f -> g", t=T, o=("try",), a=BAD,
                     c=("catch",), b=NOOP, f=("finally",), g=NOOP)
    runs("t, o -done, o/a failed, o/c, o/b, o/f, o/g", labelled)
    is_([], diagnostics(labelled))


@case
def detail_12():
    """detail 12: catch and finally outside a try do nothing; break and continue outside a loop fail, and are not retried"""
    g = graph("t -> c", "c -> f", "f -> z", t=T, c=("catch",), f=("finally",), z=NOOP)
    runs("t, c, f, z", g)
    is_(["warning: /nodes/1: node c: a catch outside of a try does nothing",
         "warning: /nodes/2: node f: a finally outside of a try does nothing"], diagnostics(g))
    for kind in ("break", "continue"):
        runs("t, b failed", graph("t -> b", t=T, b=(kind, {}, {"retry": {"max_attempts": 3, "initial_ms": 60000}})),
             end="failed: Node b failed: %s outside a loop" % kind, at={"b": 0})
        runs("t, l failed, l#1/b failed", graph("t -> l", "l -body-> b", t=T, l=FOR(1, 2), b=(kind, {"loop_label": "m"})),
             end="failed: Node l failed: pass 1: node b failed: %s names m, which is no loop around it" % kind)
    runs("t, b failed, e", graph("t -> b", "b -error-> e", t=T, b=("break",), e=NOOP),
         **{"b_output.error.type": "no_enclosing_loop"})


@case
def detail_13():
    """detail 13: a switch takes the edge of its case, else true or default, else false; keys are texts, values rename"""
    cases = {"1": "one", "1.5": None, "true": "", "x": "", "null": "none"}
    g = graph("t -> s", "s -one-> a", "s -1.5-> b", "s -true-> c", "s -default-> d", "s -false-> e", "s -none-> f", t=T,
              s=SWITCH("k", cases), a=NOOP, b=NOOP, c=NOOP, d=NOOP, e=NOOP, f=NOOP)
    for value, expected in (("1", "one, a"), ('"1"', "one, a"), ("1.5", "1.5, b"), ("true", "true, c"), ('"x"', "x, c"),
                            ('"zz"', "default, d"), ("null", "none, f")):
        runs("t, s -" + expected, g, "--data", '{"k": %s}' % value)
    two = graph("t -> s", "s -true-> c", "s -false-> e", t=T, s=SWITCH("k", cases), c=NOOP, e=NOOP)
    runs("t, s -one, c", two, "--data", '{"k": 1}')
    runs("t, s -default, e", two, "--data", '{"k": 2}')


@case
def detail_14():
    """detail 14: two unlabelled edges of a condition are true and false; error edges do not count, equal and back ones do"""
    g = graph("t -> c", "c -error-> e", "c -> a", "c -> b", t=T, c=IF("n > 1"), a=NOOP, b=NOOP, e=NOOP)
    runs("t, c -true, a", g, "--data", '{"n": 2}')
    runs("t, c -false, b", g, "--data", '{"n": 1}')
    runs("t, c failed, e", g)
    runs("t, c -true, a, b", g, "--data", '{"n": 2}', "--unlabelled-condition", "all")
    same = graph("t -> c", "c -> a", "c -> a", t=T, c=IF("false"), a=NOOP)
    runs("t, c -false, a", same)
    is_(["c -true-> a", "c -false-> a"], structure(same)[2:4])
    runs("t, w, c -true, w(2), c(2) -false, z", graph("t -> w", "w -> c", "c -> w", "c -> z", t=T, w=WAIT(10), c=UNTIL(15), z=NOOP))
    three = graph("t -> c", "c -> a", "c -> b", "c -> d", t=T, c=IF("false"), a=NOOP, b=NOOP, d=NOOP)
    runs("t, c -false, a, b, d", three)
    is_(["warning: /nodes/1: node c: its 3 edges have no branch, so all of them are taken"], diagnostics(three))
    runs("t, c -false, a", graph("t -> c", "c -> a", t=T, c=IF("false"), a=NOOP))


@case
def detail_15():
    """detail 15: a branch that no edge has takes nothing; only the outcome's branch steers, not a key of the output"""
    runs("t, c -true", graph("t -> c", "c -maybe-> a", t=T, c=IF("true"), a=NOOP))
    runs("t, a, b", graph("t -x-> a", "t -y-> b", t=T, a=NOOP, b=NOOP), "--data", '{"branch": "x"}', t_output={"branch": "x"})
    runs("t, z", graph("t -error-> a", "t -body-> b", "t -done-> c", "t -catch-> d", "t -finally-> e", "t -other-> z", t=NOOP, a=NOOP,
                       b=NOOP, c=NOOP, d=NOOP, e=NOOP, z=NOOP))


# ---- joins ----

N2 = ("noop", {}, {"join": "n_of_m", "join_n": 2})


@case
def detail_16():
    """detail 16: n_of_m fails the moment that n cannot be reached any more, but not before an edge was taken"""
    # all dead: skipped
    runs("t, c -false", graph("t -> c", "c -true-> a", "c -true-> b", "a -> j", "b -> j", t=T, c=IF("false"), a=NOOP, b=NOOP, j=N2))
    # taken at 0, dead at 0, dead at 10: fails at 10, while w still runs
    g = graph("t -> a", "t -> c", "t -> d", "t -> w", "a -> j", "c -true-> j", "d -> e", "e -true-> j", t=T, a=NOOP, c=IF("false"),
              d=WAIT(10), e=IF("false"), w=WAIT(60), j=N2)
    runs("t, a, c -false, d, w cancelled, e -false", g, at={"j": 10},
         end="failed: Node j failed: the join needs 2 edges, but only 1 can still be taken")
    # dead at 0 and 10, nothing taken before 20: only then
    g = graph("t -> c", "t -> d", "t -> a", "c -true-> j", "d -> e", "e -true-> j", "a -> j", t=T, a=WAIT(20), c=IF("false"),
              d=WAIT(10), e=IF("false"), j=N2)
    runs("t, c -false, d, a, e -false", g, at={"j": 20},
         end="failed: Node j failed: the join needs 2 edges, but only 1 can still be taken")


@case
def detail_16_load():
    """detail 16: an n above the number of edges, below 1 or missing is found when the definition is loaded"""
    def g(**options):
        return graph("t -> a", "t -> b", "a -> j", "b -> j", t=T, a=NOOP, b=NOOP, j=("noop", {}, {"join": "n_of_m", **options}))

    def split(**options):
        return graph("t -> a", "t -> b", "a -> j", "b -> j", t=("trigger", {}, {"parallel_wait_mode": "n_of_m", **options}), a=NOOP,
                     b=NOOP, j=NOOP)
    for n in (3, 0):
        runs("", g(join_n=n), end="failed: node j: join_n is %d, but 2 edges can arrive: the join can never fire" % n)
        runs("", split(parallel_wait_n=n), end="failed: node t: parallel_wait_n is %d, but 2 edges can arrive at node j: "
                                               "its join can never fire" % n)
    runs("", g(), end="failed: node j: join n_of_m needs join_n")
    runs("", split(), end="failed: node t: parallel_wait_mode n_of_m needs parallel_wait_n")
    runs("t, a, b, j", split(parallel_wait_n=2))


@case
def detail_17():
    """detail 17: join_rest cancel ends what can only come to this join; what leads elsewhere runs on and is absorbed"""
    g = graph("t -> fast", "t -> slow", "t -> both", "fast -> j", "slow -> later", "slow -error-> mend", "later -> j", "both -> j",
              "both -> other", t=T, fast=WAIT(1), slow=WAIT(10), later=NOOP, mend=NOOP, both=WAIT(20), other=NOOP, j=ANY)
    runs("t, fast, slow cancelled, both, j, other", g, at={"j": 1, "other": 20})
    # in its own pass only
    g = graph("t -> l", "l -body-> a", "l -body-> b", "a -> j", "b -> j", t=T, l=FOR(1, 5, max_concurrency=2), a=WAIT("${item}"),
              b=WAIT(3), j=ANY)
    runs("t, l -done, l#1/a, l#1/b cancelled, l#2/a cancelled, l#2/b, l#1/j, l#2/j", g)
    # a drawn way back to the loop is no way elsewhere
    g = graph("t -> l", "l -body-> s", "s -> a", "s -> b", "a -> j", "b -> j", "a -> l", t=T, l=FOR(1), s=NOOP, a=WAIT(9), b=WAIT(1), j=ANY)
    runs("t, l -done, l#1/s, l#1/a cancelled, l#1/b, l#1/j", g, at={"l": 1})
    # a scope that loses is cancelled with its passes
    g = graph("t -> l", "t -> fast", "l -body-> a", "l -done-> j", "fast -> j", t=T, l=FOR(1, 2), a=WAIT(10), fast=WAIT(15), j=ANY)
    runs("t, l cancelled, fast, l#1/a, l#2/a cancelled, j", g)
    # run
    g["nodes"][-1]["join_rest"] = "run"
    runs("t, l -done, fast, l#1/a, l#2/a, j", g, at={"j": 15, "l": 20})


@case
def detail_18():
    """detail 18: late arrivals at a decided node are absorbed; only each runs again"""
    def g(join):
        return graph("t -> a", "t -> b", "a -> j", "b -> j", "j -> k", t=T, a=WAIT(1), b=WAIT(2), k=NOOP,
                     j=("noop", {}, {"join": join, "join_rest": "run"}))
    runs("t, a, b, j, k", g("any"), at={"j": 1, "b": 2})
    runs("t, a, b, j, k, j(2), k(2)", g("each"), at={"j": 2})


@case
def detail_19():
    """detail 19: join_unsatisfiable is the failure of the join's node: its error edge, then the try around it, takes it"""
    def g(*more, **nodes):
        return graph("t -> a", "t -> c", "a -> j", "c -true-> j", *more, t=T, a=NOOP, c=IF("false"), j=N2, **nodes)
    runs("t, a, c -false, e", g("j -error-> e", "j -> z", e=NOOP, z=NOOP), **{"j_output.error.type": "join_unsatisfiable"})
    inside = graph("t -> o", "o -body-> s", "s -> a", "s -> c", "a -> j", "c -true-> j", "o -catch-> k", t=T, o=("try",), s=NOOP,
                   a=NOOP, c=IF("false"), j=N2, k=("catch",))
    runs("t, o -done, o/s, o/a, o/c -false, o/k", inside, **{"o_output.caught": {
        "node_id": "j", "type": "join_unsatisfiable", "message": "the join needs 2 edges, but only 1 can still be taken",
        "details": None}})


@case
def detail_20():
    """detail 20: an unhandled failure is fail-fast: nothing new starts, what runs is cancelled, results stay"""
    g = graph("t -> a", "t -> slow", "t -> w", "a -> a2", "a2 -> never", "w -> bad", "w -> late", t=T, a=WAIT(1), a2=WAIT(99),
              slow=WAIT(99), w=WAIT(5), bad=BAD, late=WAIT(1), never=NOOP)
    result = runs("t, a, slow cancelled, w, a2 cancelled, bad failed, late cancelled", g,
                  end='failed: Node bad failed: expression "missing": unknown name "missing", line 1, column 1')
    is_(["t", "a", "w"], result.completed)
    is_(None, result.data.get("late_output"))
    # in a pass: the other tokens of the pass
    runs("t, l -done, l#1/slow cancelled, l#1/bad failed, l#2/slow, l#2/bad -true, z",
         graph("t -> l", "l -body-> slow", "l -body-> bad", "l -done-> z", t=T, l=FOR(1, 2, tolerate=1), slow=WAIT(9),
               bad=IF("item == 1 ? missing : true"), z=NOOP))


@case
def detail_21():
    """detail 21: each runs what it dominates for every arrival; what leads out waits for all; data of the last in-edge"""
    g = graph("t -> a", "t -> b", "a -> j", "b -> j", "j -> k", "k -> z", "t -> z", t=T, a=WAIT(20), b=WAIT(10), z=NOOP,
              j=("noop", {}, {"join": "each"}), k=("map", {"input_array": "[now()]", "map_expression": "item"}))
    runs("t, a, b, j, k, j(2), k(2), z", g, at={"z": 20}, **{"k_output.result": [1767225610000]})
    # side by side
    g = graph("t -> a", "t -> b", "a -> j", "b -> j", "j -> k", t=T, a=WAIT(2), b=WAIT(1), j=("noop", {}, {"join": "each"}), k=WAIT(9))
    runs("t, a, b, j, k, j(2), k(2)", g, at={"k": 11})
    # taken when any pass took it
    g = graph("t -> a", "t -> b", "a -> j", "b -> j", "j -> k", "k -true-> z", "t -> o", "o -true-> z", t=T, a=WAIT(1), b=WAIT(9),
              j=("noop", {}, {"join": "each"}), k=UNTIL(5), z=NOOP, o=IF("false"))
    runs("t, a, b, o -false, j, k -true, j(2), k(2) -false, z", g, at={"z": 9})
    runs("", graph("t -> j", "j -> c", "c -true-> j", t=T, j=("noop", {}, {"join": "each"}), c=IF("false")),
         end="failed: node j: join each cannot stand in a cycle that is drawn without a loop node")


def value(name):
    return ("set_variable", {"variable_name": name, "variable_value": name.upper()})


@case
def detail_22():
    """detail 22: where branches of a split meet its mode counts, and their outputs stand in <node>_parallel_result"""
    def g(join=None, **options):
        return graph("t -> a", "t -> w", "w -> b", "a -> j", "b -> j", t=("trigger", {}, options), a=value("a"), w=WAIT(10), b=value("b"),
                     j=("noop", {}, {"join": join} if join else {}))
    a, b = ({"variable_name": n, "value": n.upper(), "scope": "workflow"} for n in "ab")
    for how, expected in (("merge", b), ("array", [a, b]), ("first", a), ("last", b)):
        runs("t, a, w, b, j", g(parallel_aggregation=how), at={"j": 10}, t_parallel_result=expected)
    runs("t, a, w cancelled, j", g(parallel_wait_mode="any"), at={"j": 0}, t_parallel_result=a)
    runs("t, a, w cancelled, j", g(parallel_wait_mode="any", parallel_aggregation="array"), t_parallel_result=[a])
    runs("t, a, w, b, j", g("all", parallel_wait_mode="any"), at={"j": 10}, t_parallel_result=b)
    # the first of two nodes where they meet sets it
    two = graph("t -> a", "t -> b", "a -> j", "b -> j", "b -> k", "j -> k", t=("trigger", {}, {"parallel_aggregation": "array"}),
                a=value("a"), b=value("b"), j=value("j"), k=NOOP)
    runs("t, a, b, j, k", two, t_parallel_result=[a, b])


@case
def detail_23():
    """detail 23: sequential branches run in edge order, the next when only shared nodes are live; a failure stops the row"""
    def g(a):
        return graph("t -> a", "t -> b", "t -> c", "a -> a2", "a2 -> j", "b -> j", "c -> j", t=("trigger", {}, {"sequential": True}), a=a,
                     a2=WAIT(5), b=WAIT(3), c=WAIT(2), j=NOOP)
    runs("t, a, a2, b, c, j", g(WAIT(10)), at={"a": 10, "a2": 15, "b": 18, "c": 20, "j": 20})
    runs("t, a failed", g(BAD), end='failed: Node a failed: expression "missing": unknown name "missing", line 1, column 1')
    shared = graph("t -> a", "t -> b", "a -> m", "b -> m", t=("trigger", {}, {"sequential": True}), a=WAIT(1), b=WAIT(1),
                   m=("delay", {"delay_seconds": 50}, {"join": "any", "join_rest": "run"}))
    runs("t, a, m, b", shared, at={"b": 2, "m": 51})


@case
def detail_24():
    """detail 24: when no branch is taken there is no parallel_result, and reading it is an unknown name"""
    g = graph("t -> c", "c -true-> a", "c -true-> b", "a -> j", "b -> j", "c -false-> x", t=T,
              c=("condition", {"expression": "n"}, {"parallel_aggregation": "array"}), a=NOOP, b=NOOP, j=NOOP, x=IF("c_parallel_result"))
    runs("t, c -false, x failed", g, "--data", '{"n": false}', c_parallel_result=None,
         end='failed: Node x failed: expression "c_parallel_result": unknown name "c_parallel_result", line 1, column 1')
    runs("t, c -true, a, b, j", g, "--data", '{"n": true}', c_parallel_result=[{}, {}])


# ---- cycles without a loop node ----

@case
def detail_25():
    """detail 25: an edge out of a cycle that is not taken in one pass waits for the later ones; then it is dead"""
    g = graph("t -> a", "a -> c", "c -true-> a", "c -false-> j", "t -> o", "o -> j", t=T, a=WAIT(10), c=UNTIL(25), o=NOOP, j=NOOP)
    runs("t, a, o, c -true, a(2), c(2) -true, a(3), c(3) -false, j", g, at={"j": 30})
    # never taken: dead when the cycle is over, not before
    g = graph("t -> a", "a -> c", "c -again-> a", "c -one-> j", "c -two-> x", "t -> o", "o -> j", t=T, a=WAIT(10), x=NOOP, o=NOOP,
              c=SWITCH("now() < 1767225615000 ? 'again' : 'two'", {"again": "", "one": "", "two": ""}), j=NOOP)
    runs("t, a, o, c -again, a(2), c(2) -two, x, j", g, at={"j": 20})


@case
def detail_26():
    """detail 26: what lies behind a cycle runs each time that the edge is taken; only once when other edges lead there too"""
    g = graph("t -> a", "a -> c", "c -true-> a", "c -> e", "e -> f", t=T, a=WAIT(10), c=UNTIL(25),
              e=("map", {"input_array": "[now()]", "map_expression": "item"}), f=NOOP)
    runs("t, a, c -true, e, a(2), f, c(2) -true, e(2), a(3), f(2), c(3) -false, e(3), f(3)", g, end="completed",
         **{"e_output.result": [1767225630000]})
    is_([], diagnostics(g))
    g = graph("t -> a", "a -> c", "c -true-> a", "c -> e", "t -> e", t=T, a=WAIT(10), c=UNTIL(25), e=NOOP)
    runs("t, a, c -true, e, a(2), c(2) -true, a(3), c(3) -false", g, at={"e": 10})
    is_(["warning: /edges/3: the edge from c to e leaves a cycle, but e has edges from elsewhere, too: it runs the first time "
         "only, not once for every pass"], diagnostics(g))


@case
def detail_27():
    """detail 27: a new pass runs what the taken back edges reach again; several of them make one pass"""
    g = graph("t -> a", "a -> b", "a -> c", "b -true-> a", "c -true-> a", t=T, a=WAIT(10), b=UNTIL(15), c=UNTIL(15))
    runs("t, a, b -true, c -true, a(2), b(2) -false, c(2) -false", g)
    # the pass waits until nothing else is live in the cycle
    g = graph("t -> a", "a -> b", "a -> c", "b -true-> a", "c -> d", "d -true-> a", t=T, a=WAIT(10), b=UNTIL(15), c=WAIT(30), d=IF("false"))
    runs("t, a, b -true, c, d -false, a(2), b(2) -false, c(2), d(2) -false", g, at={"a": 50})
    # an edge from outside keeps its state, but alone it does not bring a node into a later pass
    g = graph("t -> a", "t -> b", "a -> s", "s -x-> b", "s -y-> e", "b -> c", "c -true-> a", t=T, a=WAIT(10), b=NOOP, c=IF("true"), e=NOOP,
              s=SWITCH("now() < 1767225615000 ? 'x' : 'y'", {"x": "", "y": ""}))
    runs("t, a, s -x, b, c -true, a(2), s(2) -y, e", g)
    # d is not reached from b: in the second pass its edge is dead, and c does not wait for it
    g = graph("t -> a", "a -> b", "a -> d", "b -> c", "d -> c", "c -b-> b", "c -a-> a", t=T, a=NOOP, b=WAIT(10), d=NOOP,
              c=SWITCH("now() < 1767225615000 ? 'b' : now() < 1767225625000 ? 'a' : ''", {"a": "", "b": ""}))
    runs("t, a, b, d, c -b, b(2), c(2) -a, a(2), b(3), d(2), c(3) -default", g)


@case
def detail_28():
    """detail 28: max_iterations counts the passes of a cycle, also of nested ones, and fails the node before it runs"""
    g = graph("t -> a", "a -> c", "c -true-> a", t=T, c=IF("true"), a=("noop", {}, {"max_iterations": 3}))
    runs("t, a, c -true, a(2), c(2) -true, a(3), c(3) -true", g,
         end="failed: Node a failed: more than 3 passes of the cycle that comes back to this node")
    g["nodes"].append(node("e", "noop"))
    g["edges"].append(edge("a", "e", branch="error"))
    runs("t, a, c -true, a(2), c(2) -true, a(3), c(3) -true, e", g, **{"a_output.error.type": "max_iterations_exceeded"})
    # the inner cycle b-c and the outer one a-b-c have one counter: pass 4 is that of a
    g = graph("t -> a", "a -> b", "b -> c", "c -b-> b", "c -a-> a", t=T, b=WAIT(10), a=("noop", {}, {"max_iterations": 3}),
              c=SWITCH("now() < 1767225625000 ? 'b' : 'a'", {"a": "", "b": ""}))
    runs("t, a, b, c -b, b(2), c(2) -b, b(3), c(3) -a", g,
         end="failed: Node a failed: more than 3 passes of the cycle that comes back to this node")


@case
def detail_29():
    """detail 29: which edge goes back is found from the entry in edge order, in each scope by itself"""
    ab = {"t": T, "a": NOOP, "b": NOOP}
    is_(["t -> a", "t -> b", "a -> b", "b -> a (back)"], structure(graph("t -> a", "t -> b", "a -> b", "b -> a", **ab))[1:5])
    is_(["t -> b", "t -> a", "a -> b (back)", "b -> a"], structure(graph("t -> b", "t -> a", "a -> b", "b -> a", **ab))[1:5])
    # an inner region is one with its owner: the edge out of the body goes back to a, once the loop is over
    g = graph("t -> a", "a -> l", "l -body-> x", "x -true-> a", "l -done-> z", "z -true-> a", t=T, a=WAIT(10), l=FOR(1, 2),
              x=UNTIL(15), z=UNTIL(5))
    is_("x -true-> a (back)", structure(g)[4])
    runs("t, a, l -done, l#1/x -true, l#2/x -true, z -false, a(2), l(2) -done, l(2)#1/x -false, l(2)#2/x -false, z(2) -false", g)
    # an edge to the scope's own owner makes no cycle: its passes are not counted by a node of the body
    g = graph("t -> l", "l -body-> a", "a -> l", t=T, l=REPEAT(5), a=("noop", {}, {"max_iterations": 2}))
    runs("t, l -done, l#1/a, l#2/a, l#3/a, l#4/a, l#5/a", g)


main()
