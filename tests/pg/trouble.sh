#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
set -- trouble_test
. "$srcdir/tests/pg/run.sh"
