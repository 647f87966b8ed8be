# SPDX-License-Identifier: Apache-2.0
"""What include/wfworker/plugin.h says, read as text: its structures with their members, its numbers, and where each member lies
by the rules of a machine. Good enough for that header, which is written in one way throughout."""

import re

STRUCT = re.compile(r"^struct (\w+) \{\n(.*?)^\};", re.S | re.M)
POINTER_FN = re.compile(r"\(\*(\w+)\)\(")
# (size, alignment) of what is no pointer
PLAIN = {"uint16_t": (2, 2), "uint32_t": (4, 4), "int32_t": (4, 4), "char": (1, 1)}
MODELS = {"lp64": (8, 8), "ilp32": (4, 8), "i386": (4, 4)}  # bytes of a pointer, alignment of 64-bit integers


def without_comments(text):
    text = re.sub(r"/\*.*?\*/", " ", text, flags=re.S)
    text = re.sub(r"^#.*?[^\\]$", "", text, flags=re.M)
    return re.sub(r"__attribute__\(\(.*?\)\)\)", "", text)


def declarations(body):
    """The declarations of a structure's body, at semicolons that are in no parentheses."""
    return [" ".join(part.split()) for part in body.split(";") if part.strip()]


def members_of(declaration):
    """[(name, kind, count)], kind = pointer, size, or a plain type."""
    function = POINTER_FN.search(declaration)
    if function:
        return [(function.group(1), "pointer", 1)]
    names = declaration.split(",")
    first = re.match(r"(.*?)(\**\w+(?:\[\d+\])?)$", names[0])
    kind = first.group(1).strip()
    found = []
    for name in [first.group(2)] + [n.strip() for n in names[1:]]:
        array = re.match(r"(\**)(\w+)(?:\[(\d+)\])?$", name)
        pointer = array.group(1) or kind.endswith("*") or "*" in kind
        found.append((array.group(2), "pointer" if pointer else kind, int(array.group(3) or 1)))
    return found


def structs(text):
    """{struct: [(member, kind, count)]} in the order of the header."""
    return {s.group(1): [m for d in declarations(s.group(2)) for m in members_of(d)]
            for s in STRUCT.finditer(without_comments(text))}


def numbers(text):
    """{enumerator or size: value}."""
    found = {}
    for body in re.findall(r"^enum[^{;]*\{(.*?)\}", without_comments(text), re.S | re.M):
        for name, value in re.findall(r"(WFW_\w+)\s*=\s*(-?\d+)", body):
            found[name] = int(value)
    return found


def place(members, model):
    """[(member, offset, size)] and the size of the whole."""
    pointer, wide = MODELS[model]
    at, most, rows = 0, 1, []
    for name, kind, count in members:
        size, align = (pointer, pointer) if kind in ("pointer", "size_t") else (
            (8, wide) if kind in ("int64_t", "uint64_t") else PLAIN[kind])
        at += -at % align
        rows.append((name, at, size * count))
        at += size * count
        most = max(most, align)
    return rows, at + -at % most


def table(text, model):
    """The contract as it is kept in layout_MODEL.h."""
    lines = []
    for name, members in structs(text).items():
        rows, size = place(members, model)
        lines += ["MEMBER(%s, %s, %d, %d)" % (name, *row) for row in rows] + ["WHOLE(%s, %d)" % (name, size)]
    return lines
