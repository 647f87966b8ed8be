/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers as text and back, by JavaScript's rules: the fewest digits that read back the same, a whole number below 1e21
 * without a point or exponent, -0 as 0. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "expr/utf8.h"
#include "expr/value.h"

/* At a power of two the interval of texts that read back the same is wider above than below, so the digits that are one
 * higher than the nearest may do where the nearest do not. */
static bool next_digits_fit(char *e, double d)
{
    char up[EX_NUMBER_TEXT];
    int exponent;
    if (frexp(d, &exponent) != 0.5)
        return false;
    snprintf(up, sizeof up, "%s", e);
    char *last = strchr(up, 'e') - 1;
    while (last > up && *last == '9')
        last--;
    if (last == up || *last == '.')
        return false;
    ++*last;
    if (strtod(up, NULL) != d)
        return false;
    memcpy(e, up, sizeof up);
    return true;
}

/* "d.ddde+XX" with the fewest digits; d is finite and positive. */
static void shortest(double d, char e[EX_NUMBER_TEXT])
{
    for (int digits = d < 1e-300 ? 0 : 14; digits <= 16; digits++) {
        snprintf(e, EX_NUMBER_TEXT, "%.*e", digits, d);
        if (strtod(e, NULL) == d || next_digits_fit(e, d))
            return;
    }
}

/* Split "d.ddde+XX" into its digits, without zeros at the end, and the exponent. */
static size_t split(const char *e, char digits[20], int *exponent)
{
    size_t n = 0;
    for (; *e && *e != 'e'; e++)
        if (*e != '.' && n < 19)
            digits[n++] = *e;
    while (n > 1 && digits[n - 1] == '0')
        n--;
    *exponent = (int)strtol(e + 1, NULL, 10);
    return n;
}

static size_t layout(const char *digits, size_t k, int exponent, char *out)
{
    int n = exponent + 1; /* the point stands behind n digits */
    if (n > 21 || n <= -6) {
        int len = snprintf(out, EX_NUMBER_TEXT - 1, "%c%s%.*se%c%d", digits[0], k > 1 ? "." : "", (int)k - 1, digits + 1,
                           exponent < 0 ? '-' : '+', abs(exponent));
        return (size_t)len;
    }
    if (n <= 0)
        return (size_t)snprintf(out, EX_NUMBER_TEXT - 1, "0.%.*s%.*s", -n, "000000", (int)k, digits);
    if ((size_t)n >= k)
        return (size_t)snprintf(out, EX_NUMBER_TEXT - 1, "%.*s%.*s", (int)k, digits, n - (int)k, "000000000000000000000");
    return (size_t)snprintf(out, EX_NUMBER_TEXT - 1, "%.*s.%.*s", n, digits, (int)k - n, digits + n);
}

size_t ex_number_text(double d, char out[EX_NUMBER_TEXT])
{
    char e[EX_NUMBER_TEXT], digits[20];
    int exponent;
    if (isnan(d))
        return (size_t)snprintf(out, EX_NUMBER_TEXT, "NaN");
    if (isinf(d))
        return (size_t)snprintf(out, EX_NUMBER_TEXT, d < 0 ? "-Infinity" : "Infinity");
    if (fabs(d) < 1e15 && d == trunc(d))
        return (size_t)snprintf(out, EX_NUMBER_TEXT, "%" PRId64, (int64_t)d);
    bool negative = d < 0;
    shortest(fabs(d), e);
    size_t n = split(e, digits, &exponent);
    out[0] = '-';
    return negative + layout(digits, n, exponent, out + negative);
}

size_t ex_scalar_number_text(struct val v, char out[EX_NUMBER_TEXT])
{
    if (v.type == V_INT)
        return (size_t)snprintf(out, EX_NUMBER_TEXT, "%" PRId64, v.i);
    return ex_number_text(num_of(v), out);
}

/* ---- text to number ---- */

static bool decimal(const char *s, size_t len)
{
    size_t i = 0, digits = 0;
    if (i < len && (s[i] == '+' || s[i] == '-'))
        i++;
    if (len - i == 8 && memcmp(s + i, "Infinity", 8) == 0)
        return true;
    for (; i < len && s[i] >= '0' && s[i] <= '9'; i++)
        digits++;
    if (i < len && s[i] == '.')
        for (i++; i < len && s[i] >= '0' && s[i] <= '9'; i++)
            digits++;
    if (digits && i < len && (s[i] == 'e' || s[i] == 'E')) {
        i++;
        if (i < len && (s[i] == '+' || s[i] == '-'))
            i++;
        if (i == len)
            return false;
        while (i < len && s[i] >= '0' && s[i] <= '9')
            i++;
        return i == len && s[i - 1] >= '0';
    }
    return digits && i == len;
}

static double based(const char *s, size_t len, int base)
{
    double n = 0;
    if (base == 16)
        for (size_t i = 0; i < len; i++)
            if (!strchr("0123456789abcdefABCDEF", s[i]))
                return (double)NAN;
    CLEANUP_FREE char *text = xasprintf("%s%.*s", base == 16 ? "0x" : "", (int)len, s);
    if (base == 16)
        return strtod(text, NULL);
    for (size_t i = 0; i < len; i++) {
        if (s[i] < '0' || s[i] >= '0' + base)
            return (double)NAN;
        n = n * base + (s[i] - '0');
    }
    return n;
}

double ex_text_number(const char *s, size_t len)
{
    while (len && utf8_is_space(utf8_at(s))) {
        size_t n = utf8_size((unsigned char)*s);
        s += n;
        len -= n;
    }
    while (len) {
        size_t last = len - 1;
        while (last && ((unsigned char)s[last] & 0xc0) == 0x80)
            last--;
        if (!utf8_is_space(utf8_at(s + last)))
            break;
        len = last;
    }
    if (len == 0)
        return 0;
    int mark = len > 2 && s[0] == '0' ? s[1] | 0x20 : 0;
    if (len < 4096 && (mark == 'x' || mark == 'o' || mark == 'b'))
        return based(s + 2, len - 2, mark == 'x' ? 16 : mark == 'o' ? 8 : 2);
    if (!decimal(s, len))
        return (double)NAN;
    CLEANUP_FREE char *text = xstrndup(s, len);
    return strtod(text, NULL);
}
