/* SPDX-License-Identifier: Apache-2.0 */
/* The end of the process, with and without threads that were left behind. */
#include "base/leave.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

static atomic_bool behind;

void leave_behind(void)
{
    atomic_store(&behind, true);
}

int leave(int status)
{
    fflush(NULL);
    if (atomic_load(&behind))
        _exit(status);
    return status;
}
