#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# make check-valgrind: the tests with memcheck around the unit tests and around every run of the program, the workers of the
# integration tests among them.  An error, or memory that is definitely lost, fails it, whatever the test itself said.
#
#   run.sh SRCDIR BUILDDIR TEST...     run in BUILDDIR; the logs of what was found stay in BUILDDIR/valgrind
set -eu
srcdir=$1 builddir=$2
shift 2
command -v valgrind >/dev/null 2>&1 || { echo "check-valgrind: valgrind is not installed" >&2; exit 1; }
logs=$builddir/valgrind
rm -rf "$logs" && mkdir -p "$logs" && chmod 1777 "$logs"

memcheck="valgrind --quiet --leak-check=full --show-leak-kinds=definite --errors-for-leak-kinds=definite --num-callers=30
 --child-silent-after-fork=yes --suppressions=$srcdir/tests/valgrind/suppressions --log-file=$logs/%p"
memcheck=$(echo $memcheck)
export WFWORKER_TEST_PATIENCE="${WFWORKER_TEST_PATIENCE:-600}"

# Around the unit tests it is the compiler of logs, around the program what wfworker.build begins with.
result=0
WFW_TEST_WRAPPER="$memcheck" make -s -C "$builddir" check TESTS="$*" LOG_COMPILER="$memcheck" VERBOSE=1 || result=$?

find "$logs" -type f -empty -exec rm -f {} +
found=$(find "$logs" -type f | wc -l)
for log in "$logs"/*; do
    [ ! -f "$log" ] || { echo "== valgrind: $log"; head -n 60 "$log"; }
done
echo "check-valgrind: $found processes with errors, the tests' exit status is $result"
[ "$found" = 0 ] && exit "$result"
exit 1
