/* SPDX-License-Identifier: Apache-2.0 */
/* Computes runs for other programs: each line of standard input is {"cron": text, "zone": name, "from": seconds,
 * "count": n}; each line of standard output {"runs": [seconds, ...]} or {"error": message}. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "engine/cron.h"

static json_t *compute(const json_t *in)
{
    struct error e = ERROR_INIT;
    struct cron c;
    int64_t us = js_int(in, "from", 0) * US_PER_S;
    json_t *out = json_object(), *list = json_array();
    const struct zone *z = cron_parse(js_str(in, "cron"), &c, &e) == 0 ? cron_zone(&c, js_str(in, "zone"), &e) : NULL;
    for (int64_t n = js_int(in, "count", 1); z && n > 0 && cron_next(&c, z, us, &us, &e) == 0; n--)
        js_push(list, json_integer(us / US_PER_S));
    js_set(out, "runs", list);
    if (e.message[0])
        js_set(out, "error", json_string(e.message));
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
        if (!in || !js_str(in, "cron")) {
            fprintf(stderr, "cron_lines: %s\n", in ? "no expression" : e.message);
            return 2;
        }
        CLEANUP_JSON json_t *out = compute(in);
        CLEANUP_FREE char *text = js_text(out);
        puts(text);
    }
    return 0;
}
