#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Write src/expr/casemap.h: Unicode's full case mapping as compact tables.  Usage: tools/casemap.py >src/expr/casemap.h

Only needed to move to another Unicode version; the result is kept in the repository."""
import unicodedata

LAST = 0x110000
SURROGATES = range(0xD800, 0xE000)


def simple_and_special(convert):
    runs, special = [], []
    for cp in range(LAST):
        if cp in SURROGATES:
            continue
        to = convert(chr(cp))
        if to == chr(cp):
            continue
        if len(to) > 1:
            special.append((cp, [ord(c) for c in to]))
            continue
        delta = ord(to) - cp
        if runs and runs[-1][3] == delta and cp - runs[-1][1] in (1, 2):
            first, last, step, _ = runs[-1]
            gap = cp - last
            if first == last or gap == step:
                runs[-1] = (first, cp, gap, delta)
                continue
        runs.append((cp, cp, 1, delta))
    return runs, special


def ranges(test):
    out = []
    for cp in range(LAST):
        if cp in SURROGATES or not test(chr(cp)):
            continue
        if out and out[-1][1] == cp - 1:
            out[-1] = (out[-1][0], cp)
        else:
            out.append((cp, cp))
    return out


def final_sigma(text):
    return text.lower().endswith("\u03c2")


def cased(c):
    return final_sigma(c + "\u03a3")


def ignorable(c):
    return final_sigma("A" + c + "\u03a3") and not cased(c)


def table(name, rows, fmt, ctype):
    print(f"static const struct {ctype} {name}[] = {{")
    line = "   "
    for row in rows:
        item = " " + fmt(row) + ","
        if len(line) + len(item) > 118:
            print(line)
            line = "   "
        line += item
    print(line)
    print("};\n")


print("/* SPDX-License-Identifier: Apache-2.0 */")
print(f"/* Made by tools/casemap.py from Unicode {unicodedata.unidata_version}; do not edit. */")
for name, convert in (("upper", str.upper), ("lower", str.lower)):
    runs, special = simple_and_special(convert)
    table(f"{name}_runs", runs, lambda r: f"{{{r[0]:#x}, {r[1]:#x}, {r[2]}, {r[3]}}}", "case_run")
    table(f"{name}_special", special, lambda r: "{%#x, {%s}}" % (r[0], ", ".join(f"{c:#x}" for c in r[1])), "case_special")
table("cased", ranges(cased), lambda r: f"{{{r[0]:#x}, {r[1]:#x}}}", "case_range")
table("ignorable", ranges(ignorable), lambda r: f"{{{r[0]:#x}, {r[1]:#x}}}", "case_range")
