#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
set -- batch_test
. "$srcdir/tests/pg/run.sh"
