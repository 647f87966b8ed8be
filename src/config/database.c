/* SPDX-License-Identifier: Apache-2.0 */
/* Which database: the variables that the backend beside us knows, in its order. */
#include <libpq-fe.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "config/dsn.h"
#include "config/source.h"

/* The REF of https://REF.supabase.co, a new string. */
static char *supabase_ref(const char *url, const char *origin, struct error *e)
{
    const char *host = strstr(url, "://");
    host = host ? host + 3 : url;
    size_t len = strcspn(host, ":/?#");
    size_t ref = strcspn(host, ".:/?#");
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-";
    static const char domain[] = ".supabase.co";
    bool ok = ref > 0 && strspn(host, plain) == ref && len - ref == sizeof domain - 1 &&
              strncasecmp(host + ref, domain, sizeof domain - 1) == 0;
    if (ok)
        return xstrndup(host, ref);
    err_set(e, "SUPABASE_URL is not of the form https://REF.supabase.co (%s)", origin);
    err_hint(e, "set SUPABASE_DB_URL to the connection string of the database instead");
    return NULL;
}

static int from_supabase(const struct settings_source *s, char **address, char **origin, struct error *e)
{
    CLEANUP_FREE char *where = NULL;
    const char *url = source_variable(s, "SUPABASE_URL", NULL);
    const char *password = source_variable(s, "SUPABASE_DB_PASSWORD", NULL);
    if (!url || !password)
        return 0;
    source_variable(s, "SUPABASE_URL", &where);
    CLEANUP_FREE char *ref = supabase_ref(url, where, e);
    if (!ref)
        return -1;
    CLEANUP_FREE char *host = xasprintf("db.%s.supabase.co", ref);
    CLEANUP_BUF struct buf out = BUF_INIT;
    dsn_add(&out, "host", host);
    dsn_add(&out, "port", "5432");
    dsn_add(&out, "user", "postgres");
    dsn_add(&out, "password", password);
    dsn_add(&out, "dbname", "postgres");
    *address = buf_steal(&out);
    *origin = xasprintf("%s and SUPABASE_DB_PASSWORD", where);
    return 1;
}

static int check_port(const char *text, struct error *e)
{
    size_t digits = strspn(text, "0123456789");
    if (digits > 0 && digits <= 5 && text[digits] == '\0' && atol(text) >= 1 && atol(text) <= 65535)
        return 0;
    err_set(e, "invalid value \"%.40s\" for the variable POSTGRES_PORT", text);
    return err_detail(e, "it must be a whole number from 1 to 65535");
}

static int from_postgres(const struct settings_source *s, char **address, char **origin, struct error *e)
{
    static const struct {
        const char *variable, *keyword;
    } parts[] = {{"POSTGRES_USER", "user"}, {"POSTGRES_PASSWORD", "password"}, {"POSTGRES_DB", "dbname"}};
    const char *host_name = source_variable(s, "POSTGRES_HOST", NULL) ? "POSTGRES_HOST" : "POSTGRES_SERVER";
    const char *host = source_variable(s, host_name, NULL);
    if (!host)
        return 0;
    const char *port = source_variable(s, "POSTGRES_PORT", NULL);
    if (port && check_port(port, e) != 0)
        return -1;
    CLEANUP_BUF struct buf out = BUF_INIT;
    CLEANUP_BUF struct buf where = BUF_INIT;
    CLEANUP_FREE char *first = NULL;
    source_variable(s, host_name, &first);
    buf_addstr(&where, first);
    dsn_add(&out, "host", host);
    dsn_add(&out, "port", port ? port : "5432");
    if (port)
        buf_addstr(&where, ", POSTGRES_PORT");
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        const char *value = source_variable(s, parts[i].variable, NULL);
        dsn_add(&out, parts[i].keyword, value);
        if (value)
            buf_printf(&where, ", %s", parts[i].variable);
    }
    *address = buf_steal(&out);
    *origin = buf_steal(&where);
    return 1;
}

int database_from_product(const struct settings_source *s, char **address, char **origin, struct error *e)
{
    const char *text = source_variable(s, "SUPABASE_DB_URL", origin);
    if (text) {
        *address = xstrdup(text);
        return 1;
    }
    int rc = from_supabase(s, address, origin, e);
    if (rc != 0)
        return rc;
    text = source_variable(s, "DATABASE_URL", origin);
    if (text) {
        *address = xstrdup(text);
        return 1;
    }
    return from_postgres(s, address, origin, e);
}

char *database_from_libpq(const struct settings_source *s)
{
    CLEANUP_BUF struct buf out = BUF_INIT;
    PQconninfoOption *options = PQconndefaults();
    for (const PQconninfoOption *o = options; o && o->keyword; o++) {
        const char *value = o->envvar ? source_variable(s, o->envvar, NULL) : NULL;
        if (!value)
            continue;
        setenv(o->envvar, value, 0);
        buf_printf(&out, "%s%s", out.len ? ", " : "variables ", o->envvar);
    }
    PQconninfoFree(options);
    if (out.len == 0)
        buf_addstr(&out, "libpq's defaults");
    return buf_steal(&out);
}
