# SPDX-License-Identifier: Apache-2.0
# Installed beside the documentation.
examplesdir = $(docdir)/examples
dist_examples_DATA = \
  examples/README.md \
  examples/data.json \
  examples/demo.json \
  examples/hello.json \
  examples/parallel.json \
  examples/retry.json \
  examples/variables.json
dist_examples_SCRIPTS = examples/demo-server.py
