# SPDX-License-Identifier: Apache-2.0
"""Long loops through wfworker exec: ten thousand passes of every kind of loop, and a cost that grows as their number does."""

import json
import resource

from tap import case, graph, is_, main, run, write

PASSES = 10000
ADD = ("set_variable", {"variable_name": "sum", "variable_value": "${(vars.sum ?? 0) + 1}"})


def executed(definition, *arguments):
    """The result, and the seconds of processor time that it took."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = run("exec", write("w.json", definition), "--virtual-time", "--log-level", "error", *arguments)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.status == 0, done.err + done.out[-1000:]
    return json.loads(done.out), after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime, len(done.out)


def in_a_loop(kind, **config):
    return lambda passes: graph("t -> l", "l -body-> a", "a -> b", "l -done-> e", t=("trigger",), a=ADD, b=("noop",), e=("end",),
                                l=(kind, dict(json.loads(json.dumps(config).replace('"N"', str(passes)).replace("PASSES", str(passes))),
                                              max_iterations=passes)))


def in_a_cycle(passes):
    return graph("t -> a", "a -> c", "c -true-> a", "c -false-> e", t=("trigger",), a=(*ADD, {"max_iterations": passes}),
                 c=("condition", {"expression": "vars.sum < %d" % passes}), e=("end",))


def grows_as_its_passes(made, check):
    """Ten times the passes cost about ten times as much; a cost of each that grew with their number would make it a hundred times."""
    few = min(executed(made(PASSES // 10))[1] for _ in range(2))
    result, many, length = executed(made(PASSES))
    start = min(executed(made(1))[1] for _ in range(2))
    check(result)
    print("# %.3f s for one pass, %.3f s for %d, %.3f s for %d" % (start, few, PASSES // 10, many, PASSES))
    assert many - start < 30 * max(few - start, 0.005), (start, few, many)
    assert length < 1024 * 1024, "%d bytes" % length


def counted(result):
    is_(PASSES, result["data"]["a_output"]["value"])
    passes_are(result)


def passes_are(result):
    output = result["data"]["l_output"]
    is_((PASSES, PASSES, 0, 100), (output["count"], output["succeeded"], output["failed"], len(output["results"])))


@case
def repeat():
    """repeat"""
    grows_as_its_passes(in_a_loop("repeat", repeat_count="N"), counted)


@case
def each():
    """for over an array"""
    grows_as_its_passes(in_a_loop("for", array_expression="range(PASSES)"), counted)


@case
def conditional():
    """while"""
    grows_as_its_passes(in_a_loop("while", condition_expression="index < PASSES"), counted)


@case
def side_by_side():
    """a map, ten at a time"""
    grows_as_its_passes(in_a_loop("for", array_expression="range(PASSES)", max_concurrency=10), passes_are)


@case
def cycle():
    """a cycle without a loop node"""
    grows_as_its_passes(in_a_cycle, lambda result: is_((PASSES, ["t", "a", "c", "e"]), (result["data"]["a_output"]["value"], result["completed_node_ids"])))


@case
def nested():
    """a hundred loops of a hundred passes"""
    result, _, length = executed(graph("t -> o", "o -body-> l", "l -body-> a", "l -done-> b", "o -done-> e", t=("trigger",), a=ADD, b=("noop",),
                                       e=("end",), o=("repeat", {"repeat_count": 100}), l=("repeat", {"repeat_count": 100})))
    is_(PASSES, result["data"]["a_output"]["value"])
    is_((100, 100), (result["data"]["l_output"]["count"], result["data"]["o_output"]["count"]))
    assert length < 1024 * 1024, "%d bytes" % length


main()
