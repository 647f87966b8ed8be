/* SPDX-License-Identifier: Apache-2.0 */
/* Everything that is kept in the database or shown has to be UTF-8: PostgreSQL refuses a whole save for one byte. */
#include "base/utf8.h"

#include <string.h>

size_t utf8_sequence(const char *text, size_t left)
{
    const unsigned char *s = (const unsigned char *)text;
    unsigned char c = left ? s[0] : 0xff;
    size_t n = c < 0x80 ? 1 : c >= 0xc2 && c <= 0xdf ? 2 : c >= 0xe0 && c <= 0xef ? 3 : c >= 0xf0 && c <= 0xf4 ? 4 : 0;
    if (n == 0 || n > left)
        return 0;
    for (size_t i = 1; i < n; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    if ((c == 0xe0 && s[1] < 0xa0) || (c == 0xed && s[1] > 0x9f) || (c == 0xf0 && s[1] < 0x90) || (c == 0xf4 && s[1] > 0x8f))
        return 0;
    return n;
}

/* Do the last bytes only lack what would make them a sequence? */
static int cut_off(const char *s, size_t left)
{
    char whole[4] = {'\x80', '\x80', '\x80', '\x80'};
    unsigned char c = (unsigned char)s[0];
    if (left > 3 || c < 0xc2)
        return 0;
    memcpy(whole, s, left);
    if (left == 1 && (c == 0xe0 || c == 0xf0))
        whole[1] = '\xa0';
    for (size_t n = left + 1; n <= sizeof whole; n++)
        if (utf8_sequence(whole, n) == n)
            return 1;
    return 0;
}

void utf8_mend(char *text)
{
    size_t len = strlen(text);
    for (size_t i = 0; i < len;) {
        size_t n = utf8_sequence(text + i, len - i);
        if (n == 0 && cut_off(text + i, len - i)) {
            text[i] = '\0';
            return;
        }
        if (n == 0)
            text[i] = '?';
        i += n ? n : 1;
    }
}
