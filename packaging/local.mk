# SPDX-License-Identifier: Apache-2.0
pkgconfigdir = $(libdir)/pkgconfig
pkgconfig_DATA = packaging/wfworker.pc packaging/wfworker-plugin.pc

EXTRA_DIST += packaging/packages packaging/Dockerfile packaging/render.yaml packaging/wfworker.conf packaging/wfworker.service.in .ci/run

if INSTALL_UNIT
systemdsystemunit_DATA = packaging/wfworker.service
endif
CLEANFILES += packaging/wfworker.service
packaging/wfworker.service: packaging/wfworker.service.in Makefile
	$(AM_V_GEN)$(MKDIR_P) packaging && $(SED) -e 's|[@]bindir@|$(bindir)|g' -e 's|[@]sysconfdir@|$(sysconfdir)|g' \
	  '$(srcdir)/packaging/wfworker.service.in' >$@.tmp && mv $@.tmp $@
