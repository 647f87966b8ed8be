#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
set -- store_test
. "$srcdir/tests/pg/run.sh"
