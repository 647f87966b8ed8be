# SPDX-License-Identifier: Apache-2.0
plugin_LTLIBRARIES += plugins/control/control.la
plugins_control_control_la_SOURCES = plugins/control/cancel.c plugins/control/control.c plugins/control/control.h \
  plugins/control/jump.c plugins/control/loop.c plugins/control/loop.h plugins/control/loop_plan.c plugins/control/mutex.c \
  plugins/control/try.c plugins/common/util.h plugins/common/wait.c plugins/common/wait.h
plugins_control_control_la_CPPFLAGS = $(AM_PLUGIN_CPPFLAGS)
plugins_control_control_la_LDFLAGS = $(AM_PLUGIN_LDFLAGS)
plugins_control_control_la_LIBADD = -lm
