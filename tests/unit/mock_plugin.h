/* SPDX-License-Identifier: Apache-2.0 */
/* The plugin that the tests of the mock library call: it sees wfworker/plugin.h alone. */
#ifndef WF_TESTS_UNIT_MOCK_PLUGIN_H
#define WF_TESTS_UNIT_MOCK_PLUGIN_H

#include "plugin/abi.h"
#include "wfworker/mock.h"

extern const struct wfw_plugin mock_plugin;
extern int mock_plugin_drained, mock_plugin_ended; /* calls of drain() and exit() */

#endif
