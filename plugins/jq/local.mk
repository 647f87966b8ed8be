# SPDX-License-Identifier: Apache-2.0
# The plugin runs jq programs in wfworker-jq, which stands one directory above it, in the build tree as when installed.
if WITH_JQ
plugin_LTLIBRARIES += plugins/jq/jq.la
plugins_jq_jq_la_SOURCES = plugins/jq/jq.c plugins/jq/jq.h plugins/jq/process.c plugins/common/util.h
plugins_jq_jq_la_CPPFLAGS = $(AM_PLUGIN_CPPFLAGS)
plugins_jq_jq_la_LDFLAGS = $(AM_PLUGIN_LDFLAGS)
pluginhelper_PROGRAMS += plugins/jq/wfworker-jq
plugins_jq_wfworker_jq_SOURCES = plugins/jq/wfworker-jq.c
plugins_jq_wfworker_jq_CPPFLAGS = -D_GNU_SOURCE
plugins_jq_wfworker_jq_LDADD = $(JQ_LIBS)
endif
