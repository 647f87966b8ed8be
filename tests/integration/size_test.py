# SPDX-License-Identifier: Apache-2.0
"""How large an execution may be, and what all of them may take in a worker: max_state and max_memory."""

import random
import re
import sys

from harness import Answer, case, graph, main
from scene import Scene, T, server

MB = 1 << 20
REST = "keep large data elsewhere and pass on where they are, or raise max_state"
small = Scene("json", name="small", arguments=("--max-state", "4 MiB", "--lease-seconds", "3", "--max-retries", "0"))


def text_of(size, seed):
    """Text that PostgreSQL does not compress away."""
    return random.Random(seed).randbytes(size // 2).hex()


def answers(scene, size, times, **config):
    return [scene.call(scene.path(Answer(body=text_of(size, i))), **config) for i in range(times)]


def chain(calls):
    names = ["h%d" % i for i in range(len(calls))]
    row = ["t"] + names + ["e"]
    return graph([T] + [(name,) + call for name, call in zip(names, calls)] + [("e", "end")], list(zip(row, row[1:])))


def failed(scene, identity):
    """Its error without numbers, and these."""
    row = scene.backend.wait_end(identity)
    assert row.status == "failed", row.status
    return re.sub(r"\d+", "N", row.error_message), [int(n) for n in re.findall(r"\d+", row.error_message)]


def others_go_on(scene):
    assert scene.backend.wait_end(scene.start(chain([]))).status == "completed"


@case
def what_does_not_fit_fails_its_node():
    """answers of 1 MB one after the other: the one beyond 4 MiB fails its node, and the text says where and by how much"""
    text, (node, _, gave, has, limit) = failed(small, small.start(chain(answers(small, MB, 6))))
    assert text == ('Node hN failed: what node "hN" gave back (N bytes) does not fit into the execution\'s state, which has N bytes'
                    " and may have N (max_state): " + REST), text
    assert limit == 4 * MB and node == 3, (node, limit)
    assert MB <= gave < MB + 2000 and 3 * MB <= has < 3 * MB + 20000, (gave, has)
    others_go_on(small)


@case
def a_failure_that_can_be_caught():
    """state_too_large is a failure like others: a try around the node goes on with what fits"""
    calls = answers(small, 3 * MB, 2)
    definition = graph([T, ("a",) + calls[0], ("y", "try"), ("b",) + calls[1],
                        ("c", "set_variable", {"variable_name": "why", "variable_value": "${error.type}"}), ("e", "end")],
                       [("t", "a"), ("a", "y"), ("y", "b", "body"), ("y", "c", "catch"), ("y", "e", "done")])
    row = small.backend.wait_end(small.start(definition))
    assert row.status == "completed", (row.status, row.error_message)
    assert row.state["node_results"]["c"]["output"]["value"] == "state_too_large", row.state["node_results"]["c"]


@case
def what_is_replaced_does_not_count():
    """a loop of 30 passes, each with another answer of 1 MB, of which one is kept at a time"""
    path = small.path(*[Answer(body=text_of(MB, i)) for i in range(30)])
    definition = graph([T, ("l", "repeat", {"repeat_count": 30, "keep": 1}), ("c",) + small.call(path), ("e", "end")],
                       [("t", "l"), ("l", "c", "body"), ("c", "l"), ("l", "e", "done")])
    row = small.backend.wait_end(small.start(definition))
    assert row.status == "completed", (row.status, row.error_message)
    assert len(server.seen(path)) == 30


@case
def many_small_values():
    """what does not stand apart counts too: 200 variables of 30 KB each"""
    text = text_of(30000, 1)
    nodes = [("v%d" % i, "set_variable", {"variable_name": "n%d" % i, "variable_value": text}) for i in range(200)]
    definition = graph([T] + nodes + [("e", "end")],
                       list(zip(["t"] + [n[0] for n in nodes], [n[0] for n in nodes] + ["e"])))
    message, numbers = failed(small, small.start(definition))
    assert message.startswith('Node vN failed: what node "vN" gave back (N bytes) does not fit'), message
    assert 3.5 * MB < numbers[3] < 4 * MB + 300000, numbers


@case
def trigger_data():
    """trigger data of 5 MB end the execution with the limit; signals likewise"""
    text, (has, limit) = failed(small, small.start(chain([]), {"big": text_of(5 * MB, 2)}))
    assert text == ("state_too_large: trigger data and signals make the execution's state N bytes large, and it may have N"
                    " (max_state): " + REST), text
    assert 5 * MB <= has < 5 * MB + 20000 and limit == 4 * MB, (has, limit)
    identity = small.start(graph([T, ("w", "await", {"signal_type": "go"}), ("e", "end")], [("t", "w"), ("w", "e")]))
    small.waiting(identity)
    for i in range(5):
        small.signal(identity, "other", {"big": text_of(MB, i)})
    assert failed(small, identity)[0] == text
    others_go_on(small)


if __name__ == "__main__":
    sys.exit(main(keep_workers=True))
