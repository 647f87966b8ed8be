/* SPDX-License-Identifier: Apache-2.0 */
/* Sections of the configuration whose plugin was not found: a misspelt name must not be silent. */
#include <string.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/nearest.h"
#include "config/settings.h"
#include "plugin/internal.h"

#define MOST_DOUBTS 20

/* Whatever became of it: one that does not load, or is disabled, is no misspelt name. */
static bool is_found(const struct registry *r, const char *name)
{
    for (size_t i = 0; i < r->count; i++)
        if (strcmp(r->plugins[i]->name, name) == 0)
            return true;
    return false;
}

static bool was_told(const struct registry_options *o, size_t before, const char *name)
{
    struct settings_section s;
    for (size_t i = 0; i < before && o->plugin_section(o->ctx, i, &s); i++)
        if (strcmp(s.plugin, name) == 0)
            return true;
    return false;
}

static void describe(const struct registry *r, const struct settings_section *s, struct error *e)
{
    struct nearest near = {.word = s->plugin};
    for (size_t i = 0; i < r->count; i++)
        nearest_offer(&near, r->plugins[i]->name);
    err_set(e, "%s:%zu: [%s %s]: there is no plugin \"%s\"", s->file, s->line, s->type ? "exec" : "plugin", s->type ? s->type : s->plugin,
            s->plugin);
    if (near.best && !s->type)
        err_hint(e, "did you mean \"%s\"?", near.best);
    else
        err_hint(e, "wfworker --list-plugins shows what was found, and where it was looked for");
}

void sections_check(struct registry *r, const struct registry_options *o)
{
    struct settings_section s;
    for (size_t i = 0; o->plugin_section && r->doubt_count < MOST_DOUBTS && o->plugin_section(o->ctx, i, &s); i++) {
        if (is_found(r, s.plugin) || was_told(o, i, s.plugin))
            continue;
        xgrow((void **)&r->doubts, &r->doubt_cap, r->doubt_count + 1, sizeof *r->doubts);
        describe(r, &s, &r->doubts[r->doubt_count++]);
    }
}

int sections_judge(const struct registry *r, bool strict, bool quiet, struct error *e)
{
    if (strict && r->doubt_count) {
        CLEANUP_BUF struct buf others = BUF_INIT;
        for (size_t i = 1; i < r->doubt_count; i++)
            buf_printf(&others, "%s%s", others.len ? "; " : "", r->doubts[i].message);
        if (e)
            *e = r->doubts[0];
        if (others.len)
            err_detail(e, "%s", others.data);
        return -1;
    }
    for (size_t i = 0; !quiet && i < r->doubt_count; i++)
        log_error(LOG_WARNING, "a section of the configuration has no effect", &r->doubts[i]);
    return 0;
}

size_t registry_doubts(const struct registry *r)
{
    return r->doubt_count;
}

const struct error *registry_doubt(const struct registry *r, size_t i)
{
    return i < r->doubt_count ? &r->doubts[i] : NULL;
}
