/* SPDX-License-Identifier: Apache-2.0 */
/* Expressions: compiled and evaluated twice they come to the same; what they give can be written, read and stored; every
 * error has its type and a text. */
#include "fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "fuzz/names.h"

const char fuzz_name[] = "expr";
const bool fuzz_json = false;
const unsigned fuzz_cases = 3000;

void fuzz_open(void)
{
    fuzz_names();
}

static void check_value(const json_t *v)
{
    CLEANUP_FREE char *text = js_text(v);
    CLEANUP_JSON json_t *again = js_parse_own(text, strlen(text), NULL);
    if (!again)
        fuzz_fail("the value of an expression cannot be read again: %s", text);
    CLEANUP_FREE char *shown = expr_value_text(v);
    if (!fuzz_is_utf8(shown, strlen(shown)))
        fuzz_fail("the text of a value is not UTF-8");
    expr_truthy(v);
}

static char *outcome(const struct expr *x)
{
    struct expr_error e = {0};
    bool undefined;
    CLEANUP_JSON json_t *v = expr_eval(x, fuzz_names(), &undefined, &e);
    if (!v) {
        fuzz_expr_error("evaluating", &e);
        return xasprintf("%s: %s", e.type, e.message);
    }
    check_value(v);
    if (undefined && !json_is_null(v))
        fuzz_fail("an undefined result is not null");
    if (expr_truthy(v) != (expr_test(x, fuzz_names(), &e) == 1))
        fuzz_fail("the truth of an expression is another one than that of its value");
    return js_text(v);
}

static void run(struct expr *x, const struct expr_error *e, const char *what)
{
    if (!x) {
        fuzz_expr_error(what, e);
        return;
    }
    CLEANUP_FREE char *first = outcome(x);
    CLEANUP_FREE char *second = outcome(x);
    fuzz_same("an expression gives something else the second time", first, second);
    expr_free(x);
}

void fuzz_input(const uint8_t *data, size_t size)
{
    struct expr_error e = {0};
    struct expr *x = expr_compile((const char *)data, size, &e);
    run(x, &e, "compiling");
    x = expr_compile_key((const char *)data, size, &e);
    run(x, &e, "compiling a key");
}
