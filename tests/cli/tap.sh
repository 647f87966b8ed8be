# SPDX-License-Identifier: Apache-2.0
# For tests in shell: TAP output, and checks that name what they saw.  Sourced; $builddir is the build tree.
count=0
failures=0
work=$(mktemp -d "${TMPDIR:-/tmp}/wfw-cli.XXXXXX") || exit 99
trap 'cd / && rm -rf "$work"' EXIT

# No setting of the surroundings counts.
for variable in $(env | sed -n 's/^\(PG[A-Z]*\|WFWORKER_[A-Z_]*\|SUPABASE_[A-Z_]*\|POSTGRES_[A-Z_]*\|WORKFLOW_[A-Z_]*\|DATABASE_URL\)=.*/\1/p'); do
    unset "$variable"
done
mkdir "$work/here" && cd "$work/here" || exit 99

result() { # 0|1 NAME
    count=$((count + 1))
    if [ "$1" = 0 ]; then
        echo "ok $count - $2"
    else
        failures=$((failures + 1))
        echo "not ok $count - $2"
    fi
}

# run COMMAND...: $out, $err, $status
run() {
    status=0
    "$@" >"$work/out" 2>"$work/err" </dev/null || status=$?
    out=$(cat "$work/out")
    err=$(cat "$work/err")
}

# is NAME EXPECTED ACTUAL
is() {
    if [ "$2" = "$3" ]; then
        result 0 "$1"
    else
        printf '%s\n' "expected: $2" "got:      $3" "stderr:   $err" | sed 's/^/# /'
        result 1 "$1"
    fi
}

# has NAME PATTERN TEXT (a shell pattern)
has() {
    # shellcheck disable=SC2254
    case $3 in
    *$2*) result 0 "$1" ;;
    *)
        printf '%s\n' "expected something like: $2" "got: $3" "stderr: $err" | sed 's/^/# /'
        result 1 "$1" ;;
    esac
}

finish() {
    echo "1..$count"
    [ "$failures" = 0 ]
}
