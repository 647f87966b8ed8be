# SPDX-License-Identifier: Apache-2.0
# Sourced with the name of a test program: run it with a private server.
set -u
"$builddir/tests/pgrun" --fast -- "$builddir/tests/pg/$1"
status=$?
if [ "$status" -eq 125 ]; then
    echo "Bail out! no PostgreSQL server could be started"
fi
exit "$status"
