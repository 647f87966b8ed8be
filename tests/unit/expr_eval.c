/* SPDX-License-Identifier: Apache-2.0 */
/* Evaluates expressions for other programs: each line of standard input is {"e": expression, "d": data}; each line of
 * standard output {"v": value}, {"undefined": true} or {"type": ..., "message": ...}. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "unit/expr_env.h"

static json_t *evaluate(const json_t *in)
{
    struct expr_error e = {0};
    bool undefined = false;
    const char *text = js_str(in, "e");
    struct expr_env env = env_of(json_object_get(in, "d"));
    struct expr *x = expr_compile(text, strlen(text), &e);
    json_t *v = x ? expr_eval(x, &env, &undefined, &e) : NULL;
    json_t *out = json_object();
    expr_free(x);
    if (v)
        js_set(out, undefined ? "undefined" : "v", undefined ? json_true() : json_incref(v));
    else {
        js_set(out, "type", json_string(e.type));
        js_set(out, "message", json_string(e.message));
    }
    json_decref(v);
    return out;
}

int main(void)
{
    CLEANUP_FREE char *line = NULL;
    size_t cap = 0;
    ssize_t len;
    while ((len = getline(&line, &cap, stdin)) > 0) {
        struct error e = ERROR_INIT;
        CLEANUP_JSON json_t *in = js_parse(line, (size_t)len, &e);
        if (!in || !js_str(in, "e")) {
            fprintf(stderr, "expr_eval: %s\n", in ? "no expression" : e.message);
            return 2;
        }
        CLEANUP_JSON json_t *out = evaluate(in);
        CLEANUP_BUF struct buf b = BUF_INIT;
        expr_write_json(&b, out);
        puts(b.data);
        fflush(stdout);
    }
    return 0;
}
