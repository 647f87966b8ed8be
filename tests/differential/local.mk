# SPDX-License-Identifier: Apache-2.0
# The same question to this program and to another one that is known to be right.  Each skips itself where the other one
# is missing.
DIFFERENTIAL_TESTS = tests/differential/cron_test.py tests/differential/expr_test.py
EXTRA_DIST += $(DIFFERENTIAL_TESTS) tests/differential/lines.py tests/differential/evaluate.js
if WITH_TESTS
if HAVE_PYTHON3
TESTS += $(DIFFERENTIAL_TESTS)
endif
endif
tests/differential/cron_test.log: tests/unit/cron_lines
tests/differential/expr_test.log: tests/unit/expr_eval
