# SPDX-License-Identifier: Apache-2.0
"""Texts in C sources: what functions that make errors are given, and what tests expect. Good enough for the sources of this project."""

import re

# Functions that make a text, with the number of the argument that is its format.
MAKERS = {"err_set": 1, "err_hint": 1, "err_detail": 1, "err_prefix": 1, "complain": 1, "task_complain": 1, "xasprintf": 0,
          "log_write": 1}
TOKEN = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:[^"\\\n]|\\.)*"|\'(?:[^\'\\\n]|\\.)*\'|\w+|\s+|.', re.S)
CONVERSION = re.compile(r"%(?:[-+ #0]*(?:\d+|\*)?(?:\.(?:\d+|\*))?(?:hh|h|ll|l|z|j)?[diuoxXscpg]|%)")
ESCAPES = {"n": "\n", "t": "\t", '"': '"', "\\": "\\", "'": "'"}


def tokens(text):
    return [t for t in TOKEN.findall(text) if not t.startswith("/*") and not t.startswith("//") and not t.isspace()]


def literal(token):
    text = re.sub(r"\\x([0-9a-f]{2})|\\u([0-9a-f]{4})|\\([0-7]{1,3})", lambda m: chr(int(m.group(1) or m.group(2) or "0", 16)), token[1:-1])
    return re.sub(r"\\(.)", lambda m: ESCAPES.get(m.group(1), m.group(1)), text)


def joined(row):
    """The texts of adjacent literals; a word in capitals between two of them is a macro, whose text is not known: NUL."""
    texts, open_text, macro = [], None, False
    for token in row:
        if token.startswith('"'):
            open_text = ("" if open_text is None else open_text) + ("\0" if macro else "") + literal(token)
            macro = False
        elif open_text is not None and not macro and re.fullmatch(r"[A-Z][A-Z0-9_]*|PRI\w+", token):
            macro = True
        else:
            texts += [] if open_text is None else [open_text]
            open_text, macro = None, False
    return texts + ([] if open_text is None else [open_text])


def arguments(row, at):
    """The arguments of the call whose parenthesis is at `at`, each a list of tokens."""
    depth, found = 0, [[]]
    for token in row[at:]:
        depth += token in "([{" if len(token) == 1 else 0
        if depth == 1 and token == ",":
            found.append([])
        elif not (depth == 1 and token == "(" and not found[-1] and len(found) == 1):
            found[-1].append(token)
        depth -= token in ")]}" if len(token) == 1 else 0
        if depth == 0:
            found[-1].pop()
            return found
    return []


def made(text):
    """The formats of all texts that a source makes."""
    row, found = tokens(text), []
    for at, token in enumerate(row[:-1]):
        if token in MAKERS and row[at + 1] == "(" and row[at - 1] not in ("int", "void", "char", "*"):
            args = arguments(row, at + 1)
            if len(args) > MAKERS[token]:
                found += joined(args[MAKERS[token]])
    return found


def words(fmt):
    """Is there anything to be asserted in it?"""
    return len(re.findall(r"[a-z]{2,}", CONVERSION.sub(" ", fmt))) >= 2


def pattern(fmt):
    """What finds the format in a text that a test expects: conversions are anything, the words are whole."""
    parts, at = [], 0
    for conversion in CONVERSION.finditer(fmt):
        parts.append(re.escape(fmt[at:conversion.start()]))
        parts.append("%" if conversion.group() == "%%" else r"[^\n]*?")
        at = conversion.end()
    parts.append(re.escape(fmt[at:]))
    return re.compile(r"(?:^|[\n\"\[\0]|\d |(?:: |=|  ))" + "".join(parts) + r"(?:$|[\n\"\0;,]| [a-z_]+=|: )", re.M)
