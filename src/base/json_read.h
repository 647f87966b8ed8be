/* SPDX-License-Identifier: Apache-2.0 */
/* Reading JSON fast: text to a tree of jansson's values in one pass over the bytes.  js_parse() uses it. */
#ifndef WF_BASE_JSON_READ_H
#define WF_BASE_JSON_READ_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* What json_loadb(text, len, JSON_DECODE_ANY, NULL) gives, byte for byte of every string and bit for bit of every number; only
 * that numbers which are no integers of 64 bits remember their text (js_number()), and may have any size.
 * NULL when jansson would refuse the text for another reason, and when it is nested deeper than `depth`: *stopped is how far
 * it was read then, and whoever wants to know why, asks jansson. */
json_t *json_read(const char *text, size_t len, int depth, size_t *stopped);

/* The wanted members of an object, each a new reference, NULL when it is not there; of the others only whether they are sound is
 * looked at.  `*value` must be NULL before.  False when the text is no object or json_read() would refuse it: then some may
 * be set. */
struct json_member {
    const char *name;
    size_t len; /* of the name */
    json_t **value;
};
#define JSON_MEMBER(name, value) {(name), sizeof(name) - 1, (value)} /* for a literal */
bool json_read_members(const char *text, size_t len, int depth, const struct json_member *members, size_t count);

/* The same for a text of our own, in which strings may begin with a NUL character. */
json_t *json_read_names(const char *text, size_t len, int depth);

#endif
