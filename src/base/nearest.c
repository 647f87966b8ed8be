/* SPDX-License-Identifier: Apache-2.0 */
/* Edit distance (insert, delete, replace) over short words; '-' and '_' count as equal, as does case. */
#include "base/nearest.h"

#include <ctype.h>
#include <string.h>

#define MAX_WORD 64

static char plain(char c)
{
    return c == '-' ? '_' : (char)tolower((unsigned char)c);
}

static size_t smallest(size_t a, size_t b, size_t c)
{
    size_t m = a < b ? a : b;
    return m < c ? m : c;
}

static size_t edit_distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
    size_t row[MAX_WORD + 1];
    for (size_t j = 0; j <= b_len; j++)
        row[j] = j;
    for (size_t i = 1; i <= a_len; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b_len; j++) {
            size_t above = row[j];
            row[j] = smallest(above + 1, row[j - 1] + 1, diagonal + (plain(a[i - 1]) != plain(b[j - 1])));
            diagonal = above;
        }
    }
    return row[b_len];
}

void nearest_offer(struct nearest *n, const char *candidate)
{
    size_t a = strlen(n->word), b = strlen(candidate);
    if (a > MAX_WORD || b > MAX_WORD)
        return;
    size_t distance = edit_distance(n->word, a, candidate, b);
    size_t limit = b / 3 > 2 ? b / 3 : 2;
    if (distance > limit || distance >= b || (n->best && distance >= n->distance))
        return;
    n->best = candidate;
    n->distance = distance;
}

const char *nearest_meant(const struct nearest *n)
{
    return n->best && n->distance <= 2 && n->distance * 3 <= strlen(n->best) ? n->best : NULL;
}
