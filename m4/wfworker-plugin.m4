# SPDX-License-Identifier: Apache-2.0
# serial 1
# For configure.ac of projects that build plugins of wfworker.

# WFW_PLUGIN([MINOR])
# -------------------
# Finds wfworker/plugin.h (package wfworker-dev) and checks that it describes plugin ABI 1.MINOR or later (default 0) and
# that a plugin can be linked.  After AC_PROG_CC and LT_INIT.  Sets and substitutes
#   WFW_CFLAGS           for everything that includes wfworker/plugin.h
#   WFW_PLUGIN_LDFLAGS  for libtool, of the plugin itself: exports nothing but the two symbols that wfworker looks for, and
#                       refuses symbols that no library has
#   plugindir           where plugins are installed: --with-plugindir=DIR, else the directory that the installed wfworker
#                       searches.  For plugin_LTLIBRARIES
#   WFWORKER            the program, or "wfworker"
#   WFW_MOCK_CFLAGS, WFW_MOCK_LIBS, CMOCKA_CFLAGS, CMOCKA_LIBS
#                       for tests with wfworker's mock library and cmocka, when both are there: then the automake
#                       conditional WFW_PLUGIN_TESTS is true, else WFW_PLUGIN_TESTS_MISSING says what is missing.
#                       --disable-plugin-tests does not look for them, --enable-plugin-tests insists on them
AC_DEFUN([WFW_PLUGIN], [
  AC_REQUIRE([PKG_PROG_PKG_CONFIG])
  PKG_CHECK_MODULES([WFW], [wfworker-plugin], [],
    [AC_MSG_ERROR([pkg-config does not find wfworker-plugin: install the package wfworker-dev, or say where its wfworker-plugin.pc is with PKG_CONFIG_PATH=DIR])])
  wfw_plugin_saved_CFLAGS=$CFLAGS
  wfw_plugin_saved_LDFLAGS=$LDFLAGS
  CFLAGS="$CFLAGS $WFW_CFLAGS"
  AC_MSG_CHECKING([for plugin ABI 1.m4_default([$1], [0])])
  AC_COMPILE_IFELSE([AC_LANG_SOURCE([[#define WFW_ABI_MINOR ]m4_default([$1], [0])[
#include <wfworker/plugin.h>
#if WFW_ABI_MAJOR != 1
#error "another major"
#endif
]])],
    [AC_MSG_RESULT([yes])],
    [AC_MSG_RESULT([no])
     AC_MSG_ERROR([the wfworker/plugin.h that was found does not describe plugin ABI 1.m4_default([$1], [0]): install a newer wfworker-dev])])
  WFW_PLUGIN_LDFLAGS="-module -avoid-version -shared -no-undefined -export-symbols-regex ^wfw_plugin_"
  AC_MSG_CHECKING([whether the linker can refuse missing symbols])
  LDFLAGS="$LDFLAGS -Wl,-z,defs"
  AC_LINK_IFELSE([AC_LANG_PROGRAM([], [])],
    [AC_MSG_RESULT([yes])
     WFW_PLUGIN_LDFLAGS="$WFW_PLUGIN_LDFLAGS -Wl,-z,defs"],
    [AC_MSG_RESULT([no])])
  CFLAGS=$wfw_plugin_saved_CFLAGS
  LDFLAGS=$wfw_plugin_saved_LDFLAGS
  AC_SUBST([WFW_PLUGIN_LDFLAGS])

  AC_ARG_WITH([plugindir],
    [AS_HELP_STRING([--with-plugindir=DIR], [where the plugin is installed @<:@the directory that wfworker searches@:>@])],
    [], [with_plugindir=])
  AS_CASE([$with_plugindir],
    [''|yes], [plugindir=`$PKG_CONFIG --variable=plugindir wfworker-plugin`],
    [no], [AC_MSG_ERROR([--without-plugindir: the plugin has to be installed somewhere])],
    [plugindir=$with_plugindir])
  AS_IF([test "x$plugindir" = x], [AC_MSG_ERROR([wfworker-plugin.pc does not say where plugins are: give --with-plugindir=DIR])])
  AC_SUBST([plugindir])
  AC_PATH_PROG([WFWORKER], [wfworker], [wfworker])
  WFW_PLUGIN_TEST_LIBRARIES
])

# WFW_PLUGIN_TEST_LIBRARIES: a part of WFW_PLUGIN.
AC_DEFUN([WFW_PLUGIN_TEST_LIBRARIES], [
  AC_ARG_ENABLE([plugin-tests],
    [AS_HELP_STRING([--disable-plugin-tests], [do not look for the mock library of wfworker and cmocka])],
    [], [enable_plugin_tests=auto])
  WFW_PLUGIN_TESTS_MISSING="--disable-plugin-tests was given"
  wfw_plugin_tests=no
  AS_IF([test "x$enable_plugin_tests" != xno],
    [wfw_plugin_tests=yes
     PKG_CHECK_MODULES([WFW_MOCK], [wfworker-plugin-mock], [],
       [wfw_plugin_tests=no
        WFW_PLUGIN_TESTS_MISSING="pkg-config does not find wfworker-plugin-mock (package wfworker-dev)"])
     PKG_CHECK_MODULES([CMOCKA], [cmocka >= 1.1], [],
       [wfw_plugin_tests=no
        WFW_PLUGIN_TESTS_MISSING="pkg-config does not find cmocka (package libcmocka-dev)"])])
  AS_IF([test "x$enable_plugin_tests" = xyes && test "x$wfw_plugin_tests" = xno],
    [AC_MSG_ERROR([--enable-plugin-tests: $WFW_PLUGIN_TESTS_MISSING])])
  AC_SUBST([WFW_PLUGIN_TESTS_MISSING])
  AM_CONDITIONAL([WFW_PLUGIN_TESTS], [test "x$wfw_plugin_tests" = xyes])
])

# WFW_PLUGIN_SUMMARY
# ------------------
# At the end of configure.ac, after AC_OUTPUT: tells what make install and make check will do.
AC_DEFUN([WFW_PLUGIN_SUMMARY], [
  AS_IF([test "x$wfw_plugin_tests" = xyes], [wfw_plugin_said=yes], [wfw_plugin_said="no: $WFW_PLUGIN_TESTS_MISSING"])
  AS_ECHO(["
  $PACKAGE_NAME $PACKAGE_VERSION, a plugin of wfworker
    installed in : $plugindir
    handler tests: $wfw_plugin_said
"])
])
