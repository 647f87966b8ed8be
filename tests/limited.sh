#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# tests/limited.sh PROGRAM [ARGUMENT...]: run a test for at most WFWORKER_TEST_SECONDS (default 900), so that one that hangs fails
# instead of holding up the whole run.  It gets SIGINT first, as does all that it started: a Python test then shows where it
# was and stops its servers.  Where timeout(1) is missing there is no limit.  The last line of its log is how long it took.
limit=${WFWORKER_TEST_SECONDS:-900}
command -v timeout >/dev/null 2>&1 || exec "$@"
began=$(date +%s)
timeout --signal=INT --kill-after=30 "$limit" "$@"
result=$?
took=$(($(date +%s) - began))
case $result in
124 | 137) [ "$took" -lt "$limit" ] || echo "Bail out! stopped after $limit seconds (WFWORKER_TEST_SECONDS)" ;;
esac
echo "# took $took s"
exit "$result"
