/* SPDX-License-Identifier: Apache-2.0 */
/* Secrets from files and from the environment.  The directories come through secure_getenv(): a program with raised
 * rights must not read files for whoever started it. */
#include "worker/secrets.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

#define NAME_MAX_LEN 128

static bool name_is_plain(const char *name)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.";
    size_t len = strlen(name);
    return len > 0 && len <= NAME_MAX_LEN && name[0] != '.' && strspn(name, plain) == len;
}

/* How many bytes were read, at most `size`; -1 on error. */
static ssize_t read_all(int fd, char *out, size_t size)
{
    size_t len = 0;
    while (len < size) {
        ssize_t n = read(fd, out + len, size - len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        if (n == 0)
            break;
        len += (size_t)n;
    }
    return (ssize_t)len;
}

static char *value_of(int fd)
{
    struct stat st;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
        return NULL;
    CLEANUP_FREE char *text = xmalloc(SECRET_MAX + 2);
    ssize_t len = read_all(fd, text, SECRET_MAX + 2);
    if (len > 0 && text[len - 1] == '\n')
        len--;
    if (len < 0 || len > SECRET_MAX || memchr(text, '\0', (size_t)len))
        return NULL;
    return xstrndup(text, (size_t)len);
}

static char *from_directory(const char *variable, const char *name)
{
    const char *dir = secure_getenv(variable);
    if (!dir || !*dir)
        return NULL;
    CLEANUP_FREE char *path = xasprintf("%s/%s", dir, name);
    /* O_NONBLOCK: opening a FIFO must not stop the loop. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return NULL;
    char *value = value_of(fd);
    close(fd);
    return value;
}

static char *from_variable(const char *name, secret_variable_fn variable, const void *ctx)
{
    const char *value = variable(ctx, name);
    return value && strlen(value) <= SECRET_MAX ? xstrdup(value) : NULL;
}

char *secret_get(const char *name, secret_variable_fn variable, const void *ctx)
{
    if (!name_is_plain(name))
        return NULL;
    char *value = from_directory("WFWORKER_SECRETS_DIR", name);
    if (!value)
        value = from_directory("CREDENTIALS_DIRECTORY", name);
    if (value)
        return value;
    CLEANUP_FREE char *full = xasprintf("WFWORKER_SECRET_%s", name);
    return from_variable(full, variable, ctx);
}

char *secret_env(const char *name, const char *const *allow, secret_variable_fn variable, const void *ctx)
{
    for (; allow && *allow; allow++)
        if (strcmp(*allow, name) == 0)
            return from_variable(name, variable, ctx);
    return NULL;
}
