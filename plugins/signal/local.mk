# SPDX-License-Identifier: Apache-2.0
plugin_LTLIBRARIES += plugins/signal/signal.la
plugins_signal_signal_la_SOURCES = plugins/signal/approval.c plugins/signal/await.c plugins/signal/send.c plugins/signal/signal.c plugins/signal/signal.h \
  plugins/delay/instant.c plugins/delay/instant.h plugins/common/util.h \
  plugins/common/wait.c plugins/common/wait.h
plugins_signal_signal_la_CPPFLAGS = $(AM_PLUGIN_CPPFLAGS)
plugins_signal_signal_la_LDFLAGS = $(AM_PLUGIN_LDFLAGS)
plugins_signal_signal_la_LIBADD = -lm
