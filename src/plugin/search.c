/* SPDX-License-Identifier: Apache-2.0 */
/* Which files are plugins: the search path and the scan of its directories. */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>

#include "base/log.h"
#include "base/mem.h"
#include "config.h"
#include "plugin/internal.h"

#define MAX_FILES 10000

static const struct plugin *by_name(const struct registry *r, const char *name)
{
    for (size_t i = 0; i < r->count; i++)
        if (strcmp(r->plugins[i]->name, name) == 0)
            return r->plugins[i];
    return NULL;
}

static void add_file(struct registry *r, const char *dir, const char *file, bool named)
{
    struct plugin *p = xcalloc(1, sizeof *p);
    p->name = xstrndup(file, strlen(file) - 3);
    p->path = xasprintf("%s/%s", dir, file);
    p->named = named;
    const struct plugin *first = by_name(r, p->name);
    if (first) {
        p->state = PLUGIN_SHADOWED;
        err_set(&p->reason, "hidden by %s, which comes first in the search order", first->path);
    }
    xgrow((void **)&r->plugins, &r->cap, r->count + 1, sizeof *r->plugins);
    r->plugins[r->count++] = p;
}

static bool is_plugin_name(const char *file)
{
    size_t len = strlen(file);
    return len > 3 && strcmp(file + len - 3, ".so") == 0 && file[0] != '.';
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void scan(struct registry *r, const char *dir, DIR *d)
{
    char **files = NULL;
    size_t n = 0, cap = 0;
    for (struct dirent *entry; n < MAX_FILES && (entry = readdir(d));) {
        if (!is_plugin_name(entry->d_name))
            continue;
        xgrow((void **)&files, &cap, n + 1, sizeof *files);
        files[n++] = xstrdup(entry->d_name);
    }
    if (n)
        qsort(files, n, sizeof *files, by_text);
    for (size_t i = 0; i < n; i++) {
        add_file(r, dir, files[i], false);
        free(files[i]);
    }
    free(files);
}

static bool already_searched(struct registry *r, const char *dir)
{
    for (size_t i = 0; i < r->searched_count; i++)
        if (strcmp(r->searched[i], dir) == 0)
            return true;
    xgrow((void **)&r->searched, &r->searched_cap, r->searched_count + 1, sizeof *r->searched);
    r->searched[r->searched_count++] = xstrdup(dir);
    return false;
}

static int named_file(struct registry *r, const char *path)
{
    CLEANUP_FREE char *copy = xstrdup(path);
    char *slash = strrchr(copy, '/');
    *slash = '\0';
    add_file(r, copy, slash + 1, true);
    return 0;
}

/* wanted: somebody asked for this very directory, so its absence is worth a word. */
static int search_entry(struct registry *r, const char *entry, const char *origin, bool wanted, struct error *e)
{
    struct stat st;
    CLEANUP_FREE char *path = realpath(entry, NULL);
    if (path && stat(path, &st) == 0 && S_ISREG(st.st_mode) && is_plugin_name(strrchr(path, '/') + 1))
        return named_file(r, path);
    if (already_searched(r, path ? path : entry))
        return 0;
    DIR *d = path ? opendir(path) : NULL;
    if (d) {
        scan(r, path, d);
        closedir(d);
        return 0;
    }
    if (!wanted)
        return 0;
    err_set(e, "plugin directory \"%s\" (%s): %s", entry, origin, strerror(errno));
    return err_hint(e, "Correct the path, or create the directory.");
}

static int search_list(struct registry *r, const char *list, const char *origin, struct error *e)
{
    int rc = 0;
    for (const char *from = list; rc == 0 && from; from = strchr(from, ':') ? strchr(from, ':') + 1 : NULL) {
        CLEANUP_FREE char *one = xstrndup(from, strcspn(from, ":"));
        if (*one)
            rc = search_entry(r, one, origin, true, e);
    }
    return rc;
}

/* A directory that is missing stops nothing unless `strict`. */
static int tolerate(int rc, bool strict, const struct error *e)
{
    if (rc != 0 && !strict)
        log_error(LOG_WARNING, "a plugin directory cannot be read", e);
    return strict ? rc : 0;
}

static const char *from_environment(const struct registry_options *o)
{
    const char *list = o->use_environment ? getenv("WFWORKER_PLUGIN_PATH") : NULL;
    if (list && getauxval(AT_SECURE)) {
        log_write(LOG_WARNING, "WFWORKER_PLUGIN_PATH is ignored: this program runs with raised privileges");
        return NULL;
    }
    return list;
}

int search_plugins(struct registry *r, const struct registry_options *o, struct error *e)
{
    const char *list = from_environment(o), *system_dir = o->system_dir ? o->system_dir : PLUGINDIR;
    for (size_t i = 0; o->plugin_dirs && o->plugin_dirs[i]; i++)
        if (tolerate(search_entry(r, o->plugin_dirs[i], "--plugin-dir", true, e), o->strict, e) != 0)
            return -1;
    if (list && tolerate(search_list(r, list, "WFWORKER_PLUGIN_PATH", e), o->strict, e) != 0)
        return -1;
    if (o->plugin_path && tolerate(search_list(r, o->plugin_path, "plugin_path", e), o->strict, e) != 0)
        return -1;
    return *system_dir ? search_entry(r, system_dir, "compiled in", false, e) : 0;
}
