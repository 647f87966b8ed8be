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
patternsdir = $(docdir)/examples/patterns
dist_patterns_DATA = \
  examples/patterns/01-sequence.json \
  examples/patterns/02-parallel-split.json \
  examples/patterns/03-synchronization.json \
  examples/patterns/04-exclusive-choice.json \
  examples/patterns/05-simple-merge.json \
  examples/patterns/06-multi-choice.json \
  examples/patterns/07-structured-synchronizing-merge.json \
  examples/patterns/08-multi-merge.json \
  examples/patterns/09-structured-discriminator.json \
  examples/patterns/10-arbitrary-cycles.json \
  examples/patterns/11-implicit-termination.json \
  examples/patterns/12-multiple-instances-without-synchronization.json \
  examples/patterns/13-multiple-instances-known-at-design-time.json \
  examples/patterns/14-multiple-instances-known-at-run-time.json \
  examples/patterns/15-multiple-instances-not-known-beforehand.json \
  examples/patterns/16-deferred-choice.json \
  examples/patterns/17-interleaved-parallel-routing.json \
  examples/patterns/18-milestone.json \
  examples/patterns/19-cancel-task.json \
  examples/patterns/20-cancel-case.json \
  examples/patterns/21-structured-loop.json \
  examples/patterns/22-recursion.json \
  examples/patterns/23-transient-trigger.json \
  examples/patterns/24-persistent-trigger.json \
  examples/patterns/25-cancel-region.json \
  examples/patterns/26-cancel-multiple-instance-activity.json \
  examples/patterns/27-complete-multiple-instance-activity.json \
  examples/patterns/28-blocking-discriminator.json \
  examples/patterns/29-cancelling-discriminator.json \
  examples/patterns/30-structured-partial-join.json \
  examples/patterns/31-blocking-partial-join.json \
  examples/patterns/32-cancelling-partial-join.json \
  examples/patterns/33-generalized-and-join.json \
  examples/patterns/34-static-partial-join-for-multiple-instances.json \
  examples/patterns/35-cancelling-partial-join-for-multiple-instances.json \
  examples/patterns/36-dynamic-partial-join-for-multiple-instances.json \
  examples/patterns/37-acyclic-synchronizing-merge.json \
  examples/patterns/38-general-synchronizing-merge.json \
  examples/patterns/39-critical-section.json \
  examples/patterns/40-interleaved-routing.json \
  examples/patterns/41-thread-merge.json \
  examples/patterns/42-thread-split.json \
  examples/patterns/43-explicit-termination.json
# Projects out of tree, to be copied: tests/cli/plugin_examples_test.py builds them against an installed wfworker.
pluginexamplesdir = $(docdir)
nobase_dist_pluginexamples_DATA = \
  examples/plugins/README.md \
  examples/plugins/c-autotools/Makefile.am \
  examples/plugins/c-autotools/README.md \
  examples/plugins/c-autotools/configure.ac \
  examples/plugins/c-autotools/src/slug.c \
  examples/plugins/c-autotools/tests/slug_test.c \
  examples/plugins/c-autotools/workflow.json \
  examples/plugins/c-make/Makefile \
  examples/plugins/c-make/README.md \
  examples/plugins/c-make/csv.c \
  examples/plugins/c-make/csv_test.c \
  examples/plugins/c-make/workflow.json \
  examples/plugins/cpp-cmake/CMakeLists.txt \
  examples/plugins/cpp-cmake/README.md \
  examples/plugins/cpp-cmake/stats.cpp \
  examples/plugins/cpp-cmake/workflow.json \
  examples/plugins/flow/Makefile \
  examples/plugins/flow/README.md \
  examples/plugins/flow/flow.c \
  examples/plugins/flow/flow_test.c \
  examples/plugins/flow/workflow.json \
  examples/plugins/http-loop/Makefile \
  examples/plugins/http-loop/README.md \
  examples/plugins/http-loop/webhook.c \
  examples/plugins/http-loop/webhook_test.c \
  examples/plugins/http-loop/workflow.json \
  examples/plugins/python-exec/README.md \
  examples/plugins/python-exec/schema.json \
  examples/plugins/python-exec/wfworker.conf \
  examples/plugins/python-exec/workflow.json \
  examples/plugins/rust/Makefile \
  examples/plugins/rust/README.md \
  examples/plugins/rust/iban.rs \
  examples/plugins/rust/wfworker.rs \
  examples/plugins/rust/workflow.json
nobase_dist_pluginexamples_SCRIPTS = examples/plugins/python-exec/report.py
plugin_example_dirs = \
  examples/plugins/c-autotools/src \
  examples/plugins/c-autotools/tests \
  examples/plugins/c-autotools \
  examples/plugins/c-make \
  examples/plugins/cpp-cmake \
  examples/plugins/flow \
  examples/plugins/http-loop \
  examples/plugins/python-exec \
  examples/plugins/rust \
  examples/plugins
