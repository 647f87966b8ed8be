# SPDX-License-Identifier: Apache-2.0
if WITH_TESTS
check_PROGRAMS += tests/unit/zone_test tests/unit/cron_test tests/unit/schedule_test tests/unit/cron_lines
TESTS += tests/unit/zone_test tests/unit/cron_test tests/unit/schedule_test
tests_unit_zone_test_SOURCES = tests/unit/zone_test.c tests/unit/zone_files.c tests/unit/zone_files.h
tests_unit_zone_test_LDADD = src/base/libbase.la $(UNIT_LDADD)
tests_unit_cron_test_SOURCES = tests/unit/cron_test.c tests/unit/zone_files.c tests/unit/zone_files.h
tests_unit_cron_test_LDADD = src/engine/libengine.la src/base/libbase.la $(UNIT_LDADD)
tests_unit_schedule_test_SOURCES = tests/unit/schedule_test.c
tests_unit_schedule_test_LDADD = src/engine/libengine.la src/base/libbase.la $(UNIT_LDADD)
tests_unit_cron_lines_SOURCES = tests/unit/cron_lines.c
tests_unit_cron_lines_LDADD = src/engine/libengine.la src/base/libbase.la
endif
