# SPDX-License-Identifier: Apache-2.0
# The http service, a library of its own below the rest of the room.
noinst_LTLIBRARIES += src/worker/libhttp.la
src_worker_libhttp_la_SOURCES = \
  src/worker/http.c src/worker/http.h \
  src/worker/http_error.c \
  src/worker/http_guard.c src/worker/http_guard.h \
  src/worker/http_internal.h \
  src/worker/http_transfer.c
src_worker_libhttp_la_LIBADD = src/base/libbase.la $(LIBCURL_LIBS) $(LIBUV_LIBS)
