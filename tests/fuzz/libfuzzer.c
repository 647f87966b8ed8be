/* SPDX-License-Identifier: Apache-2.0 */
/* The entry points that clang's libFuzzer calls. */
#include "fuzz/fuzz.h"

#include <string.h>

#include "base/mem.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    fuzz_open();
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size <= FUZZ_MAX)
        fuzz_input(data, size);
    return 0;
}

/* Values that stay JSON reach deeper than bytes; bytes are libFuzzer's own art. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed)
{
    static uint8_t room[FUZZ_MAX];
    struct fuzz_rng r = {seed};
    size_t len = size;
    if (!fuzz_json || size > sizeof room || fuzz_below(&r, 4) == 0)
        return LLVMFuzzerMutate(data, size, max_size);
    memcpy(room, data, size);
    fuzz_mutate(&r, room, &len, NULL, true);
    if (len > max_size)
        return LLVMFuzzerMutate(data, size, max_size);
    memcpy(data, room, len);
    return len;
}
