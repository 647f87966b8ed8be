/* SPDX-License-Identifier: Apache-2.0 */
/* UTF-8 that comes from outside: is it, and what to make of it when it is not. */
#ifndef WF_BASE_UTF8_H
#define WF_BASE_UTF8_H

#include <stddef.h>

/* Bytes of the valid sequence at s (1 to 4), which has `left` bytes; 0 when there is none. */
size_t utf8_sequence(const char *s, size_t left);

/* Make a text valid in place: a sequence that was cut off at the end goes, and every other byte that is no UTF-8 becomes '?'. */
void utf8_mend(char *text);

#endif
