#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""acme.report: rows of a workflow as a table in Markdown, with sums.

A node type without any plugin: wfworker starts this program for each call (see the section [exec acme.report] in wfworker.conf beside it).  One
line of JSON comes in on standard input; lines of JSON go out: {"log": ...}, {"progress": ...}, and at the end {"result": ...} or
{"error": {"type", "message", "retryable"}}.  Standard error is for people.
"""

import json
import sys


class Unusable(Exception):
    """The configuration cannot be worked with; another attempt would not help."""


def say(**line):
    """One line to wfworker.  Flushed at once, so that progress is seen while the program works."""
    print(json.dumps(line, ensure_ascii=False), flush=True)


def cell(value):
    """A value as it stands in a table: on one line, and without what would end the cell."""
    text = value if isinstance(value, str) else "" if value is None else json.dumps(value, ensure_ascii=False)
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("\n", " ")


def is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def columns_of(rows, wanted):
    """The columns that were asked for, or all, in the order in which they first appear."""
    for number, row in enumerate(rows):
        if not isinstance(row, dict):
            raise Unusable("row %d is not an object" % number)
    return wanted or list(dict.fromkeys(key for row in rows for key in row))


def table(rows, columns):
    lines = ["| " + " | ".join(map(cell, columns)) + " |", "|" + " --- |" * len(columns)]
    step = max(1, len(rows) // 10)
    for number, row in enumerate(rows, 1):
        lines.append("| " + " | ".join(cell(row.get(column)) for column in columns) + " |")
        if number % step == 0:
            say(progress={"rows": number, "of": len(rows)})
    return lines


def sums(rows, columns):
    """Of columns that hold nothing but numbers."""
    found = {}
    for column in columns:
        values = [row[column] for row in rows if row.get(column) is not None]
        if values and all(map(is_number, values)):
            found[column] = sum(values)
    return found


def report(config):
    rows = config["rows"]
    columns = columns_of(rows, config.get("columns"))
    lines = ["# " + config["title"], ""] if config.get("title") else []
    return {"markdown": "\n".join(lines + table(rows, columns)) + "\n", "rows": len(rows), "sums": sums(rows, columns)}


def main():
    call = json.loads(sys.stdin.readline())
    say(log="a report of %d rows, attempt %d" % (len(call["config"]["rows"]), call["attempt"]))
    try:
        say(result=report(call["config"]))
    except Unusable as problem:
        say(error={"type": "report_invalid", "message": str(problem), "retryable": False})
    except MemoryError:  # the limit of the section: with others at work it may be enough the next time
        say(error={"type": "out_of_memory", "message": "there is no memory for the report", "retryable": True})


if __name__ == "__main__":
    main()
