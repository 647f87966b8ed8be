#!/bin/sh
# SPDX-License-Identifier: @LICENSE@
# The plugin in wfworker itself: it loads without a complaint, and the example workflow runs to its end.
if ! command -v "${WFWORKER:-wfworker}" >/dev/null 2>&1; then
    echo "wfworker is not installed: skipped"
    exit 77
fi
: "${plugin:?make check says which file is meant}" "${srcdir:=.}"
chmod go-w "$plugin" # with umask 002 the group may write it, and such a file is refused
"$WFWORKER" plugin doctor "$plugin" || exit 1
"$WFWORKER" exec --plugin-dir "$plugin" --virtual-time --data '{"name": "Ada"}' "$srcdir/examples/@NAME@.json" || exit 1
