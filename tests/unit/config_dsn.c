/* SPDX-License-Identifier: Apache-2.0 */
/* Database addresses in and out: what people write, what libpq gets, what is shown. */
#include "unit/test.h"

#include <stdlib.h>

#include "base/mem.h"
#include "config/dsn.h"

struct row {
    const char *in, *out;
};

static void check_rows(const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct error e = ERROR_INIT;
        CLEANUP_BUF struct buf warnings = BUF_INIT;
        CLEANUP_FREE char *dsn = dsn_normalize(rows[i].in, &warnings, &e);
        if (!dsn)
            fail_msg("%s: %s", rows[i].in, e.message);
        assert_string_equal(dsn, rows[i].out);
        if (warnings.len)
            fail_msg("%s: %s", rows[i].in, warnings.data);
    }
}

static void addresses_of_all_spellings_are_understood(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"", ""},
        {"mydb", "dbname=mydb"},
        {"my db", "dbname='my db'"},
        {"host=/tmp dbname=x password='it\\'s'", "host=/tmp dbname=x password='it\\'s'"},
        {"  host=a dbname=b \n", "host=a dbname=b"},
        {"\"postgresql://u:p@h/d\"", "host=h user=u password=p dbname=d"},
        {"postgresql://", ""},
        {"postgres:///d", "dbname=d"},
        {"postgresql://h", "host=h"},
        {"postgresql://h:5433", "host=h port=5433"},
        {"postgresql://u@h/d", "host=h user=u dbname=d"},
        {"POSTGRESQL://u@h/d", "host=h user=u dbname=d"},
        {"postgresql+psycopg://u:p@h:5432/d", "host=h port=5432 user=u password=p dbname=d"},
        {"postgresql+psycopg2://u:p@h:5432/d", "host=h port=5432 user=u password=p dbname=d"},
        {"postgres+asyncpg://u:p@h/d?ssl=require", "host=h user=u password=p dbname=d sslmode=require"},
        {"postgresql+asyncpg://u:p@h/d?ssl=true", "host=h user=u password=p dbname=d sslmode=require"},
        {"postgresql+asyncpg://u:p@h/d?ssl=false", "host=h user=u password=p dbname=d sslmode=disable"},
        {"postgresql://u:p@h/d?ssl=verify-full&application_name=my%20app",
         "host=h user=u password=p dbname=d sslmode=verify-full application_name='my app'"},
        {"postgresql://postgres.ref:p@aws-0-eu.pooler.supabase.com:6543/postgres",
         "host=aws-0-eu.pooler.supabase.com port=6543 user=postgres.ref password=p dbname=postgres"},
        {"postgresql://u:p@[::1]:5433/d", "host=::1 port=5433 user=u password=p dbname=d"},
        {"postgresql://u:p@[fe80::1%25eth0]/d", "host=fe80::1%eth0 user=u password=p dbname=d"},
        {"postgresql://postgres:p@[db.ref.supabase.co]:5432/postgres",
         "host=db.ref.supabase.co port=5432 user=postgres password=p dbname=postgres"},
        {"postgresql://u@h1:1,h2:2/d?target_session_attrs=read-write",
         "host=h1,h2 port=1,2 user=u dbname=d target_session_attrs=read-write"},
        {"postgresql://h1,h2:2,[::1]/d", "host=h1,h2,::1 port=,2, dbname=d"},
        {"postgresql://%2Fvar%2Frun%2Fpostgresql/d", "host=/var/run/postgresql dbname=d"},
        {"postgresql:///d?host=/tmp/sock&port=5433", "dbname=d host=/tmp/sock port=5433"},
        {"postgresql://u:@h/d", "host=h user=u dbname=d"},
    };
    check_rows(rows, ARRAY_LEN(rows));
}

static void raw_special_characters_in_passwords_are_understood(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"postgresql://u:p@ss@h/d", "host=h user=u password='p@ss' dbname=d"},
        {"postgresql://u:p:w@h/d", "host=h user=u password=p:w dbname=d"},
        {"postgresql://u:a/b@h/d", "host=h user=u password=a/b dbname=d"},
        {"postgresql://u:12/34@h/d", "host=h user=u password=12/34 dbname=d"},
        {"postgresql://u:a#b@h/d", "host=h user=u password='a#b' dbname=d"},
        {"postgresql://u:a?b@h/d", "host=h user=u password='a?b' dbname=d"},
        {"postgresql://u:x@y?z=1@h/d", "host=h user=u password='x@y?z=1' dbname=d"},
        {"postgresql://u:x@y/z@h:5432/d", "host=h port=5432 user=u password='x@y/z' dbname=d"},
        {"postgresql://u:p@ss:w/o#r?d%&=x y@h:5432/d?sslmode=require",
         "host=h port=5432 user=u password='p@ss:w/o#r?d%&=x y' dbname=d sslmode=require"},
        {"postgresql://u:100%@h/d", "host=h user=u password=100% dbname=d"},
        {"postgresql://u:a%zzb@h/d", "host=h user=u password=a%zzb dbname=d"},
        {"postgresql://u:a%40b%2Fc@h/d", "host=h user=u password='a@b/c' dbname=d"},
        {"postgresql://u:it's\\@h/d", "host=h user=u password='it\\'s\\\\' dbname=d"},
        {"postgresql://u:p/w@h/d?application_name=a@b", "host=h user=u password=p/w dbname=d application_name='a@b'"},
        {"postgresql://u:p@h/d?application_name=a@b", "host=h user=u password=p dbname=d application_name='a@b'"},
        {"postgresql://user@server:p@h/d", "host=h user='user@server' password=p dbname=d"},
        {"postgresql://u:[secret]@h/d", "host=h user=u password='[secret]' dbname=d"},
    };
    static const struct row fixed[] = {
        /* the user ends at the first ':', which here belongs to nobody else */
        {"postgresql://u%40s:p@h/d", "host=h user='u@s' password=p dbname=d"},
    };
    check_rows(rows, ARRAY_LEN(rows));
    check_rows(fixed, ARRAY_LEN(fixed));
}

static void arguments_that_are_not_libpqs_are_dropped_with_a_warning(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;
    CLEANUP_BUF struct buf warnings = BUF_INIT;
    CLEANUP_FREE char *dsn = dsn_normalize("postgresql://u:a/b@h/d?prepare_threshold=0&foo=secret&sslmode=require&ssl=odd",
                                           &warnings, &e);
    assert_string_equal(dsn, "host=h user=u password=a/b dbname=d sslmode=require");
    assert_string_equal(warnings.data,
                        "argument \"prepare_threshold\" of the database address is not libpq's and was dropped\n"
                        "argument \"foo\" of the database address is not libpq's and was dropped\n"
                        "argument \"ssl\" of the database address is not libpq's and was dropped\n");
}

static void wrong_addresses_are_refused_without_a_secret(void **state)
{
    (void)state;
    static const struct {
        const char *in, *message, *hint;
    } rows[] = {
        {"mysql://u:geheim@h/d", "the database address begins with \"mysql://\"",
         "wfworker works with PostgreSQL: the address begins with postgresql://"},
        {"https://geheim.supabase.co", "the database address begins with \"https://\"",
         "wfworker works with PostgreSQL: the address begins with postgresql://"},
        {"postgresql://u:geheim@h:port/d", "the database address is not of the form postgresql://USER:PASSWORD@HOST:PORT/NAME",
         "write special characters of the password as %XX, for example %40 for @"},
        {"postgresql://u:geheim@h:123456/d",
         "the database address is not of the form postgresql://USER:PASSWORD@HOST:PORT/NAME",
         "write special characters of the password as %XX, for example %40 for @"},
        {"host=h password=sehr geheim", "the database address is neither a URI nor keyword=value pairs that libpq knows",
         "in keyword=value pairs a value with spaces stands in single quotes, with \\ before ' and \\ in it"},
        {"hots=geheim", "the database address is neither a URI nor keyword=value pairs that libpq knows",
         "in keyword=value pairs a value with spaces stands in single quotes, with \\ before ' and \\ in it"},
        {"postgresql://postgres:[YOUR-PASSWORD]@h/d",
         "the password in the database address is still the placeholder [YOUR-PASSWORD]", "put the real password there"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct error e = ERROR_INIT;
        assert_null(dsn_normalize(rows[i].in, NULL, &e));
        assert_string_equal(e.message, rows[i].message);
        assert_string_equal(e.hint, rows[i].hint);
        assert_string_equal(e.detail, "");
        assert_null(strstr(e.message, "geheim"));
    }
}

static void addresses_are_shown_without_secrets(void **state)
{
    (void)state;
    static const char *const names[] = {"PGHOST", "PGPORT", "PGUSER", "PGDATABASE", "PGPASSWORD", "PGSSLMODE"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        unsetenv(names[i]);
    static const struct row rows[] = {
        {"host=h user=u password=geheim dbname=d", "postgresql://u@h:5432/d"},
        {"host=h user=u password='ge heim' sslpassword=geheim dbname=d sslmode=require",
         "postgresql://u@h:5432/d?sslmode=require"},
        {"host=h1,h2,::1 port=1,2, user=u dbname=d", "postgresql://u@h1:1,h2:2,[::1]/d"},
        {"host=h1,h2 port=7 user=u dbname=d", "postgresql://u@h1:7,h2:7/d"},
        {"host=/tmp port=5433 user=u dbname=d", "postgresql://u@/d (socket in /tmp, port 5433)"},
        {"user='a b@c' dbname='x/y' host=h", "postgresql://a%20b%40c@h:5432/x%2Fy"},
        {"user=u host=h", "postgresql://u@h:5432/u"},
        {"hostaddr=127.0.0.1 user=u dbname=d", "postgresql://u@127.0.0.1:5432/d"},
        {"host=h password=sehr geheim", "(not a valid address)"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP_FREE char *text = dsn_display(rows[i].in);
        assert_string_equal(text, rows[i].out);
    }
    setenv("PGHOST", "envhost", 1);
    setenv("PGPASSWORD", "geheim", 1);
    setenv("PGUSER", "envuser", 1);
    CLEANUP_FREE char *text = dsn_display("");
    assert_string_equal(text, "postgresql://envuser@envhost:5432/envuser");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_of_all_spellings_are_understood),
        cmocka_unit_test(raw_special_characters_in_passwords_are_understood),
        cmocka_unit_test(arguments_that_are_not_libpqs_are_dropped_with_a_warning),
        cmocka_unit_test(wrong_addresses_are_refused_without_a_secret),
        cmocka_unit_test(addresses_are_shown_without_secrets),
    };
    return cmocka_run_group_tests_name("config dsn", tests, NULL, NULL);
}
