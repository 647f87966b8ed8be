/* SPDX-License-Identifier: Apache-2.0 */
/* Node types for targets that load definitions: the names that the field uses, some with a schema. */
#ifndef WF_TESTS_FUZZ_TYPES_H
#define WF_TESTS_FUZZ_TYPES_H

#include "engine/definition.h"

extern const struct catalog fuzz_types;
void fuzz_types_open(void);

#endif
