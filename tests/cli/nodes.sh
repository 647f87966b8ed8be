#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# doc/nodes.md says of every node type what its plugin says; the wrapper of the build tree finds and mends its plugins.
: "${srcdir:=.}" "${builddir:=.}"
srcdir=$(cd "$srcdir" && pwd)
. "$srcdir/tests/cli/tap.sh"
PATH=/usr/bin:$PATH
if ! command -v python3 >/dev/null; then
    echo "1..0 # SKIP python3 is not there"
    exit 0
fi

core=$builddir/plugins/core/.libs/core.so
chmod g+w "$core"
run "$builddir/wfworker.build" --list-plugins --json
is "every plugin of the build tree loads" "0 " "$status $err"
is "also one that was built with umask 002" "" "$(find "$core" -perm /022)"
printf '%s\n' "$out" >"$work/plugins.json"

is "and runs inside: their names are wfworker's own (src/plugin/own.c)" "" "$(python3 -c '
import json, sys
print(*[p["name"] for p in json.load(sys.stdin)["plugins"] if p["isolate"] != "never"])' <"$work/plugins.json")"

nodes() { python3 "$srcdir/tools/nodes.py" "$@" <"$work/plugins.json"; }
run nodes --check "$srcdir/doc/nodes.md"
is "doc/nodes.md is what make nodes-doc makes" "0 " "$status $out"

sed 's/`map_expression`/`mapping`/; s/^| \[reduce\].*//' "$srcdir/doc/nodes.md" >"$work/changed.md"
run nodes --check "$work/changed.md"
has "a key that the plugin does not have is seen" '-| `mapping` |' "$out"
has "so is one that is missing" '+| `map_expression` |' "$out"
has "and a type that is not listed" '](#reduce) | makes one value of all elements' "$out"
is "that is an error" 1 "$status"

printf 'no plugin\n' >"$work/broken.so"
run "$builddir/wfworker.build" --plugin-dir "$work" --list-plugins
has "a plugin that does not load stands in the table" "failed" "$out"
is "and nowhere else" "0 " "$status $err"
finish
