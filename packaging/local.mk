# SPDX-License-Identifier: Apache-2.0
pkgconfigdir = $(libdir)/pkgconfig
pkgconfig_DATA = packaging/wfworker.pc packaging/wfworker-plugin.pc packaging/wfworker-plugin-mock.pc

EXTRA_DIST += packaging/packages packaging/Dockerfile packaging/render.yaml packaging/wfworker.conf packaging/wfworker.service.in packaging/try-packages .ci/run

if INSTALL_UNIT
systemdsystemunit_DATA = packaging/wfworker.service
endif
CLEANFILES += packaging/wfworker.service
packaging/wfworker.service: packaging/wfworker.service.in Makefile
	$(AM_V_GEN)$(MKDIR_P) packaging && $(SED) -e 's|[@]bindir@|$(bindir)|g' -e 's|[@]sysconfdir@|$(sysconfdir)|g' \
	  '$(srcdir)/packaging/wfworker.service.in' >$@.tmp && mv $@.tmp $@

# bash finds the completion of a command by the command's name.
EXTRA_DIST += packaging/completion/wfworker.bash
dist_zshcompletion_DATA = packaging/completion/_wfworker
install-data-local:
	$(MKDIR_P) "$(DESTDIR)$(bashcompletiondir)"
	$(INSTALL_DATA) '$(srcdir)/packaging/completion/wfworker.bash' "$(DESTDIR)$(bashcompletiondir)/wfworker"
uninstall-local:
	rm -f "$(DESTDIR)$(bashcompletiondir)/wfworker"

# The packaging of Debian and of RPM systems.
EXTRA_DIST += packaging/wfworker.spec debian/changelog debian/control debian/copyright debian/not-installed debian/rules debian/source/format debian/source/lintian-overrides \
  debian/libwfworker-mock1.install debian/libwfworker-mock1.symbols debian/wfworker.docs debian/wfworker.install \
  debian/wfworker.lintian-overrides debian/wfworker-dev.install debian/wfworker-dev.lintian-overrides debian/wfworker-plugins.install \
  debian/tests/control debian/tests/author debian/tests/examples debian/tests/header debian/tests/worker
