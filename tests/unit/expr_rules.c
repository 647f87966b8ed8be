/* SPDX-License-Identifier: Apache-2.0 */
/* The language, rule by rule: expression, data, and the result or the whole error. */
#include "unit/expr_check.h"

static const char data[] = "{\"o\":{\"map\":1,\"keys\":2},\"a\":[1,[2,3]],\"s\":\"a😀b\",\"n\":null,\"x\":{\"y\":null},\"big\":[9007199254740993,9223372036854775807]}";

static void rule_1_values_and_own_keys(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"o.map", data, "1"},
        {"o.keys()", data, "type_error: \"keys\" is a key of the object with a value that is no function (number), line 1, column 3"},
        {"x.keys()", data, "[\"y\"]"},
        {"x.toString", data, "undefined"},
        {"\"toString\" in x", data, "false"},
        {"\"__proto__\" in x", data, "false"},
        {"x.__proto__", data, "undefined"},
        {"x.map(y => y)", data, "type_error: \"map\" is no method of object, line 1, column 3"},
        {"a.map", data, "undefined"},
        {"x => x", data, "type_error: the result is a function, which is no value, line 1, column 1"},
        {"[x => x]", data, "expression_error: an arrow function can only be an argument of a call, line 1, column 4"},
        {"nope", data, "unknown_name: unknown name \"nope\", line 1, column 1"},
    };
    CHECK(rows);
}

static void rule_2_integers_pass_through(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"big[1]", data, "9223372036854775807"},
        {"big", data, "[9007199254740993,9223372036854775807]"},
        {"big[0] === big[1]", data, "false"},
        {"9007199254740993", data, "9007199254740992"},
        {"1e400", data, "expression_error: the number is too large, line 1, column 1"},
        {"1e-400", data, "0"},
        {"5e-324", data, "5e-324"},
    };
    CHECK(rows);
}

static void rule_3_not_a_number(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"1/0 > 5", data, "true"},
        {"1/0", data, "not_a_number: the result is Infinity, line 1, column 1"},
        {"[1, {a: -1/0}]", data, "not_a_number: the result holds -Infinity, line 1, column 1"},
        {"0/0 == 0/0", data, "false"},
    };
    CHECK(rows);
}

static void rule_4_printing(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"0.1 + 0.2", data, "0.30000000000000004"},
        {"1e21", data, "1e+21"},
        {"123456789012345680000", data, "123456789012345680000"},
        {"-0", data, "0"},
        {"2**-44", data, "5.684341886080802e-14"},
        {"5.0", data, "5"},
        {"1e-7", data, "1e-7"},
        {"0.000001", data, "0.000001"},
        {"undefined", data, "undefined"},
        {"{a: undefined, b: 1}", data, "{\"b\":1}"},
        {"[undefined]", data, "[null]"},
    };
    CHECK(rows);
}

static void rule_5_strings_are_code_points(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"s.length", data, "3"},
        {"s[1]", data, "\"😀\""},
        {"s[0:2]", data, "\"a😀\""},
        {"s.indexOf('b')", data, "2"},
        {"'\\ud83d\\ude00'.length", data, "1"},
        {"'\\ud800'", data, "expression_error: a lone surrogate is no character, line 1, column 2"},
        {"'\\uFF5E' < '😀'", data, "true"},
        {"'é' == 'e\\u0301'", data, "false"},
    };
    CHECK(rows);
}

static void rule_6_indexes_and_slices(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"a[5]", data, "undefined"},
        {"a[-1]", data, "undefined"},
        {"a[1.5]", data, "undefined"},
        {"a.at(-1)", data, "[2,3]"},
        {"a[-1:]", data, "[[2,3]]"},
        {"a[0:99]", data, "[1,[2,3]]"},
        {"s[-2:-1]", data, "\"😀\""},
        {"a[null:1]", data, "[1]"},
        {"a[::2]", data, "expression_error: a slice has no step (to turn round: .reverse()), line 1, column 4"},
        {"a['1']", data, "undefined"},
    };
    CHECK(rows);
}

static void rule_7_precedence(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"1 + 2 * 3", data, "7"},
        {"2 ** 3 ** 2", data, "512"},
        {"'a' if 0 else 'b' if 1 else 'c'", data, "\"b\""},
        {"0 ? 1 : 0 ? 2 : 3", data, "3"},
        {"not 1 == 2", data, "true"},
        {"!1 == 2", data, "false"},
        {"1 or 2 and 3", data, "1"},
        {"null ?\? 0 || 5", data, "5"},
        {"7 % 4 * 2", data, "6"},
        {"-2 * 3", data, "-6"},
        {"n?.b.c", data, "undefined"},
        {"n.b", data, "type_error: cannot read \"b\" of null, line 1, column 3"},
        {"x.z.w", data, "type_error: cannot read \"w\" of undefined, line 1, column 5"},
        {"1 - 2 - 3", data, "-4"},
        {"2 ** -1", data, "0.5"},
    };
    CHECK(rows);
}

static void rule_8_equality(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"null == undefined", data, "true"},
        {"null === undefined", data, "false"},
        {"'' == 0", data, "true"},
        {"'1' == 1", data, "true"},
        {"true == 1", data, "true"},
        {"[1] == 1", data, "false"},
        {"[1] == ['1']", data, "true"},
        {"[1] === ['1']", data, "false"},
        {"{a:1,b:2} === {b:2,a:1}", data, "true"},
        {"[undefined] == [null]", data, "true"},
        {"[undefined] === [null]", data, "false"},
        {"1 !== '1'", data, "true"},
    };
    CHECK(rows);
}

static void rule_9_operands(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"'a' + 1 + true + null", data, "\"a1truenull\""},
        {"true + 1", data, "type_error: \"+\" wants two numbers, or a string with a string, number, boolean or null, not boolean and number, line 1, column 6"},
        {"null + 1", data, "type_error: \"+\" wants two numbers, or a string with a string, number, boolean or null, not null and number, line 1, column 6"},
        {"'a' + []", data, "type_error: \"+\" wants two numbers, or a string with a string, number, boolean or null, not string and array, line 1, column 5"},
        {"'a' + undefined", data, "type_error: \"+\" wants two numbers, or a string with a string, number, boolean or null, not string and undefined, line 1, column 5"},
        {"1 - '1'", data, "type_error: \"-\" wants two numbers, not number and string, line 1, column 3"},
        {"1 < '2'", data, "type_error: \"<\" wants two numbers or two strings, not number and string, line 1, column 3"},
        {"'a' < 'b'", data, "true"},
        {"+'1'", data, "type_error: the sign \"+\" wants a number, not string (write Number(x)), line 1, column 1"},
        {"-null", data, "type_error: the sign \"-\" wants a number, not null, line 1, column 1"},
        {"[] * 2", data, "type_error: \"*\" wants two numbers, not array and number, line 1, column 4"},
    };
    CHECK(rows);
}

static void rule_10_in(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"2 in [1, 2]", data, "true"},
        {"[2] in [[2]]", data, "true"},
        {"'a' in 'cat'", data, "true"},
        {"'y' in x", data, "true"},
        {"1 in 'cat'", data, "type_error: \"in\" wants an element and an array, two strings, or a key and an object, not number and string, line 1, column 3"},
        {"'z' not in x", data, "true"},
        {"1 in 1", data, "type_error: \"in\" wants an element and an array, two strings, or a key and an object, not number and number, line 1, column 3"},
    };
    CHECK(rows);
}

static void rule_11_compile_errors(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"1 < 2 < 3", data, "expression_error: comparisons cannot be chained (write a < b and b < c, or use parentheses), line 1, column 7"},
        {"1 < 2 === true", data, "expression_error: comparisons cannot be chained (write a < b and b < c, or use parentheses), line 1, column 7"},
        {"-2 ** 2", data, "expression_error: an operator before the left side of ** needs parentheses: (-2) ** 2 or -(2 ** 2), line 1, column 4"},
        {"7 // 2", data, "expression_error: \"//\" is not supported (write Math.floor(a / b)), line 1, column 3"},
        {"[v for v in a]", data, "expression_error: comprehensions are not supported (write items.filter(x => ...).map(x => ...)), line 1, column 4"},
        {"a is 1", data, "expression_error: \"is\" is not supported (write == or ===), line 1, column 3"},
        {"x = 1", data, "expression_error: assignment is not supported (compare with ==), line 1, column 3"},
        {"x++", data, "expression_error: \"++\" is not supported (values cannot be changed; write x + 1), line 1, column 2"},
        {"--x", data, "expression_error: \"--\" is not supported (values cannot be changed; write x - 1, or a - (-b)), line 1, column 1"},
        {"1, 2", data, "expression_error: the comma operator is not supported, line 1, column 2"},
        {"[1,,2]", data, "expression_error: an array cannot have holes (write null or undefined), line 1, column 4"},
        {"1 == not 2", data, "expression_error: \"not\" needs parentheses here: (not x), line 1, column 6"},
        {"`x`", data, "expression_error: backticks are not supported (write '...' + x), line 1, column 1"},
        {"012", data, "expression_error: a number cannot begin with 0 (octal numbers are written 0o17), line 1, column 1"},
        {"(.5 + 5.) * 0x1F + 1_000", data, "1170.5"},
        {"'\\u0000'", data, "expression_error: a string cannot hold a NUL character, line 1, column 2"},
        {"{a: 1, a: 2,}", data, "{\"a\":2}"},
        {"[1,]", data, "[1]"},
        {"f(1)", data, "expression_error: there is no function \"f\", line 1, column 1"},
        {"a.foo()", data, "expression_error: there is no method \"foo\", line 1, column 3"},
        {"a.push(1)", data, "expression_error: there is no method \"push\" (values cannot be changed; write [...list, x]), line 1, column 3"},
        {"let y = 1", data, "expression_error: statements are not supported: \"let\", line 1, column 1"},
        {"lambda v: v", data, "expression_error: \"lambda\" is not supported (write x => ...), line 1, column 1"},
        {"a; b", data, "expression_error: statements are not supported: an expression has no \";\", line 1, column 2"},
        {"1 & 2", data, "expression_error: \"&\" is not supported (write && or and), line 1, column 3"},
        {"/x/", data, "expression_error: regular expression literals are not supported (write text.match('pattern')), line 1, column 1"},
        {"len(1, 2)", data, "expression_error: len() takes 1 argument, not 2, line 1, column 1"},
        {"'a", data, "expression_error: the string is not closed, line 1, column 3"},
        {"1__0", data, "expression_error: \"_\" in a number stands between two digits, line 1, column 2"},
        {"a b", data, "expression_error: unexpected \"b\", line 1, column 3"},
        {"“x”", data, "expression_error: unexpected character \"“\", line 1, column 1"},
        {"x => {a: 1}", data, "expression_error: the body of an arrow function is an expression; an object needs parentheses: x => ({...}), line 1, column 6"},
    };
    CHECK(rows);
}

static void rule_12_types_and_dates(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"typeof n + typeof a + typeof nope", data, "\"objectobjectundefined\""},
        {"isNumber(1) and isString('') and isArray(a) and isObject(x) and isNull(n) and isBoolean(false)", data, "true"},
        {"Date.parse('2026-01-02T03:04:05Z')", data, "1767323045000"},
        {"Date.parse('never') == 0", data, "false"},
        {"now()", data, "1767225600123"},
        {"Date.toISOString(now())", data, "\"2026-01-01T00:00:00.123Z\""},
        {"Date.parts(0).weekday", data, "4"},
        {"[3,1,2].sort()", data, "[1,2,3]"},
        {"['b','a','C'].sort()", data, "[\"C\",\"a\",\"b\"]"},
        {"[1,'a'].sort()", data, "type_error: sort() wants only numbers or only strings without a function; found number and string, line 1, column 9"},
        {"[3,1,2].sort((p, q) => q - p)", data, "[3,2,1]"},
    };
    CHECK(rows);
}

static void rule_13_positions(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"(1 + 2", data, "expression_error: \"(\" is not closed: expected \")\", line 1, column 7"},
        {"[1", data, "expression_error: \"[\" is not closed: expected \"]\", line 1, column 3"},
        {"{a: 1", data, "expression_error: \"{\" is not closed: expected \"}\", line 1, column 6"},
        {"a[1", data, "expression_error: \"[\" is not closed: expected \"]\", line 1, column 4"},
        {"len(", data, "expression_error: \"(\" is not closed: expected \")\" or \",\", line 1, column 5"},
        {"1 +", data, "expression_error: unexpected end of the text, line 1, column 4"},
        {"\n\n  nope", data, "unknown_name: unknown name \"nope\", line 3, column 3"},
        {"'é' + nope", data, "unknown_name: unknown name \"nope\", line 1, column 7"},
        {"((1)", data, "expression_error: \"(\" is not closed: expected \")\", line 1, column 5"},
    };
    CHECK(rows);
}

static void library_strings(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"'ß'.toUpperCase() + 'ΑΣ'.toLowerCase()", data, "\"SSας\""},
        {"' x '.trim() + 'a-b'.split('-').join('+')", data, "\"xa+b\""},
        {"'abc'.padStart(5, '*') + 'a'.repeat(3)", data, "\"**abcaaa\""},
        {"'aXbX'.replace('X', '-') + 'aXbX'.replaceAll('X', '$&$&')", data, "\"a-bXaXXbXX\""},
        {"', '.join([1, null, 'x'])", data, "\"1, , x\""},
        {"'abc'.startsWith('ab') and 'abc'.endswith('bc')", data, "true"},
        {"'abc'.at(-1) + 'abc'.substring(2, 0)", data, "\"cab\""},
        {"'a b  c'.words().length", data, "3"},
        {"'😀'.codePointAt(0)", data, "128512"},
        {"'abc'.slice(-2)", data, "\"bc\""},
        {"\"ada LOVELACE-king's 2nd \u00e4rger\".title()", data, "\"Ada Lovelace-King'S 2Nd \u00c4rger\""},
        {"escapeHtml(\"<a href='x'>&\\\"\")", data, "\"&lt;a href=&#39;x&#39;&gt;&amp;&quot;\""},
        {"'a.b+c'.match(escapePattern('.b+') + 'c')", data, "[\".b+c\"]"},
        {"[1].sum()", data, "expression_error: there is no method \"sum\" (write sum(list)), line 1, column 5"},
        {"f'x'", data, "expression_error: strings have no prefixes (write '...' + x), line 1, column 1"},
    };
    CHECK(rows);
}

static void library_arrays(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"[1,2,3].map(v => v * 2).filter(v => v > 2).reduce((p, q) => p + q, 0)", data, "10"},
        {"Object.entries({p: 1, q: 2}).map(([k, v]) => k + v)", data, "[\"p1\",\"q2\"]"},
        {"[{id: 1, t: 'u'}].map(({id, t}) => t + id)", data, "[\"u1\"]"},
        {"['1','2'].map(Number)", data, "[1,2]"},
        {"[1,[2,[3]]].flat() ", data, "[1,2,[3]]"},
        {"[1,2,2,3].unique().reverse()", data, "[3,2,1]"},
        {"[1,2,3].find(v => v > 1)", data, "2"},
        {"[1,2,3].findIndex(v => v > 5)", data, "-1"},
        {"[].every(v => false) and not [].some(v => true)", data, "true"},
        {"[1,2,3,4,5].chunk(2)", data, "[[1,2],[3,4],[5]]"},
        {"[3,1].concat([2], 9)", data, "[3,1,2,9]"},
        {"['bb','a'].sortBy(len)", data, "[\"a\",\"bb\"]"},
        {"[1,2,3].groupBy(v => v % 2 ? 'odd' : 'even')", data, "{\"odd\":[1,3],\"even\":[2]}"},
        {"[1,2].map(v => [10,20].map(w => v * w))", data, "[[10,20],[20,40]]"},
        {"[].reduce((p, q) => p)", data, "type_error: reduce() of an empty array wants a start value, line 1, column 4"},
        {"[...[1], 2]", data, "[1,2]"},
        {"[...'a\u00e4b']", data, "[\"a\",\"\u00e4\",\"b\"]"},
        {"JSON.parse('[123456789012345678901,1]')", data, "[123456789012345680000,1]"},
        {"[...1]", data, "type_error: \"...\" wants an array or a string here, not number, line 1, column 2"},
        {"['', 'a', 'ab', 'abc', 'äöü'].map(base64Encode)", data, "[\"\",\"YQ==\",\"YWI=\",\"YWJj\",\"w6TDtsO8\"]"},
        {"['', 'YQ==', 'YWI', 'YWJj', 'w6TDtsO8', 'Pz8_'].map(base64Decode)", data, "[\"\",\"a\",\"ab\",\"abc\",\"äöü\",\"???\"]"},
        {"base64Decode('a')", data, "type_error: base64Decode(): this is not base64, line 1, column 1"},
        {"base64Decode('_w==')", data, "type_error: base64Decode(): what it stands for is no text, line 1, column 1"},
        {"encodeURIComponent(\"a b&c=ä/?'(1)\")", data, "\"a%20b%26c%3D%C3%A4%2F%3F'(1)\""},
        {"decodeURIComponent('a%20b%26%c3%A4+')", data, "\"a b&ä+\""},
        {"decodeURIComponent('5%')", data, "type_error: decodeURIComponent(): % wants two hexadecimal digits, line 1, column 1"},
        {"decodeURIComponent('%ff')", data, "type_error: decodeURIComponent(): what it stands for is no text, line 1, column 1"},
        {"Date.toISOString(0, 'UTC')", data, "\"1970-01-01T00:00:00.000+00:00\""},
        {"Date.parse('2026-01-01', 'UTC')", data, "1767225600000"},
        {"Date.parts(0, 'No/Where')", data, "type_error: Date.parts(): there is no time zone \"No/Where\", line 1, column 1"},
        {"Math.max(...[1,5,3]) + max([2,7])", data, "12"},
    };
    CHECK(rows);
}

static void library_numbers_and_json(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"(1.005).toFixed(2) + ' ' + (2.5).toFixed(0)", data, "\"1.00 3\""},
        {"Math.round(-0.5) == 0 and Math.round(2.5) == 3", data, "true"},
        {"round(2.345, 2)", data, "2.35"},
        {"parseInt('12px') + parseFloat('1.5e1x')", data, "27"},
        {"int('7') + float('0.5') + int(-1.9)", data, "6.5"},
        {"(255).toString(16)", data, "\"ff\""},
        {"JSON.parse('{\"a\":[1,2.5]}').a[1]", data, "2.5"},
        {"JSON.stringify({a: [1, 'x'], b: undefined})", data, "\"{\\\"a\\\":[1,\\\"x\\\"]}\""},
        {"range(2, 8, 3)", data, "[2,5]"},
        {"sum([1,2,3]) + len('abc') + min(4, 2)", data, "11"},
        {"Math.PI > 3", data, "true"},
        {"JSON.parse('{')", data, "type_error: JSON.parse(): invalid JSON at line 1, column 1: string or '}' expected near end of file, line 1, column 1"},
    };
    CHECK(rows);
}

static void library_selecting(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"pick({a: 1, b: 2, c: 3}, ['c', 'a', 'z'])", data, "{\"a\":1,\"c\":3}"},
        {"omit({a: 1, b: 2, c: 3}, ['c', 'z', 5])", data, "{\"a\":1,\"b\":2}"},
        {"pick(o, ['map'])", data, "{\"map\":1}"},
        {"merge({a: {x: 1, y: 2}, b: [1]}, null, {a: {y: 3}, b: [2], c: 4}, o)", data,
         "{\"a\":{\"x\":1,\"y\":3},\"b\":[2],\"c\":4,\"map\":1,\"keys\":2}"},
        {"merge({x: {y: 5, z: 1}}, {x: x})", data, "{\"x\":{\"y\":null,\"z\":1}}"},
        {"mapValues({a: 1, b: 2}, (v, k) => k + v)", data, "{\"a\":\"a1\",\"b\":\"b2\"}"},
        {"mapValues(o, String)", data, "{\"map\":\"1\",\"keys\":\"2\"}"},
        {"[{n: 1}, {n: 2, m: 1}, {n: 1}].uniqueBy(v => v.n)", data, "[{\"n\":1},{\"n\":2,\"m\":1}]"},
        {"[[3,1,2].minBy(v => v), ['bb','a','c'].minBy(len), ['a','cc','bb'].maxBy(len)]", data, "[1,\"a\",\"cc\"]"},
        {"[].maxBy(v => v)", data, "undefined"},
        {"[1, 'a'].minBy(v => v)", data, "type_error: minBy() wants only numbers or only strings from its function; found number and string, line 1, column 10"},
        {"['a', 'b', 'a', 1].countBy(v => v)", data, "{\"a\":2,\"b\":1,\"1\":1}"},
        {"[1,2,3,4].partition(v => v > 2)", data, "[[3,4],[1,2]]"},
        {"[1,2,2,{a:1}].union([2,3,{a:1}])", data, "[1,2,{\"a\":1},3]"},
        {"[1,2,2,3].intersection([2,4])", data, "[2]"},
        {"[1,1,2,3].difference([3])", data, "[1,2]"},
        {"[average([1,2,6]), median([5,1,3]), median([4,1,3,2])]", data, "[3,3,2.5]"},
        {"average([])", data, "type_error: average() of an empty array, line 1, column 1"},
        {"median([1,'2'])", data, "type_error: median() wants an array of numbers, found string, line 1, column 1"},
        {"pick([1], [0])", data, "type_error: pick() wants an object as argument 1, not array, line 1, column 1"},
    };
    CHECK(rows);
}

static void library_calendar(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"Date.toISOString(Date.add(Date.parse('2026-01-31T10:00'), 1, 'month'))", data, "\"2026-02-28T10:00:00.000Z\""},
        {"Date.toISOString(Date.add(Date.parse('2024-02-29'), -1, 'years'))", data, "\"2023-02-28T00:00:00.000Z\""},
        {"Date.toISOString(Date.add(Date.parse('2025-12-31T23:59'), 2, 'weeks', 'UTC'))", data, "\"2026-01-14T23:59:00.000Z\""},
        {"Date.add(0, 1.5, 'hours') + Date.add(5, -1, 'millisecond')", data, "5400004"},
        {"Date.toISOString(Date.startOf(Date.parse('2026-01-01T12:34:56.789Z'), 'week'))", data, "\"2025-12-29T00:00:00.000Z\""},
        {"['year','month','day','hour','minute','second'].map(u => Date.toISOString(Date.startOf(Date.parse('2026-05-17T12:34:56.789Z'), u)))", data,
         "[\"2026-01-01T00:00:00.000Z\",\"2026-05-01T00:00:00.000Z\",\"2026-05-17T00:00:00.000Z\",\"2026-05-17T12:00:00.000Z\","
         "\"2026-05-17T12:34:00.000Z\",\"2026-05-17T12:34:56.000Z\"]"},
        {"Date.startOf(-1, 'day')", data, "-86400000"},
        {"Date.format(Date.parse('2026-03-05T14:07:09.045Z'), 'dddd, D MMMM YYYY [at] hh:mm A, ss.SSS Z')", data,
         "\"Thursday, 5 March 2026 at 02:07 PM, 09.045 +00:00\""},
        {"Date.format(Date.parse('2026-03-05T00:07:09Z'), 'ddd MMM DD.MM.YY M/D H:m:s h A')", data, "\"Thu Mar 05.03.26 3/5 0:7:9 12 AM\""},
        {"Date.format(0, 'YYYY-MM-DDTHH:mm')", data, "type_error: Date.format() does not know \"T\" (write text in [brackets]), line 1, column 1"},
        {"Date.add(0, 1, 'fortnight')", data,
         "type_error: Date.add() wants one of year, month, week, day, hour, minute, second, millisecond as argument 3, line 1, column 1"},
        {"Date.add(0, 0.5, 'day')", data, "type_error: Date.add() wants a whole number of days as argument 2, line 1, column 1"},
        {"Date.add(0, 9000, 'years')", data, "type_error: Date.add(): the result is not in the years 1 to 9999, line 1, column 1"},
        {"Date.add(0/0, 1, 'day')", data, "type_error: Date.add() wants a time in the years 1 to 9999, in milliseconds, line 1, column 1"},
    };
    CHECK(rows);
}

static void regular_expressions(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"'2024-01'.match('(\\\\d+)-(\\\\d+)')", data, "[\"2024-01\",\"2024\",\"01\"]"},
        {"'a1b22'.match('\\\\d+', 'g')", data, "[\"1\",\"22\"]"},
        {"replace('a1b22', '\\\\d+', '<$&>', 'g')", data, "\"a<1>b<22>\""},
        {"replace('john smith', '(\\\\w+) (\\\\w+)', '$2 $1')", data, "\"smith john\""},
        {"replace('abc', '[ac]', m => m[0].upper(), 'g')", data, "\"AbC\""},
        {"test('ABC', 'b', 'i')", data, "true"},
        {"split('a1b2c', '\\\\d')", data, "[\"a\",\"b\",\"c\"]"},
        {"'x'.match('(')", data, "type_error: match() cannot use the pattern: missing closing parenthesis, at character 2, line 1, column 5"},
        {"'😀b'.search('b')", data, "1"},
        {"'x'.test('y', 'q')", data, "type_error: test() knows the flags g, i, m, s and u only, line 1, column 5"},
    };
    CHECK(rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rule_1_values_and_own_keys),
        cmocka_unit_test(rule_2_integers_pass_through),
        cmocka_unit_test(rule_3_not_a_number),
        cmocka_unit_test(rule_4_printing),
        cmocka_unit_test(rule_5_strings_are_code_points),
        cmocka_unit_test(rule_6_indexes_and_slices),
        cmocka_unit_test(rule_7_precedence),
        cmocka_unit_test(rule_8_equality),
        cmocka_unit_test(rule_9_operands),
        cmocka_unit_test(rule_10_in),
        cmocka_unit_test(rule_11_compile_errors),
        cmocka_unit_test(rule_12_types_and_dates),
        cmocka_unit_test(rule_13_positions),
        cmocka_unit_test(library_strings),
        cmocka_unit_test(library_arrays),
        cmocka_unit_test(library_numbers_and_json),
        cmocka_unit_test(library_selecting),
        cmocka_unit_test(library_calendar),
        cmocka_unit_test(regular_expressions),
    };
    return cmocka_run_group_tests_name("expr_rules", tests, NULL, NULL);
}
