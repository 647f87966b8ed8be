# SPDX-License-Identifier: Apache-2.0
# The program against a real PostgreSQL.  Each prints TAP and skips itself where PostgreSQL or psycopg2 is missing.
INTEGRATION_TESTS = \
  tests/integration/bench_test.py \
  tests/integration/children_test.py \
  tests/integration/approvals_test.py \
  tests/integration/cli_test.py \
  tests/integration/contract_test.py \
  tests/integration/control_test.py \
  tests/integration/failover_test.py \
  tests/integration/hostile_test.py \
  tests/integration/hostile_columns_test.py \
  tests/integration/large_test.py \
  tests/integration/offloop_test.py \
  tests/integration/size_test.py \
  tests/integration/fairness_test.py \
  tests/integration/lifecycle_test.py \
  tests/integration/limits_test.py \
  tests/integration/limits_page_test.py \
  tests/integration/locks_test.py \
  tests/integration/long_loop_test.py \
  tests/integration/machines_test.py \
  tests/integration/manual_test.py \
  tests/integration/numbers_test.py \
  tests/integration/many_test.py \
  tests/integration/outage_test.py \
  tests/integration/outbox_test.py \
  tests/integration/plugins_test.py \
  tests/integration/pooler_test.py \
  tests/integration/promises_test.py \
  tests/integration/promises_workers_test.py \
  tests/integration/recovery_test.py \
  tests/integration/rights_test.py \
  tests/integration/routing_test.py \
  tests/integration/schedules_test.py \
  tests/integration/scopes_test.py \
  tests/integration/signals_test.py \
  tests/integration/transactions_test.py \
  tests/integration/tls_test.py \
  tests/integration/workers_test.py
INTEGRATION_TESTS += tests/integration/patterns_test.py
INTEGRATION_TESTS += tests/integration/durable_points_test.py
INTEGRATION_TESTS += tests/integration/plans_test.py
INTEGRATION_TESTS += tests/integration/rogue_test.py tests/integration/exec_programs_test.py
EXTRA_DIST += $(INTEGRATION_TESTS) tests/integration/harness.py tests/integration/crowd.py tests/integration/pooler.py tests/integration/plans.py tests/integration/expect.py tests/integration/scene.py
if HAVE_PYTHON3
TESTS += $(INTEGRATION_TESTS)
endif

# The plans of the hot queries: `make plans`, `make plans PLANS="--rows 1000000 save"`.
PLANS =
plans: all
	srcdir='$(srcdir)' builddir='$(abs_builddir)' PYTHONDONTWRITEBYTECODE=1 $(PYTHON3) $(srcdir)/tests/integration/plans.py $(PLANS)
.PHONY: plans
