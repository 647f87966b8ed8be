#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The driver of the fuzz targets, with a target that has faults: each kind is found, kept, and can be run again.
: "${srcdir:=.}" "${builddir:=.}"
. "$srcdir/tests/cli/tap.sh"
selftest=$builddir/tests/fuzz/fuzz_selftest

# file NAME TEXT: an input.
file() { printf '%s' "$2" >"$work/$1"; }

file good '{"n": 5}'
run "$selftest" --cases 0 --keep "$work" "$work/good"
is 'a good input passes' 0 "$status"
has 'and is counted' 'ok 1 - selftest: 1 inputs of the corpus' "$out"

file crash 'crash here'
run "$selftest" --cases 0 --keep "$work" "$work/crash"
is 'a crash is found' 1 "$status"
has 'with its file' "# the file is $work/crash" "$out"
is 'the input is kept' 'crash here' "$(cat "$work/selftest.crash.1")"

file exit 'exit'
run "$selftest" --cases 0 --keep "$work" "$work/exit" "$work/good"
is 'ending the process is found' 1 "$status"
has 'and said' 'the process ended with exit status 0' "$out"

file spin 'spin'
run "$selftest" --cases 0 --seconds 1 --keep "$work" "$work/spin"
is 'what takes too long is found' 1 "$status"
has 'and said' 'it took more than 1 s of the processor' "$out"

if grep -q '^#define WITH_SANITIZE 1' "$builddir/config.h"; then
    file beyond 'beyond'
    run "$selftest" --cases 0 --keep "$work" "$work/beyond"
    grep -q 'fsanitize=[a-z,]*address' "$builddir/config.log" && is 'reading beyond the end is found' 1 "$status"
else
    file grow 'grow'
    run "$selftest" --cases 0 --keep "$work" "$work/good" "$work/grow"
    is 'what needs too much memory is found' 1 "$status"
    has 'and said' 'the process has grown by more than 256 MB' "$err"
fi

run "$selftest" --cases 20000 --keep "$work" "$work/good"
is 'a fault is found by mutations' 1 "$status"
found=$(printf '%s\n' "$out" | sed -n 's/.*again with: [^ ]* //p' | head -n 1)
# shellcheck disable=SC2086
run "$selftest" $found
is 'and again by its file alone' 1 "$status"
has 'for the same reason' 'fuzz: the planted number' "$err"

run "$selftest" --cases 300 --seed 7 --keep "$work" "$work/good"
first=$(printf '%s\n' "$out" | grep -v ' s, ')
run "$selftest" --cases 300 --seed 7 --keep "$work" "$work/good"
is 'a seed means the same cases each time' "$first" "$(printf '%s\n' "$out" | grep -v ' s, ')"
finish
