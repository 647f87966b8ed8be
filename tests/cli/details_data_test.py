# SPDX-License-Identifier: Apache-2.0
"""The rules of data, time and failure one by one, each worked out by hand from the manual before it was run."""

import json
import os
import shutil
import sys

from tap import BUILD, case, graph, is_, main, run, write


def execute(definition, *arguments, status=0, env=None):
    done = run("exec", write("w.json", definition), "--virtual-time", "--log-level", "error", *arguments, env=env)
    assert done.status == status, done
    return json.loads(done.out)


def node_error(definition, node, *arguments, **options):
    """{type, message} of a node that failed onto its error edge."""
    error = execute(definition, *arguments, **options)["data"][node + "_output"]["error"]
    is_(node, error["node_id"])
    return error["type"], error["message"]


# ---- time

@case
def deadline_of_a_condition():
    """delay until_condition: the deadline takes branch timeout when an edge has it, else the node fails with timeout"""
    d = ("delay", {"delay_type": "until_condition", "condition_expression": "vars.x == 1", "timeout_seconds": 2.5})
    done = execute(graph("d -timeout-> late", "d -> both", d=d, late=("noop",), both=("noop",)), "--trace")
    is_([("d", "timeout"), ("late", None), ("both", None)], [(t["node_id"], t["branch"]) for t in done["trace"]])
    is_({"delay_type": "until_condition", "completed": False}, done["data"]["d_output"])
    is_("2026-01-01T00:00:02.500000", done["node_results"]["d"]["completed_at"])
    d[1]["condition_expression"] = "1 == 1"
    done = execute(graph("d -timeout-> late", "d -> both", "d -condition-> so", d=d, late=("noop",), both=("noop",), so=("noop",)))
    is_((["d", "both", "so"], {"delay_type": "until_condition", "completed": True}), (done["completed_node_ids"], done["data"]["d_output"]))
    d[1]["condition_expression"] = "vars.x == 1"
    is_(("timeout", 'the condition "vars.x == 1" did not become true in time'),
        node_error(graph("d -error-> e", d=d, e=("noop",)), "d"))


@case
def errors_of_conditions():
    """delay and await fail with the error of their condition, as a condition does"""
    for text, kind, message in (
            ("gone == 1", "unknown_name", 'unknown name "gone", line 1, column 1'),
            ("1 < 'a'", "type_error", '"<" wants two numbers or two strings, not number and string, line 1, column 3'),
            ("1 <", "expression_error", "unexpected end of the text, line 1, column 4")):
        for node in (("delay", {"delay_type": "until_condition", "condition_expression": text}), ("await", {"condition": text}),
                     ("condition", {"expression": text})):
            is_((kind, 'expression "%s": %s' % (text, message)), node_error(graph("n -error-> e", n=node, e=("noop",)), "n"))


@case
def time_zone_of_the_workflow():
    """times without a zone are on the clock of the workflow's time zone, else UTC; one that is not known is an error"""
    def at(target, zone=None, inside=None):
        g = {**graph("d -> n", "d -error-> e", d=("delay", {"delay_type": "until_time", "target_time": target}), n=("noop",), e=("noop",)),
             **({"timezone": inside} if inside else {})}
        done = execute({"graph_config": g, "trigger_config": {"timezone": zone} if zone else {}})
        return (done["node_results"].get("n") or {"started_at": None})["started_at"] or done["data"]["d_output"]["error"]["message"]
    is_("2026-07-01T09:30:00", at("2026-07-01T09:30"))
    is_("2026-07-01T07:30:00", at("2026-07-01T09:30", "Europe/Berlin"))
    is_("2026-07-01T13:30:00", at("2026-07-01T09:30", inside="America/New_York"))
    is_("2026-07-01T07:30:00", at("2026-07-01T09:30", "Europe/Berlin", "America/New_York"))
    is_("2026-07-01T09:30:00", at("2026-07-01T09:30Z", "Europe/Berlin"))
    is_("2026-03-29T01:00:00", at("2026-03-29T02:30", "Europe/Berlin"))  # the clock jumps from 2:00 to 3:00, which is 1:00 UTC
    assert 'that of the workflow, "No/Where", cannot be used: Date.parse(): there is no time zone "No/Where"' in at("2026-07-01T09:30", "No/Where")
    waiting = {"graph_config": graph("a -until-> n", a=("await", {"until": "2026-07-01T09:30"}), n=("noop",)), "trigger_config": {"timezone": "Europe/Berlin"}}
    is_("2026-07-01T07:30:00", execute(waiting)["node_results"]["n"]["started_at"])


# ---- secrets

@case
def secrets_that_a_handler_asks_for():
    """a secret that a plugin asked for is masked in its result, as one of a template"""
    good = os.path.join(BUILD, "tests/plugins/.libs/good.so")
    if not os.path.exists(good):
        print("# the plugins of the tests are not built", file=sys.stderr)
        return
    os.mkdir("plugins", 0o755)
    shutil.copyfile(good, "plugins/good.so")
    done = run("exec", write("w.json", graph("a -> b", a=("test.block", {"do": "secret", "name": "WORD"}),
                                             b=("map", {"input_array": [1], "map_expression": "told"}))),
               "--plugin-dir", "plugins", env={"WFWORKER_SECRET_WORD": "xyzzy-plugh"})
    is_(0, done.status)
    result = json.loads(done.out)
    is_({"secret": "***"}, result["data"]["a_output"])
    is_([{"secret": "***"}], result["data"]["b_output"]["result"])
    assert "xyzzy" not in done.out + done.err and "the secret is ***" in done.err, done


# ---- data

@case
def detail_44():
    """detail 44: an unknown name and a member of null are errors with node, place and name; a missing member is null in data"""
    for text, kind, message in (
            ("${gone}", "unknown_name", 'unknown name "gone", line 1, column 3'),
            ("${o.none.x}", "type_error", 'cannot read "x" of undefined, line 1, column 10'),
            ("${o.nil.x}", "type_error", 'cannot read "x" of null, line 1, column 9'),
            ("${o.none}", "template_error", "the template's value is undefined, line 1, column 3"),
            ("a ${o.none} b", "template_error", "the template's value is undefined, line 1, column 3")):
        error = node_error(graph("s -error-> e", s=("set_variable", {"variable_name": "v", "variable_value": {"in": [text]}}),
                                 e=("noop",)), "s", "--data", '{"o": {"nil": null}}')
        is_((kind, "/variable_value/in/0: " + message), error)
    value = execute(graph(s=("set_variable", {"variable_name": "v", "variable_value": ["${[o.none, o.nil]}", "a ${o.nil} b"]})),
                    "--data", '{"o": {"nil": null}}')["data"]["s_output"]["value"]
    is_([[None, None], "a null b"], value)


@case
def detail_45():
    """detail 45: ${x} in a key that is an expression is (x), inside a string literal of it template text"""
    def branch(expression, data='{"value": 12, "a": 1, "name": "x"}'):
        return execute(graph(c=("condition", {"expression": expression})), "--data", data)["data"]["c_output"]["branch"]
    is_("true", branch("${value} > 10"))
    is_("true", branch("${a + 1} * 2 == 4"))  # (a + 1) * 2; text substitution would make 3 of it
    is_("true", branch("'<${name}>' == '<x>'"))
    is_("true", branch("'${a + 1}' === '2'"))  # always a string
    is_("true", branch("'$${name}' == '$' + '{name}'"))


@case
def detail_46():
    """detail 46: get_variable without the variable: default_value when the key is there, also null, else unknown_name"""
    def get(**config):
        return graph("g -error-> e", g=("get_variable", {"variable_name": "v", **config}), e=("noop",))
    is_(None, execute(get(default_value=None))["data"]["g_output"]["value"])
    is_([7], execute(get(default_value=[7]))["data"]["g_output"]["value"])
    is_("unknown_name", node_error(get(), "g")[0])


@case
def detail_47():
    """detail 47: names: roots, loop variables, error, workflow variables, outputs and signals, trigger keys"""
    data = {"t_output": "trigger's", "x": "trigger's", "key": "trigger's", "vars": "hidden", "input": "hidden"}
    plain = graph("t -> m", t=("trigger",), m=("map", {"input_array": [0], "map_expression": "[t_output.key, x, key, input.key, typeof vars]"}))
    is_([["trigger's"] * 4 + ["object"]], execute(plain, "--data", json.dumps(data))["data"]["m_output"]["result"])
    nested = graph("t -> s", "s -> l", "l -body-> m", t=("trigger",),
                   s=("set_variable", {"variable_name": "x", "variable_value": "variable's"}),
                   l=("for", {"array_expression": [1], "loop_variable": "key"}),
                   m=("map", {"input_array": [0], "map_expression": "[x, key, data.key, index]"}))
    is_([["variable's", 1, 1, 0]], execute(nested, "--data", json.dumps(data))["data"]["m_output"]["result"])
    over = graph("s -> m", s=("set_variable", {"variable_name": "s_output", "variable_value": "variable's"}),
                 m=("map", {"input_array": [0], "map_expression": "[s_output, data.s_output]"}))
    is_([["variable's", "variable's"]], execute(over)["data"]["m_output"]["result"])
    inner = graph("s -> l", "l -body-> k", "k -body-> m", s=("set_variable", {"variable_name": "v", "variable_value": "variable's"}),
                  l=("for", {"array_expression": ["outer"], "loop_variable": "v"}),
                  k=("for", {"array_expression": ["inner"], "loop_variable": "v"}),
                  m=("map", {"input_array": [0], "map_expression": "[v, vars.v]"}))
    is_([["inner", "inner"]], execute(inner)["data"]["m_output"]["result"])


@case
def detail_48():
    """detail 48: the outputs of data nodes have result and the keys that existing graphs know; reduce binds acc, item, index"""
    outputs = execute(graph("n -> m", "m -> f", "f -> r", "r -> g", "g -> s", n=("noop",), g=("merge", {"input_sources": ["m", "f"], "merge_strategy": "array"}),
                            m=("map", {"input_array": [1, 2, 3], "map_expression": "item * index"}),
                            f=("filter", {"input_array": "m_output.result", "filter_condition": "item > 0"}),
                            r=("reduce", {"input_array": [5, 6], "reduce_function": "acc + item * index", "initial_value": "2 * 2"}),
                            s=("split", {"input_array": [1, 2, 3], "split_strategy": "by_size", "split_config": {"size": 2}})))["data"]
    is_({}, outputs["n_output"])
    is_({"result": [0, 2, 6], "transformed": True, "type": "map"}, outputs["m_output"])
    is_({"result": [2, 6], "filtered": True, "type": "filter"}, outputs["f_output"])
    is_(10, outputs["r_output"]["result"])
    is_(("reduce", True), (outputs["r_output"]["type"], outputs["r_output"]["reduced"]))
    is_(("merge", True, 2), tuple(outputs["g_output"][k] for k in ("type", "merged", "sources")))
    is_([[1, 2], [3]], outputs["s_output"]["result"])
    is_(("split", True), (outputs["s_output"]["type"], outputs["s_output"]["split"]))


@case
def detail_49():
    """detail 49: terminate: status completed or failed, output, message"""
    done = execute(graph("t -> x", "t -> d", t=("noop",), d=("delay", {"delay_seconds": 5}), x=("terminate", {"output": {"a": "${1 + 1}"}})), "--trace")
    is_(("completed", None, {"a": 2}), (done["status"], done["error_message"], done["data"]["x_output"]))
    is_([("t", "completed"), ("x", "completed"), ("d", "cancelled")], [(t["node_id"], t["status"]) for t in done["trace"]])
    done = execute(graph(x=("terminate", {"status": "failed", "message": "none in stock"})), status=1)
    is_(("failed", "none in stock"), (done["status"], done["error_message"]))
    is_("the workflow was ended by a terminate node", execute(graph(x=("terminate", {"status": "failed"})), status=1)["error_message"])


@case
def templates_of_values():
    """templates: a string that is one template keeps the type, keys are none, a result is not looked at again, $${ and {{{{"""
    value = {"n": "${n}", "list": "{{list}}", "text": "<${n}> {{list}} ${o}", "$${k}": "$${n} {{{{n}}", "again": "${'$' + '{n}'}",
             "in string": "${'}' + \"}}\"}"}
    done = execute(graph(s=("set_variable", {"variable_name": "v", "variable_value": value})),
                   "--data", '{"n": 1.50, "list": [1, "a"], "o": {"k": null}}')
    is_({"n": 1.5, "list": [1, "a"], "text": '<1.5> [1,"a"] {"k":null}', "$${k}": "${n} {{n}}", "again": "${n}", "in string": "}}}"},
        done["data"]["s_output"]["value"])


@case
def large_payloads():
    """values over 64 KiB are given whole to nodes, an output over 16 MiB is payload_too_large"""
    big = "x" * 300000
    write("big.json", {"big": big})
    m = ("map", {"input_array": ["${big}"], "map_expression": "item + item"})
    is_([big + big], execute(graph(m=m), "--data", "@big.json")["data"]["m_output"]["result"])
    two = ("map", {"input_array": "range(40)", "map_expression": "big"})
    all_of_it = graph("m -> g", "g -error-> e", m=two, e=("noop",),
                      g=("merge", {"input_sources": ["m", "m"], "merge_strategy": "array"}))
    is_(("payload_too_large", "the result is larger than 16777216 bytes"), node_error(all_of_it, "g", "--data", "@big.json"))


# ---- time and the world

APPROVAL = ("human_approval", {"approval_options": ["yes", "no"]})


@case
def detail_41():
    """detail 41: timeout_seconds of a node is the attempt's time, parked time does not count; of await, the wait's deadline"""
    done = execute(graph("d -> n", d=("delay", {"delay_seconds": 5}, {"timeout_seconds": 1}), n=("noop",)))
    is_(["d", "n"], done["completed_node_ids"])
    done = execute(graph("a -timeout-> n", a=("await", {"signal_type": "s", "timeout_seconds": 7}), n=("noop",)))
    is_(("2026-01-01T00:00:07", "timeout"), (done["node_results"]["n"]["started_at"], done["data"]["a_output"]["event"]))
    a = ("await", {"signal_type": "s"}, {"timeout_seconds": 7})  # of the node: its attempts do nothing but park
    is_("running", execute(graph(a=a), status=3)["status"].replace("waiting_for_signal", "running"))
    closing = ("delay", {"delay_seconds": 5}, {"schedule_to_close_seconds": 3})
    done = execute(graph("d -error-> e", d=closing, e=("noop",)))
    is_(("timeout", "timed out after 3 seconds"), tuple(done["data"]["d_output"]["error"][k] for k in ("type", "message")))


@case
def detail_50():
    """detail 50: human_approval: its own signal or the general one, choice, decision, response or text; await names what came"""
    def ask(*signals, node=APPROVAL, status=0):
        done = execute(graph("p -yes-> y", "p -no-> n", "p -timeout-> t", p=node, y=("noop",), n=("noop",), t=("noop",)),
                       *(w for s in signals for w in ("--signal", s)), status=status)
        return [i for i in done["completed_node_ids"] if i != "p"], done["data"].get("p_output", {}).get("response")
    is_((["y"], "yes"), ask('human_approval:p="yes"'))
    is_((["n"], {"choice": "no"}), ask('human_approval={"choice": "no"}'))
    is_((["y"], {"decision": "yes"}), ask('human_approval={"decision": "yes"}'))
    is_((["n"], {"response": "no", "why": "late"}), ask('human_approval={"response": "no", "why": "late"}'))
    is_((["n"], "no"), ask('human_approval:other="yes"', 'human_approval="perhaps"', "human_approval={}", 'human_approval="no"'))
    is_(([], None), ask('human_approval="perhaps"', status=3))
    two = graph("t -> p", "t -> q", t=("noop",), p=APPROVAL, q=APPROVAL)
    done = execute(two, "--signal", 'human_approval="yes"@+1', "--signal", 'human_approval="no"@+2')
    is_(("yes", "no"), (done["data"]["p_output"]["choice"], done["data"]["q_output"]["choice"]))
    limited = ("human_approval", {**APPROVAL[1], "timeout_seconds": 60})
    is_((["t"], None), ask(node=limited))
    is_((["n"], None), ask(node=("human_approval", {**limited[1], "default_option": "no"})))


@case
def detail_60():
    """detail 60: await: until and condition are branches; of signals that are there the oldest; no deadline waits without one"""
    def wait(config, *arguments, status=0):
        done = execute(graph("a -s-> s", "a -r-> r", "a -until-> u", "a -condition-> c", a=("await", config), s=("noop",), r=("noop",), u=("noop",),
                             c=("noop",)), *arguments, status=status)
        at = [i for i in done["completed_node_ids"] if i != "a"]
        return at[0] if at else None, done["node_results"][at[0]]["started_at"][11:] if at else None
    both = {"signals": ["s", "r"]}
    is_(("r", "00:00:00"), wait(both, "--signal", "r=1", "--signal", "s=2"))
    is_(("s", "00:00:03"), wait(both, "--signal", "s@+3", "--signal", "r@+4"))
    is_(("u", "00:00:02"), wait({**both, "until": "2026-01-01T01:00:02+01:00"}, "--signal", "s@+3"))
    is_(("c", "00:00:00"), wait({**both, "condition": "1 < 2"}))
    is_((None, None), wait(both, status=3))
    changed = graph("t -> a", "t -> d", "d -> v", t=("noop",), d=("delay", {"delay_seconds": 2.4}), a=("await", {"condition": "vars.go"}),
                    v=("set_variable", {"variable_name": "go", "variable_value": True}))
    is_("2026-01-01T00:00:03", execute(changed)["node_results"]["a"]["completed_at"])
    changed["nodes"][2]["config"]["poll_seconds"] = 0.25
    is_("2026-01-01T00:00:02.500000", execute(changed)["node_results"]["a"]["completed_at"])


# ---- failure

@case
def detail_42():
    """detail 42: a node with an error edge: failed, its output is the error, it is not completed, the execution completes"""
    c = ("condition", {"expression": "gone"})
    done = execute(graph("c -error-> e", c=c, e=("set_variable", {"variable_name": "v", "variable_value": "${c_output.error.type}"})))
    is_(("completed", ["e"], "unknown_name"), (done["status"], done["completed_node_ids"], done["data"]["e_output"]["value"]))
    is_(("failed", {"error": {"node_id": "c", "type": "unknown_name", "details": None,
                              "message": 'expression "gone": unknown name "gone", line 1, column 1'}}),
        (done["node_results"]["c"]["status"], done["node_results"]["c"]["output"]))
    by_itself = ("condition", {"expression": "error.type == 'x'"})
    is_("unknown_name", node_error(graph("c -error-> e", "e -error-> n", c=c, e=by_itself, n=("noop",)), "e")[0])
    inside = graph("t -body-> c", "t -catch-> k", "k -> s", "t -finally-> f", "f -> g", t=("try",), c=c, k=("catch",), f=("finally",),
                   s=("set_variable", {"variable_name": "seen", "variable_value": "${error.node_id + ' ' + error.type}"}),
                   g=("set_variable", {"variable_name": "last", "variable_value": "${error}"}))
    done = execute(inside)["data"]
    is_(("c unknown_name", None), (done["s_output"]["value"], done["g_output"]["value"]))


@case
def detail_43():
    """detail 43: exec does not retry; errors of expressions are retried only when retry_on names them; never_on wins; scopes as a whole"""
    def ended(*pairs):
        done = execute(graph("c -error-> e", e=("noop",), c=("condition", {"expression": "gone"}, {"retry": dict(pairs)})))
        return done["node_results"]["e"]["started_at"][11:]
    is_("00:00:00", ended(("max_attempts", 3)))
    is_("00:00:03", ended(("max_attempts", 3), ("retry_on", ["unknown_name"])))  # 1 + 2 seconds
    is_("00:00:00", ended(("max_attempts", 3), ("retry_on", ["unknown_name"]), ("never_on", ["unknown_name"])))
    is_("00:00:00", ended(("max_attempts", 3), ("retry_on", ["type_error"])))
    is_("00:00:25", ended(("max_attempts", 4), ("retry_on", ["unknown_name"]), ("initial_ms", 5000), ("multiplier", 3), ("max_ms", 10000)))
    is_("00:00:15", ended(("max_attempts", 9), ("retry_on", ["unknown_name"]), ("initial_ms", 5000), ("budget_ms", 20000)))
    is_(1, run("exec", write("w.json", graph(c=("condition", {"expression": "gone"}))), "--virtual-time").status)
    scope = graph("l -body-> a", "a -> c", "l -error-> e", a=("noop",), c=("condition", {"expression": "gone"}), e=("noop",),
                  l=("for", {"array_expression": [1, 2]}, {"retry": {"max_attempts": 2, "retry_on": ["unknown_name"]}}))
    is_([("l", None), ("a", "l#1"), ("c", "l#1"), ("a", "l#1"), ("c", "l#1"), ("e", None)],
        [(t["node_id"], t["scope"]) for t in execute(scope, "--trace")["trace"]])


@case
def no_wait_beyond_the_deadline():
    """retry: no wait that would end after a deadline is begun: of the node, of the execution"""
    c = ("condition", {"expression": "gone"}, {"retry": {"max_attempts": 9, "retry_on": ["unknown_name"], "initial_ms": 4000, "multiplier": 1},
                                               "schedule_to_close_seconds": 10})
    done = execute(graph("c -error-> e", c=c, e=("noop",)))
    is_("2026-01-01T00:00:08", done["node_results"]["e"]["started_at"])  # attempts at 0, 4 and 8; 12 would be too late
    del c[2]["schedule_to_close_seconds"]
    limited = {"graph_config": graph("c -error-> e", c=c, e=("noop",)), "trigger_config": {"timeout_seconds": 6}}
    is_("2026-01-01T00:00:04", execute(limited)["node_results"]["e"]["started_at"])


@case
def detail_61():
    """detail 61: the types of errors that the engine itself gives"""
    def of(node, *arguments, option=None):
        return node_error(graph("n -error-> e", n=(*node, option or {}), e=("noop",)), "n", *arguments)[0]
    is_("unknown_name", of(("condition", {"expression": "gone"})))
    is_("type_error", of(("condition", {"expression": "1 + []"})))
    is_("not_a_number", of(("map", {"input_array": [0], "map_expression": "1 / item"})))
    is_("expression_error", of(("condition", {"expression": "1 +"})))
    is_("expression_too_costly", of(("condition", {"expression": "range(1e9)"})))
    is_("config_invalid", of(("delay", {"delay_seconds": -1})))
    is_("template_error", of(("set_variable", {"variable_name": "v", "variable_value": "${input.none}"})))
    is_("timeout", of(("await", {"signal_type": "s", "timeout_seconds": 1})))
    is_("max_iterations_exceeded", of(("for", {"array_expression": [1, 2], "max_iterations": 1})))
    is_("no_enclosing_loop", of(("break",)))
    is_("node_type_unknown", of(("no-such-type",)))
    is_("join_unsatisfiable", of(("for", {"array_expression": [1], "need": 2})))


main()
