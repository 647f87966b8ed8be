# SPDX-License-Identifier: Apache-2.0
dist_man_MANS += man/wfworker.1 man/wfworker-plugin.3 man/wfworker-plugin.5 man/wfworker-expressions.7
EXTRA_DIST += tools/md2man.py tools/plugin3.py doc/plugins.md doc/plugin-files.md
man-pages:
	$(PYTHON3) $(srcdir)/tools/md2man.py wfworker-expressions 7 "expressions and templates of workflows" \
	  <$(srcdir)/doc/expressions.md >expressions.new
	mv expressions.new $(srcdir)/man/wfworker-expressions.7
	$(PYTHON3) $(srcdir)/tools/md2man.py wfworker-plugin 5 "plugins of wfworker as files" <$(srcdir)/doc/plugin-files.md >plugin5.new
	mv plugin5.new $(srcdir)/man/wfworker-plugin.5
	$(PYTHON3) $(srcdir)/tools/plugin3.py <$(srcdir)/include/wfworker/plugin.h >plugin3.new
	mv plugin3.new $(srcdir)/man/wfworker-plugin.3
.PHONY: man-pages
# The commented sample of the configuration file.
dist_doc_DATA = packaging/wfworker.conf
