#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The simulation: a fixed part of the seeds holds; and each fault that is built in on purpose is found.
: "${srcdir:=.}" "${builddir:=.}"
. "$srcdir/tests/cli/tap.sh"
sim=$builddir/tests/sim/wfw-sim

run "$sim"
echo "$out" | sed 's/^/# /'
is 'no seed of the fixed part violates anything' 0 "$status"

for fault in any-for-all all-for-any edge journal snapshot late twice result pause finally limit sequential start cancel \
    signal attempts interleave ask undo; do
    run "$sim" --fault "$fault" --seeds 1:1500 --stop 1
    is "the fault $fault is found" 1 "$status"
    echo "$out" | sed -n 's/^seed/# seed/p'
done

run "$sim" --seed 7 --trace
is 'one seed can be replayed' 0 "$status"
has 'its trace tells the events' '"ev":"start"' "$out"
has 'and what followed' 'RUN n0 #1' "$out"
finish
