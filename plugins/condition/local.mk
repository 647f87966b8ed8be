# SPDX-License-Identifier: Apache-2.0
plugin_LTLIBRARIES += plugins/condition/condition.la
plugins_condition_condition_la_SOURCES = plugins/condition/condition.c plugins/common/util.h
plugins_condition_condition_la_CPPFLAGS = $(AM_PLUGIN_CPPFLAGS)
plugins_condition_condition_la_LDFLAGS = $(AM_PLUGIN_LDFLAGS)
