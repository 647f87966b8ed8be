/* SPDX-License-Identifier: Apache-2.0 */
/* Finding time zones by name, and from the clock on the wall back to a point in time. */
#include "base/zone.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"

#define DIRECTORY "/usr/share/zoneinfo"
#define LARGEST_FILE 65536
/* Further than any clock is from UTC. */
#define FAR (27 * INT64_C(3600))

struct zone {
    struct zone *next;
    char *name;
    struct zone_data data;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct zone utc = {.name = (char[]){"UTC"}, .data = {.type_count = 1}};
static struct zone *known = &utc;

/* Names go into a path: letters, digits, _ + - and single slashes inside. */
static bool is_name(const char *name)
{
    size_t len = strlen(name);
    if (len < 1 || len > ZONE_NAME_MAX || name[0] == '/' || name[len - 1] == '/' || strstr(name, "//"))
        return false;
    return name[strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+-/")] == '\0';
}

static const char *directory(void)
{
    const char *d = secure_getenv("TZDIR");
    return d && *d ? d : DIRECTORY;
}

static int no_zone(const char *name, struct error *e)
{
    struct stat st;
    err_set(e, "there is no time zone \"%.*s\"", ZONE_NAME_MAX, name);
    if (stat(directory(), &st) != 0)
        return err_hint(e, "%s is missing: install the package tzdata", directory());
    return err_hint(e, "names are written as in Europe/Berlin, America/New_York, UTC");
}

static int read_file(const char *path, unsigned char *bytes, size_t *len)
{
    struct stat st;
    FILE *f = fopen(path, "re");
    if (!f)
        return -1;
    *len = fstat(fileno(f), &st) == 0 && S_ISREG(st.st_mode) ? fread(bytes, 1, LARGEST_FILE, f) : 0;
    int rc = *len == 0 || ferror(f) || !feof(f) ? -1 : 0;
    fclose(f);
    return rc;
}

static struct zone *load(const char *name, struct error *e)
{
    struct zone_data data;
    size_t len;
    if (!is_name(name)) {
        no_zone(name, e);
        return NULL;
    }
    CLEANUP_FREE char *path = xasprintf("%s/%s", directory(), name);
    CLEANUP_FREE unsigned char *bytes = xmalloc(LARGEST_FILE);
    if (read_file(path, bytes, &len) != 0) {
        no_zone(name, e);
        return NULL;
    }
    if (zone_data_read(bytes, len, &data, e) != 0) {
        zone_data_free(&data);
        err_prefix(e, "time zone \"%s\"", name);
        return NULL;
    }
    struct zone *z = xcalloc(1, sizeof *z);
    z->name = xstrdup(name);
    z->data = data;
    return z;
}

const struct zone *zone_find(const char *name, struct error *e)
{
    struct zone *z;
    pthread_mutex_lock(&lock);
    for (z = known; z; z = z->next)
        if (strcmp(z->name, name) == 0)
            break;
    if (!z) {
        z = load(name, e);
        if (z) {
            z->next = known;
            known = z;
        }
    }
    pthread_mutex_unlock(&lock);
    return z;
}

const char *zone_name(const struct zone *z)
{
    return z->name;
}

void zone_at(const struct zone *z, int64_t t, struct zone_span *out)
{
    zone_data_at(&z->data, t, out);
}

/* The spans around the moment, the earliest first: the first one in which the clock shows `local`, else the change that
 * jumps over it. */
int64_t zone_from_local(const struct zone *z, int64_t local, enum zone_kind *kind)
{
    struct zone_span s, next;
    int found = 0;
    int64_t first = 0, gap = local;
    zone_at(z, local - FAR, &s);
    for (int i = 0; i < 64 && (s.from == INT64_MIN || s.from <= local + FAR); i++, s = next) {
        int64_t t = local - s.offset;
        if (t >= s.from && t < s.until && found++ == 0)
            first = t;
        if (s.until == INT64_MAX)
            break;
        zone_at(z, s.until, &next);
        if (local >= s.until + s.offset && local < s.until + next.offset)
            gap = s.until;
    }
    *kind = found == 0 ? ZONE_GAP : found == 1 ? ZONE_ONCE : ZONE_TWICE;
    return found ? first : gap;
}
