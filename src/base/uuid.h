/* SPDX-License-Identifier: Apache-2.0 */
/* UUIDs as 16 bytes in network order, the form PostgreSQL's binary protocol uses. */
#ifndef WF_BASE_UUID_H
#define WF_BASE_UUID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct uuid {
    unsigned char bytes[16];
};

#define UUID_TEXT 37 /* 36 characters and the NUL */

struct uuid uuid_random(void); /* version 4; from getrandom(2), gathered in blocks; any thread */
struct uuid uuid_by_time(int64_t now_us); /* version 7: microseconds since 1970, and random; rises with the time */
void uuid_step(struct uuid *u);  /* the next of a series that began with uuid_by_time(), at most 2^48 of them: higher by one */
struct uuid uuid_named(const struct uuid *space, const char *name); /* version 5: always the same for both */
void uuid_format(const struct uuid *u, char out[UUID_TEXT]);
int uuid_parse(const char *text, struct uuid *out); /* 0, or -1; upper or lower case, with hyphens */
bool uuid_equal(const struct uuid *a, const struct uuid *b);
int uuid_compare(const struct uuid *a, const struct uuid *b); /* <0, 0, >0, as PostgreSQL orders them */

/* `bytes` random bytes. */
void random_bytes(void *out, size_t bytes);

#endif
