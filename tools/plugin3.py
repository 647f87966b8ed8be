#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Write man/wfworker-plugin.3, the reference of the plugin interface, from the comments of its header.

    tools/plugin3.py <include/wfworker/plugin.h >man/wfworker-plugin.3        (make man-pages)

Every enumeration, structure, member, function of the host, callback and macro is there, with the words of the header."""
import re
import sys


def escape(text):
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return re.sub(r"(?m)^([.'])", r"\\&\1", text)


def words(comment):
    """The text of a comment as paragraphs of one line each; listings stay."""
    lines = [re.sub(r"^\s*(/\*+|\*/|\*)? ?", "", line) for line in comment.splitlines()]
    text = "\n".join(lines).replace("*/", "").strip("\n")
    return [p.strip() for p in re.split(r"\n\s*\n", text) if p.strip()]


def paragraph(text):
    return escape(re.sub(r"\s+", " ", text.replace("----", "")).strip())


def tokens(body):
    """Comments and declarations (up to , or ; outside of parentheses) of a structure or enumeration, with their line."""
    at, line = 0, 0
    while at < len(body):
        if body[at].isspace():
            line += body[at] == "\n"
            at += 1
        elif body.startswith("/*", at):
            end = body.index("*/", at) + 2
            yield "comment", body[at:end], line
            line += body.count("\n", at, end)
            at = end
        elif body[at] == "#":
            end = (body + "\n").index("\n", at)
            at = end
        else:
            start, depth = at, 0
            while at < len(body) and (depth or body[at] not in ",;"):
                if body.startswith("/*", at):
                    break
                depth += (body[at] == "(") - (body[at] == ")")
                at += 1
            text = body[start:at]
            at += at < len(body) and body[at] in ",;"
            line += text.count("\n")
            if text.strip() and not text.strip().startswith("__attribute__((format") or "(*" in text:
                yield "item", re.sub(r"\s+", " ", re.sub(r"__attribute__\(\(.*?\)\)\)", "", text)).strip(), line


def members(body):
    """[heading or None, declarations, comment]: a comment behind a declaration is its own, one on lines of its own is that of
    what follows it until the next one."""
    out, before = [], ""
    for kind, text, line in tokens(body):
        if kind == "item":
            out.append([text, before, line])
        elif re.match(r"/\* -- ", text):
            before = ""
            out.append([None, text, line])
        elif out and out[-1][0] and out[-1][2] == line:
            out[-1][1] = text
        else:
            before = text
    return out


def listing(body):
    for name, comment, _ in members(body):
        if name is None:
            text = re.sub(r"^/\* -- ", "", comment).replace("*/", "")
            text = re.sub(r"\n\s*\* ?", " ", text)
            yield ".PP"
            yield ".B " + paragraph(text).replace('"', "\\(dq")
            continue
        yield ".TP"
        yield ".B \"%s\"" % escape(name).replace('"', "\\(dq")
        said = [paragraph(p) for p in words(comment)]
        yield "\n.sp\n".join(said) if said else "\\&"


HEAD = """.\\" Made by tools/plugin3.py from include/wfworker/plugin.h; do not edit.
.TH WFWORKER\\-PLUGIN 3 "" "wfworker" "wfworker"
.SH NAME
wfworker\\-plugin \\- the interface of plugins
.SH SYNOPSIS
.nf
.B #define WFW_ABI_MINOR 0
.B #include <wfworker/plugin.h>
.sp
.B cc $(pkg\\-config \\-\\-cflags wfworker\\-plugin) $(pkg\\-config \\-\\-variable=moduleflags wfworker\\-plugin) x.c \\-o x.so
.fi
.SH DESCRIPTION"""


def find(source, kind):
    """(name, comment before, body) of every struct or enum with a body, in order."""
    pattern = r"((?:/\*(?:(?!\*/).)*\*/\s*)?)^%s (?:(\w+) )?\{(?:([^\n]*)\};|(.*?)^\};)" % kind
    for m in re.finditer(pattern, source, re.S | re.M):
        yield m.group(2), m.group(1), m.group(3) or m.group(4)


def intro(source):
    first = re.search(r"/\* wfworker/plugin\.h.*?\*/", source, re.S).group(0)
    for p in re.split(r"\n \*\n", first.strip("/* ")):
        lines = [re.sub(r"^ \* ?", "", line) for line in p.splitlines()]
        if all(line.startswith("    ") or not line for line in lines):
            yield ".PP\n.nf\n.RS"
            yield "\n".join(escape(line[4:]) for line in lines)
            yield ".RE\n.fi"
        else:
            yield ".PP"
            yield paragraph(" ".join(lines).replace("wfworker/plugin.h - ", "", 1))


def section(title, pairs):
    yield ".SH " + title
    for name, comment, body in pairs:
        yield ".SS " + escape(name)
        for p in words(re.sub(r"/\* -{20,}.*?\n", "/*\n", comment)) if comment else []:
            yield ".PP\n" + paragraph(p)
        yield from listing(body)


def others(source):
    """Handles, callbacks and macros."""
    yield ".SH HANDLES, CALLBACKS, MACROS"
    for m in re.finditer(r"^struct (\w+);((?:\s*/\*.*?\*/)?)", source, re.S | re.M):
        if re.search(r"^struct %s \{" % m.group(1), source, re.M):
            continue
        yield ".TP\n.B struct %s\n%s" % (m.group(1), " ".join(paragraph(p) for p in words(m.group(2))) or "\\&")
    for m in re.finditer(r"^typedef ([^;]*);", source, re.M):
        yield ".TP\n.B \"%s\"\nA callback." % escape(re.sub(r"\s+", " ", m.group(1)))
    for m in re.finditer(r"((?:/\*(?:(?!\*/).)*\*/\n)?)^#define (WFW_\w+(?:\([^)]*\))?)([^\n]*)", source, re.S | re.M):
        comment = m.group(1) or (re.findall(r"/\*.*", m.group(3)) or [""])[0]
        if m.group(2) in ("WFW_C", "WFW_EXPORT"):
            continue
        yield ".TP\n.B %s\n%s" % (escape(m.group(2)), " ".join(paragraph(p) for p in words(comment)) or "\\&")


def main():
    source = sys.stdin.read()
    structs = list(find(source, "struct"))
    print(HEAD)
    print("\n".join(intro(source)))
    print("\n".join(section("WHAT A PLUGIN IS MADE OF", [s for s in structs if s[0] in ("wfw_plugin", "wfw_node", "wfw_abi")])))
    print("\n".join(section("WHAT THE HOST GIVES", [s for s in structs if s[0] in ("wfw_call", "wfw_host", "wfw_http_response")])))
    print("\n".join(section("WHAT A HANDLER PASSES", [s for s in structs if s[0] not in (
        "wfw_plugin", "wfw_node", "wfw_abi", "wfw_call", "wfw_host", "wfw_http_response")])))
    print("\n".join(section("NUMBERS", [(n or "results of functions", c, b) for n, c, b in find(source, "enum")])))
    print("\n".join(others(source)))
    print(".SH SEE ALSO\n.BR wfworker (1),\n.BR wfworker\\-plugin (5)")


if __name__ == "__main__":
    main()
