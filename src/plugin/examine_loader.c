/* SPDX-License-Identifier: Apache-2.0 */
/* Asking the system's loader, as ldd -r does: it says what it would map and which symbols it would miss, and ends before any
 * code of the file is run. */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"
#include "plugin/examine.h"

#define MOST_SAID (1024 * 1024)

/* The loader of this very program. */
static const char *loader(void)
{
    extern const ElfW(Ehdr) __ehdr_start __attribute__((visibility("hidden")));
    const char *base = (const char *)&__ehdr_start;
    const ElfW(Phdr) *p = (const ElfW(Phdr) *)(const void *)(base + __ehdr_start.e_phoff);
    for (size_t i = 0; i < __ehdr_start.e_phnum; i++)
        if (p[i].p_type == PT_INTERP)
            return base + p[i].p_vaddr - (__ehdr_start.e_type == ET_DYN ? 0 : (uintptr_t)base);
    return NULL;
}

static int start(const char *program, const char *path, int to, pid_t *pid)
{
    const char *const args[] = {program, path, NULL};
    const char *const words[] = {"LD_TRACE_LOADED_OBJECTS=1", "LD_WARN=yes", "LD_BIND_NOW=yes", "LC_ALL=C", NULL};
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, to, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, to, STDERR_FILENO);
    int rc = posix_spawn(pid, program, &actions, NULL, (char **)(uintptr_t)args, (char **)(uintptr_t)words);
    posix_spawn_file_actions_destroy(&actions);
    return rc;
}

static int ask(const char *path, struct buf *said, struct error *e)
{
    int fds[2], status = 0, rc;
    pid_t pid;
    char room[4096];
    ssize_t n;
    const char *program = loader();
    if (!program || pipe2(fds, O_CLOEXEC) != 0)
        return err_set(e, "the system's loader cannot be asked");
    rc = start(program, path, fds[1], &pid);
    close(fds[1]);
    while (rc == 0 && ((n = read(fds[0], room, sizeof room)) > 0 || (n < 0 && errno == EINTR)))
        if (n > 0 && said->len < MOST_SAID)
            buf_add(said, room, (size_t)n);
    close(fds[0]);
    if (rc != 0)
        return err_set(e, "the system's loader %s cannot be run: %s", program, strerror(rc));
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return 0;
}

/* "\tlibm.so.6 => /lib/libm.so.6 (0x00007f...)", "\tlibx.so => not found", "undefined symbol: x\t(./y.so)"; the loader itself and
 * the kernel's own object have no "=>". */
static void read_line(const char *line, json_t *libraries, json_t *missing)
{
    static const char undefined[] = "undefined symbol: ";
    const char *arrow = strstr(line, " => "), *word = strstr(line, undefined);
    if (word) {
        word += strlen(undefined);
        js_push(missing, js_string_lossy(word, strcspn(word, "\t (,")));
        return;
    }
    while (*line == '\t' || *line == ' ')
        line++;
    if (!arrow || arrow <= line)
        return;
    const char *file = arrow + 4, *end = strstr(file, " (0x");
    json_t *one = json_object();
    js_set(one, "library", js_string_lossy(line, (size_t)(arrow - line)));
    js_set(one, "file", end ? js_string_lossy(file, (size_t)(end - file)) : json_null());
    js_push(libraries, one);
}

int examine_libraries(const char *path, json_t **libraries, json_t **missing, struct error *e)
{
    CLEANUP_BUF struct buf said = BUF_INIT;
    CLEANUP_FREE char *whole = realpath(path, NULL); /* a name without a slash would be looked for in the system */
    *libraries = json_array();
    *missing = json_array();
    if (!whole)
        return err_set(e, "%s: %s", path, strerror(errno));
    if (ask(whole, &said, e) != 0)
        return -1;
    for (char *at = said.data, *next; at && *at; at = next) {
        next = strchr(at, '\n');
        if (next)
            *next++ = '\0';
        read_line(at, *libraries, *missing);
    }
    return 0;
}
