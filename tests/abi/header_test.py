# SPDX-License-Identifier: Apache-2.0
"""The public header by itself: it compiles alone in every dialect, without a warning and without padding that is not written down, and
its members and numbers are where plugins that are compiled already look for them, on this machine and on others. abidiff compares the
whole of it with the last release; that these checks can fail is shown with headers that are wrong on purpose."""

import os
import platform
import re

import header
from tap import HERE, INCLUDE, Skip, call, case, has, is_, main, ok

HEADER = os.path.join(INCLUDE, "wfworker", "plugin.h")
STRICT = ["-pedantic-errors", "-Wall", "-Wextra", "-Wshadow", "-Wundef", "-Wconversion", "-Wcast-qual", "-Werror", "-fsyntax-only"]
ALONE = "#define WFW_ABI_MINOR 0\n#include <wfworker/plugin.h>\n"
TARGETS = {"x86_64-linux-gnu": "lp64", "aarch64-linux-gnu": "lp64", "riscv64-linux-gnu": "lp64", "s390x-linux-gnu": "lp64",
           "powerpc64le-linux-gnu": "lp64", "arm-linux-gnueabihf": "ilp32", "mips-linux-gnu": "ilp32", "i386-linux-gnu": "i386"}


def text():
    with open(HEADER) as f:
        return f.read()


def put(room, name, content):
    path = os.path.join(room, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as f:
        f.write(content)
    return path


def other_header(room, *changes):
    """A directory with the header, changed: (regular expression, replacement), each of which must change something."""
    said = text()
    for pattern, replacement in changes:
        changed = re.sub(pattern, replacement, said, count=1, flags=re.S)
        assert changed != said, pattern
        said = changed
    put(room, "wfworker/plugin.h", said)
    return room


def compiles(room, compiler, *options):
    c, cc = put(room, "alone.c", ALONE), put(room, "alone.cc", ALONE)
    for dialect in ("c99", "c11", "gnu11", "c17"):
        ok(has(compiler[0]), "-std=" + dialect, *STRICT, *options, "-I", INCLUDE, c)
    for dialect in ("c++11", "c++14", "c++17", "c++20"):
        ok(has(compiler[1]), "-std=" + dialect, *STRICT, *options, "-I", INCLUDE, cc)


@case
def it_compiles_alone_with_gcc(room):
    compiles(room, ("gcc", "g++"))


@case
def it_compiles_alone_with_clang(room):
    compiles(room, ("clang", "clang++"))


@case
def the_bridge_to_jansson_compiles_alone(room):
    text = ALONE + "#include <wfworker/plugin-jansson.h>\n"
    c, cc = put(room, "bridge.c", text), put(room, "bridge.cc", text)
    if call(has("gcc"), "-fsyntax-only", put(room, "jansson.c", "#include <jansson.h>\n"))[0] != 0:
        raise Skip("jansson.h is not where the compiler looks")
    ok("gcc", "-std=c99", *STRICT[:-2], "-Werror", "-Wno-cast-qual", "-fsyntax-only", "-I", INCLUDE, c)
    ok(has("g++"), "-std=c++11", *STRICT[:-2], "-Werror", "-Wno-cast-qual", "-fsyntax-only", "-I", INCLUDE, cc)


@case
def no_padding_is_hidden(room):
    if "64" not in platform.machine():
        raise Skip("the padding of a machine with %s is another one" % platform.machine())
    compiles(room, ("gcc", "g++"), "-Wpadded")
    bad = other_header(os.path.join(room, "bad"), (r"    int32_t retryable;.*?uint32_t reserved;", "    int32_t retryable;"))
    status, said = call("gcc", "-std=c99", "-Wpadded", "-Werror", "-fsyntax-only", "-I", bad, put(room, "alone.c", ALONE))
    assert status != 0 and "padding struct to align" in said, said


@case
def the_minor_has_to_be_said(room):
    for before, word in (("", "define WFW_ABI_MINOR"), ("#define WFW_ABI_MINOR 1\n", "WFW_ABI_MINOR is not one")):
        status, said = call(has("gcc"), "-fsyntax-only", "-I", INCLUDE, put(room, "x.c", before + "#include <wfworker/plugin.h>\n"))
        assert status != 0 and word in said, said


@case
def no_macro_or_type_beside_its_own(room):
    """Everything that the header brings begins with wfw_ or WFW_."""
    own = put(room, "own.c", ALONE)
    base = put(room, "base.c", "#include <stddef.h>\n#include <stdint.h>\n")
    macros = [set(re.findall(r"^#define (\w+)", ok(has("gcc"), "-dM", "-E", "-I", INCLUDE, path), re.M)) for path in (own, base)]
    is_([], sorted(m for m in macros[0] - macros[1] if not m.startswith("WFW")))
    names = re.findall(r"^(?:typedef .*?\(\*(\w+)\)|(?:struct|enum) (\w+))", header.without_comments(text()), re.M)
    is_([], [n for pair in names for n in pair if n and not n.startswith("wfw_")])


@case
def the_tables_have_every_member_and_number(_room):
    for model in header.MODELS:
        with open(os.path.join(HERE, "layout_%s.h" % model)) as f:
            kept = re.findall(r"^(?:MEMBER|WHOLE)\(.*\)$", f.read(), re.M)
        is_(header.table(text(), model), kept)
    with open(os.path.join(HERE, "numbers.h")) as f:
        kept = {name: int(value) for name, value in re.findall(r"^NUMBER\((\w+), (-?\d+)\)$", f.read(), re.M)}
    is_(header.numbers(text()), kept)


@case
def members_lie_where_they_lay(_room):
    layout = os.path.join(HERE, "layout.c")
    ok(has("gcc"), "-std=c99", "-pedantic-errors", "-Wall", "-Werror", "-fsyntax-only", "-I", INCLUDE, layout)
    ok(has("g++"), "-std=c++11", "-pedantic-errors", "-Wall", "-Werror", "-fsyntax-only", "-x", "c++", "-I", INCLUDE, layout)


@case
def and_on_other_machines(_room):
    """By clang, which knows them all; -ffreestanding, so that no headers of those machines are needed."""
    for target, model in TARGETS.items():
        macros = ok(has("clang"), "--target=" + target, "-dM", "-E", "-x", "c", "/dev/null")
        taken = "lp64" if "__LP64__" in macros else "i386" if "__i386__" in macros else "ilp32"
        is_(model, taken)
        ok("clang", "--target=" + target, "-std=c99", "-ffreestanding", "-fsyntax-only", "-I", INCLUDE, os.path.join(HERE, "layout.c"))


MOVED = (r"    const char \*node_id;  [^\n]*\n(    const char \*execution_id;[^\n]*\n)", r"\1    const char *node_id;\n")
SWAPPED_FUNCTIONS = (r"(    int \(\*done\)[^;]*;)(.*?)(    int \(\*fail\)[^;]*;)", r"\3\2\1")
NUMBER = (r"WFW_EXEC_LOOP = 100", "WFW_EXEC_LOOP = 101")
TYPE = (r"    int64_t deadline_ms;", "    uint32_t deadline_ms;")
PARAMETER = (r"\(\*done\)\(struct wfw_task \*task, ", "(*done)(struct wfw_task *task, int more, ")
APPENDED = (r"(    void \(\*unwatch\)\(struct wfw_watch \*watch\);)", r"\1\n    int (*later)(struct wfw_task *task);")
APPENDED_CALL = (r"(    uint32_t scope_outcome;[^\n]*\n    uint32_t reserved;)", r"\1\n    const char *later;")

APPENDED_NODE = (r"(    void \(\*cancel\)\(void \*state, struct wfw_task \*task\);)", r"\1\n    const char *later;")
APPENDED_NUMBER = (r"(WFW_EXEC_LOOP = 100)", r"\1, WFW_EXEC_ELSEWHERE = 200")
INSERTED = (r"(    const char \*node_id;  [^\n]*\n)", r"    const char *later;\n\1")
REMOVED = (r"    int64_t default_timeout_ms;[^\n]*\n", "")


@case
def a_moved_member_does_not_compile(room):
    for number, change in enumerate((MOVED, NUMBER, TYPE)):
        bad = other_header(os.path.join(room, str(number)), change)
        status, said = call(has("gcc"), "-std=c99", "-fsyntax-only", "-I", bad, os.path.join(HERE, "layout.c"))
        assert status != 0 and "is negative" in said, said


# ---- abidiff ----

def built_with(room, include):
    made = os.path.join(room, "shape.so")
    ok(has("gcc"), "-std=c99", "-g", "-O0", "-shared", "-fPIC", "-I", include, os.path.join(HERE, "shape.c"), "-o", made)
    return made


def compared(room, include):
    """What abidiff says of the change since the last release: "" when there is none."""
    has("abidiff")
    if platform.machine() != "x86_64":
        raise Skip("the baseline is one of x86_64, this is %s" % platform.machine())
    status, said = call("abidiff", "--no-show-locs", os.path.join(HERE, "plugin-1.0.abi"), built_with(room, include))
    assert bool(said.strip()) == bool(status & 4) and not status & 3, (status, said)
    return said


# What abidiff says where members were appended to a structure, or numbers to an enumeration, and nothing else.
HARMLESS = [r"(Functions|Variables) changes summary: 0 Removed, \d+ Changed.*, 0 Added (functions?|variables?)",
            r"\d+ functions? with some indirect sub-type changes?:",
            r"\[C\] 'function .*' has some (indirect )?sub-type changes:",
            r"parameter \d+ of type '.*' has sub-type changes:",
            r"in (pointed to type|unqualified underlying type) '.*':",
            r"type size (hasn't changed|changed from \d+ to \d+ \(in bits\))",
            r"\d+ (data member|enumerator) insertions?:", r"no data member change.*",
            r"\d+ data member changes?( \(\d+ filtered\))?:", r"type of 'const wfw_\w+\* \w+' changed:",
            r"'wfw_\w+::WFW_\w+' value '\d+'"]


def harmful(said):
    """The lines that are not about something appended."""
    end, found = 0, []
    for line in (row.strip() for row in said.splitlines() if row.strip()):
        grown = re.match(r"type size changed from (\d+) to", line)
        inserted = re.match(r"'.*', at offset (\d+) \(in bits\)$", line)
        end = int(grown.group(1)) if grown else end
        if not (inserted and int(inserted.group(1)) >= end) and not any(re.fullmatch(h, line) for h in HARMLESS):
            found.append(line)
    return found


@case
def nothing_was_changed_since_the_last_release(room):
    is_([], harmful(compared(room, INCLUDE)))


@case
def abidiff_finds_what_must_not_change(room):
    found = {"moved": (MOVED, "'const char* node_id' offset changed from 192 to 256 (in bits) (by +64 bits)"),
             "swapped": (SWAPPED_FUNCTIONS, "'int (wfw_task*, const wfw_value*, const char*)* done' offset changed from 192 to 256 (in bits) "
                         "(by +64 bits)"),
             "number": (NUMBER, "'wfw_exec::WFW_EXEC_LOOP' from value '100' to '101'"),
             "type": (TYPE, "type of 'int64_t deadline_ms' changed:"),
             "parameter": (PARAMETER, "parameter 2 of type 'const wfw_value*' changed:"),
             "inserted": (INSERTED, "'const char* later', at offset 192 (in bits)"),
             "removed": (REMOVED, "'int64_t default_timeout_ms', at offset 640 (in bits)")}
    for name, (change, line) in found.items():
        lines = harmful(compared(room, other_header(os.path.join(room, name), change)))
        assert line in lines, (name, lines)


@case
def abidiff_lets_what_is_appended_pass(room):
    said = compared(room, other_header(os.path.join(room, "more"), APPENDED, APPENDED_CALL, APPENDED_NODE, APPENDED_NUMBER))
    assert "'const char* later', at offset 1152 (in bits)" in said, said
    is_([], harmful(said))


@case
def every_structure_is_compared(_room):
    with open(os.path.join(HERE, "shape.c")) as f:
        shapes = f.read()
    is_(sorted(header.structs(text())), sorted(re.findall(r"^SHAPE\((\w+)\)$", shapes, re.M)))
    enums = re.findall(r"^enum (\w+)", header.without_comments(text()), re.M)
    is_([], [e for e in enums if "enum %s " % e not in shapes])


if __name__ == "__main__":
    main()
