# SPDX-License-Identifier: Apache-2.0
if WITH_TESTS
check_PROGRAMS += tests/unit/worker_parts_test tests/unit/worker_payloads_test tests/unit/worker_state_test tests/unit/worker_web_test
TESTS += tests/unit/worker_parts_test tests/unit/worker_payloads_test tests/unit/worker_state_test tests/unit/worker_web_test
tests_unit_worker_payloads_test_SOURCES = tests/unit/worker_payloads_test.c
tests_unit_worker_payloads_test_LDADD = src/worker/libworker.la src/engine/libengine.la src/expr/libexpr.la src/base/libbase.la \
  $(UNIT_LDADD)
tests_unit_worker_parts_test_SOURCES = tests/unit/worker_parts_test.c
tests_unit_worker_parts_test_LDADD = src/worker/libworker.la src/base/libbase.la $(LIBUV_LIBS) $(UNIT_LDADD)
tests_unit_worker_state_test_SOURCES = tests/unit/worker_state_test.c
tests_unit_worker_state_test_LDADD = src/worker/libworker.la src/engine/libengine.la src/expr/libexpr.la src/base/libbase.la \
  $(UNIT_LDADD)
tests_unit_worker_web_test_SOURCES = tests/unit/worker_web_test.c
tests_unit_worker_web_test_LDADD = src/web/libweb.la src/worker/libworker.la src/base/libbase.la $(UNIT_LDADD)
endif
