/* SPDX-License-Identifier: Apache-2.0 */
/* An outcome for people and tests: a stable form, documented at wfw_mock_json() in wfworker/mock.h. */
#ifndef WF_PLUGIN_OUTCOME_JSON_H
#define WF_PLUGIN_OUTCOME_JSON_H

#include <jansson.h>

#include "plugin/task.h"

/* A new reference.  Members that say nothing are left out. */
json_t *outcome_json(const struct outcome *o);

#endif
