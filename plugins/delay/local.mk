# SPDX-License-Identifier: Apache-2.0
plugin_LTLIBRARIES += plugins/delay/delay.la
plugins_delay_delay_la_SOURCES = plugins/delay/delay.c plugins/delay/instant.c plugins/delay/instant.h plugins/common/util.h \
  plugins/common/wait.c plugins/common/wait.h
plugins_delay_delay_la_CPPFLAGS = $(AM_PLUGIN_CPPFLAGS)
plugins_delay_delay_la_LDFLAGS = $(AM_PLUGIN_LDFLAGS)
plugins_delay_delay_la_LIBADD = -lm
