#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Help, versions, exit codes and settings, as far as no database is needed.
: "${srcdir:=.}" "${builddir:=.}"
srcdir=$(cd "$srcdir" && pwd)
. "$srcdir/tests/cli/tap.sh"
w=$builddir/wfworker

run "$w" --help
is "--help succeeds" 0 "$status"
has "--help shows the usage" "Usage: wfworker [[]COMMAND[]] [[]OPTION...[]]" "$out"
sed -n '/^Commands:/,/^$/p' "$work/out" | sed -n 's/^  \([a-z][a-z ]*\).*/\1/p' | sed 's/  .*//; s/ *$//' >"$work/commands"
is "--help names the commands" "" "$(for c in run dev migrate check "workflow add" "workflow list" submit list show logs exec validate graph config; do
    grep -qx "$c" "$work/commands" || echo "$c"
done)"
settings=$("$w" config | sed 1d | cut -d' ' -f1)
is "there are settings" yes "$([ "$(echo "$settings" | wc -l)" -gt 20 ] && echo yes)"

while read -r command; do
    # shellcheck disable=SC2086
    run "$w" $command --help
    has "$command --help shows its usage" "Usage: wfworker $command" "$out"
    missing=
    for setting in $settings; do
        grep -q -e "--$(echo "$setting" | tr _ -)" "$work/out" || missing="$missing $setting"
    done
    is "$command --help names every setting" "" "$missing"
done <"$work/commands"
run "$w" workflow --help
has "workflow --help shows its commands" "Usage: wfworker workflow COMMAND*workflow add FILE*workflow list" "$out"
run "$w" workflow
is "workflow alone is wrong usage" "2 wfworker: wfworker workflow needs another word
HINT:  wfworker workflow --help shows the commands that there are" "$status $err"

run "$w" --version
is "--version" "wfworker $(sed -n "s/^PACKAGE_VERSION = //p" "$builddir/Makefile")
plugin interface 1.0" "$(printf '%s\n' "$out" | grep -v '^sandbox with')"

run "$w" frobnicate
is "an unknown command is wrong usage" "2 wfworker: there is no command \"frobnicate\"
HINT:  wfworker --help shows the commands that there are" "$status $err"
run "$w" confg
is "an unknown command names the nearest one" "2 wfworker: there is no command \"confg\"
HINT:  did you mean \"config\"?" "$status $err"
run "$w" config --jsn
is "an unknown option names the nearest one" "2 wfworker: unknown option --jsn
HINT:  did you mean --json?" "$status $err"
run "$w" config more
is "too many arguments" "2 wfworker: unexpected argument \"more\"
HINT:  usage: wfworker config [OPTION...]" "$status $err"
run "$w" --list-plugins config
is "--list-plugins stands alone" "2 wfworker: unexpected argument \"config\" beside --list-plugins" "$status $err"
run env WORKFLOW_MAX_RETRIES=many "$w" config
is "a wrong setting" "2 wfworker: invalid value \"many\" for setting max_retries, from environment variable WORKFLOW_MAX_RETRIES
DETAIL:  it must be a whole number from 0 to 1000" "$status $err"
run env WORKFLOW_MAX_RETRIES=many "$w" config --help
is "help is there with a wrong setting, too" 0 "$status"

echo "concurrency = 3" >w.conf
run "$w" config --config w.conf --db "host=h user=u password=geheim dbname=d" --strict
has "config shows a value from the file" "concurrency *3 *w.conf:1" "$out"
has "config shows the database" "postgresql://u@h:5432/d *flag --db" "$out"
is "config shows no password" "" "$(grep geheim "$work/out" "$work/err")"
run "$w" config --json --config w.conf
is "config --json" '    "concurrency": {
      "value": 3,
      "from": "w.conf:1"
    },' "$(grep -A 3 '"concurrency"' "$work/out")"
printf 'DATABASE_URL="postgresql://u@h/d?foo=bar"\nnonsense here\n' >.env
run "$w" config --log-format json
has "what is doubtful is a warning" '"level":"warning","message":".env:2: this is no assignment and was skipped"' "$err"
has "a dropped argument is a warning" '"message":"argument * of the database address is not libpq' "$err"
rm .env

finish
