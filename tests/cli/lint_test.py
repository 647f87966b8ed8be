# SPDX-License-Identifier: Apache-2.0
"""wfworker validate: names, branches, loops and cycles: what is doubted, in whole, and what is not."""

import glob
import json
import os

from tap import SOURCE, case, graph, is_, main, run, write

T = ("trigger",)
N = ("noop",)


def notes(definition, **wrapped):
    """What is said, without the notes of what was inferred."""
    done = run("validate", write("w.json", dict(wrapped, graph_config=definition) if wrapped else definition))
    assert done.err == "" and done.status in (0, 1), done
    return [line for line in done.out.splitlines() if line.startswith(("error: ", "warning: ")) and " read as " not in line]


def says(definition, *expected, **wrapped):
    is_("\n".join(expected), "\n".join(notes(definition, **wrapped)))


def reads(text, *lines, **nodes):
    """t -> a -> n, where n holds the text."""
    return graph("t -> a", "a -> n", *lines, t=T, a=N, n=("http_request", {"url": text}), **nodes)


def loop(condition, *lines, config=None, **nodes):
    """t -> w, a while with the body a."""
    return graph("t -> w", "w -body-> a", "w -done-> end", *lines, t=T,
                 w=("while", {"condition_expression": condition, **(config or {})}), a=N, end=("end",), **nodes)


@case
def no_false_alarms():
    """examples, and graphs as they are found in the field, raise no doubt"""
    files = sorted(name for name in glob.glob(os.path.join(SOURCE, "examples/**/*.json"), recursive=True)
                   if "/examples/plugins/" not in name)  # their node types are not built here
    assert len(files) > 25, files
    for name in files:
        done = run("validate", name, "--strict")
        is_((0, "", "valid: 0 errors, 0 warnings"), (done.status, done.err, done.out.splitlines()[-1]))
    says(graph("t -> h", "h -> c", "c -> a", "t -> c", t=("trigger", {"trigger_type": "manual"}),
               h=("http_request", {"url": "http://127.0.0.1/ok", "method": "GET"}, {"position_x": 0, "position_y": 0}),
               c=("condition", {"expression": "${value} > 10", "label": "?"}, {"position_x": 0, "position_y": 0}), a=N))
    says({"nodes": {"a": {"node_type": "trigger", "next": ["b"]},
                    "b": {"node_type": "condition", "condition": "'x' in input.list", "next": "c"}, "c": {"node_type": "end"}}})


def refused(kind, config, *expected):
    """validate says it, and exec does fail."""
    g = graph(n=(kind, config))
    says(g, *expected)
    is_(1, run("exec", write("w.json", g)).status)


@case
def what_is_needed():
    """settings that a node cannot do without, and values that it does not know, are errors: such a node always fails"""
    at = "error: /nodes/0/config"
    refused("condition", {"expression": ""}, at + ": node n: one of condition and expression is needed")
    refused("condition", {"expression": "1", "condition_type": "lua"},
            at + '/condition_type: node n: condition_type "lua" is not one of javascript, python, jsonpath')
    refused("switch", {"cases": {"a": "b"}}, at + ": node n: one of switch_expression, condition and expression is needed")
    refused("map", {"input_array": "[1]"}, at + "/map_expression: node n: map_expression is missing")
    refused("filter", {"filter_condition": "true"}, at + "/input_array: node n: input_array is missing")
    refused("reduce", {}, at + "/input_array: node n: input_array is missing", at + "/reduce_function: node n: reduce_function is missing")
    refused("sort", {"input_array": [1], "order": "up"}, at + '/order: node n: order "up" is not one of asc, desc')
    refused("aggregate", {}, at + "/input_array: node n: input_array is missing")
    refused("dedupe", {"input_array": [1], "keep": "all"}, at + '/keep: node n: keep "all" is not one of first, last')
    refused("merge", {"merge_strategy": "depp"}, at + '/merge_strategy: node n: merge_strategy "depp" is not one of deep, shallow, array')
    refused("split", {"input_array": [1], "split_strategy": "by_luck", "split_config": {"key": "a"}},
            at + '/split_strategy: node n: split_strategy "by_luck" is not one of by_key, by_size, by_condition')
    refused("set_variable", {"variable_value": "${input}"}, at + "/variable_name: node n: variable_name is missing")
    refused("get_variable", {"variable_name": "a", "variable_scope": "file", "default_value": 1},
            at + '/variable_scope: node n: variable_scope "file" is not one of nearest, workflow, loop, node')
    refused("delay", {"delay_type": "until_time", "delay_seconds": 1}, at + "/target_time: node n: target_time is missing")
    refused("delay", {"delay_type": "until_condition"}, at + "/condition_expression: node n: condition_expression is missing")
    refused("delay", {"delay_type": "later"}, at + '/delay_type: node n: delay_type "later" is not one of seconds, until_time, until_condition')
    refused("await", {"timeout_seconds": 1}, at + ": node n: one of signal_type, signals, until and condition is needed")
    refused("sub_workflow", {"input_data": {"n": "${input}"}}, at + ": node n: one of workflow_id and sub_workflow_id is needed")
    says(graph("l -body-> a", l=("loop", {"array_expression": "", "loop_variable": "x"}), a=N),
         at + ": node l: one of loop_type, array_expression, condition_expression, repeat_count and accept_items is needed")
    says(graph("l -body-> a", l=("loop", {"loop_type": "while", "array_expression": "[1]"}), a=N),
         at + "/condition_expression: node l: condition_expression is missing")
    for kind, text in (("for", ": node l: one of array_expression and accept_items is needed"),
                       ("while", "/condition_expression: node l: condition_expression is missing"),
                       ("repeat", "/repeat_count: node l: repeat_count is missing")):
        says(graph("l -body-> a", l=(kind, {}), a=N), at + text)
    says(graph(n=("merge", {"merge_strategy": ""})))
    says(graph(n=("sort", {"input_array": "[1]", "order": "${'desc'}"})))


@case
def the_place_and_the_name():
    """what does not match a schema is named in the text, too"""
    says(graph("m -body-> a", m=("mutex", {}), a=N), "error: /nodes/0/config/key: node m: key is missing")
    says(graph(w=("terminate", {"status": "ok"})),
         'error: /nodes/0/config/status: node w: status must be one of "completed", "failed", null')


@case
def every_template():
    """every template that does not compile is told, where it stands"""
    says(graph("t -> h", t=T, h=("http_request", {"url": "http://x/${a b}", "headers": {"A/B": "${c", "C": "${d}"}, "body": [1, {"e": "\n${f ,}"}]})),
         'error: /nodes/1/config/url: node h: unexpected "b", line 1, column 14',
         'error: /nodes/1/config/headers/A~1B: node h: "${" is not closed: expected "}", line 1, column 4',
         'error: /nodes/1/config/body/1/e: node h: the comma operator is not supported, line 2, column 5')


@case
def outputs():
    """outputs of nodes that are not there, or come later"""
    says(reads("${b_output.x}"), 'warning: /nodes/2/config/url: node n reads b_output, but there is no node "b", line 1, column 3')
    says(reads("x ${data['b_output'].x + input.c_parallel_result[0]}"),
         'warning: /nodes/2/config/url: node n reads b_output, but there is no node "b", line 1, column 5',
         'warning: /nodes/2/config/url: node n reads c_parallel_result, but there is no node "c", line 1, column 26')
    says(reads("${a_output.x} ${t_output} ${data.z_output}", "n -> z", z=N))
    says(reads("${z_output}", "n -> z", z=N),
         "warning: /nodes/2/config/url: node n reads the output of node z, which runs only after it, line 1, column 3")
    says(reads("${n_output}"), "warning: /nodes/2/config/url: node n reads its own output, which is not there yet, line 1, column 3")
    behind = graph("l -body-> a", "a -> b", "l -done-> z", l=("repeat", {"repeat_count": 2}), a=("http_request", {"url": "${b_output}"}),
                   b=("http_request", {"url": "${z_output} ${l_output.count}"}), z=N)
    says(behind, "warning: /nodes/2/config/url: node b reads the output of node z, which runs only after it, line 1, column 3",
         "warning: /nodes/2/config/url: node b reads the output of node l, which is there only when the loop is over, line 1, column 15")
    # beside it, and in the pass before
    says(reads("${z_output}", "t -> z", z=N))
    says(reads("${z_output}", "n -> z", "z -> c", "c -true-> n", z=N, c=("condition", {"expression": "more"})))
    says(graph("t -> l", "l -body-> n", "n -> z", t=T, l=("repeat", {"repeat_count": 3}), z=N,
               n=("http_request", {"url": "${z_output.x if index > 0 else 'http://first'}"})))
    # a variable may be called so, and a name that is made is not known
    says(reads("${b_output}", "t -> v", v=("set_variable", {"variable_name": "b_output"})))
    says(reads("${b_output}", "t -> v", v=("set_variable", {"variable_name": "${input.name}"})))


@case
def loop_variables():
    """item, index, error and variables of loops outside of where they are known"""
    each = ("for", {"array_expression": "[1]", "loop_variable": "order"})
    inside = graph("t -> l", "l -body-> n", t=T, l=each, n=("http_request", {"url": "${order} ${item} ${index}"}))
    says(inside)
    says(graph("t -> l", "l -body-> a", "l -done-> n", t=T, l=each, a=N, n=("http_request", {"url": "${order} ${item} ${index}"})),
         "warning: /nodes/3/config/url: node n reads order, which is known only inside the loop l, line 1, column 3",
         "warning: /nodes/3/config/url: node n reads item, but runs in no loop, line 1, column 12",
         "warning: /nodes/3/config/url: node n reads index, but runs in no loop, line 1, column 20")
    says(reads("${error.message}"),
         "warning: /nodes/2/config/url: node n reads error, but runs in no catch or finally, line 1, column 3")
    says(graph("t -> y", "y -body-> a", "y -catch-> c", "c -> n", t=T, y=("try",), a=N, c=("catch",),
               n=("http_request", {"url": "${error.message}"})))
    says(loop("index < 3 && item < 3"))
    says(graph("t -> l", "l -body-> a", t=T, l=("for", {"array_expression": "item.parts"}), a=N),
         "warning: /nodes/1/config/array_expression: node l reads item, but runs in no loop, line 1, column 1")
    # what node types lend their expressions
    says(graph("t -> m", "m -> s", "s -> r", t=T, m=("map", {"input_array": "input.x", "map_expression": "item * index"}),
               s=("sort", {"input_array": "input.x", "sort_by": "item.a"}),
               r=("reduce", {"input_array": "input.x", "reduce_function": "acc + item"})))
    # parameters of functions are no names
    says(reads("${input.list.map(item => item.x)}"))


@case
def variables():
    """variables that no node sets"""
    says(reads("${vars.total} ${vars['count']}", "t -> v", v=("set_variable", {"variable_name": "total", "variable_value": 1})),
         "warning: /nodes/2/config/url: node n reads vars.count, but no set_variable node sets it, line 1, column 17")
    g = ("get_variable", {"variable_name": "total"})
    says(graph("t -> g", t=T, g=g),
         'warning: /nodes/1/config/variable_name: node g: no set_variable node sets "total", and there is no default_value')
    says(graph("t -> g", t=T, g=("get_variable", {"variable_name": "total", "default_value": None})))
    says(graph("t -> s", "s -> g", t=T, s=("set_variable", {"variable_name": "total"}), g=g))


@case
def variables_in_maps():
    """a variable of the workflow that passes side by side set"""
    def passes(config, scope):
        return graph("t -> l", "l -body-> c", "c -true-> v", t=T, l=("for", {"array_expression": "[1]", **config}),
                     c=("condition", {"expression": "true"}), v=("set_variable", {"variable_name": "n", **scope}))
    warning = ("warning: /nodes/3/config/variable_name: node v sets a variable of the workflow in passes of l that run side by side: "
               "the last one to write wins")
    says(passes({"max_concurrency": 2}, {}), warning)
    says(passes({"max_concurrency": "${input.n}"}, {"variable_scope": "workflow"}), warning)
    says(passes({"max_concurrency": 2}, {"variable_scope": "loop"}))
    says(passes({"max_concurrency": 1}, {}))


@case
def program_text():
    """program text in catch and finally is not run"""
    says(graph("t -> y", "y -body-> a", "y -catch-> c", "y -finally-> f", t=T, y=("try",), a=N,
               c=("catch", {"error_handler": "print(1)"}), f=("finally", {"finally_code": ""})),
         "warning: /nodes/3/config/error_handler: node c: error_handler holds program text, which is not run; draw nodes behind it instead")
    says(graph("t -> y", "y -body-> a", "y -finally-> f", t=T, y=("try",), a=N, f=("finally", {"finally_code": "close()"})),
         "warning: /nodes/3/config/finally_code: node f: finally_code holds program text, which is not run; draw nodes behind it instead")


@case
def chains():
    """what follows a catch in a chain without a finally belongs to the catch"""
    says(graph("t -> y", "y -> a", "a -> c", "c -> b", t=T, y=("try",), a=N, c=("catch",), b=N),
         "warning: /nodes/3: node c: there is no finally, so what follows it (b) belongs to the catch and runs only after a failure; "
         "draw what follows the try from node y, with branch done")
    says(graph("t -> y", "y -> a", "a -> c", t=T, y=("try",), a=N, c=("catch",)))
    says(graph("t -> y", "y -> a", "a -> c", "c -> b", "b -> f", "f -> z", t=T, y=("try",), a=N, c=("catch",), b=N, f=("finally",), z=N))
    says(graph("t -> y", "y -body-> a", "y -catch-> c", "c -> b", "y -done-> z", t=T, y=("try",), a=N, c=("catch",), b=N, z=N))


@case
def never_taken():
    """branches that a node never takes"""
    says(graph("t -> c", "c -true-> a", "c -maybe-> b", "c -error-> e", t=T, c=("if", {"expression": "x"}), a=N, b=N, e=N),
         "warning: /edges/2: node c never takes the branch maybe of its edge to b: it takes true or false")
    cases = {"switch_expression": "input.x", "cases": {"1": "one", "2": "", "3": {"label": "x"}}}
    says(graph("t -> s", "s -one-> a", "s -2-> a", "s -3-> a", "s -default-> a", "s -1-> b", t=T, s=("switch", cases), a=N, b=N),
         "warning: /edges/5: node s never takes the branch 1 of its edge to b: it takes true, false, default, one, 2 or 3")
    says(graph("t -> s", "s -four-> a", t=T, s=("switch", {"switch_expression": "x", "cases": "${input.cases}"}), a=N))
    says(graph("t -> h", "h -approve-> a", "h -rejected-> b", "h -timeout-> b", t=T, h=("human_approval",), a=N, b=N),
         "warning: /edges/2: node h never takes the branch rejected of its edge to b: it takes approve, reject or timeout")
    says(graph("t -> w", "w -paid-> a", "w -until-> b", "w -timeout-> b", t=T, w=("await", {"signals": ["paid"]}), a=N, b=N),
         "warning: /edges/2: node w never takes the branch until of its edge to b: it takes paid or timeout")


@case
def exits():
    """a node behind a cycle that has edges from elsewhere, too"""
    def cycle(*lines):
        return graph("t -> a", "a -> c", "c -true-> a", *lines, t=T, a=N, c=("condition", {"expression": "more"}), x=N, **{"else": N})
    warning = ("warning: /edges/%d: the edge from %s to x leaves a cycle, but x has edges from elsewhere, too: it runs the first time "
               "only, not once for every pass")
    says(cycle("a -> x", "t -> else", "else -> x"), warning % (3, "a"))
    says(cycle("a -> x", "a -> else"))                            # only from the cycle
    says(cycle("c -false-> x", "t -> else", "else -> x"))         # taken in the last pass only
    says(cycle("a -error-> x", "t -> else", "else -> x"))         # a failure ends the cycle
    says(cycle("c -> x", "t -> else", "else -> x"), warning % (3, "c"))


@case
def outside_of_loops():
    """break and continue without a loop fail"""
    says(graph("t -> b", t=T, b=("break",)), "error: /nodes/1: node b: a break outside of a loop fails")
    says(loop("input.x", "a -> b", b=("continue", {"loop_label": "v"}), config={"need": 1}),
         'error: /nodes/4/config/loop_label: node b: no loop around it is called "v"')
    says(loop("true", "a -> b", b=("break", {"loop_label": "w"})))
    says(loop("true", "a -> b", b=("break", {"loop_label": "${input.which}"})))


@case
def loops_without_end():
    """conditions that are always or never true, or that nothing changes"""
    always = ("warning: /nodes/1/config/condition_expression: node w: its condition is always true and nothing in its body leaves it "
              "(break, terminate), so it ends only by failing: after 10000 passes, when no node fails before")
    fixed = ("warning: /nodes/1/config/condition_expression: node w: nothing that its condition reads changes while it runs, so that "
             "once it is true it stays true and the loop ends only by failing")
    says(loop("true"), always)
    says(loop("1 < 2"), always)
    says(loop("true", config={"max_iterations": 5}))
    says(loop("true", config={"need": 5}))
    says(loop("true", "a -> b", b=("terminate",)))
    says(loop("true", "a -> y", "y -body-> b", y=("try",), b=("break",)))
    says(loop("true", "a -> l", "l -body-> b", l=("repeat", {"repeat_count": 1}), b=("break",)), always) # leaves the inner one
    says(loop("false"), "warning: /nodes/1/config/condition_expression: node w: its condition is never true, so its body never runs")
    says(loop("input.open && t_output.x > 3"), fixed)
    says(loop("n > 3", "t -> v", v=("set_variable", {"variable_name": "m"})), fixed)
    says(loop("n > 3", "a -> v", v=("set_variable", {"variable_name": "n"})))
    for changing in ("index < 3", "a_output.more", "data.a_output.more", "now() < 5", "signal_stop == null", "len(input) < 9",
                     "execution.retry_count"):
        says(loop(changing))
    kinds = {"loop_type": "for", "array_expression": "[1]", "condition_expression": "true"}
    says(graph("t -> l", "l -body-> a", t=T, l=("loop", kinds), a=N))
    says(graph("t -> l", "l -body-> a", t=T, l=("loop", {"condition_expression": "true"}), a=N),
         always.replace("node w", "node l"))


@case
def nothing_inside():
    """a loop or a try without a body"""
    says(graph("t -> l", "l -done-> a", t=T, l=("repeat", {"repeat_count": 2}), a=N),
         "warning: /nodes/1: node l: no edge leads into its body, so it repeats nothing")
    says(graph("t -> y", t=T, y=("try",)), "warning: /nodes/1: node y: no edge leads into its body, so it catches nothing")
    says(graph("t -> m", "m -done-> a", t=T, m=("mutex", {"key": "k"}), a=N),
         "warning: /nodes/1: node m: no edge leads into its body, so it guards nothing")


@case
def waits_for_itself():
    """a lock inside of the same lock"""
    def locks(outer, inner, **options):
        return graph("t -> m", "m -body-> l", "l -body-> k", "k -body-> a", t=T, m=("mutex", {"key": outer, **options}),
                     l=("repeat", {"repeat_count": 2}), k=("mutex", {"key": inner}), a=N)
    says(locks("printer", "printer"),
         "warning: /nodes/3/config/key: node k waits for the lock that node m around it holds, so it waits for itself")
    says(locks("printer", "scanner"))
    says(locks("printer", "printer", limit=2))
    says(locks("${input.a}", "${input.a}"))


@case
def cycles_without_end():
    """cycles that have no way out"""
    warning = ("warning: /nodes/1: node a: the cycle that comes back to it has no way out, so it ends only by failing: after 10000 "
               "passes, when no node fails before")
    says(graph("t -> a", "a -> b", "b -> a", t=T, a=N, b=N), warning)
    says(graph("t -> a", "a -> a", t=T, a=N), warning)
    both = ("t -> a", "a -> c", "c -true-> a", "c -false-> b", "b -> a")
    c = ("condition", {"expression": "x"})
    says(graph(*both, t=T, a=N, c=c, b=N), warning)
    says(graph(*both[:-2], t=T, a=N, c=c))                                        # false leads nowhere
    says(graph(*both, "b -> z", t=T, a=N, c=c, b=N, z=("terminate",)))            # ends everything
    says(graph(*both, "b -error-> z", t=T, a=N, c=c, b=N, z=N))                   # until something fails
    says(graph(*both, t=T, a=("noop", {}, {"max_iterations": 3}), c=c, b=N))      # said in so many words
    says(graph("t -> a", "a -> s", "s -x-> a", "s -default-> a", t=T, a=N,
               s=("switch", {"switch_expression": "k", "cases": {"x": ""}})))
    says(graph("t -> l", "l -body-> a", "a -> b", "b -> a", t=T, l=("for", {"array_expression": "[1]"}), a=N, b=N),
         warning.replace("/nodes/1", "/nodes/2"))


@case
def triggers():
    """the schedule in trigger_config, with the text that the schedule would show"""
    g = graph(t=T)

    def schedule(**members):
        return notes(g, trigger_config={"type": "schedule", **members})
    is_([], schedule(cron="0 9 * * MON-FRI", timezone="Europe/Berlin", catch_up="all", overlap="skip"))
    is_([], schedule(cron_expression="@daily"))
    is_([], notes(g, trigger_config={"type": "manual", "cron": "nonsense"}))
    done = run("schedule", "next", "61 * * * *")
    is_('wfworker: wrong cron expression "61 * * * *": minute "61" is out of range\nHINT:  the minute goes from 0 to 59\n', done.err)
    is_(['error: /trigger_config/cron: wrong cron expression "61 * * * *": minute "61" is out of range; the minute goes from 0 to 59'],
        schedule(cron="61 * * * *"))
    is_(["error: /trigger_config/cron: the cron expression never comes: no run within 50 years; see whether the day, the month and "
         "the weekday can meet"], schedule(cron="0 0 30 2 *"))
    is_(['error: /trigger_config/timezone: there is no time zone "Mars/Base"; names are written as in Europe/Berlin, America/New_York, UTC'], schedule(cron="* * * * *", timezone="Mars/Base"))
    is_(['error: /trigger_config/catch_up: catch_up is none, one or all, not "some"'], schedule(cron="* * * * *", catch_up="some"))
    is_(['error: /trigger_config/overlap: overlap is allow, skip or cancel_other, not "x"'], schedule(cron="* * * * *", overlap="x"))
    assert schedule()[0].startswith("error: /trigger_config/cron: "), schedule()


@case
def limit():
    """max_concurrent_executions, in trigger_config or in the graph: what a worker would pass over"""
    for value in (1, 10000, "5", None):
        is_([], notes(graph(t=T), trigger_config={"max_concurrent_executions": value}))
    for value, shown in ((0, "0"), (-5, "-5"), (10001, "10001"), (2.5, "2.5"), ("many", "many"), ([1], "[1]"), (True, "true"), ("", "")):
        text = "max_concurrent_executions is %s: it must be a whole number from 1 to 10000" % shown
        is_(["error: /trigger_config/max_concurrent_executions: " + text],
            notes(graph(t=T), trigger_config={"max_concurrent_executions": value}))
        is_(["error: /max_concurrent_executions: " + text], notes(dict(graph(t=T), max_concurrent_executions=value)))


@case
def large():
    """a long chain with a reference in every node takes no time to speak of"""
    count = 3000
    g = {"nodes": [{"node_id": "n%d" % i, "node_type": "http_request", "config": {"url": "http://x/${n%d_output.x}" % max(i - 1, 0)}}
                   for i in range(1, count)] + [{"node_id": "n0", "node_type": "trigger"}],
         "edges": [{"from": "n%d" % i, "to": "n%d" % (i + 1)} for i in range(count - 1)]}
    done = run("validate", write("w.json", g), "--json")
    is_([], json.loads(done.out)["warnings"])


main()
