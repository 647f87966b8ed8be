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


def side_by_side_all(passes, **body):
    """All passes at once; the body is a node, or two of which the second is behind or inside the first."""
    names = list(body)
    branch = {"mutex": " -body-> ", "await": " -timeout-> "}.get(body[names[0]][0], " -> ")
    links = ["l -body-> " + names[0]] + [names[0] + branch + other for other in names[1:]]
    return graph("t -> l", *links, "l -done-> e", t=("trigger",), e=("end",),
                 l=("for", {"array_expression": "range(%d)" % passes, "max_concurrency": passes, "max_iterations": passes}), **body)


def does_not_look_at_all(made, *arguments, most=12):
    """All wait beside each other.  Four times as many cost about four times as much; were each looked at for each, it would be
    sixteen times."""
    few = min(executed(made(PASSES // 4), *arguments)[1] for _ in range(2))
    result, many, _ = min((executed(made(PASSES), *arguments) for _ in range(2)), key=lambda done: done[1])
    start = min(executed(made(1), *arguments)[1] for _ in range(2))
    output = result["data"]["l_output"]
    is_((PASSES, PASSES, 0), (output["count"], output["succeeded"], output["failed"]))
    print("# %.3f s for one, %.3f s for %d, %.3f s for %d" % (start, few, PASSES // 4, many, PASSES))
    assert many - start < most * max(few - start, 0.02), (start, few, many)


@case
def waiting_for_times():
    """ten thousand passes that wait, each for its own time"""
    does_not_look_at_all(lambda passes: side_by_side_all(passes, a=("delay", {"delay_seconds": "${10 + index}"})))


@case
def waiting_for_signals():
    """ten thousand passes that wait, each for its own signal, or for its time"""
    does_not_look_at_all(lambda passes: side_by_side_all(
        passes, a=("await", {"signals": ["s${index}"], "timeout_seconds": "${10 + index}"}), b=("noop",)))


@case
def waiting_for_a_lock():
    """ten thousand passes that wait for one lock"""
    does_not_look_at_all(lambda passes: side_by_side_all(passes, a=("mutex", {"key": "k"}), b=("noop",)))


@case
def waiting_for_a_turn():
    """ten thousand passes that run one at a time"""
    does_not_look_at_all(  # one short walk when the turn is handed on is left
        lambda passes: side_by_side_all(passes, a=("noop", {}, {"interleave": "x"}), b=("noop",)), most=14)


@case
def waiting_for_children():
    """ten thousand passes that wait, each for a child"""
    child = write("child.json", graph("t -> e", t=("trigger",), e=("end",)))
    does_not_look_at_all(lambda passes: side_by_side_all(passes, a=("sub_workflow", {"workflow_id": "c"})), "--workflow", "c=" + child)


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
