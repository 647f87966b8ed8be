#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The private PostgreSQL: it runs, it is gone afterwards, and pgrun passes on exit codes and signals.
: "${srcdir:=.}" "${builddir:=.}"
srcdir=$(cd "$srcdir" && pwd)
. "$srcdir/tests/cli/tap.sh"
pgrun=$builddir/tests/pgrun

run "$pgrun" --fast true
case $err in
*"no PostgreSQL server is installed"*)
    echo "1..0 # SKIP no PostgreSQL server is installed"
    exit 0 ;;
esac
is "a command runs" "0 " "$status $err"

run "$pgrun" --fast sh -c 'echo "$PGUSER $PGDATABASE $PGPORT"; [ -S "$PGHOST/.s.PGSQL.5432" ] && echo socket
    "$WFW_TEST_PG_BINDIR/psql" -X -At -c "SELECT current_user, inet_server_addr() IS NULL"
    echo "$WFW_TEST_PG_DIR $WFW_TEST_PG_PID" >&3; exit 7' 3>"$work/where"
is "the exit status is the command's" 7 "$status"
is "the command finds the server" "postgres postgres 5432
socket
postgres|t" "$out"
read -r dir pid <"$work/where"
is "the server is gone" no "$(kill -0 "$pid" 2>/dev/null && echo yes || echo no)"
is "its directory is gone" no "$([ -e "$dir" ] && echo yes || echo no)"

"$pgrun" --fast sh -c 'echo "$WFW_TEST_PG_DIR $WFW_TEST_PG_PID" >&3; exec sleep 600' 3>"$work/where" &
child=$!
tries=0
until [ -s "$work/where" ] || [ "$tries" -gt 600 ]; do
    sleep 0.1
    tries=$((tries + 1))
done
read -r dir pid <"$work/where"
kill -TERM "$child"
status=0
wait "$child" || status=$?
is "SIGTERM goes to the command" 143 "$status"
is "and the server is gone" no "$(kill -0 "$pid" 2>/dev/null && echo yes || echo no)"
is "and its directory" no "$([ -e "$dir" ] && echo yes || echo no)"

rm -f "$work/where"
"$pgrun" --fast sh -c 'echo "$WFW_TEST_PG_DIR $WFW_TEST_PG_PID" >&3; exec sleep 600' 3>"$work/where" &
child=$!
tries=0
until [ -s "$work/where" ] || [ "$tries" -gt 600 ]; do
    sleep 0.1
    tries=$((tries + 1))
done
read -r dir pid <"$work/where"
kill -KILL "$child"
wait "$child" 2>/dev/null
tries=0
while [ -e "$dir" ] && [ "$tries" -lt 600 ]; do
    sleep 0.1
    tries=$((tries + 1))
done
is "after SIGKILL the server ends all the same" no "$(kill -0 "$pid" 2>/dev/null && echo yes || echo no)"
is "and its directory is removed" no "$([ -e "$dir" ] && echo yes || echo no)"

run "$pgrun" --fast ./not-there
is "a command that is not there" 127 "$status"
run "$pgrun"
is "wrong usage" 2 "$status"

finish
