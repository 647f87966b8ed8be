# SPDX-License-Identifier: Apache-2.0
"""The rules of expressions, templates and cron one by one, through wfworker expr and schedule next; each expectation was worked out
by hand from the rule."""

import json

from tap import case, is_, main, run, write


def expr(text, data=None):
    """The value as it is printed, or "type: message"."""
    done = run("expr", "--data", data if isinstance(data, str) else json.dumps(data or {}), "--", text)
    if done.status == 0:
        return done.out.rstrip("\n")
    is_((1, ""), (done.status, done.out))
    message, kind = done.err.rstrip("\n").split("\nDETAIL:  error type ") if "\nDETAIL" in done.err else (done.err.rstrip("\n"), "")
    return "%s: %s" % (kind or "expression_error", message.replace("wfworker: ", "", 1))


def values(*rows, data=None):
    for text, expected in rows:
        is_((text, expected), (text, expr(text, data)))


def fails(kind, *rows, data=None):
    """(expression, part of the message, column)"""
    for text, part, column in rows:
        got = expr(text, data)
        assert got.startswith(kind + ": ") and part in got and got.endswith("line 1, column %d" % column), (text, got)


def cron(expression, count, *arguments, start="2026-01-01T00:00:00Z"):
    """Without the seconds when they are 0, and without +00:00."""
    done = run("schedule", "next", expression, "--from", start, "--count", str(count), *arguments)
    is_((expression, 0, ""), (expression, done.status, done.err))
    return " ".join(line.replace("+00:00", "").replace(":00+", "+").replace(":00-", "-") if line.count(":") > 2 else
                    line.replace("+00:00", "") for line in done.out.split()).replace("T00:00:00", "")


# ---- expressions

@case
def expressions_1():
    """expressions 1: own keys only, a key of the data beats a method, functions are arguments only"""
    data = {"o": {"map": 1, "size": 2}, "__proto__x": 1}
    values(("o.map", "1"), ("o.toString ?? 'none'", '"none"'), ("'constructor' in o", "false"), ("'map' in o", "true"),
           ("o.constructor ?? 'none'", '"none"'), ("o.keys()", '["map","size"]'), data=data)
    fails("type_error", ("o.map(x => x)", '"map" is a key of the object', 3), ("x => x", "is a function", 1), data=data)
    fails("expression_error", ("[x => x]", "can only be an argument", 4))


@case
def expressions_2():
    """expressions 2: integers of 64 bits pass untouched, arithmetic is that of doubles, literals are the nearest double"""
    values(("[a, b]", "[9223372036854775807,-9223372036854775808]"), ("b + 1", "-9223372036854776000"), ("a == b", "false"),
           data={"a": 2**63 - 1, "b": -2**63})
    values(("9007199254740993", "9007199254740992"), ("1e-400", "0"), ("0.1 + 0.2", "0.30000000000000004"))
    fails("expression_error", ("2 + 1e400", "too large", 5))
    values(("x", "12345678901234567890123"), ("[x, {a: x}]", '[12345678901234567890123,{"a":12345678901234567890123}]'),
           ("x + 0", "1.2345678901234568e+22"), ("p", "1.50"), ("p * 1", "1.5"), ("'' + p", '"1.5"'),
           data='{"x": 12345678901234567890123, "p": 1.50}')


@case
def expressions_3():
    """expressions 3: NaN and Infinity while evaluating; in the result, at any depth, not_a_number"""
    values(("1/0 > 5", "true"), ("0/0 == 0/0", "false"), ("isNaN(0/0)", "true"))
    fails("not_a_number", ("1/0", "Infinity", 1), ("[{a: 0/0}]", "NaN", 1))


@case
def expressions_4():
    """expressions 4: numbers print short, whole ones below 1e21 without a point; undefined is dropped from objects, null in arrays"""
    values(("5.0", "5"), ("-0", "0"), ("1e20", "100000000000000000000"), ("1e21", "1e+21"), ("0.1", "0.1"), ("1/3", "0.3333333333333333"),
           ("{a: undefined, b: [undefined]}", '{"b":[null]}'))


@case
def expressions_5():
    """expressions 5: strings count, index, slice and compare in code points, without normalization"""
    values(("s.length", "3"), ("s[1]", '"😀"'), ("s[1:]", '"😀b"'), ("s.indexOf('b')", "2"), ("'\uff5e' < '😀'", "true"), ("'\u00e9' == 'e\u0301'", "false"),
           data={"s": "a😀b"})
    fails("expression_error", ("'\\ud800'", "lone surrogate", 2))


@case
def expressions_6():
    """expressions 6: an index beyond the end, negative or fractional is undefined; slices clamp, negative bounds count from the end"""
    values(*((text + " ?? 'none'", '"none"') for text in ("a[3]", "a[-1]", "a[0.5]", "a['0']")), ("a.at(-1)", "3"), ("a[-1:]", "[3]"), ("a[:-1]", "[1,2]"),
           ("a[1:99]", "[2,3]"), ("a[2:1]", "[]"), data={"a": [1, 2, 3]})
    fails("expression_error", ("[1][::2]", "no step", 6))


@case
def expressions_7():
    """expressions 7: precedence, from the loosest: conditional, or, and, not, comparison, sum, product, sign, power"""
    values(("'a' if 1 > 2 else 'b' if 0 else 'c'", '"c"'), ("1 ? 2 : 3 ? 4 : 5", "2"), ("0 or 1 and 0", "0"), ("null ?? 0 or 5", "5"),
           ("not 1 == 2", "true"), ("!1 == 2", "false"), ("1 + 2 * 3 - 4 / 2 % 3", "5"), ("2 ** 3 ** 2", "512"), ("-2 * -3", "6"), ("2 ** -1", "0.5"),
           ("1 + 1 == 2 and 3 not in [4]", "true"), ("n?.a.b ?? 'x'", '"x"'), data={"n": None})


@case
def expressions_8():
    """expressions 8: == as in JavaScript among scalars; arrays and objects are equal by value and never equal to a scalar"""
    values(*((text, "true") for text in ("null == undefined", "'' == 0", "'1' == 1", "true == 1", "[1, {a: 2}] == [1, {a: 2}]", "{a: 1, b: 2} === {b: 2, a: 1}",
                                         "null !== undefined", "[1] != 1", "'a' != ['a']", "[undefined] == [null]", "[undefined] !== [null]")))
    values(*((text, "false") for text in ("null == 0", "null === undefined", "'1' === 1", "[1] == 1", "null == false")))


@case
def expressions_9():
    """expressions 9: + adds numbers or joins a string with a scalar; the other operators want numbers, < two of a kind"""
    values(("'a' + 1 + true + null", '"a1truenull"'), ("1 + 2 + 'a'", '"3a"'), ("'b' < 'c'", "true"))
    fails("type_error", ("true + 1", "boolean and number", 6), ("'a' + []", "string and array", 5), ("'3' * 2", "string and number", 5),
          ("1 < '2'", "number and string", 3), ("+'1'", "wants a number", 1), ("null - 1", "null and number", 6))


@case
def expressions_10():
    """expressions 10: in: element of an array, part of a string, own key of an object"""
    values(("2 in [1, 2]", "true"), ("{a: 1} in [{a: 1}]", "true"), ("'ell' in 'hello'", "true"), ("'k' in {k: null}", "true"), ("'x' not in {k: 1}", "true"))
    fails("type_error", ("1 in 5", "number and number", 3))


@case
def expressions_11():
    """expressions 11: what does not compile is named, with a hint; literals that do"""
    fails("expression_error", ("a < b < c", "write a < b and b < c", 7), ("-2 ** 2", "(-2) ** 2", 4), ("7 // 2", "Math.floor", 3), ("[x for x in a]", "filter", 4),
          ("a is b", "==", 3), ("let x = 1", "statements", 1), ("x++", "x + 1", 2), ("(1, 2)", "comma", 3), ("a = 1", "==", 3), ("[1,,2]", "holes", 4),
          ("1 < 2 === true", "comparisons", 7), ("1 == not 2", "parentheses", 6), ("`x`", "backticks", 1), ("012", "0o17", 1), ("'\\0'", "NUL", 2))
    values(("[.5, 5., 0x1F, 1_000]", "[0.5,5,31,1000]"), ("{a: 1, a: 2,}", '{"a":2}'), ("typeof null + typeof []", '"objectobject"'), ("(1.50).toString()", '"1.5"'),
           ("'stra\u00dfe'.toUpperCase()", '"STRASSE"'), ("[1].length + ([1].map ?? 5)", "6"))
    is_("type_error", expr("null + 1").split(":")[0])


@case
def expressions_12():
    """expressions 12: tests of types, dates, sort() without a function"""
    values(("typeof gone", '"undefined"'), ("isNumber(1) and isString('') and isArray([]) and isObject({}) and isNull(null)", "true"),
           ("Date.parse('2026-01-01T00:00:00+01:00')", "1767222000000"), ("[10, 9, 1].sort()", "[1,9,10]"), ("['b', 'a', 'B'].sort()", '["B","a","b"]'),
           ("now() == now()", "true"))
    is_("type_error", expr("[1, 'a'].sort()").split(":")[0])


@case
def calendar():
    """the calendar keeps the clock of a zone: days keep the time of day, hours are real time, a gap ends where it ends"""
    berlin = "'Europe/Berlin'"
    at = "Date.parse('2026-03-28T02:30', %s)" % berlin
    values(("Date.toISOString(Date.add(%s, 1, 'day', %s), %s)" % (at, berlin, berlin), '"2026-03-29T03:00:00.000+02:00"'),
           ("Date.toISOString(Date.add(%s, 2, 'days', %s), %s)" % (at, berlin, berlin), '"2026-03-30T02:30:00.000+02:00"'),
           ("Date.toISOString(Date.add(%s, 24, 'hours', %s), %s)" % (at, berlin, berlin), '"2026-03-29T03:30:00.000+02:00"'),
           ("Date.toISOString(Date.startOf(Date.parse('2025-12-31T23:30Z'), 'month', %s))" % berlin, '"2025-12-31T23:00:00.000Z"'),
           ("Date.format(Date.parse('2026-07-01T22:05Z'), 'DD.MM.YYYY HH:mm Z', %s)" % berlin, '"02.07.2026 00:05 +02:00"'))


@case
def expressions_13():
    """expressions 13: limits end in expression_too_costly; positions are lines and columns in characters; an unclosed bracket stands at the end"""
    is_("1", expr(" " * 65000 + "1"))
    for text in ("1" + " " * 65536, "(" * 300 + "1" + ")" * 300, "'x'.repeat(1e9)", "range(1e9)", "range(4000).map(x => range(4000).map(y => y))",
                 "'" + "a" * 40 + "!'.match('(a+)+$')"):
        is_((text[:40], "expression_too_costly"), (text[:40], expr(text).split(":")[0]))
    is_("5000", expr("1" + " + 1" * 4999))
    fails("unknown_name", ("'äö😀' + gone", "gone", 9))
    assert expr("1 +\n  gone").endswith("line 2, column 3")
    fails("expression_error", ("((1)", 'expected ")"', 5), ("[1, {a: 2", 'expected "}"', 10))


@case
def expressions_14():
    """expressions 14: templates: in values, never in keys; a result is not looked at again; $${ and {{{{; a bracket in a string does not end one"""
    def value(v, data):
        done = run("exec", write("t.json", {"nodes": [{"node_id": "s", "node_type": "set_variable",
                                                         "config": {"variable_name": "v", "variable_value": v}}], "edges": []}),
                   "--data", json.dumps(data), "--log-level", "error")
        is_(0, done.status)
        return json.loads(done.out)["data"]["s_output"]["value"]
    data = {"k": "${k}", "n": 0.5, "o": {"a": [1, None]}, "big": 1e21}
    is_({"${n}": "${k}", "{{n}}": 0.5}, value({"${n}": "${k}", "{{n}}": "{{ n }}"}, data))
    is_("${k} {{k}} $$", value("$${k} {{{{k}} $$", data))
    is_("}-}}", value("${'}' + '-' + \"}}\"}", data))
    is_('0.5 1e+21 {"a":[1,null]} null true', value("${n} ${big} {{o}} ${null} ${n < 1}", data))
    is_([{"a": [1, None]}, 0.5, None, ""], value(["${o}", "${ n }", "${null}", ""], data))


# ---- cron

@case
def cron_15():
    """cron 15: five or six fields; both day fields restricted: either; one of them begins with *: both"""
    is_("2026-01-02 2026-01-09 2026-01-13 2026-01-16", cron("0 0 13 * FRI", 4))
    is_("2026-01-09 2026-01-23 2026-02-13 2026-02-27", cron("0 0 */2 * FRI", 4))
    is_("2026-02-01 2026-03-01 2026-08-01", cron("0 0 1 * */2", 3))
    is_("2026-01-01T00:00:30 2026-01-01T00:01:30", cron("30 * * * * *", 2))


@case
def cron_16():
    """cron 16: names, 7 and 0, ranges over the weekend, steps, L, #, ?, @names; what is refused names the alternative"""
    for text, runs in (
            ("0 0 * jan Sun", "2026-01-04 2026-01-11"), ("0 0 * * 7", "2026-01-04 2026-01-11"), ("0 0 * * 0", "2026-01-04 2026-01-11"),
            ("0 0 * * FRI-SUN", "2026-01-02 2026-01-03 2026-01-04 2026-01-09"), ("0 0 * * 2/2", "2026-01-03 2026-01-06 2026-01-08"),
            ("5/15 0 2 1 *", "2026-01-02T00:05:00 2026-01-02T00:20:00 2026-01-02T00:35:00 2026-01-02T00:50:00"),
            ("0 0 L * *", "2026-01-31 2026-02-28 2026-03-31"), ("0 0 L,15 * *", "2026-01-15 2026-01-31"), ("0 0 * * 5L", "2026-01-30 2026-02-27"),
            ("0 0 * * FRI#2", "2026-01-09 2026-02-13"), ("0 0 * * 1#1,5L", "2026-01-05 2026-01-30 2026-02-02"),
            ("0 0 ? * MON", "2026-01-05"), ("0 0 15 * ?", "2026-01-15"), ("@yearly", "2027-01-01"), ("@Annually", "2027-01-01"), ("@MONTHLY", "2026-02-01"),
            ("@weekly", "2026-01-04"), ("@daily", "2026-01-02"), ("@midnight", "2026-01-02"), ("@hourly", "2026-01-01T01:00:00")):
        is_((text, runs), (text, cron(text, len(runs.split()))))
    for text, hint in (("0 22-2 * * *", "write 22-23,0-2"), ("0 0 L-3 * *", "28-30"), ("0 0 * * MONL", "write 1L"), ("0 0 * * L", "SAT"), ("0 0 15W * *", "1-5"),
                       ("0 0 0 1 1 * 2030", "there is none for the year"), ("@every 5m", "write */5 * * * *"), ("@reboot", "write a time"), ("H * * * *", "from 0 to 59"),
                       ("+5 * * * *", "from 0 to 59"), ("0 0 * * 5#L", "write 5L"), ("0 0 L/2 * *", "28-30"), ("0 0 * * 1-5#2", "FRI#2"), ("? * * * *", "* for every minute")):
        done = run("schedule", "next", text)
        is_((text, 1, ""), (text, done.status, done.out))
        assert 'wrong cron expression "%s"' % text in done.err and "HINT:" in done.err and hint in done.err, done


@case
def cron_17():
    """cron 17: strictly after; a time without zone is in the schedule's; CRON_TZ= and TZ= beat the option"""
    is_("2026-01-01T09:01:00", cron("* * * * *", 1, start="2026-01-01T09:00:00Z"))
    is_("2026-01-02T09:00+01:00", cron("0 9 * * *", 1, "--timezone", "Europe/Berlin", start="2026-01-01T09:00"))
    is_("2026-01-01T09:00+01:00", cron("0 9 * * *", 1, "--timezone", "Europe/Berlin", start="2026-01-01T08:59"))
    for zone in ("CRON_TZ=", "TZ="):
        is_("2026-01-01T09:00-05:00", cron(zone + "America/New_York 0 9 * * *", 1, "--timezone", "Europe/Berlin"))


@case
def cron_18():
    """cron 18: a wildcard minute or hour follows real time; fixed times fire at the end of a gap, once in an overlap"""
    berlin = ("--timezone", "Europe/Berlin")
    is_("2026-03-29T03:00+02:00 2026-03-30T02:30+02:00", cron("30 2 * * *", 2, *berlin, start="2026-03-28T12:00"))
    is_("2026-03-29T03:00+02:00 2026-03-30T02:00+02:00 2026-03-30T02:30+02:00", cron("0,30 2 * * *", 3, *berlin, start="2026-03-28T12:00"))
    is_("2026-03-29T03:00+02:00 2026-03-30T02:00+02:00", cron("0 2,3 * * *", 2, *berlin, start="2026-03-28T12:00"))
    is_("2026-10-25T02:30+02:00 2026-10-26T02:30+01:00", cron("30 2 * * *", 2, *berlin, start="2026-10-24T12:00"))
    is_("2026-10-25T02:00+02:00 2026-10-25T02:30+02:00 2026-10-25T02:00+01:00 2026-10-25T02:30+01:00 2026-10-25T03:00+01:00",
        cron("*/30 * * * *", 5, *berlin, start="2026-10-25T01:30"))
    is_("2026-03-29T01:00+01:00 2026-03-29T03:00+02:00", cron("0 * * * *", 2, *berlin, start="2026-03-29T00:30"))
    is_("2026-03-29T01:30+01:00 2026-03-29T03:30+02:00", cron("30 */1 * * *", 2, *berlin, start="2026-03-29T01:00"))
    is_("2026-03-29T03:00+02:00 2026-03-30T02:30+02:00", cron("0,30 30 2 * * *", 2, *berlin, start="2026-03-28T12:00"))
    is_("2026-10-25T02:30+02:00 2026-10-25T02:30:30+02:00 2026-10-26T02:30+01:00", cron("0,30 30 2 * * *", 3, *berlin, start="2026-10-24T12:00"))


@case
def cron_19():
    """cron 19: no run within 50 years never comes, an error; 30 February or Sunday fires on Sundays"""
    is_((1, "", "wfworker: the cron expression never comes: no run within 50 years\n"
         "HINT:  see whether the day, the month and the weekday can meet\n"), tuple(run("schedule", "next", "0 0 30 2 *")))
    is_("2026-02-01 2026-02-08 2026-02-15 2026-02-22 2027-02-07", cron("0 0 30 2 0", 5))
    is_("2028-02-29", cron("0 0 29 2 *", 1))


@case
def options_20():
    """expressions 20, cron 20: options before and after, none after --; 0 with the value, 1 with the error, 2 for wrong usage"""
    write("d.json", '{"x": 5}')
    for arguments in (("x + 1", "--data", '{"x": 5}'), ("--data", '{"x": 5}', "x + 1"), ("--data=@d.json", "--", "x + 1")):
        is_((0, "6\n", ""), tuple(run("expr", *arguments)))
    is_((0, "-3\n", ""), tuple(run("expr", "--", "-3")))
    is_((1, "", 'wfworker: unknown name "x", line 1, column 1\nDETAIL:  error type unknown_name\n'), tuple(run("expr", "x")))
    is_([2, 2, 2], [run("expr", *arguments).status for arguments in ((), ("1", "2"), ("--nothing", "1"))])
    for arguments in (("@daily", "--count", "1", "--from", "2026-01-01"), ("--count=1", "-f", "2026-01-01", "--", "@daily")):
        is_((0, "2026-01-02T00:00:00+00:00\n", ""), tuple(run("schedule", "next", *arguments)))
    is_([1, 2, 2], [run("schedule", "next", *arguments).status for arguments in (("x",), (), ("@daily", "--count", "x"))])


main()
