# SPDX-License-Identifier: Apache-2.0
"""wfworker graph: drawings of definitions in files."""

import os
import random
import shutil
import subprocess
import xml.etree.ElementTree as xml

from tap import SOURCE, case, graph, is_, main, run, write

SVG = "{http://www.w3.org/2000/svg}"


def draw(definition, *arguments):
    name = definition if isinstance(definition, str) else write("w.json", definition)
    done = run("graph", name, *arguments)
    is_((0, ""), (done.status, done.err))
    return done.out


def busy():
    return graph("t -> work", "work -> again", "again -true-> work", "again -false-> s", "s -x-> a", "s -default-> b", "a -> end",
                 "b -> end", "t -> end", "work -error-> end", t=("trigger",), work=("noop",),
                 again=("condition", {"expression": "n"}), s=("switch",), a=("noop",), b=("noop",), end=("end",), far=("noop",))


@case
def as_text():
    """an example as text, the whole of it"""
    is_("""\
                       ┌─────────┐
                       │ trigger │
                       └────┬────┘
                            ▼
                ┌───────────────────────┐
                │ fetch (http_request)  │
                └───────────┬───────────┘
                            ▼
                    ┌───────────────┐
                    │ pause (delay) │
                    └───────┬───────┘
                            ▼
                  ┌───────────────────┐
                  │ large (condition) │
                  └─────────┬─────────┘
             ┌──────────────┴─────────────┐
             │                            │
           true                         false
             ▼                            ▼
┌─────────────────────────┐   ┌───────────────────────┐
│ approve (http_request)  │   │ reject (http_request) │
└────────────┬────────────┘   └───────────┬───────────┘
             └──────────────┬─────────────┘
                            ▼
                         ┌─────┐
                         │ end │
                         └─────┘
""", draw(os.path.join(SOURCE, "examples/demo.json")))


@case
def corners():
    """one node; a cycle; a node that is never reached; nothing at all; a scope that begins in the first row"""
    is_("┌─────────┐\n│ trigger │\n└─────────┘\n", draw(graph(trigger=("trigger",))))
    text = draw(busy())
    for part in ("│ work (noop) │", "true ↺ work", "│ far (noop)  │", "error", "default"):
        is_(1, text.count(part))
    is_("", draw({"nodes": []}))
    is_("""\
╭┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄╮
┆                 ┆
┆ ┌─────────────┐ ┆
┆ │ t (trigger) │ ┆
┆ └──────┬──────┘ ┆
╰┄┄┄┄┄┄┄┄│┄┄┄┄┄┄┄┄╯
         ▼
   ┌───────────┐
   │ w (while) │
   └─────┬─────┘
         │
     body ↺ t
""", draw(graph("t -> w", "w -body-> t", t=("trigger",), w=("while", {"condition": "false"}))))


@case
def scopes():
    """a scope is a frame, what follows it is below; the way back to a loop is a text, what is only drawn is left out"""
    is_("""\
       ┌─────────────┐
       │ t (trigger) │
       └──────┬──────┘
              ▼
         ┌─────────┐
         │ l (for) │
         └────┬────┘
        ┌─────┴─────┐
        │           │
      body        done
╭┄┄┄┄┄┄┄│┄┄┄┄┄┄┄╮   │
┆       ▼       ┆   │
┆ ┌───────────┐ ┆   │
┆ │ w (delay) │ ┆   │
┆ └─────┬─────┘ ┆   │
┆       │       ┆   │
┆      ↺ l      ┆   │
╰┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄╯   │
                    ▼
                 ┌─────┐
                 │ end │
                 └─────┘
""", draw(graph("t -> l", "l -body-> w", "w -> l", "l -done-> end", t=("trigger",), l=("for",), w=("delay",), end=("end",))))


def tangled(seed, count):
    """A random graph with scopes, and the scope of each node as (owner, branch)."""
    dice = random.Random(seed)
    lines, nodes, inside = [], {"n0": ("trigger",)}, {"n0": None}
    open_ends = {None: ["n0"]}
    for i in range(1, count):
        name, scope = "n%d" % i, dice.choice(list(open_ends))
        before = dice.sample(open_ends[scope], min(len(open_ends[scope]), dice.choice((1, 1, 2))))
        labels = [" -done" if nodes[b][0] in ("for", "try") else "" for b in before]
        lines += ["%s%s-> %s" % (b, label or " ", name) for b, label in zip(before, labels)]
        nodes[name] = (dice.choice(("noop", "noop", "noop", "for", "try")),)
        inside[name] = scope
        open_ends[scope] = (open_ends[scope] + [name])[-4:]
        for branch in {"for": ("body",), "try": ("body", "catch", "finally")}.get(nodes[name][0], ()):
            head = name + branch
            lines.append("%s -%s-> %s" % (name, branch, head))
            nodes[head] = (branch if branch in ("catch", "finally") else "noop",)
            inside[head] = (name, branch)
            open_ends[(name, branch)] = [head]
    return graph(*lines, **nodes), inside


def rectangles(root, what):
    return [tuple(int(r.get(k)) for k in ("x", "y", "width", "height")) for r in root.iterfind(what)]


def holds(outer, inner):
    return (outer[0] <= inner[0] and outer[1] <= inner[1] and inner[0] + inner[2] <= outer[0] + outer[2] and
            inner[1] + inner[3] <= outer[1] + outer[3])


def apart(a, b):
    return a[0] + a[2] <= b[0] or b[0] + b[2] <= a[0] or a[1] + a[3] <= b[1] or b[1] + b[3] <= a[1]


@case
def frames_hold_their_nodes():
    """in random graphs every frame holds the nodes of its scope, and nothing else; nodes are apart"""
    for seed in range(30):
        definition, inside = tangled(seed, 5 + seed * 4)
        root = xml.fromstring(draw(definition, "--format", "svg"))
        titles = [t.text.split(":")[0] for t in root.iterfind(".//%sg/%stitle" % (SVG, SVG))]
        nodes = dict(zip(titles, rectangles(root, ".//%sg[@class]/%stitle/../%srect" % (SVG, SVG, SVG))))
        names = [t.text for t in root.iterfind(".//%sg[@class='scopes']/%stext" % (SVG, SVG))]
        frames = dict(zip(names, rectangles(root, ".//%sg[@class='scopes']/%srect" % (SVG, SVG))))
        is_({"%s: %s" % s for s in inside.values() if s}, set(frames))
        is_(set(inside), set(nodes))
        for name, scope in inside.items():
            around = set()
            while scope:
                around.add("%s: %s" % scope)
                scope = inside[scope[0]]
            for frame, place in frames.items():
                assert (holds if frame in around else apart)(place, nodes[name]), (seed, name, frame)
        places = sorted(nodes.values())
        for i, a in enumerate(places):
            assert all(apart(a, b) for b in places[:i]), (seed, a)


@case
def lines_meet():
    """every line of a drawing ends at a box, an arrow, a text or another line"""
    for definition in (busy(), tangled(1, 20)[0], tangled(2, 60)[0]):
        check_lines(draw(definition).splitlines())


def check_lines(rows):
    up, right, down, left = "│└├┘┴┤┼", "─└┌├┴┬┼", "│┌├┐┤┬┼", "─┘┴┐┤┬┼"

    def at(x, y):
        return rows[y][x] if 0 <= y < len(rows) and 0 <= x < len(rows[y]) else " "
    for y, row in enumerate(rows):
        for x, char in enumerate(row):
            for set_, dx, dy, back in ((up, 0, -1, down), (down, 0, 1, up), (left, -1, 0, right), (right, 1, 0, left)):
                if char in set_:
                    other = at(x + dx, y + dy)
                    assert other != " ", (x, y, char, row)
                    assert dy or other in back, (x, y, char, row)


@case
def as_dot():
    """the language of graphviz, quoted; read by graphviz where it is installed"""
    text = draw(graph('a"b -> c', "c -x\\y-> a\"b", **{'a"b': ("trigger",), "c": ("condition",)}), "--format", "dot")
    is_('''digraph "w" {
    node [shape=box, style="rounded,filled", fillcolor="#ffffff"];
    "a\\"b" [tooltip="trigger"];
    "c" [tooltip="condition"];
    "a\\"b" -> "c";
    "c" -> "a\\"b" [label="x\\\\y", constraint=false];
}
''', text)
    text = draw(graph("t -> y", "y -body-> l", "l -body-> a", "y -catch-> c", t=("trigger",), y=("try",), l=("for",), a=("noop",),
                      c=("catch",)), "--format", "dot")
    frame = 'style="rounded,dashed"; color="#8fa3bf"; fontcolor="#5c7290"; labeljust=l; label='
    is_('''digraph "w" {
    node [shape=box, style="rounded,filled", fillcolor="#ffffff"];
    "t" [tooltip="trigger"];
    "y" [tooltip="try"];
    subgraph cluster_0 {
        FRAME"y: body";
        "l" [tooltip="for"];
        subgraph cluster_1 {
            FRAME"l: body";
            "a" [tooltip="noop"];
        }
    }
    subgraph cluster_2 {
        FRAME"y: catch";
        "c" [tooltip="catch"];
    }
    "t" -> "y";
    "y" -> "l" [label="body"];
    "l" -> "a" [label="body"];
    "y" -> "c" [label="catch"];
}
'''.replace("FRAME", frame), text)
    for definition in (busy(), tangled(3, 40)[0]) if shutil.which("dot") else ():
        subprocess.run(["dot", "-Tplain"], input=draw(definition, "-f", "dot"), check=True, capture_output=True, text=True, timeout=600)


@case
def as_svg():
    """well-formed XML with every node and branch, whatever their names are"""
    g = graph("a<b> & \"c\" -x]]>y-> d\x01e", "d\x01e -> z",
              **{'a<b> & "c"': ("trigger",), "d\x01e": ("condition",), "z": ("noop",)})
    root = xml.fromstring(draw(g, "--format", "svg"))
    is_(SVG + "svg", root.tag)
    is_(['a<b> & "c": trigger', "d e: condition", "z: noop"], [t.text for t in root.iterfind(".//%sg/%stitle" % (SVG, SVG))])
    is_(['a<b> & "c" (trigger)', "d e (condition)", "z (noop)", "x]]>y"], [t.text for t in root.iter(SVG + "text")])
    is_(["node none"] * 3, [t.get("class") for t in root.iter(SVG + "g") if t.get("class")])
    root = xml.fromstring(draw(busy(), "--format", "svg"))
    width, height = int(root.get("width")), int(root.get("height"))
    boxes = [tuple(int(r.get(k)) for k in ("x", "y", "width", "height")) for r in root.iterfind(".//%sg/%srect" % (SVG, SVG))]
    is_(8, len(boxes))
    for i, (x, y, w, h) in enumerate(boxes):
        assert 0 <= x and 0 <= y and x + w <= width and y + h <= height, boxes[i]
        for (x2, y2, w2, h2) in boxes[:i]:
            assert x + w <= x2 or x2 + w2 <= x or y + h <= y2 or y2 + h2 <= y, (boxes[i], (x2, y2, w2, h2))


@case
def large():
    """large graphs: a chain, a fan, and one that is refused"""
    names = ["n%d" % i for i in range(1000)]
    chain = graph(*["%s -> %s" % pair for pair in zip(names, names[1:])], **{n: ("noop",) for n in names})
    is_(1000, draw(chain).count("(noop)"))
    fan = graph(*["n0 -> " + n for n in names[1:]], **{n: ("noop",) for n in names})
    is_(1000, draw(fan).count("(noop)"))
    is_(1000, draw(fan, "-f", "dot").count("tooltip"))
    every = graph(*["%s -> %s" % pair for pair in zip(names, names[1:])], *["%s -> n999" % n for n in names[:998]],
                  **{n: ("noop",) for n in names})
    done = run("graph", write("w.json", every))
    is_((1, "", "wfworker: the workflow is too large to be laid out: more than 300000 nodes, branches and bends\n"
         "HINT:  use --format dot\n"), tuple(done))
    is_(1000, draw(every, "-f", "dot").count("tooltip"))


@case
def wrong_usage():
    """a format that there is not, a file that is not there"""
    is_((2, "", 'wfworker: there is no format "png"\nHINT:  it is text, dot or svg\n'),
        tuple(run("graph", write("w.json", busy()), "--format", "png")))
    is_((1, "", "wfworker: none.json: No such file or directory\n"), tuple(run("graph", "none.json")))


main()
