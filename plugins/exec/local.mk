# SPDX-License-Identifier: Apache-2.0
# The plugin runs programs through wfworker-sandbox, which stands one directory above it, in the build tree as when installed.
plugin_LTLIBRARIES += plugins/exec/exec.la
plugins_exec_exec_la_SOURCES = plugins/exec/exec.c plugins/exec/exec.h plugins/exec/check.c plugins/exec/check.h \
  plugins/exec/lines.c plugins/exec/outcome.c plugins/exec/process.c plugins/exec/types.c plugins/common/util.h
plugins_exec_exec_la_CPPFLAGS = $(AM_PLUGIN_CPPFLAGS)
plugins_exec_exec_la_LDFLAGS = $(AM_PLUGIN_LDFLAGS)
pluginhelper_PROGRAMS += plugins/exec/wfworker-sandbox
plugins_exec_wfworker_sandbox_SOURCES = src/sandbox/wfworker-sandbox.c
plugins_exec_wfworker_sandbox_LDADD = src/sandbox/libsandbox.la src/config/libvalue.la src/base/libbase.la
