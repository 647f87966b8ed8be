/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/registry.h"

#include <ltdl.h>
#include <string.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/nearest.h"
#include "plugin/internal.h"

char *reason_text(const struct error *e, const char *line_prefix)
{
    struct buf b = BUF_INIT;
    buf_addstr(&b, e->message);
    if (e->detail[0])
        buf_printf(&b, "\n%sDETAIL:  %s", line_prefix, e->detail);
    if (e->hint[0])
        buf_printf(&b, "\n%sHINT:  %s", line_prefix, e->hint);
    return buf_steal(&b);
}

static int by_type(const void *a, const void *b)
{
    return strcmp(((const struct type_name *)a)->name, ((const struct type_name *)b)->name);
}

static char *describe_unknown(const struct registry *r)
{
    struct buf b = BUF_INIT;
    buf_addstr(&b, r->searched_count ? "searched " : "no directory was searched");
    for (size_t i = 0; i < r->searched_count; i++)
        buf_printf(&b, "%s%s", i ? ", " : "", r->searched[i]);
    const char *before = "; failed to load: ";
    for (size_t i = 0; i < r->count; i++) {
        if (r->plugins[i]->state != PLUGIN_FAILED)
            continue;
        buf_printf(&b, "%s%s (%s)", before, r->plugins[i]->name, r->plugins[i]->reason.message);
        before = ", ";
    }
    before = "; left out: ";
    for (size_t i = 0; i < r->count; i++) {
        if (r->plugins[i]->state != PLUGIN_OK || !r->plugins[i]->about.left_out)
            continue;
        buf_printf(&b, "%s%s (%s)", before, r->plugins[i]->name, r->plugins[i]->about.left_out);
        before = ", ";
    }
    return buf_steal(&b);
}

/* One that is loaded, but not with all of its node types. */
static int judge_partial(const struct plugin *p, bool strict, bool quiet, struct error *e)
{
    if (p->state != PLUGIN_OK || !p->about.left_out)
        return 0;
    if (strict)
        return err_set(e, "plugin %s (%s): %s", p->name, p->path, p->warning);
    if (!quiet)
        log_write(LOG_WARNING, "a plugin has left out node types; they are not run here", LOG_STR("plugin", p->name),
                  LOG_STR("file", p->path), LOG_STR("reason", p->about.left_out));
    return 0;
}

static void warn_failed(const struct plugin *p)
{
    log_write(LOG_WARNING, "a plugin does not load; its node types are not run here", LOG_STR("plugin", p->name),
              LOG_STR("file", p->path), LOG_STR("reason", p->reason.message), LOG_STR("hint", p->reason.hint));
}

/* 0, or -1 and *e: the first failure that must not be passed over. */
static int judge(const struct registry *r, bool strict, bool quiet, struct error *e)
{
    for (size_t i = 0; i < r->count; i++) {
        const struct plugin *p = r->plugins[i];
        if (judge_partial(p, strict, quiet, e) != 0)
            return -1;
        if (p->state != PLUGIN_FAILED)
            continue;
        if (strict || p->named) {
            if (e)
                *e = p->reason;
            return err_prefix(e, "plugin %s (%s)", p->name, p->path);
        }
        if (!quiet)
            warn_failed(p);
    }
    return 0;
}

struct registry *registry_open(const struct registry_options *options, struct error *e)
{
    struct registry *r = xcalloc(1, sizeof *r);
    r->plugin_config = options->plugin_config;
    r->ctx = options->ctx;
    r->probe_timeout_ms = options->probe_timeout_ms;
    r->host = options->host;
    r->isolate = options->isolate;
    r->isolation = options->isolation;
    r->helpers = options->helpers;
    r->helper_program = options->helper_program;
    if (lt_dlinit() != 0) {
        err_set(e, "libltdl does not start: %s", lt_dlerror());
        free(r);
        return NULL;
    }
    int rc = capability_list(options->deny, "plugin_deny", &r->denied, e) != 0 ? -1 : search_plugins(r, options, e);
    for (size_t i = 0; rc == 0 && i < r->count; i++)
        load_plugin(r, r->plugins[i]);
    sections_check(r, options);
    if (rc != 0 || judge(r, options->strict, options->quiet, e) != 0 || sections_judge(r, options->strict, options->quiet, e) != 0) {
        registry_close(r);
        return NULL;
    }
    if (r->type_count)
        qsort(r->types, r->type_count, sizeof *r->types, by_type);
    r->unknown_detail = describe_unknown(r);
    return r;
}

struct registry *registry_open_linked(const struct wfw_plugin *descriptor, const struct registry_options *options, struct error *e)
{
    struct registry *r = xcalloc(1, sizeof *r);
    struct plugin *p = xcalloc(1, sizeof *p);
    r->plugin_config = options->plugin_config;
    r->ctx = options->ctx;
    r->host = options->host;
    xgrow((void **)&r->plugins, &r->cap, 1, sizeof *r->plugins);
    r->plugins[r->count++] = p;
    p->name = xstrdup(descriptor->size >= offsetof(struct wfw_plugin, version) && descriptor->name ? descriptor->name : "");
    p->path = xstrdup("a part of the program");
    p->named = true;
    load_linked(r, p, descriptor);
    if (p->state == PLUGIN_FAILED) {
        *e = p->reason;
        err_prefix(e, "plugin %s", p->name);
        registry_close(r);
        return NULL;
    }
    qsort(r->types, r->type_count, sizeof *r->types, by_type);
    r->unknown_detail = describe_unknown(r);
    return r;
}

void registry_close(struct registry *r)
{
    if (!r)
        return;
    for (size_t i = 0; i < r->count; i++)
        if (r->plugins[i]->state == PLUGIN_OK && r->plugins[i]->handlers && r->plugins[i]->about.plugin.drain)
            r->plugins[i]->about.plugin.drain(r->plugins[i]->data);
    for (size_t i = 0; i < r->count; i++)
        if (r->plugins[i]->state == PLUGIN_OK && r->plugins[i]->handlers && r->plugins[i]->about.plugin.exit)
            r->plugins[i]->about.plugin.exit(r->plugins[i]->data);
    for (size_t i = 0; i < r->count; i++)
        plugin_free(r->plugins[i]);
    for (size_t i = 0; i < r->searched_count; i++)
        free(r->searched[i]);
    free(r->plugins);
    free(r->searched);
    free(r->types);
    free(r->doubts);
    free(r->unknown_detail);
    free(r);
}

const struct handler *registry_find(const struct registry *r, const char *node_type)
{
    const struct type_name key = {node_type, NULL}, *found = NULL;
    if (node_type && r->type_count)
        found = bsearch(&key, r->types, r->type_count, sizeof *r->types, by_type);
    return found ? found->handler : NULL;
}

const char *registry_nearest(const struct registry *r, const char *node_type)
{
    struct nearest near = {.word = node_type};
    for (size_t i = 0; i < r->type_count; i++)
        nearest_offer(&near, r->types[i].name);
    return nearest_meant(&near);
}

size_t registry_count(const struct registry *r)
{
    return r->count;
}

size_t registry_failed(const struct registry *r)
{
    size_t n = 0;
    for (size_t i = 0; i < r->count; i++)
        n += r->plugins[i]->state == PLUGIN_FAILED;
    return n;
}

bool registry_sound(const struct registry *r)
{
    for (size_t i = 0; i < r->count; i++)
        if (r->plugins[i]->state == PLUGIN_FAILED || r->plugins[i]->about.left_out)
            return false;
    return r->doubt_count == 0;
}

const char *registry_unknown_detail(const struct registry *r)
{
    return r->unknown_detail;
}
