/* SPDX-License-Identifier: Apache-2.0 */
/* Templates are ordinary files, so that they can be read, and changed for a house's own style. */
#include "cli/template.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"

#define MAX_DEPTH 8
#define MAX_FILE (1024 * 1024)
#define MAX_KEY 40
#define EACH "@EACH_NODE@"

/* The value of the key at `at`, which stands behind an '@', and its length with the closing '@'; NULL: it is none. */
static const char *known_key(const struct template *t, const json_t *node, const char *at, size_t left, size_t *len)
{
    char key[MAX_KEY];
    const char *end = memchr(at, '@', left < MAX_KEY ? left : MAX_KEY);
    if (!end || end == at)
        return NULL;
    snprintf(key, sizeof key, "%.*s", (int)(end - at), at);
    *len = (size_t)(end - at) + 1;
    const char *value = js_str(node, key);
    return value ? value : js_str(t->keys, key);
}

static void add_line(const struct template *t, const json_t *node, const char *text, size_t len, struct buf *out)
{
    for (size_t i = 0; i < len;) {
        size_t skip = 0;
        const char *value = text[i] == '@' ? known_key(t, node, text + i + 1, len - i - 1, &skip) : NULL;
        if (value) {
            buf_addstr(out, value);
            i += 1 + skip;
        } else {
            buf_addch(out, text[i++]);
        }
    }
}

static size_t line_length(const char *text, size_t len)
{
    const char *end = memchr(text, '\n', len);
    return end ? (size_t)(end - text) + 1 : len;
}

static bool is_each(const char *text, size_t len)
{
    return len >= strlen(EACH) && memcmp(text, EACH, strlen(EACH)) == 0;
}

/* Lines that follow each other with the mark, `len` bytes together, for one node type. */
static void add_block(const struct template *t, const json_t *node, const char *text, size_t len, struct buf *out)
{
    for (size_t at = 0, line; at < len; at += line) {
        line = line_length(text + at, len - at);
        add_line(t, node, text + at + strlen(EACH), line - strlen(EACH), out);
    }
}

void template_text(const struct template *t, const json_t *node, const char *text, size_t len, struct buf *out)
{
    for (size_t at = 0, next; at < len; at = next) {
        size_t i;
        json_t *one;
        next = at;
        while (next < len && is_each(text + next, len - next))
            next += line_length(text + next, len - next);
        if (next > at) {
            json_array_foreach(t->nodes, i, one) add_block(t, one, text + at, next - at, out);
        } else {
            next += line_length(text + at, len - at);
            add_line(t, node, text + at, next - at, out);
        }
    }
}

static int failed(struct error *e, const char *doing, const char *path)
{
    return err_set(e, "%s \"%s\": %s", doing, path, strerror(errno));
}

static int read_all(const char *path, struct buf *out, struct error *e)
{
    FILE *f = fopen(path, "re");
    char room[8192];
    size_t n;
    if (!f)
        return failed(e, "reading the template", path);
    while (out->len <= MAX_FILE && (n = fread(room, 1, sizeof room, f)) > 0)
        buf_add(out, room, n);
    int rc = ferror(f) ? failed(e, "reading the template", path) : 0;
    fclose(f);
    return rc == 0 && out->len > MAX_FILE ? err_set(e, "the template \"%s\" is larger than %d bytes", path, MAX_FILE) : rc;
}

static int write_all(const char *path, const struct buf *text, struct error *e)
{
    bool program = text->len > 2 && memcmp(text->data, "#!", 2) == 0;
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, program ? 0777 : 0666);
    FILE *f = fd < 0 ? NULL : fdopen(fd, "w");
    if (!f) {
        if (fd >= 0)
            close(fd);
        return failed(e, "making the file", path);
    }
    bool whole = text->len == 0 || fwrite(text->data, 1, text->len, f) == text->len;
    if (fclose(f) != 0 || !whole)
        return failed(e, "writing the file", path);
    return 0;
}

/* Makefiles do not take names with '@'. */
static char *made_name(const struct template *t, const json_t *node, const char *name)
{
    static const struct {
        const char *mark, *key;
    } marks[] = {{"dot-", NULL}, {"_NAME_", "@NAME@"}, {"_NODE_", "@NODE_IDENT@"}};
    struct buf b = BUF_INIT;
    while (*name) {
        size_t i = 0, len;
        while (i < ARRAY_LEN(marks) && (len = strlen(marks[i].mark), strncmp(name, marks[i].mark, len) != 0 || (i == 0 && b.len)))
            i++;
        if (i == ARRAY_LEN(marks)) {
            buf_addch(&b, *name++);
            continue;
        }
        name += strlen(marks[i].mark);
        if (marks[i].key)
            add_line(t, node, marks[i].key, strlen(marks[i].key), &b);
        else
            buf_addch(&b, '.');
    }
    return buf_steal(&b);
}

static int make_file(const struct template *t, const json_t *node, const char *from, const char *to, const char *name,
                     struct error *e)
{
    CLEANUP_BUF struct buf text = BUF_INIT;
    CLEANUP_BUF struct buf out = BUF_INIT;
    CLEANUP_FREE char *own = made_name(t, node, name);
    CLEANUP_FREE char *path = xasprintf("%s/%s", to, own);
    if (read_all(from, &text, e) != 0)
        return -1;
    template_text(t, node, text.data ? text.data : "", text.len, &out);
    return write_all(path, &out, e);
}

static int make_directory(const struct template *t, const char *from, const char *to, int depth, struct error *e);

static int make_entry(const struct template *t, const char *from, const char *to, const char *name, int depth, struct error *e)
{
    CLEANUP_FREE char *path = xasprintf("%s/%s", from, name);
    struct stat st;
    size_t i;
    json_t *node;
    if (stat(path, &st) != 0)
        return failed(e, "reading the template", path);
    if (S_ISDIR(st.st_mode)) {
        CLEANUP_FREE char *own = made_name(t, NULL, name);
        CLEANUP_FREE char *below = xasprintf("%s/%s", to, own);
        return make_directory(t, path, below, depth + 1, e);
    }
    if (!strstr(name, "_NODE_"))
        return make_file(t, NULL, path, to, name, e);
    json_array_foreach(t->nodes, i, node) if (make_file(t, node, path, to, name, e) != 0)
        return -1;
    return 0;
}

static int make_directory(const struct template *t, const char *from, const char *to, int depth, struct error *e)
{
    struct dirent **names;
    int rc = 0;
    if (depth > MAX_DEPTH)
        return err_set(e, "the template \"%s\" is nested more than %d directories deep", from, MAX_DEPTH);
    int n = scandir(from, &names, NULL, alphasort);
    if (n < 0)
        return failed(e, "reading the template", from);
    if (mkdir(to, 0777) != 0 && !(depth == 0 && errno == EEXIST))
        rc = failed(e, "making the directory", to);
    for (int i = 0; i < n; i++) {
        if (rc == 0 && names[i]->d_name[0] != '.')
            rc = make_entry(t, from, to, names[i]->d_name, depth, e);
        free(names[i]);
    }
    free(names);
    return rc;
}

int template_make(const struct template *t, const char *from, const char *to, struct error *e)
{
    return make_directory(t, from, to, 0, e);
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *at)
{
    (void)st, (void)flag, (void)at;
    (void)!remove(path);
    return 0;
}

void template_remove(const char *directory)
{
    nftw(directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}
