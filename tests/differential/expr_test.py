# SPDX-License-Identifier: Apache-2.0
"""Expressions against node: the same text and the same data give the same value.

The generator knows types, and keeps to what the language promises to mean as JavaScript does.  Left out is what
doc/expressions.md says is different: == of arrays and objects, in, + of arrays, characters beyond U+FFFF, functions whose
last digit is the library's business (sin, exp, ...)."""
import json
import shutil
import sys

import lines

NUMBERS = ["0", "1", "2", "3", "7", "10", "100", "-1", "-5", "0.1", "0.5", "1.5", "2.5", "-2.5", "1e3", "1e21", "123456789012345680000",
           "1e-7", "0.000001", "5e-324", "1.7976931348623157e308", "9007199254740993", "4294967296", "0x1F", ".5", "1_000", "0.30000000000000004"]
TEXTS = ["", "a", "abc", "Hello World", "  trim me  ", "12", " 12 ", "1.5", "-0", "0x1F", "1e3", "12px", ".5", "5.", "+5", "--5", "1_000",
         "Infinity", "-Infinity", "NaN", "null", "true", "ä", "Straße", "ΑΣ", "ﬁ", "İ", "a,b,,c", "x\ny", "\t", "\u00a0x\ufeff", "aXbXc", "0b11", "1 2"]
NAMES = {"num": ["n", "m", "z", "o.num", "o.deep.n"], "str": ["s", "t", "e", "o.str"], "bool": ["yes", "no", "o.flag"],
         "nums": ["ns", "none", "o.list"], "strs": ["ss"], "obj": ["o", "p", "us[0]"], "null": ["nil", "o.nil", "o.missing"]}
SCALARS = ["num", "str", "bool", "null"]


def quoted(r, text):
    mark = r.choice("'\"")
    out = "".join({"\n": "\\n", "\t": "\\t", "\\": "\\\\", mark: "\\" + mark}.get(c, c) for c in text)
    return mark + out + mark


class Generator:
    def __init__(self, r):
        self.r = r
        self.bound = []  # (name, type) of arrow functions' parameters

    def expr(self, kind, depth):
        known = [n for n, k in self.bound if k == kind]
        if known and self.r.random() < 0.4:
            return self.r.choice(known)
        if depth <= 0 or self.r.random() < 0.12:
            return self.leaf(kind)
        return getattr(self, kind)(depth - 1)

    def leaf(self, kind):
        r = self.r
        if r.random() < 0.4:
            return r.choice(NAMES[kind])
        if kind == "num":
            return r.choice(NUMBERS) if r.random() < 0.7 else repr(round(r.uniform(-1000, 1000), r.randint(0, 4)))
        if kind == "str":
            return quoted(r, r.choice(TEXTS))
        if kind == "bool":
            return r.choice(["true", "false"])
        if kind == "nums":
            return "[" + ", ".join(self.leaf("num") for _ in range(r.randint(0, 4))) + "]"
        if kind == "strs":
            return "[" + ", ".join(self.leaf("str") for _ in range(r.randint(0, 4))) + "]"
        if kind == "obj":
            return "{" + ", ".join(f"{k}: {self.leaf(r.choice(SCALARS))}" for k in r.sample(["a", "b", "c", "'d e'"], r.randint(0, 3))) + "}"
        return r.choice(["null", "undefined"])

    def one_of(self, depth, forms):
        """A form is text in which {num}, {str} ... stand for expressions of that kind, {i} for a small whole number, {f:num:bool} for
        an arrow function."""
        out, text = "", self.r.choice(forms)
        while "{" in text:
            before, _, rest = text.partition("{")
            hole, _, text = rest.partition("}")
            out += before + self.hole(hole, depth)
        return out + text

    def hole(self, hole, depth):
        if hole == "i":
            return str(self.r.randint(-4, 6))
        if hole == "c":
            return str(self.r.randint(0, 6))
        if hole.startswith("f:"):
            _, *kinds, result = hole.split(":")
            names = [f"{'xyvw'[len(self.bound) + k]}" if len(self.bound) + k < 4 else f"x{len(self.bound) + k}" for k in range(len(kinds))]
            self.bound += list(zip(names, kinds))
            body = self.expr(result, min(depth, 2))
            del self.bound[len(self.bound) - len(kinds):]
            if body.startswith("{"):
                body = f"({body})"
            head = names[0] if len(names) == 1 and self.r.random() < 0.7 else "(" + ", ".join(names) + ")"
            return f"{head} => {body}"
        text = self.expr(hole, depth)
        return text if text.replace("_", "a").isalnum() else f"({text})"

    def num(self, depth):
        return self.one_of(depth, [
            "{num} + {num}", "{num} - {num}", "{num} * {num}", "{num} / {num}", "{num} % {num}", "-{num}", "+{num}", "{c} ** {c}", "({i}) ** {c}",
            "{bool} ? {num} : {num}", "{num} || {num}", "{num} && {num}", "{null} ?? {num}", "{num} ?? {num}",
            "Math.floor({num})", "Math.ceil({num})", "Math.round({num})", "Math.trunc({num})", "Math.abs({num})", "Math.sign({num})",
            "Math.sqrt({num})", "Math.min({num}, {num})", "Math.max({num}, {num}, {num})", "Math.max(...{nums})", "Math.min(...{nums})", "Math.min()",
            "Number({str})", "Number({bool})", "Number({num})", "Number({null})", "parseInt({str})", "parseInt({str}, {c} + 10)", "parseFloat({str})",
            "{str}.length", "{nums}.length", "{strs}.length", "{str}.indexOf({str})", "{str}.lastIndexOf({str})", "{str}.indexOf({str}, {i})",
            "{nums}.indexOf({num})", "{nums}.lastIndexOf({num})", "{strs}.indexOf({str})", "{nums}.findIndex({f:num:bool})",
            "{nums}.reduce({f:num:num:num}, {num})", "{nums}.reduceRight({f:num:num:num}, {num})", "{nums}[{c}] ?? {num}", "{nums}.at({i}) ?? {num}",
            "Object.keys({obj}).length", "{str}.codePointAt({c}) ?? 0", "{str}.search({str}.length > 99 ? 'x' : 'b')",
            "[{num}, {num}][{c} % 2]", "({null})?.length ?? {num}", "JSON.parse(JSON.stringify({num})) ?? {num}", "Number({num}.toFixed({c}))",
            "{strs}.map({f:str:num}).reduce({f:num:num:num}, 0)", "us.map(u => u.n).reduce({f:num:num:num}, 0)", "Number.parseFloat({str})",
        ])

    def str(self, depth):
        return self.one_of(depth, [
            "{str} + {str}", "{str} + {num}", "{num} + {str}", "{str} + {bool}", "{str} + nil", "{bool} ? {str} : {str}", "{str} || {str}",
            "{str} && {str}", "{null} ?? {str}", "String({num})", "String({bool})", "String({null})", "String({str})", "{num}.toString()",
            "{bool}.toString()", "{num}.toFixed({c})", "{str}.toUpperCase()", "{str}.toLowerCase()", "{str}.trim()", "{str}.trimStart()", "{str}.trimEnd()",
            "{str}.slice({i})", "{str}.slice({i}, {i})", "{str}.substring({i}, {i})", "{str}.substring({i})", "{str}.charAt({i})", "{str}.at({i}) ?? 'none'",
            "{str}[{c}] ?? 'none'", "{str}.repeat({c})", "{str}.padStart({c}, {str})", "{str}.padEnd({c} + 5)", "{str}.replace({str}, 'R')",
            "{str}.replaceAll({str}, '-')", "{strs}.join({str})", "{strs}.join()", "{nums}.join(';')", "{str}.split({str}).join('|')", "typeof {num}", "typeof {str}",
            "typeof {obj}", "typeof {null}", "typeof unknownName", "JSON.stringify({num})", "JSON.stringify({str})", "JSON.stringify({obj})",
            "JSON.stringify({nums})", "JSON.stringify({obj}, null, {c})", "{str}.concat({str}, {str})", "{strs}[{c}] ?? {str}",
            "{strs}.reduce({f:str:str:str}, {str})", "{strs}.find({f:str:bool}) ?? 'none'", "{str}.substr({i}, {c})", "String.fromCodePoint(65 + {c})",
            "Math.trunc({num}).toString()", "encodeURIComponent({str})", "decodeURIComponent(encodeURIComponent({str}))", "({c} * 1000003).toString({c} + 2)", "Object.keys({obj}).join()",
        ])

    def bool(self, depth):
        return self.one_of(depth, [
            "!{bool}", "!{num}", "!{str}", "!{null}", "!!{nums}", "{bool} && {bool}", "{bool} || {bool}", "{num} < {num}", "{num} <= {num}", "{num} > {num}", "{num} >= {num}",
            "{num} === {num}", "{num} !== {num}", "{num} == {num}", "{str} == {str}", "{str} === {str}", "{str} != {str}", "{str} < {str}", "{str} >= {str}",
            "{num} == {str}", "{str} == {num}", "{bool} == {num}", "{bool} == {str}", "{null} == {num}", "{null} == {null}", "{null} === {null}", "{str} === {num}",
            "{str}.includes({str})", "{str}.startsWith({str})", "{str}.endsWith({str})", "{nums}.includes({num})", "{strs}.includes({str})",
            "{nums}.some({f:num:bool})", "{nums}.every({f:num:bool})", "{strs}.some({f:str:bool})", "{strs}.every({f:str:bool})", "isNaN({num})",
            "isNaN(Number({str}))", "isFinite({num})", "Number.isInteger({num})", "Number.isSafeInteger({num})", "Array.isArray({nums})", "Array.isArray({obj})", "Boolean({str})",
            "Boolean({num})", "{bool} ? {bool} : {bool}", "{null} ?? {bool}", "Object.hasOwn({obj}, {str})", "us.some(u => u.n > {num})", "{str}.startsWith({str}, {c})",
        ])

    def nums(self, depth):
        return self.one_of(depth, [
            "{nums}.map({f:num:num})", "{nums}.map({f:num:num:num})", "{nums}.filter({f:num:bool})", "{nums}.slice({i})", "{nums}.slice({i}, {i})", "{nums}.concat({nums})",
            "{nums}.concat({num}, {nums})", "[...{nums}, {num}]", "[{num}, ...{nums}]", "{nums}.toReversed()", "{nums}.toSorted((a, b) => a - b)", "{nums}.toSorted((a, b) => b - a)",
            "{strs}.map({f:str:num})", "{nums}.flatMap(q => [q, {num}])", "[{nums}, {nums}].flat()", "[[{nums}], {nums}].flat({c} + 2)", "{bool} ? {nums} : {nums}",
            "us.map(u => u.n)", "us.filter(u => u.n > {num}).map(u => u.n)", "[{num}, {num}, {num}]", "{strs}.map(Number)", "Array.from({nums})",
            "JSON.parse(JSON.stringify({nums})).map(q => q ?? {num})", "{nums}.filter({f:num:num:bool})", "us.map(({n}) => n)".replace("{n}", "\x01"),
        ]).replace("\x01", "{n}")

    def strs(self, depth):
        return self.one_of(depth, [
            "{strs}.map({f:str:str})", "{strs}.filter({f:str:bool})", "{str}.split({str})", "{str}.split('')", "{str}.split()", "{str}.split(',', {c})", "{strs}.concat({str})",
            "[...{strs}, {str}]", "[...{str}]", "{strs}.toReversed()", "{strs}.toSorted()", "{strs}.toSorted((a, b) => a.length - b.length)", "{nums}.map({f:num:str})",
            "{nums}.map(String)", "Object.keys({obj})", "{strs}.slice({i}, {i})", "us.map(u => u.s)", "{strs}.filter(Boolean)", "Object.entries({obj}).map(([k, v]) => k + typeof v)",
        ])

    def obj(self, depth):
        return self.one_of(depth, [
            "\x01a: {num}, b: {str}\x02", "\x01...{obj}, a: {num}\x02", "\x01a: 1, ...{obj}\x02", "\x01[{str}.length > 2 ? 'k' : 'l']: {bool}\x02", "\x01n, m, a: {null}\x02",
            "Object.fromEntries(Object.entries({obj}).map(([k, v]) => [k + 'x', v]))", "Object.assign(\x01\x02, {obj}, {obj})", "{bool} ? {obj} : {obj}",
            "us.find(u => u.n > {num}) ?? {obj}", "\x01list: {nums}, inner: {obj}\x02", "JSON.parse(JSON.stringify({obj}))", "{nums}.reduce((q, w) => (\x01...q, ['k' + w]: w\x02), \x01\x02)",
        ]).replace("\x01", "{").replace("\x02", "}")

    def null(self, depth):
        return self.one_of(depth, ["{nums}[100]", "o?.missing?.deeper", "nil?.x", "nil?.x.y.z", "({null}) ?? nil", "o['mis' + 'sing']", "us.find(u => u.n > 1e300)", "{str}[99]"])

    def data(self):
        r = self.r
        number = lambda: r.choice([0, 1, -1, 2, 3.5, -0.25, 10, 255, 1e21, 1e-7, 12345678901, r.randint(-50, 50), round(r.uniform(-10, 10), 3)])
        text = lambda: r.choice(TEXTS)
        return {"n": number(), "m": number(), "z": 0, "s": text(), "t": text(), "e": "", "yes": True, "no": False, "nil": None,
                "ns": [number() for _ in range(r.randint(0, 5))], "none": [], "ss": [text() for _ in range(r.randint(0, 5))],
                "o": {"num": number(), "str": text(), "flag": r.random() < 0.5, "nil": None, "deep": {"n": number()}, "list": [number(), number()]},
                "p": {"b": number(), "a": text()},
                "us": [{"n": number(), "s": text()} for _ in range(r.randint(1, 4))]}


def plain(v):
    """Numbers by their value, the order of keys as it is."""
    if isinstance(v, bool) or v is None or isinstance(v, str):
        return v
    if isinstance(v, (int, float)):
        return f"number {float(v) + 0.0!r}"
    if isinstance(v, list):
        return [plain(x) for x in v]
    return [[k, plain(x)] for k, x in v.items()]


def same(ours, theirs):
    if "error" in theirs:
        return "type" in ours
    if "v" in theirs and "v" in ours:
        return plain(ours["v"]) == plain(theirs["v"])
    return {k: v for k, v in ours.items() if k != "message"} == theirs


def main():
    node = shutil.which("node") or shutil.which("nodejs")
    if not node:
        lines.skip("node is not installed")
    tap, r = lines.Tap(), lines.seed()
    total, questions = lines.cases(5000), []
    for _ in range(total):
        g = Generator(r)
        kind = r.choice(["num", "num", "str", "str", "bool", "nums", "strs", "obj", "null"])
        questions.append({"e": g.expr(kind, r.randint(1, 4)), "d": g.data()})
    ours = lines.ask([lines.program("tests/unit/expr_eval")], questions)
    theirs = lines.ask([node, lines.source("tests/differential/evaluate.js")], questions)
    failed = sum("error" in t for t in theirs)
    print(f"# {failed} of them are errors in JavaScript, {sum('type' in t for t in theirs)} are not a number")
    tap.result("values as node has them", total, [
        f"{q['e']}\n  data: {json.dumps(q['d'], ensure_ascii=False)}\n  ours: {json.dumps(a, ensure_ascii=False)}\n  node: {json.dumps(b, ensure_ascii=False)}"
        for q, a, b in zip(questions, ours, theirs) if not same(a, b)])
    tap.result("few errors, so that values are compared", total, [f"{failed} errors"] if failed > total / 5 else [])
    tap.end()


if __name__ == "__main__":
    sys.exit(main())
