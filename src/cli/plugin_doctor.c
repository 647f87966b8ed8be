/* SPDX-License-Identifier: Apache-2.0 */
/* wfworker plugin doctor: every step of loading a plugin, with what was looked at, and what else its author should know. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/json.h"
#include "base/mem.h"
#include "cli/plugin_advice.h"
#include "cli/plugin_find.h"
#include "cli/table.h"
#ifndef WFW_ABI_MINOR
#define WFW_ABI_MINOR 0
#endif
#include "plugin/image.h"
#include "plugin/probe.h"

#define PROBE_MS 10000

const struct cli_option plugin_doctor_options[] = {
    {"json", 0, NULL, "as JSON"},
    {NULL, 0, NULL, NULL},
};

/* ---- The steps ---- */

static void tell_file(struct report *r, const char *path, const struct wfw_abi *abi)
{
    struct stat st = {0};
    if (stat(path, &st) == 0)
        report_add(r, "file", "ok", NULL, "%s, %lld bytes, mode %04o", path, (long long)st.st_size, (unsigned)(st.st_mode & 07777));
    report_add(r, "ELF header", "ok", NULL, "a shared object for this machine");
    report_add(r, "segments", "ok", NULL, "all of them are in the file");
    report_add(r, "symbols", "ok", NULL, "there is a table of symbols");
    report_add(r, "identity", "ok", NULL, "plugin ABI %u.%u, compiled with header %s", abi->major, abi->minor, abi->sdk);
}

/* Without running anything of it.  False: it cannot be loaded. */
static bool look_at_image(struct report *r, const char *path)
{
    struct wfw_abi abi;
    struct error e = ERROR_INIT;
    const char *failed;
    if (image_check_steps(path, &abi, &failed, &e) == 0) {
        tell_file(r, path, &abi);
        return true;
    }
    for (size_t i = 0; image_step(i) && strcmp(image_step(i), failed) != 0; i++)
        report_add(r, image_step(i), "ok", NULL, "as it should be");
    report_error(r, failed, &e);
    return false;
}

/* In a process of its own: constructors, symbols, entry function, descriptor. */
static bool try_to_load(struct report *r, const char *path, const char *name)
{
    struct error e = ERROR_INIT;
    if (probe_file(path, name, PROBE_MS, &e) == 0) {
        report_add(r, "loading", "ok", NULL, "loaded in a process of its own with every symbol bound, and its descriptor is sound");
        return true;
    }
    report_error(r, "loading", &e);
    return false;
}

/* The reason without "plugin NAME (FILE): ", which the reader knows. */
static void shorten(struct error *e, const struct found_plugin *f)
{
    CLEANUP_FREE char *before = xasprintf("plugin %s (%s): ", f->name, f->file);
    size_t len = strlen(before);
    if (strncmp(e->message, before, len) == 0)
        memmove(e->message, e->message + len, strlen(e->message + len) + 1);
}

/* As a worker does it: names, settings, init; whatever is installed is there, too. */
static bool begin(struct report *r, struct found_plugin *f, const struct cli *c)
{
    struct error e = ERROR_INIT;
    if (plugin_find(f, c, c->operands[0], &e) != 0) {
        shorten(&e, f);
        report_error(r, "start", &e);
        return false;
    }
    const char *state = js_str(f->plugin, "state"), *reason = js_str(f->plugin, "reason");
    if (strcmp(state, "ok") != 0) {
        report_add(r, "start", strcmp(state, "disabled") == 0 ? "skip" : "fail", NULL, "%s", reason ? reason : state);
        return false;
    }
    report_add(r, "start", "ok", NULL, "its names are free, its section of the configuration is right, init() succeeded");
    if (reason)
        report_add(r, "names", "warn", NULL, "%s", reason);
    return true;
}

/* Others that do not load because this one is there. */
static void look_at_others(struct report *r, const struct found_plugin *f)
{
    size_t i;
    json_t *p;
    json_array_foreach(json_object_get(f->all, "plugins"), i, p)
    {
        const char *reason = js_str(p, "reason");
        if (p != f->plugin && strcmp(js_str(p, "state"), "failed") == 0 && reason && strstr(reason, f->file))
            report_add(r, "names", "warn", NULL, "plugin %s: %s", js_str(p, "name"), reason);
        else if (p != f->plugin && strcmp(js_str(p, "name"), f->name) == 0)
            report_add(r, "names", "note", NULL, "another plugin of this name is installed: %s", js_str(p, "file"));
    }
}

static void skip(struct report *r, const char *step)
{
    report_add(r, step, "skip", NULL, "not reached");
}

static void examine(struct report *r, struct found_plugin *f, const struct cli *c)
{
    char *path = realpath(c->operands[0], NULL);
    const char *shown = path ? path : c->operands[0], *base = strrchr(shown, '/') ? strrchr(shown, '/') + 1 : shown;
    size_t len = strlen(base);
    CLEANUP_FREE char *name = xstrndup(base, len > 3 && strcmp(base + len - 3, ".so") == 0 ? len - 3 : len);
    bool image = look_at_image(r, shown), loads = false, begins = false;
    if (image)
        advise_file(r, shown);
    if (image && strlen(name) == len)
        report_add(r, "name", "fail", "Name the file NAME.so.", "the file's name does not end in .so: it is not looked for");
    else if (image)
        loads = try_to_load(r, shown, name);
    else
        skip(r, "loading");
    if (loads)
        begins = begin(r, f, c);
    else
        skip(r, "start");
    if (begins) {
        look_at_others(r, f);
        advise_plugin(r, f->plugin);
    }
    free(path);
}

/* ---- The report ---- */

static void print_report(const struct report *r)
{
    size_t i, width = 0;
    json_t *line;
    json_array_foreach(r->lines, i, line) width =
        strlen(js_str(line, "step")) > width ? strlen(js_str(line, "step")) : width;
    json_array_foreach(r->lines, i, line)
    {
        CLEANUP_FREE char *text = text_clean(js_str(line, "text"), 0);
        printf("%-4s  %-*s  %s\n", js_str(line, "result"), (int)width, js_str(line, "step"), text);
        if (js_str(line, "hint"))
            printf("      %-*s  HINT:  %s\n", (int)width, "", js_str(line, "hint"));
    }
    if (r->failed)
        printf("\nThe plugin does not load: %zu of the steps failed.\n", r->failed);
    else
        printf("\nThe plugin loads; %zu warning%s.\n", r->warned, r->warned == 1 ? "" : "s");
}

int cmd_plugin_doctor(struct cli *c)
{
    CLEANUP_JSON json_t *lines = json_array();
    struct report r = {.lines = lines};
    struct found_plugin f = {0};
    examine(&r, &f, c);
    if (cli_has(c, "json")) {
        CLEANUP_JSON json_t *out = json_object();
        js_set(out, "file", js_string_lossy(c->operands[0], strlen(c->operands[0])));
        js_set(out, "loads", json_boolean(r.failed == 0));
        js_set(out, "warnings", json_integer((json_int_t)r.warned));
        js_set(out, "steps", json_incref(lines));
        print_json(out);
    } else {
        print_report(&r);
    }
    plugin_found_close(&f);
    return r.failed || (c->settings->strict && r.warned) ? EXIT_FAILURE : EXIT_SUCCESS;
}
