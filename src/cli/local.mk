# SPDX-License-Identifier: Apache-2.0
noinst_LTLIBRARIES += src/cli/libdevdb.la src/cli/libcli.la
src_cli_libdevdb_la_SOURCES = \
  src/cli/devdb.c src/cli/devdb.h \
  src/cli/devdb_system.c src/cli/devdb_system.h
src_cli_libdevdb_la_LIBADD = src/base/libbase.la $(LIBPQ_LIBS)

# Everything but main(), so that the unit tests can have it.
src_cli_libcli_la_SOURCES = \
  src/cli/adopt.c \
  src/cli/author.c src/cli/author.h \
  src/cli/check.c \
  src/cli/command.h \
  src/cli/commands.c \
  src/cli/complete.c src/cli/complete.h \
  src/cli/config.c \
  src/cli/connect.c src/cli/connect.h \
  src/cli/definition.c src/cli/definition.h \
  src/cli/dev.c \
  src/cli/exec.c \
  src/cli/execution.c src/cli/execution.h \
  src/cli/approvals.c \
  src/cli/explain.c \
  src/cli/expr.c \
  src/cli/graph.c \
  src/cli/help.c \
  src/cli/hide.c src/cli/hide.h \
  src/cli/input.c src/cli/input.h \
  src/cli/list.c \
  src/cli/locks.c \
  src/cli/migrate.c \
  src/cli/options.c \
  src/cli/pause.c \
  src/cli/plugin_advice.c src/cli/plugin_advice.h \
  src/cli/plugin_doc.c src/cli/plugin_doc.h \
  src/cli/plugin_doctor.c \
  src/cli/plugin_find.c src/cli/plugin_find.h \
  src/cli/plugin_inspect.c \
  src/cli/plugin_man.c \
  src/cli/plugin_new.c \
  src/cli/plugin_run.c \
  src/cli/plugin_release.c \
  src/cli/plugins.c src/cli/plugins.h \
  src/cli/reload.h \
  src/cli/replay.c \
  src/cli/resume.c \
  src/cli/retry.c \
  src/cli/run.c \
  src/cli/schedule.c \
  src/cli/schedule_next.c \
  src/cli/show.c \
  src/cli/spawn.c src/cli/spawn.h \
  src/cli/submit.c \
  src/cli/table.c src/cli/table.h \
  src/cli/signal.c \
  src/cli/template.c src/cli/template.h \
  src/cli/terminate.c \
  src/cli/validate.c \
  src/cli/wait.c \
  src/cli/workers.c \
  src/cli/workflow.c

bin_PROGRAMS += wfworker
wfworker_SOURCES = src/cli/main.c
wfworker_LDADD = src/cli/libcli.la src/cli/libdevdb.la src/web/libweb.la src/exec/libexec.la src/worker/libworker.la src/worker/libhttp.la src/helper/libhelper.la src/plugin/libplugin.la \
  src/store/libstore.la src/config/libconfig.la src/engine/libengine.la src/expr/libexpr.la src/base/libbase.la \
  $(LIBCURL_LIBS)
