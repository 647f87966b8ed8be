# SPDX-License-Identifier: Apache-2.0
plugin_LTLIBRARIES += plugins/child/child.la
plugins_child_child_la_SOURCES = plugins/child/child.c plugins/common/util.h plugins/common/wait.c plugins/common/wait.h
plugins_child_child_la_CPPFLAGS = $(AM_PLUGIN_CPPFLAGS)
plugins_child_child_la_LDFLAGS = $(AM_PLUGIN_LDFLAGS)
plugins_child_child_la_LIBADD = -lm
