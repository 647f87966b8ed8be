/* SPDX-License-Identifier: Apache-2.0 */
/* The names that expressions of targets may use. */
#ifndef WF_TESTS_FUZZ_NAMES_H
#define WF_TESTS_FUZZ_NAMES_H

#include "expr/expr.h"

const struct expr_env *fuzz_names(void);

/* Must be one of the stable types, with a text in UTF-8. */
void fuzz_expr_error(const char *what, const struct expr_error *e);

#endif
