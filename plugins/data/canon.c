/* SPDX-License-Identifier: Apache-2.0 */
/* A text for every value, the same for values that are equal: 1 and 1.0, objects whatever the order of their members.  It
 * holds neither '~' nor '/', so that behind a '/' it is a JSON pointer. */
#include <inttypes.h>

#include "data/data.h"

static void add(struct canon *c, const char *text, size_t len)
{
    if (c->failed)
        return;
    if (c->len + len + 1 > c->cap) {
        size_t cap = (c->cap + len + 64) * 2;
        char *longer = host->alloc(c->task, cap);
        c->failed = !longer;
        if (!longer)
            return;
        if (c->len)
            memcpy(longer, c->text, c->len);
        c->text = longer;
        c->cap = cap;
    }
    memcpy(c->text + c->len, text, len);
    c->len += len;
    c->text[c->len] = '\0';
}

/* Texts begin with their length, so nothing in them can be mistaken. */
static void add_text(struct canon *c, const char *text, size_t len)
{
    char head[32];
    add(c, head, (size_t)snprintf(head, sizeof head, "\"%zu:", len));
    for (size_t from = 0, i = 0; i <= len; i++) {
        const char *instead = i == len ? "" : text[i] == '~' ? "\1t" : text[i] == '/' ? "\1s" : text[i] == '\1' ? "\1o" : NULL;
        if (!instead)
            continue;
        add(c, text + from, i - from);
        add(c, instead, strlen(instead));
        from = i + 1;
    }
}

static void add_number(struct canon *c, const struct wfw_value *v)
{
    char text[40];
    int64_t whole;
    double d = 0;
    if (host->get_int(v, "", &whole) == WFW_OK) {
        add(c, text, (size_t)snprintf(text, sizeof text, "%" PRId64 ",", whole));
        return;
    }
    host->get_real(v, "", &d);
    add(c, text, (size_t)snprintf(text, sizeof text, "%.17g,", d));
}

struct named {
    const char *key;
    const struct wfw_value *v;
};

static int by_key(const void *a, const void *b)
{
    return strcmp(((const struct named *)a)->key, ((const struct named *)b)->key);
}

static void add_value(struct canon *c, const struct wfw_value *v);

static void add_object(struct canon *c, const struct wfw_value *v)
{
    size_t count = host->length(v);
    struct named *members = count ? malloc(count * sizeof *members) : NULL;
    if (count && !members) {
        c->failed = true;
        return;
    }
    for (size_t i = 0; i < count; i++)
        members[i].v = host->item(v, i, &members[i].key);
    if (count)
        qsort(members, count, sizeof *members, by_key);
    add(c, "{", 1);
    for (size_t i = 0; i < count; i++) {
        add_text(c, members[i].key, strlen(members[i].key));
        add_value(c, members[i].v);
    }
    add(c, "}", 1);
    free(members);
}

/* The depth is bounded by what a value may have. */
static void add_value(struct canon *c, const struct wfw_value *v)
{
    const char *text;
    size_t len;
    int flag = 0;
    switch (host->type(v)) {
    case WFW_STRING:
        host->get_string(v, "", &text, &len);
        add_text(c, text, len);
        break;
    case WFW_INT:
    case WFW_REAL:
        add_number(c, v);
        break;
    case WFW_BOOL:
        host->get_bool(v, "", &flag);
        add(c, flag ? "t" : "f", 1);
        break;
    case WFW_ARRAY:
        add(c, "[", 1);
        for (size_t i = 0; i < host->length(v); i++)
            add_value(c, host->item(v, i, NULL));
        add(c, "]", 1);
        break;
    case WFW_OBJECT:
        add_object(c, v);
        break;
    default:
        add(c, "n", 1);
    }
}

const char *canon_pointer(struct canon *c, const struct wfw_value *const *values, size_t count)
{
    c->len = 0;
    add(c, "/", 1);
    for (size_t i = 0; i < count; i++)
        add_value(c, values[i]);
    if (!c->failed)
        return c->text;
    fail_with(host, c->task, "payload_too_large", "a key is too large to be compared");
    return NULL;
}
