/* SPDX-License-Identifier: Apache-2.0 */
/* Wrapping of help texts at spaces. */
#include "config/helptext.h"

#include <string.h>

#define LEFT 30
#define WIDTH 100

static void wrapped(FILE *out, const char *text, size_t indent, size_t column)
{
    while (*text) {
        size_t len = strcspn(text, " ");
        if (column > indent && column + 1 + len > WIDTH) {
            fprintf(out, "\n%*s", (int)indent, "");
            column = indent;
        } else if (column > indent) {
            fputc(' ', out);
            column++;
        }
        fprintf(out, "%.*s", (int)len, text);
        column += len;
        text += len;
        text += strspn(text, " ");
    }
    fputc('\n', out);
}

void help_line(FILE *out, const char *left, const char *text)
{
    size_t used = strlen(left) + 2;
    fprintf(out, "  %s", left);
    if (used + 2 > LEFT)
        fprintf(out, "\n%*s", LEFT, "");
    else
        fprintf(out, "%*s", (int)(LEFT - used), "");
    wrapped(out, text, LEFT, LEFT);
}

void help_text(FILE *out, const char *text)
{
    wrapped(out, text, 0, 0);
}
