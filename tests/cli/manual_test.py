# SPDX-License-Identifier: Apache-2.0
"""The manual of semantics: every example in it runs, and says what stands there.

A block `json` is a definition, the subject of the examples that follow it.

A block `trace` holds what `wfworker exec --virtual-time --trace` makes of it. It begins with a line "$ exec ARGUMENTS", which may
be left out when there are none; then come the activations in the order of their starts, separated by commas, each as
SCOPE/NODE(RUN) -BRANCH STATUS (see trace_line()), then a line with the status ("failed: " is followed by the error message), then
any number of lines "PATH: VALUE" for parts of the result: PATH begins with a member of the result (node_results, ...) or else
is looked up in its data, VALUE is JSON, or "(none)" where there is nothing.

A block `console` holds commands, "$ wfworker ...", each with all that it prints, and "[STATUS]" when that is not 0. A file
NAME.json is the definition before it.

A line that ends in a backslash goes on in the next one, which begins with two blanks. A block may hold several commands; each is
a case. Other blocks are not run."""

import json
import os
import re
import shlex

from tap import SOURCE, cases, is_, main, run, trace_line, write

MANUAL = ["doc/semantics.md", "doc/semantics-running.md", "doc/expressions.md"]
OTHERS = {"sh", "sql", "text"}
STATUS = re.compile(r"(completed|running|paused|waiting_for_signal|failed: .*)$")
EXIT = {"completed": 0, "failed": 1}


# ---- reading ----

def blocks(path):
    """(line number, heading, language, text) of each fenced block."""
    heading, language, body, start = "", None, [], 0
    with open(os.path.join(SOURCE, path)) as f:
        for number, text in enumerate(f.read().splitlines(), 1):
            fence = re.match(r"```(\w*)$", text)
            if language is None and fence:
                language, body, start = fence.group(1), [], number
                assert language, "%s:%d: a block without a language" % (path, number)
            elif language is not None and text == "```":
                yield start, heading, language, "\n".join(body)
                language = None
            elif language is not None:
                body.append(text)
            elif text.startswith("#"):
                heading = text.lstrip("# ")
    assert language is None, "%s:%d: a block without an end" % (path, start)


def commands(text, default):
    """(command, what follows) of each command of a block."""
    rows = text.replace(" \\\n  ", " ").splitlines()
    if not rows[0].startswith("$ "):
        rows.insert(0, "$ " + default)
    found = []
    while rows:
        row = rows.pop(0)
        if row.startswith("$ "):
            found.append((row[2:], []))
        else:
            found[-1][1].append(row)
    return found


# ---- running ----

def lookup(result, path):
    """A part of the result, "(none)" when it is not there."""
    names = re.findall(r"[^.\[\]]+", path)
    value = result if names[0] in result else result["data"]
    for name in names:
        if isinstance(value, list) and name.isdigit() and int(name) < len(value):
            value = value[int(name)]
        elif isinstance(value, dict) and name in value:
            value = value[name]
        else:
            return "(none)"
    return json.dumps(value, ensure_ascii=False)


def wanted(rows):
    """(the trace, the status, parts) as they stand in the block."""
    at = next((i for i, row in enumerate(rows) if STATUS.match(row)), None)
    assert at is not None, "no line with the status"
    entries = [e.strip() for row in rows[:at] for e in row.split(",") if e.strip()]
    parts = [re.match(r"([\w.\[\]-]+): (.*)$", row).groups() for row in rows[at + 1:]]
    return entries, rows[at], [(path, value if value == "(none)" else json.dumps(json.loads(value), ensure_ascii=False))
                               for path, value in parts]


def run_trace(definition, command, rows):
    words = shlex.split(command)
    is_("exec", words[0])
    entries, status, parts = wanted(rows)
    done = run("exec", write("example.json", definition), "--virtual-time", "--trace", "--log-level", "error", *words[1:])
    is_("", done.err)
    result = json.loads(done.out)
    is_("\n".join(entries), "\n".join(trace_line(e) for e in result["trace"]))
    is_(status, result["status"] + (": " + result["error_message"] if result["status"] == "failed" else ""))
    is_(EXIT.get(result["status"], 3), done.status)
    for path, value in parts:
        is_("%s: %s" % (path, value), "%s: %s" % (path, lookup(result, path)))


def run_console(definition, command, rows):
    words = shlex.split(command)
    is_("wfworker", words[0])
    for name in words[1:]:
        if re.fullmatch(r"[\w-]+\.json", name):
            write(name, definition)
    status = int(rows.pop()[1:-1]) if rows and re.fullmatch(r"\[\d+\]", rows[-1]) else 0
    done = run(*words[1:])
    is_("\n".join(rows), (done.out + done.err).rstrip("\n"))
    is_(status, done.status)


def add(name, function, *arguments):
    def check():
        function(*arguments)
    check.__doc__ = name
    cases.append(check)


def read(path):
    definition = None
    for number, heading, language, text in blocks(path):
        where = "%s:%d: %s" % (os.path.basename(path), number, heading)
        if language == "json":
            definition = text
            add(where + ": json", json.loads, text)
        elif language in ("trace", "console"):
            function, default = (run_trace, "exec") if language == "trace" else (run_console, "")
            for command, rows in commands(text, default):
                add("%s: %s" % (where, command), function, definition, command, rows)
        else:
            assert language in OTHERS, "%s: a block of language %s" % (where, language)


for manual in MANUAL:
    if os.path.exists(os.path.join(SOURCE, manual)):
        read(manual)
assert cases, "the manual is not there"
main()
