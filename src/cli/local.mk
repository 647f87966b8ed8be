# SPDX-License-Identifier: Apache-2.0
bin_PROGRAMS += wfworker
wfworker_SOURCES = src/cli/main.c
wfworker_LDADD = src/base/libbase.la
