/* SPDX-License-Identifier: Apache-2.0 */
/* The environment of expressions in tests: names are the keys of an object. */
#ifndef WF_TESTS_UNIT_EXPR_ENV_H
#define WF_TESTS_UNIT_EXPR_ENV_H

#include "expr/expr.h"

static const json_t *env_lookup(void *ctx, const char *name)
{
    return json_object_get(ctx, name);
}

static inline struct expr_env env_of(json_t *data)
{
    return (struct expr_env){.lookup = env_lookup, .ctx = data, .now_us = INT64_C(1767225600123456)}; /* 2026-01-01 */
}

#endif
