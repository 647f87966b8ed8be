/* SPDX-License-Identifier: Apache-2.0 */
/* Templates in any JSON value: what has none comes out as it went in, everything else the same twice, or with an error
 * that names its place. */
#include "fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "fuzz/names.h"

const char fuzz_name[] = "template";
const bool fuzz_json = true;
const unsigned fuzz_cases = 2000;

void fuzz_open(void)
{
    fuzz_names();
}

static char *rendered(const struct tmpl *t, const json_t *from)
{
    struct expr_error e = {0};
    CLEANUP_JSON json_t *v = tmpl_render(t, fuzz_names(), &e);
    if (!v) {
        fuzz_expr_error("rendering", &e);
        return xstrdup(e.message);
    }
    if (tmpl_is_constant(t) && !json_equal(v, (json_t *)(uintptr_t)from))
        fuzz_fail("a constant came out as something else");
    char *text = js_text(v);
    CLEANUP_JSON json_t *again = js_parse_own(text, strlen(text), NULL);
    if (!again)
        fuzz_fail("what was rendered cannot be read again: %s", text);
    return text;
}

void fuzz_input(const uint8_t *data, size_t size)
{
    static const char *const skip[] = {"condition", NULL};
    struct expr_error e = {0};
    CLEANUP_JSON json_t *v = fuzz_value(data, size);
    if (!v)
        return;
    struct tmpl *t = tmpl_compile(v, skip, &e);
    if (!t) {
        fuzz_expr_error("compiling", &e);
        return;
    }
    CLEANUP_FREE char *first = rendered(t, v);
    CLEANUP_FREE char *second = rendered(t, v);
    fuzz_same("a template gives something else the second time", first, second);
    tmpl_free(t);
}
