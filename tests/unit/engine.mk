# SPDX-License-Identifier: Apache-2.0
if WITH_TESTS
ENGINE_LDADD = src/engine/libengine.la src/expr/libexpr.la src/base/libbase.la $(UNIT_LDADD)
ENGINE_SIM = tests/unit/engine_sim.c tests/unit/engine_sim.h
ENGINE_TESTS = tests/unit/engine_ask_test tests/unit/engine_control_test tests/unit/engine_def_test tests/unit/engine_flow_test tests/unit/engine_project_test \
  tests/unit/engine_scope_test tests/unit/engine_signal_test tests/unit/engine_view_test
check_PROGRAMS += $(ENGINE_TESTS)
TESTS += $(ENGINE_TESTS)
tests_unit_engine_control_test_SOURCES = tests/unit/engine_control_test.c $(ENGINE_SIM)
tests_unit_engine_control_test_LDADD = $(ENGINE_LDADD)
tests_unit_engine_ask_test_SOURCES = tests/unit/engine_ask_test.c $(ENGINE_SIM)
tests_unit_engine_ask_test_LDADD = $(ENGINE_LDADD)
tests_unit_engine_def_test_SOURCES = tests/unit/engine_def_test.c $(ENGINE_SIM)
tests_unit_engine_def_test_LDADD = $(ENGINE_LDADD)
tests_unit_engine_flow_test_SOURCES = tests/unit/engine_flow_test.c $(ENGINE_SIM)
tests_unit_engine_flow_test_LDADD = $(ENGINE_LDADD)
tests_unit_engine_project_test_SOURCES = tests/unit/engine_project_test.c $(ENGINE_SIM)
tests_unit_engine_project_test_LDADD = $(ENGINE_LDADD)
tests_unit_engine_scope_test_SOURCES = tests/unit/engine_scope_test.c $(ENGINE_SIM)
tests_unit_engine_scope_test_LDADD = $(ENGINE_LDADD)
tests_unit_engine_signal_test_SOURCES = tests/unit/engine_signal_test.c $(ENGINE_SIM)
tests_unit_engine_signal_test_LDADD = $(ENGINE_LDADD)
tests_unit_engine_view_test_SOURCES = tests/unit/engine_view_test.c $(ENGINE_SIM)
tests_unit_engine_view_test_LDADD = $(ENGINE_LDADD)
endif
