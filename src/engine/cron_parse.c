/* SPDX-License-Identifier: Apache-2.0 */
/* Reading cron expressions.  What other programs know and this one refuses is refused by name, with what to write
 * instead: a schedule that silently means something else is worse than none. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "engine/cron.h"

#define FIELD_MAX 7 /* one more than there may be */

enum { SECOND, MINUTE, HOUR, DAY, MONTH, WEEKDAY };

static const struct field {
    const char *name;
    int least, most;      /* what may be written */
    int highest;          /* where * and N/step end */
    const char *const *names;
    int first_name;
} fields[] = {
    [SECOND] = {"second", 0, 59, 59, NULL, 0},
    [MINUTE] = {"minute", 0, 59, 59, NULL, 0},
    [HOUR] = {"hour", 0, 23, 23, NULL, 0},
    [DAY] = {"day of month", 1, 31, 31, NULL, 0},
    [MONTH] = {"month", 1, 12, 12,
               (const char *const[]){"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec", NULL}, 1},
    [WEEKDAY] = {"weekday", 0, 7, 6, (const char *const[]){"sun", "mon", "tue", "wed", "thu", "fri", "sat", NULL}, 0},
};

/* One entry of a field's list while it is read. */
struct item {
    const struct field *field;
    const char *text;  /* the whole entry, for errors */
    const char *p;     /* what is left */
    struct error *e;
    struct cron *out;
};

static int item_error(const struct item *i, const char *what)
{
    return err_set(i->e, "%s \"%s\" %s", i->field->name, i->text, what);
}

static bool is_weekday(const struct item *i)
{
    return i->field == &fields[WEEKDAY];
}

static int bad_value(const struct item *i)
{
    item_error(i, "is not understood");
    if (i->field->names && i->field == &fields[MONTH])
        return err_hint(i->e, "a month is a number from 1 to 12 or one of JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC");
    if (is_weekday(i))
        return err_hint(i->e, "a weekday is a number from 0 (Sunday) to 7 or one of SUN MON TUE WED THU FRI SAT");
    return err_hint(i->e, "write a number from %d to %d, * for all, 1-5 for a range, 1,3 for a list, or */2 for every second one",
                    i->field->least, i->field->most);
}

static int take_name(struct item *i)
{
    for (int n = 0; i->field->names && i->field->names[n]; n++)
        if (strncasecmp(i->p, i->field->names[n], 3) == 0) {
            i->p += 3;
            return i->field->first_name + n;
        }
    return -1;
}

/* A number or a name; -1 and an error. */
static int take_value(struct item *i)
{
    int v = 0, digits = 0;
    if (!isdigit((unsigned char)*i->p)) {
        int named = take_name(i);
        return named >= 0 ? named : bad_value(i);
    }
    for (; isdigit((unsigned char)*i->p); i->p++) {
        if (++digits > 6)
            return bad_value(i);
        v = v * 10 + (*i->p - '0');
    }
    if (v < i->field->least || v > i->field->most) {
        item_error(i, "is out of range");
        return err_hint(i->e, "the %s goes from %d to %d", i->field->name, i->field->least, i->field->most);
    }
    return v;
}

static int take_step(struct item *i, int *step)
{
    int v = 0, digits = 0;
    for (; isdigit((unsigned char)*i->p) && digits < 6; i->p++, digits++)
        v = v * 10 + (*i->p - '0');
    if (digits == 0 || *i->p)
        return bad_value(i);
    if (v == 0)
        return item_error(i, "has a step of 0");
    *step = v;
    return 0;
}

static void put(const struct item *i, uint64_t *mask, int from, int to, int step)
{
    for (int v = from; v <= to; v += step)
        *mask |= UINT64_C(1) << (is_weekday(i) && v == 7 ? 0 : v);
}

static int backwards(const struct item *i, int from, int to)
{
    const struct field *f = i->field;
    const char *minus = strchr(i->text, '-'), *step = strchr(i->text, '/');
    item_error(i, "runs backwards");
    if (step)
        return err_hint(i->e, "a range begins with the smaller value");
    /* In the words of the text: SAT-TUE becomes SAT,SUN-TUE. */
    const char *last = is_weekday(i) ? "SAT" : "DEC", *least = is_weekday(i) ? "SUN" : "JAN";
    CLEANUP_FREE char *high = isalpha((unsigned char)i->text[0]) ? xstrdup(last) : xasprintf("%d", f->highest);
    CLEANUP_FREE char *low = isalpha((unsigned char)minus[1]) ? xstrdup(least) : xasprintf("%d", f->least);
    CLEANUP_FREE char *begin = xstrndup(i->text, (size_t)(minus - i->text));
    return err_hint(i->e, "write %s%s%s,%s%s%s", begin, from == f->highest ? "" : "-", from == f->highest ? "" : high, low,
                    to == f->least ? "" : "-", to == f->least ? "" : minus + 1);
}

/* N, N-M, N/step, N-M/step */
static int read_range(struct item *i, uint64_t *mask)
{
    int step = 1, from = take_value(i), to = from;
    if (from < 0)
        return -1;
    if (*i->p == '-') {
        i->p++;
        to = take_value(i);
        if (to < 0)
            return -1;
        if (is_weekday(i) && to == 0 && from > 0)
            to = 7; /* FRI-SUN */
        if (from == 7 && to < 7)
            from = 0;
        if (from > to)
            return backwards(i, from, to);
    } else if (*i->p == '/') {
        if (is_weekday(i) && from == 7)
            from = 0;
        to = i->field->highest;
    }
    if (*i->p == '/') {
        i->p++;
        if (take_step(i, &step) != 0)
            return -1;
    }
    if (*i->p)
        return bad_value(i);
    put(i, mask, from, to, step);
    return 0;
}

static int read_star(struct item *i, uint64_t *mask)
{
    int step = 1;
    i->p++;
    if (*i->p == '/') {
        i->p++;
        if (take_step(i, &step) != 0)
            return -1;
    }
    if (*i->p)
        return bad_value(i);
    put(i, mask, i->field->least, i->field->highest, step);
    return 0;
}

/* What begins, ends or is marked with a letter of its own.  1: it was none of that. */
static int read_day(struct item *i)
{
    if (strcasecmp(i->text, "L") == 0) {
        i->out->last_day = true;
        return 0;
    }
    if (strpbrk(i->text, "wW")) {
        item_error(i, "is not supported: W, the nearest working day");
        return err_hint(i->e, "write the days themselves, or a weekday: 1-5 in the last field is Monday to Friday");
    }
    if (strpbrk(i->text, "lL")) {
        item_error(i, "is not supported");
        return err_hint(i->e, "L alone is the last day of the month; days before it can be written as 28-30");
    }
    return 1;
}

static int weekday_error(const struct item *i, const char *hint)
{
    item_error(i, "is not supported");
    return err_hint(i->e, "%s", hint);
}

static int read_nth(struct item *i, const char *hash)
{
    int day = take_value(i);
    if (day < 0)
        return -1;
    if (i->p != hash || hash[1] < '1' || hash[1] > '5' || hash[2]) {
        if (strcasecmp(hash, "#L") == 0)
            return weekday_error(i, "write 5L for the last Friday of the month");
        return weekday_error(i, "write FRI#2 for the second Friday of the month; the number goes from 1 to 5");
    }
    i->out->nth_weekdays[day % 7] |= (uint8_t)(1U << (hash[1] - '0'));
    return 0;
}

static int read_weekday(struct item *i)
{
    const char *hash = strchr(i->text, '#');
    size_t len = strlen(i->text);
    if (hash)
        return read_nth(i, hash);
    if (strcasecmp(i->text, "L") == 0)
        return weekday_error(i, "write SAT for Saturday, or 5L for the last Friday of the month");
    if (len == 2 && i->text[0] >= '0' && i->text[0] <= '7' && strchr("lL", i->text[1])) {
        i->out->last_weekdays |= (uint8_t)(1U << ((i->text[0] - '0') % 7));
        return 0;
    }
    int named = len == 4 && strchr("lL", i->text[3]) ? take_name(i) : -1;
    if (named >= 0) {
        item_error(i, "is not supported");
        return err_hint(i->e, "write %dL for the last one of the month", named);
    }
    if (strpbrk(i->text, "lL"))
        return weekday_error(i, "write 5L for the last Friday of the month");
    return 1;
}

static int read_item(struct item *i, uint64_t *mask)
{
    if (!*i->text) {
        err_set(i->e, "the %s has an empty entry", i->field->name);
        return err_hint(i->e, "a list is written 1,3,5");
    }
    if (*i->text == '*')
        return read_star(i, mask);
    int rc = i->field == &fields[DAY] ? read_day(i) : is_weekday(i) ? read_weekday(i) : 1;
    return rc == 1 ? read_range(i, mask) : rc;
}

static int read_question(int which, const char *text, uint64_t *mask, struct error *e)
{
    const struct item i = {.field = &fields[which], .text = text, .e = e};
    if (which != DAY && which != WEEKDAY) {
        item_error(&i, "is not understood: ? is for the day of month and the weekday");
        return err_hint(e, "write * for every %s", i.field->name);
    }
    if (strcmp(text, "?") != 0) {
        item_error(&i, "is not understood: ? stands alone");
        return err_hint(e, "write *, or the days themselves");
    }
    put(&i, mask, i.field->least, i.field->highest, 1);
    return 0;
}

static int read_field(struct cron *out, int which, char *text, uint64_t *mask, struct error *e)
{
    if (strchr(text, '?'))
        return read_question(which, text, mask, e);
    while (text) {
        char *comma = strchr(text, ',');
        if (comma)
            *comma = '\0';
        struct item i = {.field = &fields[which], .text = text, .p = text, .e = e, .out = out};
        if (read_item(&i, mask) != 0)
            return -1;
        text = comma ? comma + 1 : NULL;
    }
    return 0;
}

/* ---- The whole ---- */

static bool is_space(char c)
{
    return c == ' ' || c == '\t';
}

static const char *skip_space(const char *p)
{
    while (is_space(*p))
        p++;
    return p;
}

static int read_shortcut(const char *name, char *fields_text, size_t size, struct error *e)
{
    static const struct {
        const char *name, *fields;
    } all[] = {{"@yearly", "0 0 1 1 *"}, {"@annually", "0 0 1 1 *"}, {"@monthly", "0 0 1 * *"}, {"@weekly", "0 0 * * 0"},
               {"@daily", "0 0 * * *"},  {"@midnight", "0 0 * * *"}, {"@hourly", "0 * * * *"}};
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        if (strcasecmp(all[i].name, name) == 0) {
            snprintf(fields_text, size, "%s", all[i].fields);
            return 0;
        }
    int word = (int)strcspn(name, " \t");
    err_set(e, "%.*s is not supported", word, name);
    if (strncasecmp(name, "@every", 6) == 0)
        return err_hint(e, "write */5 * * * * for every five minutes, */10 * * * * * for every ten seconds");
    if (strncasecmp(name, "@reboot", 7) == 0)
        return err_hint(e, "a schedule has no machine that starts; write a time");
    return err_hint(e, "there are @yearly, @annually, @monthly, @weekly, @daily, @midnight and @hourly");
}

/* CRON_TZ=Europe/Berlin in front. */
static const char *read_zone(const char *p, struct cron *out, struct error *e)
{
    size_t name = strncmp(p, "CRON_TZ=", 8) == 0 ? 8 : strncmp(p, "TZ=", 3) == 0 ? 3 : 0;
    if (!name)
        return p;
    p += name;
    size_t len = strcspn(p, " \t");
    if (len == 0 || len > ZONE_NAME_MAX) {
        err_set(e, "the name of the time zone is %s", len ? "too long" : "missing");
        err_hint(e, "write for example CRON_TZ=Europe/Berlin 0 9 * * *");
        return NULL;
    }
    memcpy(out->zone, p, len);
    out->zone[len] = '\0';
    return skip_space(p + len);
}

static size_t split(char *text, char *out[FIELD_MAX])
{
    size_t n = 0;
    for (char *p = text; n < FIELD_MAX;) {
        while (is_space(*p))
            p++;
        if (!*p)
            break;
        out[n++] = p;
        while (*p && !is_space(*p))
            p++;
        if (*p)
            *p++ = '\0';
    }
    return n;
}

static int count_error(size_t n, struct error *e)
{
    if (n == 0)
        err_set(e, "there are no fields");
    else if (n == FIELD_MAX)
        err_set(e, "there are more than 6 fields");
    else
        err_set(e, "there %s only %zu field%s", n == 1 ? "is" : "are", n, n == 1 ? "" : "s");
    if (n == FIELD_MAX)
        return err_hint(e, "the fields are second, minute, hour, day of month, month, weekday; there is none for the year");
    return err_hint(e, "the fields are minute, hour, day of month, month, weekday; a sixth one in front is the second");
}

static bool begins_with_star(const char *field)
{
    return *field == '*' || *field == '?';
}

static int read_fields(char *text, struct cron *out, struct error *e)
{
    char *f[FIELD_MAX], second[] = "0";
    uint64_t mask[6] = {0};
    size_t n = split(text, f);
    if (n != 5 && n != 6)
        return count_error(n, e);
    if (n == 5) {
        memmove(f + 1, f, 5 * sizeof *f);
        f[0] = second;
    }
    out->real_time = begins_with_star(f[MINUTE]) || begins_with_star(f[HOUR]);
    out->both_days = begins_with_star(f[DAY]) || begins_with_star(f[WEEKDAY]);
    for (int which = SECOND; which <= WEEKDAY; which++)
        if (read_field(out, which, f[which], &mask[which], e) != 0)
            return -1;
    out->seconds = mask[SECOND];
    out->minutes = mask[MINUTE];
    out->hours = (uint32_t)mask[HOUR];
    out->days = (uint32_t)mask[DAY];
    out->months = (uint32_t)mask[MONTH];
    out->weekdays = (uint8_t)mask[WEEKDAY];
    return 0;
}

static int read_text(const char *text, struct cron *out, struct error *e)
{
    char copy[CRON_TEXT_MAX + 1];
    const char *p = read_zone(skip_space(text), out, e);
    if (!p)
        return -1;
    for (const char *q = p; *q; q++)
        if (!isgraph((unsigned char)*q) && !is_space(*q))
            return err_set(e, "there is a character that does not belong there");
    snprintf(copy, sizeof copy, "%s", p);
    size_t len = strlen(copy);
    while (len > 0 && is_space(copy[len - 1]))
        copy[--len] = '\0';
    if (*copy == '@') {
        CLEANUP_FREE char *name = xstrdup(copy);
        if (read_shortcut(name, copy, sizeof copy, e) != 0)
            return -1;
    }
    return read_fields(copy, out, e);
}

int cron_parse(const char *text, struct cron *out, struct error *e)
{
    struct error own = ERROR_INIT;
    *out = (struct cron){0};
    if (strlen(text) > CRON_TEXT_MAX)
        return err_set(e, "the cron expression is longer than %d characters", CRON_TEXT_MAX);
    if (read_text(text, out, e ? e : &own) == 0)
        return 0;
    return err_prefix(e, "wrong cron expression \"%.200s\"", text);
}
