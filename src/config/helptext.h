/* SPDX-License-Identifier: Apache-2.0 */
/* The layout of --help. */
#ifndef WF_CONFIG_HELPTEXT_H
#define WF_CONFIG_HELPTEXT_H

#include <stdio.h>

/* "  --flag ARG      text", the text wrapped to 100 columns beside its left column. */
void help_line(FILE *out, const char *left, const char *text);

/* A paragraph, wrapped to 100 columns. */
void help_text(FILE *out, const char *text);

#endif
