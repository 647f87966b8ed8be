/* SPDX-License-Identifier: Apache-2.0 */
/* Both texts are bounded while they grow: what does not fit is counted. */
#include "base/unknown.h"

#include <stdio.h>

/* So that the texts fit into those of struct error, whole. */
#define MOST_WORDS 700
#define MOST_MEANT 400

void unknown_free(struct unknown *u)
{
    buf_free(&u->words);
    buf_free(&u->meant);
}

void unknown_add(struct unknown *u, const char *word, size_t line, const char *near)
{
    u->count++;
    if (u->told == UNKNOWN_TOLD || u->told < u->count - 1 || u->words.len > MOST_WORDS)
        return;
    buf_printf(&u->words, "%s\"%.80s\"", u->told ? ", " : "", word);
    if (line)
        buf_printf(&u->words, " (line %zu)", line);
    if (near && u->told == 0)
        snprintf(u->only, sizeof u->only, "\"%.80s\"", near);
    if (near && u->meant.len < MOST_MEANT)
        buf_printf(&u->meant, "%s\"%.80s\" for \"%.80s\"", u->meant.len ? ", " : "", near, word);
    u->told++;
}

const char *unknown_words(struct unknown *u)
{
    if (u->count > u->told)
        buf_printf(&u->words, " and %zu more", u->count - u->told);
    u->told = u->count;
    return u->words.data;
}

const char *unknown_meant(const struct unknown *u)
{
    return u->count == 1 && *u->only ? u->only : u->meant.data;
}
