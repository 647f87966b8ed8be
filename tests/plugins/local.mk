# SPDX-License-Identifier: Apache-2.0
# Plugins of the tests, good and bad.  -rpath only makes libtool build shared objects; nothing is installed.
TEST_PLUGIN_LDFLAGS = -module -avoid-version -shared -rpath /nowhere
if WITH_TESTS
check_LTLIBRARIES += tests/plugins/parity.la
tests_plugins_parity_la_SOURCES = tests/plugins/parity.c
tests_plugins_parity_la_LDFLAGS = $(TEST_PLUGIN_LDFLAGS)
check_LTLIBRARIES += tests/plugins/speaker.la
tests_plugins_speaker_la_SOURCES = tests/plugins/speaker.c
tests_plugins_speaker_la_LDFLAGS = $(TEST_PLUGIN_LDFLAGS)
check_LTLIBRARIES += tests/plugins/rogue.la tests/plugins/good.la tests/plugins/bad.la tests/plugins/undefined.la tests/plugins/plain.la
tests_plugins_rogue_la_SOURCES = tests/plugins/rogue.c
tests_plugins_rogue_la_LDFLAGS = $(TEST_PLUGIN_LDFLAGS)
tests_plugins_good_la_SOURCES = tests/plugins/good.c
tests_plugins_good_la_LDFLAGS = $(TEST_PLUGIN_LDFLAGS)
tests_plugins_good_la_LIBADD = -lpthread
tests_plugins_bad_la_SOURCES = tests/plugins/bad.c
tests_plugins_bad_la_LDFLAGS = $(TEST_PLUGIN_LDFLAGS)
tests_plugins_undefined_la_SOURCES = tests/plugins/undefined.c
tests_plugins_undefined_la_LDFLAGS = $(TEST_PLUGIN_LDFLAGS)
tests_plugins_plain_la_SOURCES = tests/plugins/plain.c
tests_plugins_plain_la_LDFLAGS = $(TEST_PLUGIN_LDFLAGS)
endif
