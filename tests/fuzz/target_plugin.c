/* SPDX-License-Identifier: Apache-2.0 */
/* Files of plugins, looked at before the dynamic loader is: accepted or refused with a reason, whatever they hold. */
#include "fuzz/fuzz.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "config.h"
#include "plugin/image.h"

const char fuzz_name[] = "plugin";
const bool fuzz_json = false;
const unsigned fuzz_cases = 2000;

static char path[64];
static int fd;

void fuzz_open(void)
{
#if HAVE_DECL_MEMFD_CREATE
    fd = memfd_create("plugin", MFD_CLOEXEC);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
#else
    snprintf(path, sizeof path, "/tmp/wfworker-fuzz.XXXXXX");
    fd = mkstemp(path);
#endif
    if (fd < 0 || fchmod(fd, 0600) != 0)
        fuzz_fail("there is no file to write to");
}

void fuzz_input(const uint8_t *data, size_t size)
{
    struct wfw_abi abi;
    struct error e = ERROR_INIT;
    if (ftruncate(fd, 0) != 0 || pwrite(fd, data, size, 0) != (ssize_t)size)
        fuzz_fail("the file cannot be written");
    if (image_check(path, &abi, &e) != 0) {
        fuzz_error("image_check()", &e);
        return;
    }
    if (abi.major != WFW_ABI_MAJOR || abi.pointer_size != sizeof(void *) || strnlen(abi.sdk, sizeof abi.sdk) == sizeof abi.sdk)
        fuzz_fail("an identity was accepted that is not acceptable");
}
