/* SPDX-License-Identifier: Apache-2.0 */
/* TZif, the format of /usr/share/zoneinfo (RFC 9636): every count and every index is checked against the file. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/zone.h"

#define HEADER 44
#define MOST_TIMES 10000
#define MOST_OFFSET (26 * 3600)

struct reader {
    const unsigned char *p;
    size_t left;
};

struct counts {
    uint32_t isut, isstd, leap, time, type, chars;
};

static int64_t signed_number(const unsigned char *p, size_t size)
{
    uint64_t v = size == 4 && (p[0] & 0x80) ? UINT64_MAX : 0;
    for (size_t i = 0; i < size; i++)
        v = v << 8 | p[i];
    return (int64_t)v;
}

static bool skip(struct reader *r, size_t n)
{
    if (r->left < n)
        return false;
    r->p += n;
    r->left -= n;
    return true;
}

static bool read_header(struct reader *r, struct counts *n, int *version)
{
    const unsigned char *p = r->p;
    if (r->left < HEADER || memcmp(p, "TZif", 4) != 0)
        return false;
    *version = p[4] ? p[4] - '0' : 1;
    uint32_t v[6];
    for (size_t i = 0; i < 6; i++)
        v[i] = (uint32_t)signed_number(p + 20 + 4 * i, 4);
    *n = (struct counts){v[0], v[1], v[2], v[3], v[4], v[5]};
    return n->time <= MOST_TIMES && n->type >= 1 && n->type <= 256 && n->chars <= 10000 && n->leap <= 10000 &&
           n->isut <= 256 && n->isstd <= 256 && skip(r, HEADER);
}

static size_t body_size(const struct counts *n, size_t time_size)
{
    return n->time * (time_size + 1) + n->type * 6 + n->chars + n->leap * (time_size + 4) + n->isstd + n->isut;
}

static bool read_times(const struct counts *n, size_t time_size, const unsigned char *p, struct zone_data *out)
{
    const unsigned char *kinds = p + n->time * time_size;
    out->times = xcalloc(n->time + 1, sizeof *out->times);
    out->kinds = xcalloc(n->time + 1, 1);
    for (size_t i = 0; i < n->time; i++) {
        out->times[i] = signed_number(p + i * time_size, time_size);
        out->kinds[i] = kinds[i];
        if (kinds[i] >= n->type || (i > 0 && out->times[i] <= out->times[i - 1]))
            return false;
    }
    out->count = n->time;
    return true;
}

static bool read_types(const struct counts *n, const unsigned char *p, struct zone_data *out)
{
    out->type_count = n->type;
    for (size_t i = 0; i < n->type; i++, p += 6) {
        int64_t offset = signed_number(p, 4);
        if (offset < -MOST_OFFSET || offset > MOST_OFFSET || p[4] > 1)
            return false;
        out->types[i] = (struct zone_type){(int32_t)offset, p[4] == 1};
    }
    return true;
}

/* A line feed, the rule, a line feed.  An empty rule: what the last entry says goes on. */
static bool read_footer(struct reader *r, struct zone_data *out)
{
    char text[128];
    if (r->left < 2 || r->p[0] != '\n')
        return false;
    const unsigned char *end = memchr(r->p + 1, '\n', r->left - 1);
    size_t len = end ? (size_t)(end - r->p) - 1 : 0;
    if (!end || len >= sizeof text)
        return false;
    if (len == 0)
        return true;
    memcpy(text, r->p + 1, len);
    text[len] = '\0';
    return zone_rule_parse(text, &out->rule) == 0;
}

int zone_data_read(const unsigned char *bytes, size_t len, struct zone_data *out, struct error *e)
{
    struct reader r = {bytes, len};
    struct counts n;
    int version;
    size_t time_size = 4;
    *out = (struct zone_data){0};
    if (!read_header(&r, &n, &version))
        return err_set(e, "this is no time zone file");
    if (version >= 2) { /* the same again with 64 bits */
        time_size = 8;
        if (!skip(&r, body_size(&n, 4)) || !read_header(&r, &n, &version))
            return err_set(e, "the time zone file is damaged");
    }
    if (n.leap > 0)
        return err_set(e, "the time zone file counts leap seconds");
    const unsigned char *body = r.p;
    if (!skip(&r, body_size(&n, time_size)) || !read_times(&n, time_size, body, out) ||
        !read_types(&n, body + n.time * (time_size + 1), out) || (version >= 2 && !read_footer(&r, out)))
        return err_set(e, "the time zone file is damaged");
    return 0;
}

void zone_data_free(struct zone_data *d)
{
    free(d->times);
    free(d->kinds);
    *d = (struct zone_data){0};
}

/* How many of the times are not after t. */
static size_t passed(const struct zone_data *d, int64_t t)
{
    size_t low = 0, high = d->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (d->times[middle] <= t)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void zone_data_at(const struct zone_data *d, int64_t t, struct zone_span *out)
{
    size_t n = passed(d, t);
    if (n == d->count && d->rule.present) {
        zone_rule_at(&d->rule, t, out);
        if (n > 0 && out->from < d->times[n - 1])
            out->from = d->times[n - 1];
        return;
    }
    const struct zone_type *type = &d->types[n > 0 ? d->kinds[n - 1] : 0];
    *out = (struct zone_span){n > 0 ? d->times[n - 1] : INT64_MIN, n < d->count ? d->times[n] : INT64_MAX, type->offset,
                              type->dst};
}
