#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The commands that need no database: schedule next, expr.
: "${srcdir:=.}" "${builddir:=.}"
srcdir=$(cd "$srcdir" && pwd)
. "$srcdir/tests/cli/tap.sh"
w=$builddir/wfworker

# ---- schedule next ----
run "$w" schedule next '30 2 * * *' --from 2026-11-23T07:00:00Z
is "the coming runs, five of them" "0 2026-11-24T02:30:00+00:00
2026-11-25T02:30:00+00:00
2026-11-26T02:30:00+00:00
2026-11-27T02:30:00+00:00
2026-11-28T02:30:00+00:00" "$status $out"
run "$w" schedule next --count=2 --from '2026-11-23 07:00:00.25+01:00' -- '*/30 * * * * *'
is "seconds come first; options stand before, too" "0 2026-11-23T06:00:30+00:00
2026-11-23T06:01:00+00:00" "$status $out"
run "$w" schedule next @yearly --from 9999-01-01
is "no run after the year 9999" "1 wfworker: the cron expression never comes: no run within 50 years
HINT:  see whether the day, the month and the weekday can meet" "$status $err"
run "$w" schedule next '0 0 30 2 *' --from 2026-01-01
is "an expression that never comes" "1 wfworker: the cron expression never comes: no run within 50 years
HINT:  see whether the day, the month and the weekday can meet" "$status $err"
run "$w" schedule next '0 22-2 * * *'
is "a wrong expression" '1 wfworker: wrong cron expression "0 22-2 * * *": hour "22-2" runs backwards
HINT:  write 22-23,0-2' "$status $err"
run "$w" schedule next '0 0 * * *' --timezone Nowhere/City
has "an unknown zone" '1 wfworker: there is no time zone "Nowhere/City"' "$status $err"
run "$w" schedule next 'TZ=Nowhere/City 0 0 * * *'
has "an unknown zone in the expression" '1 wfworker: there is no time zone "Nowhere/City"' "$status $err"
run "$w" schedule next '0 0 * * *' --from yesterday
is "a wrong --from" '2 wfworker: invalid value "yesterday" for option --from
DETAIL:  it must be a time such as 2026-03-29T01:30:00, 2026-03-29T01:30:00+01:00 or 2026-03-29' "$status $err"
for n in 0 -1 x '' 100001; do
    run "$w" schedule next '0 0 * * *' "--count=$n"
    is "a wrong --count: $n" "2 wfworker: invalid value \"$n\" for option --count
DETAIL:  it must be a whole number from 1 to 100000" "$status $err"
done
run "$w" schedule next
is "CRON is missing" "2 wfworker: CRON is missing
HINT:  usage: wfworker schedule next CRON [OPTION...]" "$status $err"
run "$w" schedule next '*' '*' '*' '*' '*'
is "CRON is one argument" '2 wfworker: unexpected argument "*"
HINT:  usage: wfworker schedule next CRON [OPTION...]' "$status $err"
if [ -e /usr/share/zoneinfo/Europe/Berlin ]; then
    run "$w" schedule next '30 2 * * *' --timezone Europe/Berlin --from 2026-03-28T12:00 --count 2
    is "a time in the gap is moved to its end" "0 2026-03-29T03:00:00+02:00
2026-03-30T02:30:00+02:00" "$status $out"
    run "$w" schedule next 'CRON_TZ=America/New_York 0 9 * * *' --timezone Europe/Berlin --from 2026-07-01T08:00 --count 1
    is "the zone in the expression wins, also for --from" "0 2026-07-01T09:00:00-04:00" "$status $out"
    run "$w" expr "Date.toISOString(1782864000000, 'Europe/Berlin')"
    is "a date in a zone" '0 "2026-07-01T02:00:00.000+02:00"' "$status $out"
    run "$w" expr "Date.parts(Date.parse('2026-07-01T12:00', 'America/New_York'), 'Europe/Berlin').hour"
    is "from one zone to another" '0 18' "$status $out"
else
    echo "# no time zones in /usr/share/zoneinfo"
fi

# ---- expr ----
run "$w" expr '[1, 1.50, {a: b, c: missing?.x}]' --data '{"b": "x", "missing": null}'
is "a value as JSON" '0 [1,1.5,{"a":"x"}]' "$status $out"
run "$w" expr --data '{"b": 2}' -- '-b + data.b + input.b'
is "after -- there are no options" "0 2" "$status $out"
run "$w" expr '[vars, execution, workflow]'
is "the other roots are empty" '0 [{},{},{}]' "$status $out"
run "$w" expr 'undefined'
is "undefined is null" '0 null' "$status $out"
echo '{"items": [1, 2, 3]}' >data.json
run "$w" expr 'items.map(x => x * 2)' -d @data.json
is "data from a file" '0 [2,4,6]' "$status $out"
run "$w" expr '1 +
  * 2'
is "an error says where" '1 wfworker: unexpected "*", line 2, column 3' "$status $err"
run "$w" expr 'a.b'
is "an unknown name" '1 wfworker: unknown name "a", line 1, column 1
DETAIL:  error type unknown_name' "$status $err"
run "$w" expr 1 --data '[1]'
is "data that are no object" "1 wfworker: --data is not a JSON object
HINT:  for example --data '{\"amount\": 12}', or --data @FILE" "$status $err"
if grep -q '^#define WITH_HASHES' "$builddir/config.h"; then
    run "$w" expr "[md5(''), sha256('abc'), sha1('abc'), sha512('').length, hmacSha256('key', 'The quick brown fox jumps over the lazy dog')]"
    is "hashes" '0 ["d41d8cd98f00b204e9800998ecf8427e","ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad","a9993e364706816aba3e25717850c26c9cd0d89d",128,"f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8"]' "$status $out"
else
    run "$w" expr "md5('')"
    is "no hashes in this build" '1 wfworker: md5() is not part of this build: configure found no libcrypto, line 1, column 1
DETAIL:  error type type_error' "$status $err"
fi
run "$w" expr
is "EXPRESSION is missing" "2 wfworker: EXPRESSION is missing
HINT:  usage: wfworker expr EXPRESSION [OPTION...]" "$status $err"
run "$w" expr 1 2
is "EXPRESSION is one argument" '2 wfworker: unexpected argument "2"
HINT:  usage: wfworker expr EXPRESSION [OPTION...]' "$status $err"

finish
