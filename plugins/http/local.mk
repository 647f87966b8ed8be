# SPDX-License-Identifier: Apache-2.0
plugin_LTLIBRARIES += plugins/http/http.la
plugins_http_http_la_SOURCES = \
  plugins/http/http.c plugins/http/http.h \
  plugins/http/request.c \
  plugins/http/response.c \
  plugins/http/text.c \
  plugins/common/util.h
plugins_http_http_la_CPPFLAGS = $(AM_PLUGIN_CPPFLAGS)
plugins_http_http_la_LDFLAGS = $(AM_PLUGIN_LDFLAGS)
