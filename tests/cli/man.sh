#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The manual page and the sample configuration say what the program says.
: "${srcdir:=.}" "${builddir:=.}"
srcdir=$(cd "$srcdir" && pwd)
. "$srcdir/tests/cli/tap.sh"
w=$builddir/wfworker
page=$srcdir/man/wfworker.1
sample=$srcdir/packaging/wfworker.conf
err=

plain() { sed 's/\\-/-/g; s/\\e/\\/g; s/\\&//g'; }
section() { sed -n "/^\.SH $1\$/,/^\.SH /p" "$page" | plain; }

"$w" config | sed 1d | cut -d' ' -f1 >"$work/settings"
section SETTINGS | sed -n 's/^\.BR \([a-z_]*\) " (--\([a-z-]*\).*/\1 \2/p' >"$work/page"
is "the page names every setting, in the same order" "$(cat "$work/settings")" "$(cut -d' ' -f1 "$work/page")"
is "and every flag" "$(tr _ - <"$work/settings")" "$(cut -d' ' -f2 "$work/page")"

# name=default, from the page and from --help
section SETTINGS | awk '/^\.BR [a-z_]+ " \(--/ { name = $2 } /^Default: / { sub(/^Default: /, ""); sub(/\.$/, ""); print name "=" $0 }' \
    >"$work/defaults"
"$w" config --help | sed -n '/^Settings,/,$p' | sed 1d | tr '\n' ' ' | sed 's/  *--/\n--/g' | tr -s ' ' |
    sed -n 's/^--\([a-z-]*\).*(default \([^)]*\)).*/\1=\2/p' | awk -F= -v OFS== '{ gsub(/-/, "_", $1); print }' >"$work/help"
is "and every default" "$(cat "$work/help")" "$(grep -v '^config=' "$work/defaults")"
is "there are defaults" yes "$([ "$(wc -l <"$work/help")" -ge 15 ] && echo yes)"

"$w" --help | sed -n '/^Commands:/,/^$/p' | sed -n 's/^  \([a-z][a-z ]*\).*/\1/p' | sed 's/  .*//; s/ *$//' | sort >"$work/commands"
section COMMANDS | sed -n 's/^\.SS //p' | sed 's/\( [A-Z|][A-Z|]*\)*$//' | sort >"$work/paged"
is "the page names every command" "$(cat "$work/commands")" "$(cat "$work/paged")"

while read -r command; do
    # shellcheck disable=SC2086
    "$w" $command --help | sed -n '/^Options:/,/^$/p' | grep -o -e '--[a-z][a-z-]*' | sort -u >"$work/options"
    section COMMANDS | awk -v c="$command" '/^\.SS / { on = 0; s = $0; sub(/^\.SS /, "", s); sub(/( [A-Z|]+)*$/, "", s); on = s == c }
        on && /^\.(B|BI|BR) / && previous ~ /^\.TP/ { print } { previous = $0 }' | grep -o -e '--[a-z][a-z-]*' | sort -u >"$work/paged"
    is "the page names the options of $command" "$(cat "$work/options")" "$(cat "$work/paged")"
done <"$work/commands"

if command -v groff >/dev/null 2>&1; then
    is "groff has nothing to say" "" "$(groff -man -ww -z "$page" 2>&1)"
    is "nor of the expressions" "" "$(groff -man -ww -z "$srcdir/man/wfworker-expressions.7" 2>&1)"
fi
if command -v python3 >/dev/null 2>&1; then
    is "the page of the expressions is what make man-pages makes" "$(cat "$srcdir/man/wfworker-expressions.7")" "$(PYTHONUTF8=1 python3 \
        "$srcdir/tools/md2man.py" wfworker-expressions 7 "expressions and templates of workflows" <"$srcdir/doc/expressions.md")"
fi

sed -n 's/^#\([a-z_]*\) = .*/\1/p' "$sample" >"$work/sampled"
is "the sample names every setting but config and plugin_dir" "$(grep -vx 'config\|plugin_dir' "$work/settings")" "$(grep -vx enabled "$work/sampled")"
sed 's/^#\([a-z_]* = \)/\1/; s/^#\(\[plugin\)/\1/' "$sample" >all.conf
run "$w" config --config all.conf
is "the sample can be used when its comments are removed" "0 " "$status $err"
"$w" config | grep -v '^\(db\|listen_dsn\|plugin_path\|plugin_deny\|env_allow\|config\) ' | sed 's/  *default$//' | sed 's/  */ /' >"$work/values"
"$w" config --config all.conf | grep -v '^\(db\|listen_dsn\|plugin_path\|plugin_deny\|env_allow\|config\|plugin NAME:\) *' | grep -v '^plugin NAME' |
    sed 's/  *\(default\|all.conf:[0-9]*\)$//' | sed 's/  */ /' >"$work/sampled"
is "its values are the defaults" "$(sed 's/ FROM$//; s/ *$//' "$work/values")" "$(sed 's/ FROM$//; s/ *$//' "$work/sampled")"
run "$w" config --config "$sample"
is "the sample as it is changes nothing" "$("$w" config | grep -v '^config ' | sed 's/  */ /g')" \
    "$(printf '%s\n' "$out" | grep -v '^config ' | sed 's/  */ /g')"

finish
