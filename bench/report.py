# SPDX-License-Identifier: Apache-2.0
"""What was measured, as text, as plots and as a page."""

import os

import svg

WRITTEN = (("written", "a short execution"), ("written_effects", "one with three effects"))
TABLES = ("workflowexecution", "executionlog", "task", "journal", "snapshot")


def written_cell(counts):
    return ", ".join("%g %s" % (n, how) for how, n in counts.items() if n) if counts else ""


def number(value):
    if isinstance(value, float) and value != int(value):
        return "%.3g" % value if abs(value) < 100 else "%.0f" % value
    return f"{int(value):,}"


def verdict(row):
    if row["met"] is None:
        return ""
    if row["met"]:
        return "met"
    if "ratio" in row and row.get("target_ratio"):
        return "short by %.0f %%" % (100 - 100 * row["ratio"] / row["target_ratio"])
    return "not met"


def table(results):
    lines = [("what", "target", "reached", "of FLOOR", "spread", "")]
    for row in results["rows"]:
        lines.append((row["what"], row["target"], "%s %s" % (number(row["reached"]), row["unit"]),
                      "%.2f" % row["ratio"] if "ratio" in row else "",
                      "%.0f %%" % row["spread_percent"] if "spread_percent" in row else "", verdict(row)))
    return lines


def columns(lines):
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in lines]


def text(results):
    m = results["machine"]
    out = ["%s, commit %s: %d cores (%s), PostgreSQL %s, write and fdatasync of 8 KB %.2f ms, load before %.2f" % (
        results["date"], results["commit"], m["cores"], m["processor"], m["postgresql"], m["fdatasync_8k_ms"], m["load_before"])]
    for name, floor in results["floor"].items():
        out.append("FLOOR, %s: %s executions/s, server %.0f us, client %.1f us each" % (
            name, number(round(floor["per_second"])), floor["server_cpu_us"], floor["client_cpu_us"]))
    for key, what in WRITTEN:
        for name, counts in sorted(results.get(key, {}).items()):
            out.append("rows written for %s, %s: %s" % (what, name, written_cell(counts)))
    out += [""] + columns(table(results))
    for name, series in results["series"].items():
        for line, points in series.items():
            out.append("%s, %s: %s" % (name, line, "  ".join("%s: %s" % (number(p[0]), number(p[1])) for p in points)))
    return "\n".join(out + plans(results) + peers(results))


# ---- Plans ----


def plans(results):
    """The calls' and the statements' buffers, few rows beside many."""
    if "plans" not in results:
        return []
    lines = [("in", "statement", "buffers with %s" % number(results["plans_of"][0]), "with %s" % number(results["plans_of"][1]), "plan")]
    for p in results["plans"]:
        query = p["query"] if len(p["query"]) <= 90 else p["query"][:87] + "..."
        lines.append((p["function"] or "the call", query, number(p["few_buffers"]), number(p["many_buffers"]),
                      "the same" if p["same_plan"] else "another"))
    return [""] + columns(lines)


# ---- Other programs ----

PEER_COLUMNS = (
    ("chains_per_second", "chains of 3 steps/s", "%.0f"), ("cpu_us_per_chain", "own CPU, us a chain", "%.0f"),
    ("server_cpu_us_per_chain", "server's CPU, us a chain", "%.0f"), ("pickup_p50_ms", "pick-up p50, ms", "%.1f"),
    ("pickup_p99_ms", "p99, ms", "%.1f"), ("idle_queries_per_second", "idle queries/s", "%.2f"),
    ("idle_cpu_percent", "idle CPU, %", "%.2f"), ("resident_mb", "resident, MB", "%.0f"))


def own_figures(results):
    """This program's figures as a line of the peers' table: three effects, each with a durable point."""
    rows = {row["name"]: row for row in results["rows"]}
    found = {key: rows[name]["reached"] for key, name in (
        ("chains_per_second", "effects"), ("pickup_p50_ms", "pickup"), ("pickup_p99_ms", "pickup_p99"),
        ("idle_queries_per_second", "idle_queries"), ("idle_cpu_percent", "idle_cpu"), ("resident_mb", "idle_memory")) if name in rows}
    runs = rows.get("effects", {}).get("runs")
    if runs:
        found["cpu_us_per_chain"] = sorted(r["worker_cpu_us"] for r in runs)[len(runs) // 2]
        found["server_cpu_us_per_chain"] = sorted(r["server_cpu_us"] for r in runs)[len(runs) // 2]
    return {"version": "", "keeps": "state, results, log rows, journal", **found}


def peer_lines(results):
    lines = [("", *(title for _, title, _ in PEER_COLUMNS), "keeps")]
    for name, figures in [("wfworker", own_figures(results)), *results["peers"].items()]:
        cells = ["" if figures.get(key) is None else form % figures[key] for key, _, form in PEER_COLUMNS]
        lines.append((("%s %s" % (name, figures["version"])).strip(), *cells, figures.get("keeps", figures.get("error", ""))))
    return lines


def peers(results):
    if results.get("peers_skipped"):
        return ["", "Other programs were not measured: " + results["peers_skipped"]]
    return [""] + columns(peer_lines(results)) if "peers" in results else []


# ---- Plots ----

PLOTS = (
    ("batch", "Batch", "batch (FLOOR), half of those in flight (worker)", True),
    ("workers", "Workers", "workers on one database", False),
    ("finished", "History", "executions that were finished before", True),
)


def plot(results):
    """The series that were measured as one SVG; '' when there is none."""
    charts = [svg.Chart(title, label, "executions/s", {name: [tuple(p) for p in points] for name, points in results["series"][key].items()}, log)
              for key, title, label, log in PLOTS if key in results["series"]]
    return svg.page(charts) if charts else ""


def write(results, directory, page_path):
    """The plots into `directory`; the page's generated parts anew."""
    import page  # it uses this module

    drawn = plot(results)
    if directory and drawn:
        with open(os.path.join(directory, "throughput.svg"), "w") as f:
            f.write(drawn)
    if page_path:
        with open(page_path) as f:
            old = f.read()
        new = page.fill(old, results)
        with open(page_path, "w") as f:
            f.write(new)
