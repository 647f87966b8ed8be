#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Write a manual page from one of the files in doc/, which use little of Markdown.

    tools/md2man.py NAME SECTION SUMMARY <doc/FILE.md >man/NAME.SECTION              (make man-pages)
"""
import re
import sys


def escape(text):
    return re.sub(r"^([.'])", r"\\&\1", text.replace("\\", "\\e").replace("-", "\\-").replace("·", "\\(pc"))


def inline(text):
    """`code` is bold, links are their text."""
    text = re.sub(r"\[([^\]]+)\]\([^)]*\.md[^)]*\)", r"\1", text)
    out = []
    for i, part in enumerate(re.split(r"``? ?(.+?) ?``?(?!`)", text)):
        part = escape(part)
        out.append("\\fB" + part.replace("\\&", "") + "\\fR" if i % 2 else re.sub(r"\*\*(.+?)\*\*", r"\\fB\1\\fR", part))
    return re.sub(r"^([.'])", r"\\&\1", "".join(out))


def cells(row):
    return [c.strip().replace("\\|", "|") for c in re.split(r"(?<!\\)\|", row.strip().strip("|"))]


def block(lines):
    """A paragraph, an item of a list, a row of a table."""
    first = lines[0]
    if first.startswith("|"):
        for row in lines:
            if not re.match(r"\|[\s|:-]*$", row):
                name, *rest = cells(row)
                yield ".TP\n%s\n%s" % (inline(name), inline("; ".join(r for r in rest if r)))
        return
    items = []
    for line in lines:
        if line.startswith("* "):
            items.append((True, [line[2:]]))
        elif items:
            items[-1][1].append(line.strip())
        else:
            items.append((False, [line.strip()]))
    for bullet, texts in items:
        yield ".IP \\(bu 2" if bullet else ".PP"
        yield inline(" ".join(texts))


def convert(text):
    body, fenced = [], None
    for line in text.split("\n") + [""]:
        if fenced is not None:
            if line.startswith("```"):
                yield ".PP\n.RS 4\n.nf\n%s\n.fi\n.RE" % "\n".join(escape(t) or "\\&" for t in fenced)
                fenced = None
            else:
                fenced.append(line)
        elif line.startswith("```"):
            fenced = []
        elif re.match(r"#+ ", line):
            level, title = line.split(" ", 1)
            if len(level) > 1:
                yield (".SH " + escape(title.upper())) if len(level) == 2 else ".SS " + escape(title)
        elif line.strip():
            body.append(line)
            continue
        if body and (not line.strip() or fenced is not None or line.startswith("#")):
            rest = list(block(body))
            body = []
            yield "\n".join(rest)


def main():
    name, section, summary = sys.argv[1:]
    text = sys.stdin.buffer.read().decode()
    print('.\\" SPDX-License-Identifier: Apache-2.0\n.\\" Made by tools/md2man.py (make man-pages); change the file in doc/.')
    print('.TH %s %s "" "wfworker" "Miscellaneous Information Manual"' % (name.upper(), section))
    print(".SH NAME\n%s \\- %s\n.SH DESCRIPTION" % (escape(name), escape(summary)))
    for part in convert(text):
        print(part)
    print(".SH SEE ALSO\n.BR wfworker (1)")


if __name__ == "__main__":
    main()
