/* SPDX-License-Identifier: Apache-2.0 */
/* Where the files are, reading them with suspicion, writing them by rename. */
#include "sandbox/quarantine_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"

#define MAX_FILE 65536
#define FOREIGN_WRITERS (S_IWGRP | S_IWOTH)

/* ---- Directories ---- */

#define PLACES 3

/* The n-th place in which files may be; a new string, or NULL. */
static char *place(size_t n)
{
    const char *runtime = getenv("RUNTIME_DIRECTORY"), *session = getenv("XDG_RUNTIME_DIR");
    if (n == 0)
        return runtime && *runtime == '/' ? xstrndup(runtime, strcspn(runtime, ":")) : NULL;
    if (n == 1)
        return xstrdup("/run/wfworker");
    return session && *session == '/' ? xasprintf("%s/wfworker", session) : NULL;
}

static bool may_write(const char *directory, bool make)
{
    struct stat st;
    if (make && mkdir(directory, 0755) != 0 && errno != EEXIST)
        return false;
    return stat(directory, &st) == 0 && S_ISDIR(st.st_mode) && (st.st_mode & FOREIGN_WRITERS) == 0 &&
           access(directory, W_OK | X_OK) == 0;
}

const char *quarantine_directory(void)
{
    static char *found;
    for (size_t n = 0; !found && n < PLACES; n++) {
        CLEANUP_FREE char *directory = place(n);
        if (directory && may_write(directory, n == PLACES - 1))
            found = STEAL(directory);
    }
    return found;
}

char *quarantine_file_name(const char *directory, const char *type)
{
    return xasprintf("%s/%s.quarantine", directory, type);
}

/* ---- Reading ---- */

/* The owner of the file's directory, or -1 when others than he may write there. */
static int64_t directory_owner(const char *file)
{
    const char *slash = strrchr(file, '/');
    CLEANUP_FREE char *directory = xstrndup(file, slash ? (size_t)(slash - file) : 0);
    struct stat st;
    return slash && stat(directory, &st) == 0 && (st.st_mode & FOREIGN_WRITERS) == 0 ? (int64_t)st.st_uid : -1;
}

static bool believable(const char *file, const struct stat *st, bool own)
{
    int64_t keeper = directory_owner(file);
    if (!S_ISREG(st->st_mode) || (st->st_mode & FOREIGN_WRITERS) != 0 || st->st_size > MAX_FILE || keeper < 0)
        return false;
    return st->st_uid == 0 || st->st_uid == geteuid() || (!own && (int64_t)st->st_uid == keeper);
}

/* The text of the file; NULL: none, or it is not believed. */
static char *read_file(const char *file, bool own, size_t *len)
{
    struct stat st;
    int fd = open(file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return NULL;
    char *text = NULL;
    if (fstat(fd, &st) == 0 && believable(file, &st, own)) {
        text = xmalloc(MAX_FILE + 1);
        ssize_t n = read(fd, text, MAX_FILE);
        *len = n > 0 ? (size_t)n : 0;
    } else {
        log_write(LOG_WARNING, "a file about a quarantine is not believed: others may write it", LOG_STR("file", file));
    }
    close(fd);
    return text;
}

bool quarantine_file_read(const char *file, bool own, struct quarantine_state *s)
{
    size_t len = 0;
    CLEANUP_FREE char *text = read_file(file, own, &len);
    CLEANUP_JSON json_t *v = text ? js_parse(text, len, NULL) : NULL;
    const char *cause = js_str(v, "cause");
    int64_t since = js_int(v, "since_us", 0), until = js_int(v, "until_us", 0), crashes = js_int(v, "crashes", 0);
    if (!json_is_object(v) || !cause || since <= 0 || until < since || until - since > QUARANTINE_LONGEST_US || crashes < 0 ||
        crashes > INT32_MAX)
        return false;
    *s = (struct quarantine_state){.quarantined = true, .since_us = since, .until_us = until, .crashes = (unsigned)crashes};
    snprintf(s->cause, sizeof s->cause, "%s", cause);
    return true;
}

bool quarantine_file_there(const char *file)
{
    return access(file, F_OK) == 0 || errno != ENOENT;
}

bool quarantine_seen(const char *type, struct quarantine_state *s)
{
    for (size_t n = 0; n < PLACES; n++) {
        CLEANUP_FREE char *directory = place(n);
        CLEANUP_FREE char *file = directory ? quarantine_file_name(directory, type) : NULL;
        if (file && quarantine_file_read(file, false, s))
            return true;
    }
    return false;
}

char *quarantine_hidden(void)
{
    for (size_t n = 0; n < PLACES; n++) {
        CLEANUP_FREE char *directory = place(n);
        if (directory && access(directory, X_OK) != 0 && errno == EACCES)
            return STEAL(directory);
    }
    return NULL;
}

/* ---- Writing ---- */

static int write_whole(const char *file, const char *text, size_t len)
{
    int fd = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (fd < 0)
        return -1;
    bool good = fchmod(fd, 0644) == 0 && write(fd, text, len) == (ssize_t)len;
    return close(fd) == 0 && good ? 0 : -1;
}

bool quarantine_file_write(const char *file, const char *type, const struct quarantine_state *s)
{
    CLEANUP_JSON json_t *v = json_object();
    js_set(v, "node_type", json_string(type));
    js_set(v, "since_us", json_integer(s->since_us));
    js_set(v, "until_us", json_integer(s->until_us));
    js_set(v, "crashes", json_integer(s->crashes));
    js_set(v, "cause", json_string(s->cause));
    CLEANUP_FREE char *text = js_text(v);
    CLEANUP_FREE char *beside = xasprintf("%s.%ld", file, (long)getpid());
    unlink(beside); /* of a process that had the same number and was killed */
    if (write_whole(beside, text, strlen(text)) == 0 && rename(beside, file) == 0)
        return true;
    log_write(LOG_WARNING, "a quarantine cannot be written down: other processes do not see it", LOG_STR("file", file),
              LOG_STR("reason", strerror(errno)));
    unlink(beside);
    return false;
}

void quarantine_file_remove(const char *file)
{
    if (unlink(file) != 0 && errno != ENOENT)
        log_write(LOG_WARNING, "a quarantine's file cannot be removed", LOG_STR("file", file), LOG_STR("reason", strerror(errno)));
}

int quarantine_release(const char *type, struct error *e)
{
    int removed = 0;
    for (size_t n = 0; n < PLACES; n++) {
        CLEANUP_FREE char *directory = place(n);
        CLEANUP_FREE char *file = directory ? quarantine_file_name(directory, type) : NULL;
        if (file && unlink(file) == 0)
            removed = 1;
        else if (file && errno != ENOENT && errno != ENOTDIR) {
            err_set(e, "the file %s cannot be removed: %s", file, strerror(errno));
            return err_hint(e, "run this as root or as the user of the workers");
        }
    }
    return removed;
}
