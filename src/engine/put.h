/* SPDX-License-Identifier: Apache-2.0 */
/* Members of the objects that the engine writes, journal records and snapshots: ,"name":value.  What is at its default (0, NULL)
 * is left out.  The name is a literal that needs no escapes. */
#ifndef WF_ENGINE_PUT_H
#define WF_ENGINE_PUT_H

#include <string.h>

#include "base/json.h"

#define put_key(b, name) buf_add(b, JS_MEMBER(name))
#define put_int(b, name, v) put_int_member(b, JS_MEMBER(name), v)
#define put_text(b, name, v) put_text_member(b, JS_MEMBER(name), v)
#define put_json(b, name, v) put_json_member(b, JS_MEMBER(name), v)

static inline void put_int_member(struct buf *b, const char *name, size_t len, int64_t v)
{
    if (v == 0)
        return;
    buf_add(b, name, len);
    buf_addint(b, v);
}

static inline void put_text_member(struct buf *b, const char *name, size_t len, const char *v)
{
    if (!v)
        return;
    buf_add(b, name, len);
    js_write_string(b, v, strlen(v));
}

static inline void put_json_member(struct buf *b, const char *name, size_t len, const json_t *v)
{
    if (!v)
        return;
    buf_add(b, name, len);
    js_write(b, v);
}

#endif
