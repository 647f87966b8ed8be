# SPDX-License-Identifier: Apache-2.0
# Every plugin is one directory with its own local.mk.
# They see the public header and plugins/common, nothing of the program.
AM_PLUGIN_CPPFLAGS = -D_GNU_SOURCE -I$(top_srcdir)/include -I$(top_srcdir)/plugins
if WITH_SANITIZE
# The sanitizers' own functions are in the program.
AM_PLUGIN_LDFLAGS = -module -avoid-version -shared
else
AM_PLUGIN_LDFLAGS = -module -avoid-version -shared -no-undefined -Wl,-z,defs
endif

# Programs that plugins start stand one directory above them.
pluginhelperdir = $(libdir)/wfworker
pluginhelper_PROGRAMS =

include plugins/child/local.mk
include plugins/condition/local.mk
include plugins/control/local.mk
include plugins/core/local.mk
include plugins/data/local.mk
include plugins/delay/local.mk
include plugins/exec/local.mk
include plugins/http/local.mk
include plugins/jq/local.mk
include plugins/signal/local.mk

# The reference of node types is made from what the plugins say about themselves.
EXTRA_DIST += doc/nodes.md tools/nodes.py
nodes-doc: wfworker $(plugin_LTLIBRARIES)
	$(builddir)/wfworker.build --list-plugins --json >nodes.json
	$(PYTHON3) $(top_srcdir)/tools/nodes.py <nodes.json >nodes.md.new
	mv nodes.md.new $(top_srcdir)/doc/nodes.md
	rm -f nodes.json
.PHONY: nodes-doc

# The .la files are of no use once installed.
install-data-hook:
	cd "$(DESTDIR)$(plugindir)" 2>/dev/null && rm -f $(notdir $(plugin_LTLIBRARIES)) || :
uninstall-hook:
	cd "$(DESTDIR)$(libdir)" 2>/dev/null && rm -f libwfworker-mock.so libwfworker-mock.so.1 libwfworker-mock.so.1.0.0 || :
	cd "$(DESTDIR)$(plugindir)" 2>/dev/null && rm -f $(notdir $(plugin_LTLIBRARIES:.la=.so)) || :
	-cd "$(DESTDIR)$(docdir)" 2>/dev/null && rmdir $(plugin_example_dirs) 2>/dev/null
	-rmdir "$(DESTDIR)$(plugindir)" "$(DESTDIR)$(libdir)/wfworker" "$(DESTDIR)$(includedir)/wfworker" \
	    "$(DESTDIR)$(templatesourcedir)" "$(DESTDIR)$(templatedebiandir)" "$(DESTDIR)$(templateexamplesdir)" "$(DESTDIR)$(templatemandir)" \
	    "$(DESTDIR)$(templatesrcdir)" "$(DESTDIR)$(templatetestsdir)" "$(DESTDIR)$(templatedir)" "$(DESTDIR)$(datadir)/wfworker" \
	    "$(DESTDIR)$(patternsdir)" "$(DESTDIR)$(examplesdir)" "$(DESTDIR)$(docdir)" 2>/dev/null
