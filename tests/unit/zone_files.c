/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/zone_files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

#define HEADER 44

static char directory[] = "/tmp/wfw-zones.XXXXXX";
static const char *const names[] = {"Berlin", "New_York", "Havana", "Lord_Howe", "Apia", "Kolkata", "Damaged"};

static unsigned char *put(unsigned char *p, int64_t value, int bytes)
{
    for (int i = bytes - 1; i >= 0; i--)
        *p++ = (unsigned char)((uint64_t)value >> (8 * i));
    return p;
}

static unsigned char *put_header(unsigned char *p, size_t times, size_t types)
{
    memset(p, 0, HEADER);
    memcpy(p, "TZif2", 5);
    put(p + 32, (int64_t)times, 4);
    put(p + 36, (int64_t)types, 4);
    put(p + 40, 4, 4);
    return p + HEADER;
}

size_t zone_file_bytes(unsigned char *out, size_t size, int32_t first, const struct zone_entry *entries, size_t count,
                       const char *rule)
{
    if (2 * HEADER + 10 + count * 15 + 10 + strlen(rule) + 2 > size)
        abort();
    unsigned char *p = put_header(out, 0, 1);
    memset(p, 0, 10); /* the 32-bit part: one type, four characters */
    p = put_header(p + 10, count, count + 1);
    for (size_t i = 0; i < count; i++)
        p = put(p, entries[i].at, 8);
    for (size_t i = 0; i < count; i++)
        *p++ = (unsigned char)(i + 1);
    for (size_t i = 0; i <= count; i++) {
        p = put(p, i > 0 ? entries[i - 1].offset : first, 4);
        p = put(p, 0, 2);
    }
    memcpy(p, "TST", 4);
    p += 4;
    *p++ = '\n';
    memcpy(p, rule, strlen(rule));
    p += strlen(rule);
    *p++ = '\n';
    return (size_t)(p - out);
}

static int write_zone(const char *name, const unsigned char *bytes, size_t len)
{
    CLEANUP_FREE char *path = xasprintf("%s/Test/%s", directory, name);
    FILE *f = fopen(path, "we");
    int rc = f && fwrite(bytes, 1, len, f) == len ? 0 : -1;
    if (f && fclose(f) != 0)
        rc = -1;
    return rc;
}

static int write_rule(const char *name, int32_t first, const struct zone_entry *entries, size_t count, const char *rule)
{
    unsigned char bytes[1024];
    return write_zone(name, bytes, zone_file_bytes(bytes, sizeof bytes, first, entries, count, rule));
}

int zone_files_make(void)
{
    static const struct zone_entry apia[] = {{INT64_C(1325239200), 14 * 3600}}; /* 2011-12-30T10:00Z: -10:00 to +14:00 */
    if (!mkdtemp(directory))
        return -1;
    CLEANUP_FREE char *sub = xasprintf("%s/Test", directory);
    if (mkdir(sub, 0700) != 0 || setenv("TZDIR", directory, 1) != 0)
        return -1;
    return write_rule("Berlin", 3600, NULL, 0, "CET-1CEST,M3.5.0,M10.5.0/3") ||
           write_rule("New_York", -18000, NULL, 0, "EST5EDT,M3.2.0,M11.1.0") ||
           write_rule("Havana", -18000, NULL, 0, "CST5CDT,M3.2.0/0,M11.1.0/1") ||
           write_rule("Lord_Howe", 37800, NULL, 0, "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0") ||
           write_rule("Apia", -36000, apia, 1, "<+14>-14") || write_rule("Kolkata", 19800, NULL, 0, "IST-5:30") ||
           write_zone("Damaged", (const unsigned char *)"TZif2 and no more", 17);
}

void zone_files_remove(void)
{
    CLEANUP_FREE char *sub = xasprintf("%s/Test", directory);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        CLEANUP_FREE char *path = xasprintf("%s/%s", sub, names[i]);
        unlink(path);
    }
    rmdir(sub);
    rmdir(directory);
    unsetenv("TZDIR");
}
