# SPDX-License-Identifier: Apache-2.0
plugin_LTLIBRARIES += plugins/core/core.la
plugins_core_core_la_SOURCES = plugins/core/core.c plugins/common/util.h
plugins_core_core_la_CPPFLAGS = $(AM_PLUGIN_CPPFLAGS)
plugins_core_core_la_LDFLAGS = $(AM_PLUGIN_LDFLAGS)
