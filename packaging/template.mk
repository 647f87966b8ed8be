# SPDX-License-Identifier: Apache-2.0
# For those who write plugins: the macro for their configure.ac, and what `wfworker plugin new` makes a project of.
aclocaldir = $(datadir)/aclocal
dist_aclocal_DATA = m4/wfworker-plugin.m4
templatedir = $(datadir)/wfworker/plugin-template
dist_template_DATA = packaging/plugin-template/COPYING packaging/plugin-template/Makefile.am packaging/plugin-template/README.md \
  packaging/plugin-template/_NAME_.spec packaging/plugin-template/configure.ac packaging/plugin-template/dot-gitignore
templatesrcdir = $(templatedir)/src
dist_templatesrc_DATA = packaging/plugin-template/src/_NODE_.c packaging/plugin-template/src/nodes.h packaging/plugin-template/src/plugin.c
templatetestsdir = $(templatedir)/tests
dist_templatetests_DATA = packaging/plugin-template/tests/handlers.c packaging/plugin-template/tests/program.sh
templatemandir = $(templatedir)/man
dist_templateman_DATA = packaging/plugin-template/man/wfworker-_NAME_.7
templateexamplesdir = $(templatedir)/examples
dist_templateexamples_DATA = packaging/plugin-template/examples/_NAME_.json
templatedebiandir = $(templatedir)/debian
dist_templatedebian_DATA = packaging/plugin-template/debian/changelog packaging/plugin-template/debian/control \
  packaging/plugin-template/debian/copyright packaging/plugin-template/debian/rules
templatesourcedir = $(templatedebiandir)/source
dist_templatesource_DATA = packaging/plugin-template/debian/source/format
