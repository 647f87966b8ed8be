# SPDX-License-Identifier: Apache-2.0
# pgrun: a command with a private PostgreSQL, for the tests that need one.
check_PROGRAMS += tests/pgrun
tests_pgrun_SOURCES = tests/pgrun.c
tests_pgrun_LDADD = src/cli/libdevdb.la
