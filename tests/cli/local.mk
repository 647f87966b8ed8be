# SPDX-License-Identifier: Apache-2.0
# The command line without a database (help.sh, man.sh), and the private PostgreSQL (devdb.sh).
cli_shell_tests = tests/cli/help.sh tests/cli/man.sh tests/cli/offline.sh tests/cli/nodes.sh tests/cli/devdb.sh tests/cli/completion.sh
cli_python_tests = tests/cli/data_test.py tests/cli/details_data_test.py tests/cli/details_language_test.py tests/cli/exec_test.py tests/cli/validate_test.py tests/cli/graph_test.py tests/cli/patterns_test.py tests/cli/manual_test.py tests/cli/details_test.py tests/cli/details_scopes_test.py tests/cli/details_corners_test.py
cli_python_tests += tests/cli/control_test.py
cli_python_tests += tests/cli/lint_test.py
cli_python_tests += tests/cli/locks_test.py
cli_python_tests += tests/cli/long_test.py
cli_python_tests += tests/cli/counted_test.py
cli_python_tests += tests/cli/children_test.py
cli_python_tests += tests/cli/plugin_examples_test.py
cli_python_tests += tests/cli/plugin_test.py tests/cli/plugin_kit_test.py
EXTRA_DIST += tests/cli/staged.py
TESTS += $(cli_shell_tests) $(cli_python_tests)
EXTRA_DIST += doc/deployment.md doc/exec.md doc/limits.md doc/patterns.md doc/queue.md doc/semantics.md doc/semantics-running.md $(cli_shell_tests) $(cli_python_tests) tests/cli/tap.sh tests/cli/tap.py tests/cli/details.py
$(cli_python_tests:.py=.log) tests/cli/nodes.log: wfworker $(plugin_LTLIBRARIES)
tests/cli/offline.log tests/cli/help.log tests/cli/man.log: wfworker
tests/cli/completion.log: wfworker plugins/delay/delay.la
tests/cli/devdb.log: tests/pgrun
