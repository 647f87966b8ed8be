# SPDX-License-Identifier: Apache-2.0
dist_man_MANS += man/wfworker.1 man/wfworker-expressions.7
EXTRA_DIST += tools/md2man.py
man-pages:
	$(PYTHON3) $(srcdir)/tools/md2man.py wfworker-expressions 7 "expressions and templates of workflows" \
	  <$(srcdir)/doc/expressions.md >expressions.new
	mv expressions.new $(srcdir)/man/wfworker-expressions.7
.PHONY: man-pages
# The commented sample of the configuration file.
dist_doc_DATA = packaging/wfworker.conf
