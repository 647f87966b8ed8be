/* SPDX-License-Identifier: Apache-2.0 */
/* Connecting with our defaults, and turning what libpq says into our errors. */
#include "config.h"

#include "store/internal.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum pg_cause pg_cause(const char *sqlstate)
{
    static const struct {
        const char *prefix;
        enum pg_cause cause;
    } table[] = {
        {"25006", CAUSE_READ_ONLY},  {"42501", CAUSE_PERMISSION}, {"42P01", CAUSE_SCHEMA},    {"42703", CAUSE_SCHEMA},
        {"42883", CAUSE_SCHEMA},     {"3F000", CAUSE_SCHEMA},     {"40", CAUSE_TRANSIENT},    {"53", CAUSE_TRANSIENT},
        {"55", CAUSE_TRANSIENT},     {"57", CAUSE_TRANSIENT},     {"58", CAUSE_TRANSIENT},    {"08", CAUSE_TRANSIENT},
        {"XX", CAUSE_TRANSIENT},     {"21", CAUSE_DATA},          {"22", CAUSE_DATA},         {"23", CAUSE_DATA},
        {"42", CAUSE_DATA},          {"44", CAUSE_DATA},          {"54", CAUSE_DATA},         {"P0", CAUSE_DATA},
    };
    for (size_t i = 0; sqlstate && i < ARRAY_LEN(table); i++)
        if (strncmp(sqlstate, table[i].prefix, strlen(table[i].prefix)) == 0)
            return table[i].cause;
    return CAUSE_OTHER;
}

/* One line of text without its end and without "ERROR:  ". */
static int first_line(const char *text, char *out, size_t size)
{
    static const char *const levels[] = {"ERROR:  ", "FATAL:  "};
    for (size_t i = 0; i < ARRAY_LEN(levels); i++)
        if (strncmp(text, levels[i], strlen(levels[i])) == 0)
            text += strlen(levels[i]);
    size_t len = strcspn(text, "\n");
    if (len >= size)
        len = size - 1;
    memcpy(out, text, len);
    out[len] = '\0';
    return (int)len;
}

int pg_result_error(const PGresult *r, const PGconn *c, struct error *e, const char *doing)
{
    const char *message = PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY);
    const char *detail = PQresultErrorField(r, PG_DIAG_MESSAGE_DETAIL);
    const char *hint = PQresultErrorField(r, PG_DIAG_MESSAGE_HINT);
    char line[900];
    if (!message) {
        first_line(r ? PQresultErrorMessage(r) : PQerrorMessage(c), line, sizeof line);
        message = line[0] ? line : "the server sent no answer";
    }
    if (doing)
        err_set(e, "%s: %.900s", doing, message);
    else
        err_set(e, "%.900s", message);
    if (detail)
        err_detail(e, "%.900s", detail);
    if (hint)
        err_hint(e, "%.450s", hint);
    else if (pg_cause(PQresultErrorField(r, PG_DIAG_SQLSTATE)) == CAUSE_PERMISSION)
        err_hint(e, "Log in as the owner of the tables, or as a role that may use them.");
    return -1;
}

static const char *hint_for(const char *text)
{
    static const struct {
        const char *needle, *hint;
    } table[] = {
        {"password authentication failed", "Check the user and the password of the database address."},
        {"no password supplied", "Give a password in the database address, PGPASSWORD or ~/.pgpass."},
        {"could not translate host name", "Check the host of the database address."},
        {"Connection refused", "Is PostgreSQL running there, and is the port right?"},
        {"No such file or directory", "Is PostgreSQL running on this machine? For another one, name its host."},
        {"timeout expired", "Is a firewall between? Are host and port right?"},
        {"the database system is starting up", "Wait a moment: the server is starting."},
        {"the database system is shutting down", "The server is shutting down."},
        {"too many clients", "Raise max_connections of the server, or use a pooler."},
        {"remaining connection slots", "Raise max_connections of the server, or use a pooler."},
        {"too many connections", "Raise the limit of the role or database, or use a pooler."},
        {"MaxClientsInSessionMode", "The pool is full: use the pooler's transaction mode or raise its pool size."},
        {"session is read-only", "This server is a standby: name the primary, or all hosts with target_session_attrs=read-write."},
        {"session is not read-only", "target_session_attrs asks for a standby; the worker must write."},
        {"no pg_hba.conf entry", "Allow this user, database and address in the server's pg_hba.conf."},
        {"does not support SSL", "Set sslmode=prefer or disable, or turn SSL on in the server."},
        {"certificate", "Check sslmode and sslrootcert of the database address."},
    };
    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        if (strstr(text, table[i].needle))
            return table[i].hint;
    if (strstr(text, "database \"") && strstr(text, "does not exist"))
        return "Make the database with createdb, or name another one.";
    if (strstr(text, "role \"") && strstr(text, "does not exist"))
        return "Check the user of the database address.";
    return NULL;
}

/* libpq repeats parts of a malformed address; a password may be among them. */
static bool may_show_address(const char *text)
{
    return strstr(text, "invalid connection option") || strstr(text, "missing \"=\"") || strstr(text, "URI") ||
           strstr(text, "unterminated quoted string") || strstr(text, "percent-encoded") ||
           strstr(text, "invalid integer value");
}

static bool holds_password(PGconn *c, const char *text)
{
    const char *password = c ? PQpass(c) : NULL;
    return password && *password && strstr(text, password);
}

int pg_connect_error(PGconn *c, struct error *e)
{
    const char *text = c ? PQerrorMessage(c) : "out of memory";
    char line[700];
    if (may_show_address(text)) {
        err_set(e, "cannot connect to the database: the address is malformed");
        return err_hint(e, "It has the form postgresql://USER:PASSWORD@HOST:PORT/DATABASE, special characters percent-encoded.");
    }
    first_line(text, line, sizeof line);
    if (holds_password(c, line))
        err_set(e, "cannot connect to the database");
    else
        err_set(e, "cannot connect to the database: %s", line);
    const char *hint = hint_for(text);
    return hint ? err_hint(e, "%s", hint) : -1;
}

static void ignore_notice(void *arg, const PGresult *r)
{
    (void)arg;
    (void)r;
}

static PGconn *connect_once(const char *dsn, const char *options)
{
    /* What stands before dsn is a default, what stands behind it wins: libpq expands the first dbname. */
    const char *const keys[] = {"application_name", "connect_timeout", "keepalives", "keepalives_idle",
                                "keepalives_interval", "keepalives_count", "dbname", "client_encoding", "options", NULL};
    const char *const values[] = {"wfworker", "10", "1", "30", "10", "5", dsn, "UTF8", options, NULL};
    return PQconnectdbParams(keys, values, 1);
}

/* Options of the server given in the address or the environment win over ours. */
static bool has_options(const char *dsn)
{
    char *message = NULL;
    bool found = getenv("PGOPTIONS") != NULL;
    PQconninfoOption *list = PQconninfoParse(dsn, &message);
    for (PQconninfoOption *o = list; o && o->keyword; o++)
        if (strcmp(o->keyword, "options") == 0 && o->val && *o->val)
            found = true;
    PQconninfoFree(list);
    PQfreemem(message);
    return found;
}

PGconn *db_connect(const char *dsn, struct error *e)
{
    static atomic_bool refused; /* not asked for every time: the pooler logs each of them */
    const char *options = atomic_load(&refused) || has_options(dsn) ? NULL : "-c statement_timeout=30000";
    PGconn *c = connect_once(dsn, options);
    /* Poolers refuse start-up parameters that they cannot keep apart. */
    if (c && PQstatus(c) != CONNECTION_OK && options && strstr(PQerrorMessage(c), "startup parameter")) {
        PQfinish(c);
        atomic_store(&refused, true);
        c = connect_once(dsn, NULL);
    }
    if (!c || PQstatus(c) != CONNECTION_OK) {
        pg_connect_error(c, e);
        PQfinish(c);
        return NULL;
    }
    if (PQserverVersion(c) < 130000) {
        err_set(e, "the server is PostgreSQL %d, wfworker needs 13 or newer", PQserverVersion(c) / 10000);
        PQfinish(c);
        return NULL;
    }
    PQsetNoticeReceiver(c, ignore_notice, NULL);
    return c;
}

PGresult *pg_query(PGconn *c, struct error *e, const char *doing, const char *sql, int count, const char *const *values)
{
    PGresult *r = PQexecParams(c, sql, count, NULL, values, NULL, NULL, 0);
    ExecStatusType status = PQresultStatus(r);
    if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK)
        return r;
    pg_result_error(r, c, e, doing);
    PQclear(r);
    return NULL;
}

long long pg_number(const PGresult *r, int row, int column, long long fallback)
{
    if (row >= PQntuples(r) || PQgetisnull(r, row, column))
        return fallback;
    return strtoll(PQgetvalue(r, row, column), NULL, 10);
}
