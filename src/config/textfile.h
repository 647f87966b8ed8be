/* SPDX-License-Identifier: Apache-2.0 */
/* A small text file, read whole. */
#ifndef WF_CONFIG_TEXTFILE_H
#define WF_CONFIG_TEXTFILE_H

#include "base/error.h"

#define TEXTFILE_MAX (1024 * 1024)

/* 1: *text is a new string, without a byte order mark.  0: there is no such file.  -1 and *e: it cannot be read, is no
 * regular file or pipe, has more than TEXTFILE_MAX bytes or holds a NUL. */
int textfile_read(const char *path, char **text, struct error *e);

#endif
