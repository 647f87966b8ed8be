# SPDX-License-Identifier: Apache-2.0
# WFW_OPTIONAL(NAME, WHAT, PREFIX, MODULES): an optional part, on when its library is there.
# --enable-NAME makes a missing library an error, --disable-NAME leaves the part out.
AC_DEFUN([WFW_OPTIONAL], [
  AC_ARG_ENABLE([$1], [AS_HELP_STRING([--disable-$1], [leave out $2])], [], [enable_$1=auto])
  AS_IF([test "x$enable_$1" != xno],
    [PKG_CHECK_MODULES([$3], [$4], [have_$1=yes],
      [have_$1=no
       AS_IF([test "x$enable_$1" = xyes], [AC_MSG_ERROR([--enable-$1 needs $4])])])
     enable_$1=$have_$1])
  AM_CONDITIONAL([WITH_]m4_toupper([$1]), [test "x$enable_$1" = xyes])
  AS_IF([test "x$enable_$1" = xyes], [AC_DEFINE([WITH_]m4_toupper([$1]), [1], [Define to build $2.])])
])

# WFW_OPTIONAL_LIB(NAME, WHAT, PREFIX, HEADER, LIBRARY, FUNCTION): the same for a library without a .pc file.
AC_DEFUN([WFW_OPTIONAL_LIB], [
  AC_ARG_ENABLE([$1], [AS_HELP_STRING([--disable-$1], [leave out $2])], [], [enable_$1=auto])
  $3_LIBS=
  AS_IF([test "x$enable_$1" != xno],
    [AC_CHECK_HEADER([$4], [AC_CHECK_LIB([$5], [$6], [$3_LIBS=-l$5])])
     AS_IF([test -z "$$3_LIBS" && test "x$enable_$1" = xyes], [AC_MSG_ERROR([--enable-$1 needs $4 and lib$5])])
     AS_IF([test -n "$$3_LIBS"], [enable_$1=yes], [enable_$1=no])])
  AC_SUBST([$3_LIBS])
  AM_CONDITIONAL([WITH_]m4_toupper([$1]), [test "x$enable_$1" = xyes])
])

# WFW_CHECK_LTDL: libltdl has no .pc file.
AC_DEFUN([WFW_CHECK_LTDL], [
  AC_CHECK_HEADER([ltdl.h], [], [AC_MSG_ERROR([ltdl.h not found: install libltdl-dev or libtool-ltdl-devel])])
  AC_CHECK_LIB([ltdl], [lt_dlopenadvise], [LTDL_LIBS=-lltdl],
    [AC_MSG_ERROR([libltdl not found: install libltdl-dev or libtool-ltdl-devel])])
  AC_SUBST([LTDL_LIBS])
])

# WFW_WARNINGS: every warning of a wide set that this compiler knows; --enable-werror makes them errors.
AC_DEFUN([WFW_WARNINGS], [
  AC_ARG_ENABLE([werror], [AS_HELP_STRING([--enable-werror], [treat compiler warnings as errors])], [], [enable_werror=no])
  WARN_CFLAGS=
  wfw_saved_CFLAGS=$CFLAGS
  for wfw_flag in -Wall -Wextra -Wshadow -Wpointer-arith -Wcast-qual -Wstrict-prototypes -Wmissing-prototypes \
      -Wold-style-definition -Wwrite-strings -Wformat=2 -Wundef -Wvla -Wnull-dereference -Wimplicit-fallthrough \
      -Wdouble-promotion -Wlogical-op -Wduplicated-cond -Wduplicated-branches -Wno-missing-field-initializers; do
    AC_MSG_CHECKING([whether $CC accepts $wfw_flag])
    CFLAGS="$wfw_saved_CFLAGS -Werror $wfw_flag"
    AC_COMPILE_IFELSE([AC_LANG_PROGRAM([], [])],
      [AC_MSG_RESULT([yes])
       AS_VAR_APPEND([WARN_CFLAGS], [" $wfw_flag"])],
      [AC_MSG_RESULT([no])])
  done
  CFLAGS=$wfw_saved_CFLAGS
  AS_IF([test "x$enable_werror" = xyes], [AS_VAR_APPEND([WARN_CFLAGS], [" -Werror"])])
  AC_SUBST([WARN_CFLAGS])
])

# WFW_SANITIZE: --enable-sanitize=LIST builds everything with -fsanitize=LIST.
AC_DEFUN([WFW_SANITIZE_OPTION], [
  AC_ARG_ENABLE([sanitize],
    [AS_HELP_STRING([--enable-sanitize=LIST], [build with -fsanitize=LIST, e.g. address,undefined or thread])],
    [], [enable_sanitize=no])
])
AC_DEFUN([WFW_SANITIZE], [
  AS_CASE([$enable_sanitize],
    [no], [wfw_sanitize=none],
    [yes], [wfw_sanitize=address,undefined],
    [wfw_sanitize=$enable_sanitize])
  AS_IF([test "x$wfw_sanitize" != xnone],
    [CFLAGS="$CFLAGS -fsanitize=$wfw_sanitize -fno-omit-frame-pointer -fno-sanitize-recover=undefined"
     # Not a part of `undefined`: a real that no integer holds, such as 1e400.
     AS_CASE([",$wfw_sanitize,"],
       [*,undefined,*], [CFLAGS="$CFLAGS -fsanitize=float-cast-overflow -fno-sanitize-recover=float-cast-overflow"])
     AC_DEFINE([WITH_SANITIZE], [1], [Define when a sanitizer is built in.])])
  AM_CONDITIONAL([WITH_SANITIZE], [test "x$wfw_sanitize" != xnone])
])

# WFW_CRASH_POINTS: --enable-crash-points builds in the points at which the chaos suite kills a worker; never for use.
AC_DEFUN([WFW_CRASH_POINTS], [
  AC_ARG_ENABLE([crash-points],
    [AS_HELP_STRING([--enable-crash-points], [build in named crash points and faults for the chaos suite: not for use])],
    [], [enable_crash_points=no])
  AS_IF([test "x$enable_crash_points" = xyes],
    [AC_DEFINE([WITH_CRASH_POINTS], [1], [Define to build in crash points and faults.])])
  AM_CONDITIONAL([WITH_CRASH_POINTS], [test "x$enable_crash_points" = xyes])
])

# WFW_FUZZ: --enable-fuzz builds the fuzz targets for clang's libFuzzer, everything with its instrumentation and the address and
# undefined-behaviour sanitizers.
AC_DEFUN([WFW_FUZZ], [
  AC_ARG_ENABLE([fuzz], [AS_HELP_STRING([--enable-fuzz], [build the fuzz targets for libFuzzer; needs clang and its compiler-rt])],
    [], [enable_fuzz=no])
  AS_IF([test "x$enable_fuzz" != xno],
    [wfw_saved_CFLAGS=$CFLAGS
     CFLAGS="$CFLAGS -fsanitize=fuzzer"
     AC_MSG_CHECKING([whether $CC has libFuzzer])
     AC_LINK_IFELSE([AC_LANG_SOURCE([[#include <stddef.h>
int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);
int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size) { return data && size ? 0 : 0; }]])],
       [AC_MSG_RESULT([yes])],
       [AC_MSG_RESULT([no])
        AC_MSG_ERROR([--enable-fuzz needs clang with compiler-rt (on Debian clang and libclang-rt-dev): ./configure CC=clang --enable-fuzz])])
     CFLAGS="$wfw_saved_CFLAGS -fsanitize=fuzzer-no-link"
     test "x$enable_sanitize" != xno || enable_sanitize=address,undefined])
  AM_CONDITIONAL([WITH_LIBFUZZER], [test "x$enable_fuzz" != xno])
])
