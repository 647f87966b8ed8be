/* SPDX-License-Identifier: Apache-2.0 */
/* A target with faults, to show that the driver finds each kind: see driver_test.sh. */
#include "fuzz/fuzz.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"

const char fuzz_name[] = "selftest";
const bool fuzz_json = true;
const unsigned fuzz_cases = 1500;

void fuzz_open(void)
{
}

static bool begins(const uint8_t *data, size_t size, const char *with)
{
    return size >= strlen(with) && memcmp(data, with, strlen(with)) == 0;
}

static void grow(void)
{
    size_t size = (size_t)300 << 20;
    volatile char *p = xmalloc(size);
    for (size_t i = 0; i < size; i += 4096)
        p[i] = 1;
    free((void *)(uintptr_t)p);
}

static volatile unsigned turns;

void fuzz_input(const uint8_t *data, size_t size)
{
    CLEANUP_JSON json_t *v = fuzz_value(data, size);
    if (begins(data, size, "crash"))
        raise(SIGSEGV);
    if (begins(data, size, "spin"))
        for (;;)
            turns++;
    if (begins(data, size, "exit"))
        _exit(0);
    if (begins(data, size, "grow"))
        grow();
    if (begins(data, size, "beyond") && data[size] == 'x')
        turns++;
    if (json_is_integer(fuzz_member(v, "n")) && json_integer_value(fuzz_member(v, "n")) == INT64_MIN)
        fuzz_fail("the planted number");
}
