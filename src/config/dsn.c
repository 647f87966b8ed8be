/* SPDX-License-Identifier: Apache-2.0 */
/* Database addresses: see dsn.h.
 *
 * A raw password may hold any of @ : / ? # %, so a URI cannot simply be cut at the first of them.  The reading of the
 * standard is tried first; when what it yields is no host, path and known arguments, the last '@' that leaves such a rest
 * behind it ends the user's part. */
#include "config/dsn.h"

#include <ctype.h>
#include <libpq-fe.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* A piece of the text, not terminated. */
struct span {
    const char *at;
    size_t len;
};

/* What a URI consists of; spans into its text. */
struct uri {
    struct span userinfo, hosts, path, query;
    bool has_userinfo;
    bool any_argument; /* take arguments that nobody knows */
};

static struct span span_to(const char *from, const char *to)
{
    return (struct span){from, (size_t)(to - from)};
}

static const char *span_find(struct span s, const char *set)
{
    for (size_t i = 0; i < s.len; i++)
        if (strchr(set, s.at[i]))
            return s.at + i;
    return NULL;
}

static int hex(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* %XX becomes its byte; a '%' that is not followed by two hexadecimal digits, or would make a NUL, stays. */
static char *decode(struct span s)
{
    char *out = xmalloc(s.len + 1);
    size_t n = 0;
    for (size_t i = 0; i < s.len; i++) {
        int high = s.at[i] == '%' && i + 2 < s.len ? hex(s.at[i + 1]) : -1;
        int low = high >= 0 ? hex(s.at[i + 2]) : -1;
        if (low >= 0 && high * 16 + low != 0) {
            out[n++] = (char)(high * 16 + low);
            i += 2;
        } else {
            out[n++] = s.at[i];
        }
    }
    out[n] = '\0';
    return out;
}

void dsn_add(struct buf *out, const char *keyword, const char *value)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/:,%+*";
    if (!value || !*value)
        return;
    buf_printf(out, "%s%s=", out->len ? " " : "", keyword);
    if (value[strspn(value, plain)] == '\0') {
        buf_addstr(out, value);
        return;
    }
    buf_addch(out, '\'');
    for (; *value; value++) {
        if (*value == '\'' || *value == '\\')
            buf_addch(out, '\\');
        buf_addch(out, *value);
    }
    buf_addch(out, '\'');
}

/* ---- arguments ---- */

static bool is_libpq_keyword(const char *name)
{
    static PQconninfoOption *known; /* one list for the life of the process */
    if (!known)
        known = PQconninfoParse("", NULL);
    for (const PQconninfoOption *o = known; o && o->keyword; o++)
        if (strcmp(o->keyword, name) == 0)
            return true;
    return false;
}

/* Arguments of other drivers, which libpq does not know. */
static bool is_foreign_keyword(const char *name)
{
    static const char *const names[] = {
        "ssl", "timeout", "command_timeout", "statement_cache_size", "prepared_statement_cache_size",
        "prepared_statement_name_func", "prepare_threshold", "server_settings", "async_fallback", "pgbouncer", "schema",
        "connection_limit", "pool_timeout", "pool_size", "max_overflow", "pool_recycle", "pool_pre_ping", "sslaccept",
        "socket_timeout", "statement_timeout", "charset", "encoding", "direct_tls", "max_cached_statement_lifetime",
    };
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

static bool is_name(struct span s)
{
    for (size_t i = 0; i < s.len; i++)
        if (!isalnum((unsigned char)s.at[i]) && s.at[i] != '_' && s.at[i] != '-')
            return false;
    return s.len > 0;
}

typedef int (*argument_fn)(void *ctx, const char *name, const char *value);

/* Calls fn for each name=value; stops at the first that is not 0. */
static int each_argument(struct span query, argument_fn fn, void *ctx)
{
    const char *end = query.at + query.len;
    for (const char *p = query.at; p < end;) {
        const char *stop = span_find(span_to(p, end), "&");
        if (!stop)
            stop = end;
        const char *equals = span_find(span_to(p, stop), "=");
        struct span key = span_to(p, equals ? equals : stop);
        if (!is_name(key))
            return -1;
        CLEANUP_FREE char *name = xstrndup(key.at, key.len);
        CLEANUP_FREE char *value = equals ? decode(span_to(equals + 1, stop)) : xstrdup("");
        if (fn(ctx, name, value) != 0)
            return -1;
        p = stop + (stop < end);
    }
    return 0;
}

static int check_known(void *ctx, const char *name, const char *value)
{
    (void)ctx;
    (void)value;
    return is_libpq_keyword(name) || is_foreign_keyword(name) ? 0 : -1;
}

struct arguments {
    struct buf *out, *warnings;
};

/* asyncpg's and JDBC's ssl=..., as libpq's sslmode. */
static const char *sslmode_of(const char *ssl)
{
    static const char *const modes[] = {"disable", "allow", "prefer", "require", "verify-ca", "verify-full"};
    for (size_t i = 0; i < ARRAY_LEN(modes); i++)
        if (strcasecmp(ssl, modes[i]) == 0)
            return modes[i];
    if (strcasecmp(ssl, "true") == 0 || strcmp(ssl, "1") == 0)
        return "require";
    return strcasecmp(ssl, "false") == 0 || strcmp(ssl, "0") == 0 ? "disable" : NULL;
}

static int add_argument(void *ctx, const char *name, const char *value)
{
    struct arguments *a = ctx;
    const char *mode = strcmp(name, "ssl") == 0 ? sslmode_of(value) : NULL;
    if (mode)
        dsn_add(a->out, "sslmode", mode);
    else if (is_libpq_keyword(name))
        dsn_add(a->out, name, value);
    else if (a->warnings)
        buf_printf(a->warnings, "argument \"%s\" of the database address is not libpq's and was dropped\n", name);
    return 0;
}

/* ---- cutting a URI ---- */

static bool is_port(struct span s)
{
    for (size_t i = 0; i < s.len; i++)
        if (!isdigit((unsigned char)s.at[i]))
            return false;
    return s.len <= 5;
}

static bool is_host_text(struct span s)
{
    for (size_t i = 0; i < s.len; i++)
        if (!isalnum((unsigned char)s.at[i]) && !strchr("._-%", s.at[i]))
            return false;
    return true;
}

/* Cuts "host:port", "[v6]:port", "[name]:port", "host", ":port"; false when it is none of them. */
static bool cut_host(struct span s, struct span *host, struct span *port)
{
    const char *end = s.at + s.len, *after;
    if (s.len && *s.at == '[') {
        const char *close = span_find(s, "]");
        if (!close)
            return false;
        *host = span_to(s.at + 1, close);
        after = close + 1;
        for (size_t i = 0; i < host->len; i++)
            if (!isalnum((unsigned char)host->at[i]) && !strchr("._-%:", host->at[i]))
                return false;
    } else {
        const char *colon = span_find(s, ":");
        after = colon ? colon : end;
        *host = span_to(s.at, after);
        if (!is_host_text(*host))
            return false;
    }
    *port = after < end && *after == ':' ? span_to(after + 1, end) : span_to(end, end);
    return (after == end || *after == ':') && is_port(*port);
}

static bool next_host(struct span *hosts, struct span *one)
{
    if (!hosts->at)
        return false;
    const char *end = hosts->at + hosts->len;
    const char *comma = span_find(*hosts, ",");
    *one = span_to(hosts->at, comma ? comma : end);
    *hosts = comma ? span_to(comma + 1, end) : (struct span){NULL, 0};
    return true;
}

static bool are_hosts(struct span hosts)
{
    struct span one, host, port;
    while (next_host(&hosts, &one))
        if (!cut_host(one, &host, &port))
            return false;
    return true;
}

/* Hosts, path and arguments from what stands behind the user's part. */
static bool cut_rest(struct span rest, struct uri *u)
{
    const char *end = rest.at + rest.len;
    const char *query = span_find(rest, "?");
    const char *path_end = query ? query : end;
    const char *slash = span_find(span_to(rest.at, path_end), "/");
    u->hosts = span_to(rest.at, slash ? slash : path_end);
    u->path = slash ? span_to(slash + 1, path_end) : span_to(path_end, path_end);
    u->query = query ? span_to(query + 1, end) : span_to(end, end);
    return are_hosts(u->hosts) && !span_find(u->path, "@/#:") &&
           (u->any_argument || each_argument(u->query, check_known, NULL) == 0);
}

static const char *last_at(struct span s)
{
    for (size_t i = s.len; i > 0; i--)
        if (s.at[i - 1] == '@')
            return s.at + i - 1;
    return NULL;
}

static bool try_split(struct span all, const char *at, struct uri *u)
{
    u->has_userinfo = at != NULL;
    u->userinfo = at ? span_to(all.at, at) : (struct span){all.at, 0};
    return cut_rest(span_to(at ? at + 1 : all.at, all.at + all.len), u);
}

/* Candidates from the right; one whose rest has a path is better than one without (an '@' within an argument). */
static bool split_raw(struct span all, struct uri *u)
{
    for (int need_path = 1; need_path >= 0; need_path--)
        for (const char *at = last_at(all); at; at = last_at(span_to(all.at, at)))
            if (try_split(all, at, u) && (!need_path || u->path.len > 0))
                return true;
    return false;
}

/* Arguments that nobody knows are accepted (and dropped) only when the address can be read in no other way. */
static bool split_uri(struct span all, struct uri *u)
{
    const char *end = span_find(all, "/?#");
    struct span authority = span_to(all.at, end ? end : all.at + all.len);
    for (int any = 0; any <= 1; any++) {
        u->any_argument = any;
        if (try_split(all, last_at(authority), u) || split_raw(all, u))
            return true;
    }
    return false;
}

/* ---- building ---- */

static void add_hosts(struct buf *out, struct span hosts)
{
    CLEANUP_BUF struct buf names = BUF_INIT;
    CLEANUP_BUF struct buf ports = BUF_INIT;
    struct span one, host, port;
    const char *separator = "";
    bool any_port = false;
    while (next_host(&hosts, &one) && cut_host(one, &host, &port)) {
        CLEANUP_FREE char *name = decode(host);
        buf_printf(&names, "%s%s", separator, name);
        buf_printf(&ports, "%s%.*s", separator, (int)port.len, port.at);
        any_port = any_port || port.len > 0;
        separator = ",";
    }
    dsn_add(out, "host", names.data);
    if (any_port)
        dsn_add(out, "port", ports.data);
}

static int add_user(struct buf *out, struct span userinfo, struct error *e)
{
    const char *colon = span_find(userinfo, ":");
    const char *end = userinfo.at + userinfo.len;
    CLEANUP_FREE char *user = decode(span_to(userinfo.at, colon ? colon : end));
    CLEANUP_FREE char *password = colon ? decode(span_to(colon + 1, end)) : xstrdup("");
    static const char *const placeholders[] = {"[PASSWORD]", "[YOUR-PASSWORD]", "[YOUR_PASSWORD]"};
    for (size_t i = 0; i < ARRAY_LEN(placeholders); i++)
        if (strcasecmp(password, placeholders[i]) == 0) {
            err_set(e, "the password in the database address is still the placeholder %s", placeholders[i]);
            return err_hint(e, "put the real password there");
        }
    dsn_add(out, "user", user);
    dsn_add(out, "password", password);
    return 0;
}

static char *from_uri(const char *text, struct buf *warnings, struct error *e)
{
    struct uri u = {0};
    struct span all = {text, strlen(text)};
    if (!split_uri(all, &u)) {
        err_set(e, "the database address is not of the form postgresql://USER:PASSWORD@HOST:PORT/NAME");
        err_hint(e, "write special characters of the password as %%XX, for example %%40 for @");
        return NULL;
    }
    CLEANUP_BUF struct buf out = BUF_INIT;
    add_hosts(&out, u.hosts);
    if (u.has_userinfo && add_user(&out, u.userinfo, e) != 0)
        return NULL;
    CLEANUP_FREE char *name = decode(u.path);
    dsn_add(&out, "dbname", name);
    struct arguments a = {&out, warnings};
    each_argument(u.query, add_argument, &a);
    return buf_steal(&out);
}

/* The length of "postgresql://", "postgres+asyncpg://" ...; 0 when there is no scheme; -1 and *e for other ones. */
static int scheme_length(const char *text, struct error *e)
{
    const char *colon = strstr(text, "://");
    size_t len = colon ? (size_t)(colon - text) : 0;
    if (len == 0 || len > 40 || text[strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+.-_")] != ':')
        return 0;
    size_t base = strcspn(text, "+:");
    if ((base == 8 && strncasecmp(text, "postgres", base) == 0) || (base == 10 && strncasecmp(text, "postgresql", base) == 0))
        return (int)len + 3;
    err_set(e, "the database address begins with \"%.*s://\"", (int)len, text);
    return err_hint(e, "wfworker works with PostgreSQL: the address begins with postgresql://");
}

static char *checked(char *dsn, struct error *e)
{
    PQconninfoOption *parsed = PQconninfoParse(dsn, NULL);
    if (parsed) {
        PQconninfoFree(parsed);
        return dsn;
    }
    free(dsn);
    /* libpq's own text would quote pieces of the address, and such a piece may be the password. */
    err_set(e, "the database address is neither a URI nor keyword=value pairs that libpq knows");
    err_hint(e, "in keyword=value pairs a value with spaces stands in single quotes, with \\ before ' and \\ in it");
    return NULL;
}

char *dsn_normalize(const char *text, struct buf *warnings, struct error *e)
{
    struct span s = {text, strlen(text)};
    while (s.len && isspace((unsigned char)*s.at))
        s.at++, s.len--;
    while (s.len && isspace((unsigned char)s.at[s.len - 1]))
        s.len--;
    bool quoted = s.len >= 2 && (*s.at == '"' || *s.at == '\'') && s.at[s.len - 1] == *s.at;
    CLEANUP_FREE char *clean = xstrndup(s.at + quoted, s.len - 2 * quoted);
    int scheme = scheme_length(clean, e);
    if (scheme < 0)
        return NULL;
    char *dsn;
    if (scheme > 0) {
        dsn = from_uri(clean + scheme, warnings, e);
        return dsn ? checked(dsn, e) : NULL;
    }
    if (strchr(clean, '=') || !*clean)
        return checked(xstrdup(clean), e);
    CLEANUP_BUF struct buf out = BUF_INIT;
    dsn_add(&out, "dbname", clean);
    return buf_steal(&out);
}

/* ---- for people ---- */

static const char *option(const PQconninfoOption *given, const PQconninfoOption *defaults, const char *name)
{
    for (int pass = 0; pass < 2; pass++)
        for (const PQconninfoOption *o = pass == 0 ? given : defaults; o && o->keyword; o++)
            if (strcmp(o->keyword, name) == 0 && o->val && *o->val)
                return o->val;
    return NULL;
}

static void add_escaped(struct buf *out, const char *text)
{
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (isalnum(c) || strchr("._-~+", c) || c >= 0x80)
            buf_addch(out, *text);
        else
            buf_printf(out, "%%%02X", c);
    }
}

static void display_hosts(struct buf *out, const char *hosts, const char *ports)
{
    const char *separator = "";
    bool one_port = !ports || !strchr(ports, ',');
    for (;;) {
        size_t len = strcspn(hosts, ",");
        size_t port = ports ? strcspn(ports, ",") : 0;
        bool v6 = memchr(hosts, ':', len) != NULL;
        buf_printf(out, v6 ? "%s[%.*s]" : "%s%.*s", separator, (int)len, hosts);
        if (port > 0)
            buf_printf(out, ":%.*s", (int)port, ports);
        if (hosts[len] == '\0')
            return;
        hosts += len + 1;
        if (!one_port && ports)
            ports += port + (ports[port] == ',');
        separator = ",";
    }
}

char *dsn_display(const char *dsn)
{
    PQconninfoOption *given = PQconninfoParse(dsn, NULL);
    if (!given)
        return xstrdup("(not a valid address)");
    PQconninfoOption *defaults = PQconndefaults();
    const char *host = option(given, defaults, "host"), *user = option(given, defaults, "user");
    const char *hostaddr = option(given, NULL, "hostaddr");
    const char *name = option(given, defaults, "dbname"), *mode = option(given, NULL, "sslmode");
    host = host ? host : hostaddr;
    bool is_socket = !host || *host == '/' || *host == '@';
    CLEANUP_BUF struct buf out = BUF_INIT;
    buf_addstr(&out, "postgresql://");
    if (user) {
        add_escaped(&out, user);
        buf_addch(&out, '@');
    }
    if (!is_socket)
        display_hosts(&out, host, option(given, defaults, "port"));
    buf_addch(&out, '/');
    if (name || user)
        add_escaped(&out, name ? name : user);
    if (mode && !is_socket)
        buf_printf(&out, "?sslmode=%s", mode);
    if (is_socket)
        buf_printf(&out, " (socket%s%s, port %s)", host ? " in " : "", host ? host : "", option(given, defaults, "port"));
    PQconninfoFree(given);
    PQconninfoFree(defaults);
    return buf_steal(&out);
}
