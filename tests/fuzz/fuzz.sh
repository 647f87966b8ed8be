#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# make fuzz: every target for TIME seconds with libFuzzer, beginning with what earlier runs found (fuzz-build/found/TARGET) and the
# corpus.  What crashes is kept in fuzz-build/crashes, the exit status is 1 then.
#
#   fuzz.sh SRCDIR BUILDDIR TIME TARGET...      environment: FUZZ="graph state" only these; FUZZ_JOBS at once (1)
set -eu
srcdir=$1 builddir=$2 time=$3
shift 3

if grep -q '^WITH_LIBFUZZER_TRUE = $' "$builddir/Makefile"; then
    dir=$builddir
else
    dir=$builddir/fuzz-build
    mkdir -p "$dir"
    [ -f "$dir/Makefile" ] || (cd "$dir" && "$srcdir/configure" --quiet CC=clang CFLAGS='-O1 -g' --enable-fuzz)
    make -s -C "$dir" -j"$(nproc 2>/dev/null || echo 1)" "$@"
fi
mkdir -p "$dir/found" "$dir/crashes"

# one PROGRAM: the last lines of its output say how many inputs it ran, and what it found.
one() {
    name=${1##*_}
    mkdir -p "$dir/found/$name"
    log=$dir/found/$name.log
    result=0
    (cd "$dir" && "./$1" -max_total_time="$time" -timeout=20 -rss_limit_mb=2048 -malloc_limit_mb=1024 -max_len=65536 -print_final_stats=1 \
        -artifact_prefix="crashes/$name-" "found/$name" "$srcdir/tests/fuzz/corpus/$name") >"$log" 2>&1 </dev/null || result=$?
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    echo "$name: ${runs:-?} inputs in $time s, $(find "$dir/found/$name" -type f | wc -l) kept"
    if [ "$result" != 0 ]; then
        grep -a -E '^(fuzz:|SUMMARY|==[0-9]+==ERROR|.*runtime error)|Test unit written' "$log" | head -n 8 | sed "s/^/$name: /"
        return 1
    fi
}

failed=0 running=0
for program; do
    case " ${FUZZ:-${program##*_}} " in *" ${program##*_} "*) ;; *) continue ;; esac
    if [ "${FUZZ_JOBS:-1}" -gt 1 ]; then
        one "$program" || echo "$program" >>"$dir/crashes/.failed" &
        running=$((running + 1))
        [ "$running" -lt "$FUZZ_JOBS" ] || { wait; running=0; }
    else
        one "$program" || failed=1
    fi
done
wait
if [ -f "$dir/crashes/.failed" ]; then
    rm -f "$dir/crashes/.failed"
    failed=1
fi
[ "$failed" = 0 ] || echo "crashes are in $dir/crashes; put the smallest into tests/fuzz/corpus once it is mended"
exit "$failed"
