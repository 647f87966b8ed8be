/* SPDX-License-Identifier: Apache-2.0 */
/* Reading small text files with their limits. */
#include "config/textfile.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"

static int read_stream(FILE *f, const char *path, char **text, struct error *e)
{
    CLEANUP_FREE char *data = xmalloc(TEXTFILE_MAX + 2);
    size_t n = fread(data, 1, TEXTFILE_MAX + 1, f);
    if (ferror(f))
        return err_set(e, "cannot read \"%s\": %s", path, strerror(errno));
    if (n > TEXTFILE_MAX)
        return err_set(e, "\"%s\" has more than %d bytes", path, TEXTFILE_MAX);
    if (memchr(data, '\0', n))
        return err_set(e, "\"%s\" is no text file: it holds a NUL", path);
    size_t mark = n >= 3 && memcmp(data, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
    *text = xstrndup(data + mark, n - mark);
    return 1;
}

int textfile_read(const char *path, char **text, struct error *e)
{
    FILE *f = fopen(path, "re");
    if (!f && (errno == ENOENT || errno == ENOTDIR))
        return 0;
    if (!f)
        return err_set(e, "cannot read \"%s\": %s", path, strerror(errno));
    struct stat st;
    int rc = fstat(fileno(f), &st) == 0 && S_ISDIR(st.st_mode) ? 0 : read_stream(f, path, text, e);
    fclose(f);
    return rc;
}
