# SPDX-License-Identifier: Apache-2.0
# What is installed, and that it goes away again; what is in the distribution; that the packages say what the build says.
TESTS += tests/install/layout_test.py tests/install/packages_test.py
EXTRA_DIST += tests/install/layout_test.py tests/install/packages_test.py tests/install/layout.txt
tests/install/layout_test.log: all-am

INSTALLED_PARTS =
if WITH_JQ
INSTALLED_PARTS += jq
endif
if INSTALL_UNIT
INSTALLED_PARTS += unit
endif

# For tests/install/layout_test.py.
print-directories:
	@printf '%s\n' 'bindir=$(bindir)' 'libdir=$(libdir)' 'plugindir=$(plugindir)' 'includedir=$(includedir)' 'mandir=$(mandir)' \
	  'docdir=$(docdir)' 'datadir=$(datadir)' 'sysconfdir=$(sysconfdir)' 'systemdsystemunitdir=$(systemdsystemunitdir)' \
	  'bashcompletiondir=$(bashcompletiondir)' 'zshcompletiondir=$(zshcompletiondir)' 'parts=$(INSTALLED_PARTS)'
.PHONY: print-directories
