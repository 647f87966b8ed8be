# SPDX-License-Identifier: Apache-2.0
# Tests that need a PostgreSQL: each runs in a private one of its own (tests/pgrun).
EXTRA_DIST += tests/pg/run.sh tests/pg/store.sh tests/pg/batch.sh tests/pg/trouble.sh tests/pg/schema.sh tests/pg/help.h
if WITH_TESTS
check_PROGRAMS += tests/pg/store_test tests/pg/batch_test tests/pg/trouble_test tests/pg/schema_test
TESTS += tests/pg/store.sh tests/pg/batch.sh tests/pg/trouble.sh tests/pg/schema.sh
tests_pg_store_test_SOURCES = tests/pg/store_test.c tests/pg/help.c
tests_pg_store_test_LDADD = src/store/libstore.la src/base/libbase.la $(UNIT_LDADD)
tests_pg_batch_test_SOURCES = tests/pg/batch_test.c tests/pg/help.c
tests_pg_batch_test_LDADD = src/store/libstore.la src/base/libbase.la $(UNIT_LDADD)
tests_pg_trouble_test_SOURCES = tests/pg/trouble_test.c tests/pg/help.c
tests_pg_trouble_test_LDADD = src/store/libstore.la src/base/libbase.la $(UNIT_LDADD)
tests_pg_schema_test_SOURCES = tests/pg/schema_test.c tests/pg/help.c
tests_pg_schema_test_LDADD = src/store/libstore.la src/base/libbase.la $(UNIT_LDADD)
endif
