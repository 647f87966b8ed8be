# SPDX-License-Identifier: Apache-2.0
"""doc/performance.md: the parts between its marks are written from what was measured, never by hand."""

import re
import textwrap

import report
from place import SETTINGS

MARK = "<!-- %s of the last run: %s -->"


def cell(text):
    return str(text).replace("|", "\\|")


def markdown(lines):
    out = ["| " + " | ".join(cell(c) for c in lines[0]) + " |", "|" + " --- |" * len(lines[0])]
    return out + ["| " + " | ".join(cell(c) for c in line) + " |" for line in lines[1:]]


def machine(results):
    m = results["machine"]
    o = results["options"]
    out = ["Measured on %s at commit %s, in %s minutes: %d cores (%s, %s), %.0f GB of memory, Linux %s, PostgreSQL %s on the same machine; "
           "writing 8 KB with fdatasync took %.2f ms; the load was %.2f before." % (
               results["date"], results["commit"] or "unknown", "%.1f" % (results.get("seconds", 0) / 60), m["cores"], m["processor"],
               m["system"], m["memory_bytes"] / 2 ** 30, m["kernel"], m["postgresql"], m["fdatasync_8k_ms"], m["load_before"]),
           "A drain is %s executions, the middle one of %d; the large cases have %s." % (
               report.number(o["size"]), o["repeat"], report.number(o["large"]))]
    if o["quick"]:
        out.append("**This was a quick run: it shows that everything can be measured, its figures mean nothing.**")
    return out + ["", "Settings of the server: " + ", ".join("`%s = %s`" % pair for pair in SETTINGS.items()) + "."]


def figures(results):
    lines = report.table(results)
    out = markdown([("what", "target", "reached", "of FLOOR", "spread", "target met?")] + lines[1:])
    floors = [("FLOOR", "executions/s", "of which spread", "server's CPU each", "its own CPU each")]
    for name, floor in results["floor"].items():
        floors.append((name, report.number(round(floor["per_second"])), "%.0f %%" % floor["spread_percent"],
                       "%.0f us" % floor["server_cpu_us"], "%.1f us" % floor["client_cpu_us"]))
    out += [""] + markdown(floors) if len(floors) > 1 else []
    rows = [("rows written for", *report.TABLES)]
    for key, what in report.WRITTEN:
        if key in results:
            rows.append((what, *(report.written_cell(results[key].get(t)) for t in report.TABLES)))
    return out + ([""] + markdown(rows) if len(rows) > 1 else [])


def peers(results):
    if results.get("peers_skipped"):
        return ["They were not measured: %s." % results["peers_skipped"]]
    return markdown(report.peer_lines(results)) if "peers" in results else ["They were not measured."]


def series(results):
    out = []
    for key, title, label, _ in report.PLOTS:
        if key not in results["series"]:
            continue
        lines = results["series"][key]
        xs = sorted({p[0] for points in lines.values() for p in points})
        out += [""] + markdown([("%s: %s" % (title, label), *map(report.number, xs))] + [
            (name, *(report.number(dict((p[0], p[1]) for p in points)[x]) if x in [p[0] for p in points] else "" for x in xs))
            for name, points in lines.items()])
    return out[1:]


def tree(few, many):
    """Two plans of one shape beside each other: rows and buffers of every node."""
    lines = [("", "rows", "buffers", "rows", "buffers")]
    for (depth, what, rows, buffers), (_, _, more, blocks) in zip(few, many):
        lines.append(("  " * depth + ("-> " if depth else "") + what, rows, buffers, more, blocks))
    widths = [max(len(str(line[i])) for line in lines) for i in range(5)]
    return ["  ".join([str(line[0]).ljust(widths[0])] + [str(c).rjust(w) for c, w in zip(line[1:], widths[1:])]) for line in lines]


def plans(results):
    if "plans" not in results:
        return ["They were not looked at."]
    few, many = map(report.number, results["plans_of"])
    out = ["Left with %s, right with %s executions finished, with all their log rows, and as many parked ones with snapshot and journal; "
           "each statement for one execution. An index of which a statement reads all says so. %d statements, %d of them with the same plan in both." % (
               few, many, len(results["plans"]), sum(p["same_plan"] for p in results["plans"]))]
    for function in dict.fromkeys(p["function"] for p in results["plans"]):
        mine = [p for p in results["plans"] if p["function"] == function]
        title = "in wfworker.%s()" % function if function else "the worker's calls"
        out += ["", "<details><summary>%s: %d statements, at most %d buffers with %s, %d with %s</summary>" % (
            title, len(mine), max(p["few_buffers"] for p in mine), few, max(p["many_buffers"] for p in mine), many), ""]
        for p in mine:
            out += ["```", *textwrap.wrap(p["query"], 130)]
            if p["same_plan"]:
                out += tree(p["few"], p["many"])
            else:
                out += ["with %s:" % few, *tree(p["few"], p["few"]), "with %s:" % many, *tree(p["many"], p["many"])]
            out += ["```", ""]
        out.append("</details>")
    return out


PARTS = {"machine": machine, "figures": figures, "peers": peers, "series": series, "plans": plans}


def fill(text, results):
    """The page with each part between its marks written anew."""
    for name, write in PARTS.items():
        begin, end = MARK % (name, "begin"), MARK % (name, "end")
        if begin not in text or end not in text:
            raise ValueError("the page has no marks \"%s\" and \"%s\"" % (begin, end))
        body = "\n".join([begin, *write(results), end])
        text = re.sub(re.escape(begin) + ".*?" + re.escape(end), lambda _, b=body: b, text, flags=re.S)
    return text
