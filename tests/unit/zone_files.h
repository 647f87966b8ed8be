/* SPDX-License-Identifier: Apache-2.0 */
/* Time zone files of the tests' own, so that no test depends on what the system has: a directory for TZDIR. */
#ifndef WF_TESTS_UNIT_ZONE_FILES_H
#define WF_TESTS_UNIT_ZONE_FILES_H

#include <stddef.h>
#include <stdint.h>

/* One change: from `at` on the clock is `offset` seconds east. */
struct zone_entry {
    int64_t at;
    int32_t offset;
};

/* A version 2 file: `first` holds before the entries, `rule` after them (may be ""). */
size_t zone_file_bytes(unsigned char *out, size_t size, int32_t first, const struct zone_entry *entries, size_t count,
                       const char *rule);

/* Make a temporary directory with a few zones and set TZDIR to it; zone_files_remove() takes it away again.
 * Test/Berlin, Test/New_York, Test/Havana (jumps at midnight), Test/Lord_Howe (half an hour), Test/Apia (a day is left
 * out), Test/Kolkata (+05:30), Test/Damaged. */
int zone_files_make(void);
void zone_files_remove(void);

#endif
