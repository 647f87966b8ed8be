/* SPDX-License-Identifier: Apache-2.0 */
/* What a call may leave behind: descriptors, and memory as far as the C library tells. */
#include "mock/inside.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"
#include "config.h"
#ifdef HAVE_MALLINFO2
#include <malloc.h>
#endif

json_t *open_descriptors(void)
{
    json_t *all = json_object();
    DIR *d = opendir("/proc/self/fd");
    CLEANUP_FREE char *own = d ? xasprintf("%d", dirfd(d)) : NULL;
    for (struct dirent *entry; d && (entry = readdir(d));) {
        char to[PATH_MAX];
        ssize_t n = entry->d_name[0] == '.' || strcmp(entry->d_name, own) == 0
                        ? -1
                        : readlinkat(dirfd(d), entry->d_name, to, sizeof to);
        if (n > 0)
            js_set(all, entry->d_name, js_string_lossy(to, (size_t)n));
    }
    if (d)
        closedir(d);
    return all;
}

char *new_descriptors(const json_t *before, const json_t *now)
{
    struct buf b = BUF_INIT;
    const char *fd;
    json_t *path;
    json_object_foreach((json_t *)(uintptr_t)now, fd, path) if (!json_object_get(before, fd))
        buf_printf(&b, "%s%s (%s)", b.len ? ", " : "", fd, json_string_value(path));
    return b.len ? buf_steal(&b) : NULL;
}

#ifdef HAVE_MALLINFO2
static size_t in_use(void)
{
    struct mallinfo2 m = mallinfo2();
    return m.uordblks + m.hblkhd;
}

/* Beneath a sanitizer or valgrind the C library is asked, and has nothing to do with it. */
static bool tells(void)
{
    size_t before = in_use();
    void *volatile block = malloc(4096);
    size_t after = in_use();
    free(block);
    return after >= before + 4096;
}

bool memory_in_use(size_t *bytes)
{
    static int known = -1;
    if (known < 0)
        known = tells();
    *bytes = in_use();
    return known > 0;
}
#else
bool memory_in_use(size_t *bytes)
{
    *bytes = 0;
    return false;
}
#endif
