# SPDX-License-Identifier: Apache-2.0
noinst_LTLIBRARIES += src/web/libweb.la
src_web_libweb_la_SOURCES = \
  src/web/address.c src/web/address.h \
  src/web/pages.c src/web/pages.h \
  src/web/web.c src/web/web.h
src_web_libweb_la_CFLAGS = $(AM_CFLAGS) $(MICROHTTPD_CFLAGS)
src_web_libweb_la_LIBADD = $(LIBUV_LIBS) $(MICROHTTPD_LIBS)
