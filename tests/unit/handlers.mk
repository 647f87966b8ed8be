# SPDX-License-Identifier: Apache-2.0
if WITH_TESTS
check_PROGRAMS += tests/unit/handlers_child_test
TESTS += tests/unit/handlers_child_test
tests_unit_handlers_child_test_SOURCES = tests/unit/handlers_child_test.c tests/unit/handler_host.c tests/unit/handler_host.h
tests_unit_handlers_child_test_LDADD = src/plugin/libplugin.la src/expr/libexpr.la src/base/libbase.la $(UNIT_LDADD)
check_PROGRAMS += tests/unit/handlers_signal_test
TESTS += tests/unit/handlers_signal_test
tests_unit_handlers_signal_test_SOURCES = tests/unit/handlers_signal_test.c tests/unit/handler_host.c tests/unit/handler_host.h
tests_unit_handlers_signal_test_LDADD = src/plugin/libplugin.la src/expr/libexpr.la src/base/libbase.la $(UNIT_LDADD)
check_PROGRAMS += tests/unit/handlers_data_test tests/unit/handlers_flow_test tests/unit/handlers_http_test
TESTS += tests/unit/handlers_data_test tests/unit/handlers_flow_test tests/unit/handlers_http_test
tests_unit_handlers_data_test_SOURCES = tests/unit/handlers_data_test.c tests/unit/handler_host.c tests/unit/handler_host.h
tests_unit_handlers_data_test_LDADD = src/plugin/libplugin.la src/expr/libexpr.la src/base/libbase.la $(UNIT_LDADD)
tests_unit_handlers_flow_test_SOURCES = tests/unit/handlers_flow_test.c tests/unit/handler_host.c tests/unit/handler_host.h
tests_unit_handlers_flow_test_LDADD = src/plugin/libplugin.la src/expr/libexpr.la src/base/libbase.la $(UNIT_LDADD)
tests_unit_handlers_http_test_SOURCES = tests/unit/handlers_http_test.c tests/unit/handler_host.c tests/unit/handler_host.h
tests_unit_handlers_http_test_LDADD = src/plugin/libplugin.la src/expr/libexpr.la src/base/libbase.la $(UNIT_LDADD)
if WITH_JQ
check_PROGRAMS += tests/unit/handlers_jq_test
TESTS += tests/unit/handlers_jq_test
tests_unit_handlers_jq_test_SOURCES = tests/unit/handlers_jq_test.c tests/unit/handler_host.c tests/unit/handler_host.h
tests_unit_handlers_jq_test_LDADD = src/plugin/libplugin.la src/expr/libexpr.la src/base/libbase.la $(UNIT_LDADD)
endif
endif
