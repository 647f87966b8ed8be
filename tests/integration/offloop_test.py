# SPDX-License-Identifier: Apache-2.0
"""Large documents do not hold up the loop: the threads beside it work on them for longer than its longest turn lasts, the short
executions beside them go on, and the values are the same to the last byte."""

import json
import re
import sys
import urllib.request

from harness import Answer, Worker, case, free_port, graph, main, note, wait_until
from scene import Scene, T, server

MB = 1 << 20


def document(size, seed):
    """A document of about so many bytes: many objects, and numbers that must come back as they were."""
    out, at, i = [], 0, 0
    while at < size:
        out.append('{"id":%d,"name":"%s-%08x","amount":%d.50,"tags":["a","b",%d],"open":true}'
                   % (i, seed, (i * 2654435761) & 0xffffffff, i, i % 7))
        at += len(out[-1]) + 1
        i += 1
    return "[" + ",".join(out) + "]"


class Watched(Scene):
    """A scene with one worker whose metrics are read; started anew, it has counted nothing."""

    def __init__(self, name):
        super().__init__("json", workers=0, name=name)
        self.again()

    def again(self):
        for worker in self.workers:
            worker.kill()
        self.address = "127.0.0.1:%d" % free_port()
        self.workers = [Worker(self.backend.dsn, "--web-listen", self.address, "--lease-seconds", "3", name=self.name)]

    def metric(self, name):
        with urllib.request.urlopen("http://%s/metrics" % self.address, timeout=30) as answer:
            return float(re.search(r"\nwfworker_%s (\S+)\n" % name, answer.read().decode()).group(1))

    def beside(self, count=100):
        """Short executions beside it."""
        workflow = self.backend.workflow(graph([T, ("n", "noop"), ("e", "end")], [("t", "n"), ("n", "e")]))
        return [self.backend.execution(workflow, {}) for _ in range(count)]

    def judge(self, what, share):
        turn, longest, total = (self.metric(n) for n in ("loop_turn_longest_seconds", "large_document_longest_seconds",
                                                         "large_documents_seconds_total"))
        note("%s: the loop's longest turn %.1f ms; beside it %.1f ms, the longest %.1f ms" % (what, turn * 1e3, total * 1e3, longest * 1e3))
        assert total > 0 and turn < total * share, (what, turn, total)


def text_of(scene, identity):
    return scene.backend.run("SELECT execution_state::text FROM workflowexecution WHERE id = %s", (identity,))[0][0]


scene = Watched("offloop")


@case
def answer():
    """an http answer of 6 MB as JSON, beside short executions"""
    scene.again()
    body = document(6 * MB, "answer")
    path = scene.path(Answer(body=body, headers={"Content-Type": "application/json"}))
    identity = scene.start(graph([T, ("h",) + scene.call(path), ("e", "end")], [("t", "h"), ("h", "e")]), {})
    short = scene.beside()
    assert scene.backend.wait_end(identity).status == "completed"
    for each in short:
        assert scene.backend.wait_end(each).status == "completed"
    text = text_of(scene, identity)
    assert '"json":' + body in text, "the answer is not what it was, to the last byte"
    assert json.loads(text)["node_results"]["h"]["output"]["body"] == body
    scene.judge("answer", 0.5)
    assert len(server.seen(path)) == 1


if __name__ == "__main__":
    sys.exit(main(keep_workers=True))
