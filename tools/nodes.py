#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Write doc/nodes.md, the reference of the node types, from what the plugins say about themselves.

    BUILD/wfworker.build --list-plugins --json | tools/nodes.py >doc/nodes.md        (make nodes-doc)
    BUILD/wfworker.build --list-plugins --json | tools/nodes.py --check doc/nodes.md

--check compares plugin by plugin and prints what differs; a plugin that this build lacks because its library is not there
(OPTIONAL) may stand in the file.  Other vendors' plugins are left out."""
import difflib
import json
import re
import sys

OPTIONAL = {"jq"}

HEAD = """# Node types

What every node type does, the keys of its `config`, and its result. Made from what the plugins say about themselves
(`make nodes-doc`); `wfworker --list-plugins` says which plugins a program has, and with `--json` all that stands here.

Texts in a config are templates: `${...}` and `{{...}}` are resolved before the node runs ([expressions.md](expressions.md)).
Keys marked *expression* hold the text of an expression and need no `${...}`. The result of a node `n` is `n_output` in the
data of the execution. A config that does not fit is the error `config_invalid`, before the node has done anything.

*Effect* says what may be repeated after a crash: `pure` and `reads` may, `idempotent` may because the other side notices,
`unsafe` nodes start only once that is recorded, and then carry the same key in every attempt.
"""


def type_of(schema):
    if "const" in schema:
        return "`%s`" % json.dumps(schema["const"], ensure_ascii=False)
    kinds = schema.get("type", [])
    kinds = [k for k in ([kinds] if isinstance(kinds, str) else kinds) if k != "null"]
    text = " or ".join(kinds) if kinds else "any"
    if "enum" in schema:
        text = ", ".join("`%s`" % json.dumps(v, ensure_ascii=False) for v in schema["enum"] if v is not None)
    return "*expression*" if schema.get("format") == "expression" else text


def limits(schema):
    names = {"minimum": "from %s", "exclusiveMinimum": "above %s", "maximum": "to %s", "exclusiveMaximum": "below %s",
             "minLength": "at least %s characters", "maxLength": "at most %s characters"}
    return ", ".join(text % json.dumps(schema[key]) for key, text in names.items() if key in schema)


def rows(schema, prefix="", required=()):
    for name, one in (schema.get("properties") or {}).items():
        notes = [one.get("description", ""), limits(one)]
        if "default" in one:
            notes.append("default `%s`" % json.dumps(one["default"], ensure_ascii=False))
        if name in schema.get("required", []):
            notes.append("required")
        text = "; ".join(n for n in notes if n)
        yield "| `%s%s` | %s | %s |" % (prefix, name, type_of(one), text.replace("|", "\\|"))
        yield from rows(one, prefix + name + ".")


def table(head, schema):
    lines = list(rows(schema)) if isinstance(schema, dict) else []
    return ["", "| %s | type | meaning |" % head, "| --- | --- | --- |", *lines] if lines else []


def node(n):
    names = [n["type"], *n["aliases"]]
    facts = ["effect: %s" % n["effect"], "on a thread of its own" if n["exec"] == "blocking" else ""]
    facts += ["uses: %s" % ", ".join(n["capabilities"])] if n["capabilities"] else []
    yield "### %s" % ", ".join(names)
    yield "%s. *%s.*" % (n["summary"][:1].upper() + n["summary"][1:].rstrip("."), "; ".join(f for f in facts if f))
    yield ""
    yield n["description"] or ""
    yield from table("config", n["config_schema"]) or ["", "It has no config."]
    output = n["output_schema"]
    yield from table("result", output)
    if isinstance(output, dict) and output.get("description"):
        yield ""
        yield "Result: %s." % output["description"]
    examples = [e for e in n["examples"] or [] if e != {}]
    if examples:
        yield ""
        yield "```json"
        yield from (json.dumps(e, ensure_ascii=False) for e in examples)
        yield "```"
    yield ""


def sections(plugins):
    """Plugin name -> text, in the order of the names."""
    own = [p for p in plugins if p["state"] == "ok" and p["nodes"] and all("." not in n["type"] for n in p["nodes"])]
    return {p["name"]: "\n".join(["## Plugin %s" % p["name"], "", *(line for n in p["nodes"] for line in node(n))])
            for p in sorted(own, key=lambda p: p["name"])}


def index(plugins, names):
    lines = ["| type | what it does |", "| --- | --- |"]
    for p in sorted(plugins, key=lambda p: p["name"]):
        for n in p["nodes"] if p["name"] in names and p["state"] == "ok" else []:
            anchor = re.sub(r"[^\w -]", "", ", ".join([n["type"], *n["aliases"]])).replace(" ", "-")
            aliases = "".join(", " + a for a in n["aliases"])
            lines.append("| [%s%s](#%s) | %s |" % (n["type"], aliases, anchor, n["summary"].replace("|", "\\|")))
    return "\n".join(lines)


def check(path, made, listed):
    with open(path, encoding="utf-8") as f:
        parts = re.split(r"(?m)^(?=## Plugin )", f.read())
    there = {p.splitlines()[0].split()[-1]: p.rstrip("\n") for p in parts[1:]}
    missing = [line for line in (HEAD + listed).splitlines() if line not in parts[0].splitlines()]
    wrong = bool(missing)
    print("".join("not at the top of %s: %s\n" % (path, line) for line in missing), end="")
    for name in sorted(set(there) | set(made)):
        if name not in made and name in OPTIONAL:
            continue
        a, b = there.get(name, "").splitlines(), made.get(name, "").rstrip("\n").splitlines()
        for line in difflib.unified_diff(a, b, path, "plugin " + name, n=1, lineterm=""):
            wrong = True
            print(line)
    return wrong


def main():
    plugins = json.load(sys.stdin)["plugins"]
    made = sections(plugins)
    if sys.argv[1:2] == ["--check"] and len(sys.argv) == 3:
        sys.exit(1 if check(sys.argv[2], made, index(plugins, made)) else 0)
    if sys.argv[1:]:
        sys.exit(__doc__)
    print("\n".join([HEAD, index(plugins, made), "", *made.values()]).rstrip("\n"))


if __name__ == "__main__":
    main()
