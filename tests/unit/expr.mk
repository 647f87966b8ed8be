# SPDX-License-Identifier: Apache-2.0
if WITH_TESTS
check_PROGRAMS += tests/unit/expr_rules tests/unit/expr_budget tests/unit/expr_tmpl tests/unit/expr_names tests/unit/expr_eval
TESTS += tests/unit/expr_rules tests/unit/expr_budget tests/unit/expr_tmpl tests/unit/expr_names
tests_unit_expr_ldadd = src/expr/libexpr.la src/base/libbase.la $(UNIT_LDADD)
tests_unit_expr_rules_SOURCES = tests/unit/expr_rules.c tests/unit/expr_check.h tests/unit/expr_env.h
tests_unit_expr_rules_LDADD = $(tests_unit_expr_ldadd)
tests_unit_expr_budget_SOURCES = tests/unit/expr_budget.c tests/unit/expr_check.h tests/unit/expr_env.h
tests_unit_expr_budget_LDADD = $(tests_unit_expr_ldadd)
tests_unit_expr_tmpl_SOURCES = tests/unit/expr_tmpl.c tests/unit/expr_check.h tests/unit/expr_env.h
tests_unit_expr_tmpl_LDADD = $(tests_unit_expr_ldadd)
tests_unit_expr_names_SOURCES = tests/unit/expr_names.c tests/unit/expr_check.h tests/unit/expr_env.h
tests_unit_expr_names_LDADD = $(tests_unit_expr_ldadd)
tests_unit_expr_eval_SOURCES = tests/unit/expr_eval.c tests/unit/expr_env.h
tests_unit_expr_eval_LDADD = $(tests_unit_expr_ldadd)
endif
