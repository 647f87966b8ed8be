# SPDX-License-Identifier: Apache-2.0
"""Where the rules meet: scopes in cycles, joins in scopes, tries in loops, each of them in another. What has to run was
worked out from the rules by hand."""

from details import ANY, BAD, FOR, IF, NOOP, REPEAT, SWITCH, T, TRY, UNTIL, WAIT, cases, graph, main, runs

CATCH, BREAK = ("catch",), ("break",)
EACH = ("noop", {}, {"join": "each"})


def corner(name, expected, definition, **wanted):
    def check():
        runs(expected, definition, **wanted)
    check.__doc__ = "corner: " + name
    cases.append(check)


def looping(*lines, l=FOR(1, 2), **nodes):
    return graph("t -> l", *lines, t=T, l=l, **nodes)


def trying(*lines, **nodes):
    return graph("t -> o", *lines, t=T, o=TRY, **nodes)


def split(*lines, **nodes):
    return graph("t -> a", "t -> b", *lines, t=T, **nodes)


def now():
    return ("map", {"input_array": "[now()]", "map_expression": "item"})


# ---- cycles ----

corner("each pass of a cycle aggregates its split anew", "t, w, s, a, b, j, c -true, w(2), s(2), a(2), b(2), j(2), c(2) -false",
       graph("t -> w", "w -> s", "s -> a", "s -> b", "a -> j", "b -> j", "j -> c", "c -true-> w", t=T, w=WAIT(10), a=now(), b=NOOP, j=NOOP,
             s=("noop", {}, {"parallel_aggregation": "first"}), c=UNTIL(15)), **{"s_parallel_result.result": [1767225620000]})
corner("a sequential split in a cycle", "t, w, s, a, b, j, c -true, w(2), s(2), a(2), b(2), j(2), c(2) -false",
       graph("t -> w", "w -> s", "s -> a", "s -> b", "a -> j", "b -> j", "j -> c", "c -true-> w", t=T, w=WAIT(10), a=WAIT(1), b=WAIT(1),
             s=("noop", {}, {"sequential": True}), j=NOOP, c=UNTIL(15)))
corner("what arrives late in one pass does not count in the next", "t, w, a, b, j, c -true, w(2), a(2), b(2), j(2), c(2) -false",
       graph("t -> w", "w -> a", "w -> b", "a -> j", "b -> j", "j -> c", "c -true-> w", t=T, w=WAIT(10), a=WAIT(1), b=WAIT(5), c=UNTIL(15),
             j=("noop", {}, {"join": "any", "join_rest": "run"})), at={"w": 25})
corner("an error edge that leads back tries again", "t, a, b failed, a(2), b(2) -true",
       graph("t -> a", "a -> b", "b -error-> a", t=T, a=WAIT(10), b=IF("now() < 1767225615000 ? missing : true")))
corner("a loop behind a cycle runs each time", "t, a, c -true, l -done, a(2), l#1/x, c(2) -false, l(2) -done, l(2)#1/x",
       graph("t -> a", "a -> c", "c -true-> a", "c -> l", "l -body-> x", t=T, a=WAIT(10), c=UNTIL(15), l=FOR(1), x=NOOP))
corner("a try in a cycle", "t, o -done, o/a failed, o/c, w, k -true, o(2) -done, o(2)/a failed, o(2)/c, w(2), k(2) -false",
       trying("o -body-> a", "o -catch-> c", "o -done-> w", "w -> k", "k -true-> o", a=BAD, c=CATCH, w=WAIT(10), k=UNTIL(15)))
corner("a cycle in the pass of a loop, left along an edge out of the loop",
       "t, l -done, l#1/a, l#1/c -true, l#1/a(2), l#1/c(2) -false, l#2/a, l#2/c -false, y -false, out",
       looping("l -body-> a", "a -> c", "c -true-> a", "c -false-> out", "l -done-> y", "y -true-> out", a=WAIT(10), c=UNTIL(15), y=IF("false"),
               out=NOOP))
corner("a member of a cycle that no pass comes to leaves it in time", "t, a, s -x, b, c -true, a(2), s(2) -y, e",
       graph("t -> a", "a -> s", "s -x-> b", "s -y-> e", "b -> c", "c -true-> a", t=T, a=WAIT(10), b=NOOP, c=IF("true"), e=NOOP,
             s=SWITCH("now() < 1767225615000 ? 'x' : 'y'", {"x": "", "y": ""})))

# ---- each ----

corner("a loop with join each has passes of its own for each arrival", "t, a, b, l -done, l#1/x, l(2) -done, l(2)#1/x",
       split("a -> l", "b -> l", "l -body-> x", a=WAIT(1), b=WAIT(2), l=FOR(1, join="each"), x=NOOP))
corner("a try with join each takes all that follows only it along",
       "t, a, b, o -done, o/x failed, o/c, z, o(2) -done, o(2)/x failed, o(2)/c, z(2)",
       split("a -> o", "b -> o", "o -body-> x", "o -catch-> c", "o -done-> z", a=NOOP, b=WAIT(1), o=("try", {}, {"join": "each"}), x=BAD,
             c=CATCH, z=NOOP))
corner("each in a loop", "t, l -done, l#1/a, l#1/b, l#1/j, l#1/k, l#1/j(2), l#1/k(2), z",
       looping("l -body-> a", "l -body-> b", "a -> j", "b -> j", "j -> k", "l -done-> z", l=FOR(1), a=WAIT(1), b=WAIT(2), j=EACH, k=NOOP, z=NOOP))
corner("each within each", "t, a, b, j, p, q, i, i(2), x, x(2), j(2), p(2), q(2), i(3), i(4), x(3), x(4)",
       split("a -> j", "b -> j", "j -> p", "j -> q", "p -> i", "q -> i", "i -> x", a=NOOP, b=WAIT(1), j=EACH, p=NOOP, q=NOOP, i=EACH, x=NOOP))
corner("a failure in one arrival is that of the try around", "t, o -done, o/s, o/a, o/b, o/j, o/k -true, o/j(2), o/k(2) failed, o/c",
       trying("o -body-> s", "s -> a", "s -> b", "a -> j", "b -> j", "j -> k", "o -catch-> c", s=NOOP, a=WAIT(1), b=WAIT(2), j=EACH, c=CATCH,
              k=IF("now() < 1767225602000 ? true : missing")))
corner("a join any cancels arrivals that run", "t, a, b cancelled, f, j, k cancelled, z",
       split("t -> f", "a -> j", "b -> j", "j -> k", "k -> z", "f -> z", a=NOOP, b=WAIT(5), f=WAIT(1), j=EACH, k=WAIT(9), z=ANY))
corner("a sequential split for each arrival", "t, a, b, j, k, l, j(2), k(2), l(2)",
       split("a -> j", "b -> j", "j -> k", "j -> l", a=NOOP, b=WAIT(9), j=("noop", {}, {"join": "each", "sequential": True}), k=WAIT(1), l=NOOP))

# ---- loops ----

corner("an error edge back to the loop deals with the error", "t, l -done, l#1/a failed, l#2/a failed, z",
       looping("l -body-> a", "a -error-> l", "l -done-> z", a=BAD, z=NOOP), **{"l_output.succeeded": 2})
corner("an edge out of two loops", "t, l -done, l#1/m -done, l#1/m#1/a -false, l#2/m -done, l#2/m#1/a -true, y -false, out",
       looping("l -body-> m", "m -body-> a", "a -true-> out", "l -done-> y", "y -true-> out", m=FOR("x"), a=IF("outer == 2"), y=IF("false"),
               out=NOOP, l=("for", {"array_expression": [1, 2], "loop_variable": "outer"})))
corner("a loop that is its own body, and one without", "t, l -done, m -done, z",
       looping("l -body-> l", "l -done-> m", "m -done-> z", l=REPEAT(2), m=REPEAT(3), z=NOOP), **{"l_output.count": 2, "m_output.count": 3})
corner("a map in a map that is not needed any more",
       "t, l -done, l#1/m cancelled, l#2/m -done, l#1/m#1/a cancelled, l#1/m#2/a cancelled, l#2/m#1/a, l#2/m#2/a, z",
       looping("l -body-> m", "m -body-> a", "l -done-> z", l=FOR([50, 60], [1, 2], max_concurrency=2, need=1), a=WAIT("${item}"), z=NOOP,
               m=("for", {"array_expression": "item"}, {"max_concurrency": 2})), at={"z": 2})
corner("a pass that runs on does not fail the execution", "t, l -done, l#1/a, z, l#1/b failed",
       looping("l -body-> a", "a -> b", "l -done-> z", l=FOR(1, need=0, join_rest="run"), a=WAIT(9), z=WAIT(1), b=BAD))
corner("terminate ends a pass that runs on", "t, l -done, l#1/a cancelled, z, stop",
       looping("l -body-> a", "l -done-> z", "z -> stop", l=FOR(1, need=0, join_rest="run"), a=WAIT(9), z=WAIT(1), stop=("terminate",)))
corner("of two terminates the first counts", "t, a, b cancelled", split(a=("terminate", {"status": "failed", "message": "one"}), b=("terminate",)),
       end="failed: one")

# ---- tries ----

corner("a try in a row that leads back to a loop", "t, l -done, l#1/o -done, l#1/o/a failed, l#1/o/c, l#1/o/f, l#2/o -done, "
       "l#2/o/a failed, l#2/o/c, l#2/o/f, z",
       looping("l -> o", "o -> a", "a -> c", "c -> f", "f -> l", "l -> z", o=TRY, a=BAD, c=CATCH, f=("finally",), z=NOOP))
for a, ran in ((NOOP, "t, o -done, o/a, o/f, z"), (BAD, "t, o -done, o/a failed, o/c, o/f, z")):
    corner("a row that leads past the catch: " + a[0], ran,
           trying("o -> a", "a -> f", "a -> c", "c -> f", "f -> z", a=a, c=CATCH, f=("finally",), z=NOOP))
corner("break out of two tries runs both finally regions, the inner one first",
       "t, l -done, l#1/o cancelled, l#1/o/i cancelled, l#1/o/i/b, l#1/o/i/f, l#1/o/g, z",
       looping("l -body-> o", "o -body-> i", "i -body-> b", "i -finally-> f", "o -finally-> g", "l -done-> z", o=TRY, i=TRY, b=BREAK, f=WAIT(1),
               g=WAIT(1), z=NOOP), at={"z": 2})
corner("break in a catch", "t, l -done, l#1/o cancelled, l#1/o/a failed, l#1/o/c, l#1/o/k, l#1/o/f, z",
       looping("l -body-> o", "o -body-> a", "o -catch-> c", "c -> k", "o -finally-> f", "l -done-> z", o=TRY, a=BAD, c=CATCH, k=BREAK, f=NOOP,
               z=NOOP))
corner("continue waits for the finally of a try that it cancels",
       "t, l -done, l#1/o cancelled, l#1/q, l#1/o/w cancelled, l#1/k, l#1/o/f, l#2/o cancelled, l#2/q, l#2/o/w cancelled, l#2/k, l#2/o/f",
       looping("l -body-> o", "l -body-> q", "o -body-> w", "o -finally-> f", "q -> k", o=TRY, w=WAIT(99), f=WAIT(5), q=WAIT(1),
               k=("continue",)), at={"l": 12})
corner("a failure in the inner finally is what the outer try catches", "t, o -done, o/i failed, o/i/a failed, o/i/f failed, o/c",
       trying("o -body-> i", "i -body-> a", "i -finally-> f", "o -catch-> c", i=TRY, a=BAD, f=IF("gone"), c=CATCH),
       **{"o_output.caught.node_id": "f"})
corner("what the inner try does not take the outer one does", "t, o -done, o/i failed, o/i/a failed, o/i/f, o/c",
       trying("o -body-> i", "i -body-> a", "i -catch-> k", "i -finally-> f", "o -catch-> c", i=TRY, a=BAD, f=NOOP, c=CATCH,
              k=("catch", {"error_type": "timeout"})), **{"o_output.caught.node_id": "a"})
corner("an error edge comes before the catch, and the error edge of a try after its finally",
       "t, o failed, o/a failed, o/b, o/x failed, o/f, m",
       trying("o -body-> a", "a -error-> b", "b -> x", "o -catch-> c", "o -finally-> f", "o -error-> m", "o -done-> z", a=BAD, b=NOOP, x=BAD,
              c=("catch", {"error_type": "timeout"}), f=NOOP, m=NOOP, z=NOOP))
corner("error is that of the catch around, also behind an inner try that caught another one",
       "t, o -done, o/a failed, o/c, o/i -done, o/i/b failed, o/i/k, o/d -true",
       trying("o -body-> a", "o -catch-> c", "c -> i", "i -body-> b", "i -catch-> k", "i -done-> d", a=BAD, c=CATCH, i=TRY, b=IF("gone"), k=CATCH,
              d=IF("error.node_id == 'a'")))

main()
