/* SPDX-License-Identifier: Apache-2.0 */
/* Settings as a whole: which source wins, which database, the error texts, and what is shown. */
#include "unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"
#include "config/settings.h"

static char *root; /* a temporary directory; the tests run in its `inner` */

static void put(const char *name, const char *text)
{
    FILE *f = fopen(name, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

/* No variable of the surroundings counts, and no file of another test is left. */
static int setup(void **state)
{
    (void)state;
    CLEANUP_FREE char *form = getenv("CMOCKA_MESSAGE_OUTPUT") ? strdup(getenv("CMOCKA_MESSAGE_OUTPUT")) : NULL;
    clearenv();
    if (form)
        setenv("CMOCKA_MESSAGE_OUTPUT", form, 1);
    unlink(".env");
    unlink("../.env");
    unlink("w.conf");
    setenv("PGUSER", "me", 1);
    return 0;
}

/* Arguments as words of one string. */
static struct settings_source *load(const char *line, char ***argv_out, int *argc_out, struct error *e)
{
    static char text[1024];
    static char *argv[32];
    int argc = 0;
    snprintf(text, sizeof text, "wfworker %s", line);
    for (char *save = NULL, *w = strtok_r(text, " ", &save); w && argc < 31; w = strtok_r(NULL, " ", &save))
        argv[argc++] = w;
    argv[argc] = NULL;
    struct settings_source *s = settings_load(&argc, argv, e);
    if (argv_out)
        *argv_out = argv;
    if (argc_out)
        *argc_out = argc;
    return s;
}

static struct settings_source *must_load(const char *line)
{
    struct error e = ERROR_INIT;
    struct settings_source *s = load(line, NULL, NULL, &e);
    if (!s)
        fail_msg("%s: %s %s", line, e.message, e.detail);
    return s;
}

static void check_error(const char *line, const char *message, const char *detail, const char *hint)
{
    struct error e = ERROR_INIT;
    assert_null(load(line, NULL, NULL, &e));
    assert_string_equal(e.message, message);
    assert_string_equal(e.detail, detail);
    assert_string_equal(e.hint, hint);
}

static void defaults_are_as_documented(void **state)
{
    (void)state;
    struct settings_source *s = must_load("");
    const struct settings *v = settings_get(s);
    assert_string_equal(v->db, "");
    assert_null(v->listen_dsn);
    assert_true(v->listen);
    assert_int_equal(v->poll_interval_ms, 1000);
    assert_int_equal(v->concurrency, 10);
    assert_int_equal(v->max_in_flight, 10000);
    assert_int_equal(v->lease_ms, 15000);
    assert_int_equal(v->shutdown_grace_ms, 10000);
    assert_int_equal(v->http_guard, HTTP_GUARD_METADATA);
    assert_int_equal(v->http_max_response, 16777216);
    assert_int_equal(v->max_inline, 65536);
    assert_int_equal(v->log_level, LOG_INFO);
    assert_int_equal(v->execution_log, EXECUTION_LOG_FULL);
    assert_null(v->plugin_path);
    assert_null(v->plugin_dirs[0]);
    assert_false(v->strict);
    assert_true(v->unlabelled_condition_order);
    assert_int_equal(v->max_retries, 3);
    assert_true(v->retry_multiplier == 2.0);
    assert_int_equal(v->node_timeout_ms, 300000);
    assert_int_equal(v->history_retention_days, 30);
    assert_null(v->web_listen);
    assert_null(v->env_allow[0]);
    assert_null(v->config_file);
    settings_free(s);
}

static void flags_are_taken_out_of_the_arguments(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;
    char **argv;
    int argc;
    struct settings_source *s =
        load("--db=x submit wf --poll-interval 0.5 --data {} --strict --plugin-dir /a,b --plugin-dir=/c --env-allow A,B "
             "--http-guard private --no-strict -- --db y",
             &argv, &argc, &e);
    assert_non_null(s);
    const struct settings *v = settings_get(s);
    assert_string_equal(v->db, "dbname=x");
    assert_int_equal(v->poll_interval_ms, 500);
    assert_false(v->strict);
    assert_string_equal(v->plugin_dirs[0], "/a,b");
    assert_string_equal(v->plugin_dirs[1], "/c");
    assert_null(v->plugin_dirs[2]);
    assert_string_equal(v->env_allow[0], "A");
    assert_string_equal(v->env_allow[1], "B");
    assert_int_equal(v->http_guard, HTTP_GUARD_PRIVATE);
    static const char *const left[] = {"wfworker", "submit", "wf", "--data", "{}", "--", "--db", "y"};
    assert_int_equal(argc, ARRAY_LEN(left));
    for (int i = 0; i < argc; i++)
        assert_string_equal(argv[i], left[i]);
    assert_null(argv[argc]);
    settings_free(s);
}

static int concurrency(const char *line)
{
    struct settings_source *s = must_load(line);
    int n = settings_get(s)->concurrency;
    settings_free(s);
    return n;
}

static void flags_beat_variables_beat_env_files_beat_the_file(void **state)
{
    (void)state;
    assert_int_equal(concurrency(""), 10);
    put("w.conf", "concurrency = 2\n");
    assert_int_equal(concurrency("--config w.conf"), 2);
    setenv("WFWORKER_CONFIG", "w.conf", 1);
    assert_int_equal(concurrency(""), 2);
    put("../.env", "WORKFLOW_WORKER_CONCURRENCY=3\n");
    assert_int_equal(concurrency(""), 3);
    put(".env", "WORKFLOW_WORKER_CONCURRENCY=4\n");
    assert_int_equal(concurrency(""), 4);
    setenv("WORKFLOW_WORKER_CONCURRENCY", "5", 1);
    assert_int_equal(concurrency(""), 5);
    setenv("WFWORKER_CONCURRENCY", " 6 ", 1);
    assert_int_equal(concurrency(""), 6);
    assert_int_equal(concurrency("--concurrency 7"), 7);
    assert_int_equal(concurrency("--concurrency 7 run --concurrency 8"), 8);
    setenv("WFWORKER_CONCURRENCY", "", 1);
    assert_int_equal(concurrency(""), 5);
}

static void the_products_variables_are_read(void **state)
{
    (void)state;
    setenv("WORKFLOW_MAX_RETRIES", "0", 1);
    setenv("WORKFLOW_RETRY_BACKOFF_MULTIPLIER", "1.5", 1);
    setenv("WORKFLOW_NODE_TIMEOUT_SECONDS", "60", 1);
    setenv("WORKFLOW_HISTORY_RETENTION_DAYS", "7", 1);
    struct settings_source *s = must_load("");
    const struct settings *v = settings_get(s);
    assert_int_equal(v->max_retries, 0);
    assert_true(v->retry_multiplier == 1.5);
    assert_int_equal(v->node_timeout_ms, 60000);
    assert_int_equal(v->history_retention_days, 7);
    settings_free(s);
}

static void check_db(const char *line, const char *dsn, const char *display, const char *origin)
{
    struct settings_source *s = must_load(line);
    const struct settings *v = settings_get(s);
    assert_string_equal(v->db, dsn);
    assert_string_equal(v->db_display, display);
    assert_string_equal(v->db_origin, origin);
    settings_free(s);
}

static void the_database_comes_from_the_first_that_names_one(void **state)
{
    (void)state;
    check_db("", "", "postgresql://me@/me (socket, port 5432)", "variables PGUSER");
    put("w.conf", "db = host=f dbname=file\n");
    setenv("WFWORKER_CONFIG", "w.conf", 1);
    check_db("", "host=f dbname=file", "postgresql://me@f:5432/file", "w.conf:1");
    setenv("POSTGRES_USER", "u", 1);
    setenv("POSTGRES_PASSWORD", "p w'@:/", 1);
    check_db("", "host=f dbname=file", "postgresql://me@f:5432/file", "w.conf:1");
    setenv("POSTGRES_SERVER", "server", 1);
    setenv("POSTGRES_DB", "d", 1);
    check_db("", "host=server port=5432 user=u password='p w\\'@:/' dbname=d", "postgresql://u@server:5432/d",
             "environment variable POSTGRES_SERVER, POSTGRES_USER, POSTGRES_PASSWORD, POSTGRES_DB");
    setenv("POSTGRES_HOST", "host", 1);
    setenv("POSTGRES_PORT", "5433", 1);
    check_db("", "host=host port=5433 user=u password='p w\\'@:/' dbname=d", "postgresql://u@host:5433/d",
             "environment variable POSTGRES_HOST, POSTGRES_PORT, POSTGRES_USER, POSTGRES_PASSWORD, POSTGRES_DB");
    setenv("DATABASE_URL", "postgresql+asyncpg://a:b@c/d", 1);
    check_db("", "host=c user=a password=b dbname=d", "postgresql://a@c:5432/d", "environment variable DATABASE_URL");
    setenv("SUPABASE_URL", "https://abcdef.supabase.co", 1);
    check_db("", "host=c user=a password=b dbname=d", "postgresql://a@c:5432/d", "environment variable DATABASE_URL");
    setenv("SUPABASE_DB_PASSWORD", "s e", 1);
    check_db("", "host=db.abcdef.supabase.co port=5432 user=postgres password='s e' dbname=postgres",
             "postgresql://postgres@db.abcdef.supabase.co:5432/postgres",
             "environment variable SUPABASE_URL and SUPABASE_DB_PASSWORD");
    put("../.env", "SUPABASE_DB_URL='postgresql://x:y@z/w'\n");
    check_db("", "host=z user=x password=y dbname=w", "postgresql://x@z:5432/w", "variable SUPABASE_DB_URL in ../.env");
    setenv("WFWORKER_DB", "own", 1);
    check_db("", "dbname=own", "postgresql://me@/own (socket, port 5432)", "environment variable WFWORKER_DB");
    check_db("--db flag", "dbname=flag", "postgresql://me@/flag (socket, port 5432)", "flag --db");
}

static void libpqs_variables_may_stand_in_an_env_file(void **state)
{
    (void)state;
    put(".env", "PGHOST=envhost\nPGUSER=other\nPGPASSWORD=geheim\n");
    check_db("", "", "postgresql://me@envhost:5432/me", "variables PGUSER, PGPASSWORD, PGHOST");
    assert_string_equal(getenv("PGPASSWORD"), "geheim");
    assert_string_equal(getenv("PGUSER"), "me");
}

static void wrong_values_name_setting_value_and_origin(void **state)
{
    (void)state;
    check_error("--concurrency zero", "invalid value \"zero\" for setting concurrency, from flag --concurrency",
                "it must be a whole number from 1 to 1024", "");
    check_error("--concurrency", "option --concurrency needs a value", "", "");
    check_error("--db --strict", "option --db needs a value", "", "");
    check_error("--http-guard=on", "invalid value \"on\" for setting http_guard, from flag --http-guard",
                "it must be one of: off, metadata, private", "");
    check_error("--lease-seconds 0.5", "invalid value \"0.5\" for setting lease_seconds, from flag --lease-seconds",
                "it must be seconds, or a number with ms, s, m, h or d, from 1 s to 1 h", "");
    check_error("--http-max-response 1", "invalid value \"1\" for setting http_max_response, from flag --http-max-response",
                "it must be bytes, or a number with KiB, MiB or GiB, from 1 KiB to 1 GiB", "");
    check_error("--retry-multiplier 0.5", "invalid value \"0.5\" for setting retry_multiplier, from flag --retry-multiplier",
                "it must be a number from 1 to 100", "");
    check_error("--strict=perhaps", "invalid value \"perhaps\" for setting strict, from flag --strict",
                "it must be on or off", "");
    check_error("--web-listen 80", "invalid value \"80\" for setting web_listen, from flag --web-listen",
                "it must be HOST:PORT, or off", "");
    setenv("WORKFLOW_MAX_RETRIES", "-1", 1);
    check_error("", "invalid value \"-1\" for setting max_retries, from environment variable WORKFLOW_MAX_RETRIES",
                "it must be a whole number from 0 to 1000", "");
    unsetenv("WORKFLOW_MAX_RETRIES");
    put(".env", "WFWORKER_POLL_INTERVAL=fast\n");
    check_error("", "invalid value \"fast\" for setting poll_interval, from variable WFWORKER_POLL_INTERVAL in .env",
                "it must be seconds, or a number with ms, s, m, h or d, from 10 ms to 1 h", "");
}

static void wrong_databases_are_named_without_the_secret(void **state)
{
    (void)state;
    static const char form[] = "postgresql://USER:PASSWORD@HOST:PORT/NAME";
    static const char hint[] = "write special characters of the password as %XX, for example %40 for @";
    char text[300];
    setenv("DATABASE_URL", "postgresql://u:geheim@h:p/d", 1);
    snprintf(text, sizeof text, "setting db, from environment variable DATABASE_URL: the database address is not of the form %s",
             form);
    check_error("", text, "", hint);
    unsetenv("DATABASE_URL");
    setenv("POSTGRES_HOST", "h", 1);
    setenv("POSTGRES_PORT", "x", 1);
    check_error("", "invalid value \"x\" for the variable POSTGRES_PORT", "it must be a whole number from 1 to 65535", "");
    setenv("SUPABASE_DB_PASSWORD", "geheim", 1);
    setenv("SUPABASE_URL", "https://db.example.com", 1);
    check_error("", "SUPABASE_URL is not of the form https://REF.supabase.co (environment variable SUPABASE_URL)", "",
                "set SUPABASE_DB_URL to the connection string of the database instead");
}

static void errors_of_the_file_name_file_line_and_nearest_name(void **state)
{
    (void)state;
    check_error("--config none.conf", "there is no configuration file \"none.conf\"", "", "");
    put("w.conf", "\nconcurency = 3\n");
    check_error("--config w.conf", "w.conf:2: unknown setting \"concurency\"", "", "did you mean \"concurrency\"?");
    put("w.conf", "concurency = 3\nlistn = 1\ndb = x\n\nzzzzzzzzzzzz = 3\n");
    check_error("--config w.conf", "w.conf:1: unknown settings \"concurency\", \"listn\" (line 2), \"zzzzzzzzzzzz\" (line 5)", "",
                "did you mean \"concurrency\" for \"concurency\", \"listen\" for \"listn\"?");
    put("w.conf", "zzzzzzzzzzzz = 3\n");
    check_error("--config w.conf", "w.conf:1: unknown setting \"zzzzzzzzzzzz\"", "",
                "wfworker config shows the settings that there are");
    put("w.conf", "[plugin http]\nanything = 1\n");
    struct settings_source *s = must_load("--config w.conf");
    CLEANUP_JSON json_t *section = settings_plugin(s, "http");
    assert_string_equal(js_str(section, "anything"), "1");
    assert_null(settings_plugin(s, "core"));
    assert_string_equal(settings_get(s)->config_file, "w.conf");
    settings_free(s);
    put("w.conf", "config = x\n");
    check_error("--config w.conf", "w.conf:1: unknown setting \"config\"", "",
                "wfworker config shows the settings that there are");
}

/* Also those without keys; one that is opened again stands there again. */
static void sections_are_told_with_their_places(void **state)
{
    static const struct settings_section expected[] = {
        {"http", NULL, "w.conf", 1}, {"exec", "acme.it", "w.conf", 3}, {"mail", NULL, "w.conf", 4}, {"http", NULL, "w.conf", 6}};
    struct settings_section got;
    (void)state;
    put("w.conf", "[plugin http]\na = 1\n[exec acme.it]\n[plugin mail]\n\n[plugin http]\nb = 2\n");
    struct settings_source *s = must_load("--config w.conf");
    for (size_t i = 0; i < ARRAY_LEN(expected); i++) {
        assert_true(settings_section(s, i, &got));
        assert_string_equal(got.plugin, expected[i].plugin);
        assert_string_equal(got.type ? got.type : "", expected[i].type ? expected[i].type : "");
        assert_string_equal(got.file, expected[i].file);
        assert_int_equal(got.line, expected[i].line);
    }
    assert_false(settings_section(s, ARRAY_LEN(expected), &got));
    CLEANUP_JSON json_t *http = settings_plugin(s, "http"), *mail = settings_plugin(s, "mail"), *exec = settings_plugin(s, "exec");
    CLEANUP_FREE char *http_text = js_text(http), *mail_text = js_text(mail), *exec_text = js_text(exec);
    assert_string_equal(http_text, "{\"a\":\"1\",\"b\":\"2\"}");
    assert_string_equal(mail_text, "{}");
    assert_string_equal(exec_text, "{\"types\":{\"acme.it\":{}}}");
    settings_free(s);
}

static void what_is_shown_holds_no_secret(void **state)
{
    (void)state;
    put("w.conf", "listen_dsn = host=l password=geheim\n[plugin mail]\nsmtp_password = geheim\nhost = relay\n");
    setenv("WFWORKER_CONFIG", "w.conf", 1);
    struct settings_source *s = must_load("--db postgresql://u:geheim@h/d --node-timeout 90 --env-allow A,B");
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    settings_print(s, out);
    settings_help(out);
    fclose(out);
    assert_null(strstr(text, "geheim"));
    assert_non_null(strstr(text, "db                      postgresql://u@h:5432/d"));
    assert_non_null(strstr(text, "plugin mail: smtp_password  ********"));
    assert_non_null(strstr(text, "plugin mail: host       relay"));
    free(text);
    CLEANUP_JSON json_t *all = settings_json(s);
    CLEANUP_FREE char *json = js_text(all);
    assert_null(strstr(json, "geheim"));
    const json_t *settings = json_object_get(all, "settings");
    assert_string_equal(js_str(json_object_get(settings, "db"), "value"), "postgresql://u@h:5432/d");
    assert_string_equal(js_str(json_object_get(settings, "db"), "from"), "flag --db");
    assert_true(json_number_value(json_object_get(json_object_get(settings, "node_timeout"), "value")) == 90.0);
    assert_int_equal(json_array_size(json_object_get(json_object_get(settings, "env_allow"), "value")), 2);
    settings_free(s);
}

static int enter_directory(void **state)
{
    (void)state;
    root = strdup("/tmp/wfw-config-XXXXXX");
    return root && mkdtemp(root) && chdir(root) == 0 && mkdir("inner", 0700) == 0 ? chdir("inner") : -1;
}

static int leave_directory(void **state)
{
    setup(state);
    int rc = chdir("/");
    char inner[64];
    snprintf(inner, sizeof inner, "%s/inner", root);
    rmdir(inner);
    rmdir(root);
    free(root);
    return rc;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(defaults_are_as_documented, setup),
        cmocka_unit_test_setup(flags_are_taken_out_of_the_arguments, setup),
        cmocka_unit_test_setup(flags_beat_variables_beat_env_files_beat_the_file, setup),
        cmocka_unit_test_setup(the_products_variables_are_read, setup),
        cmocka_unit_test_setup(the_database_comes_from_the_first_that_names_one, setup),
        cmocka_unit_test_setup(libpqs_variables_may_stand_in_an_env_file, setup),
        cmocka_unit_test_setup(wrong_values_name_setting_value_and_origin, setup),
        cmocka_unit_test_setup(wrong_databases_are_named_without_the_secret, setup),
        cmocka_unit_test_setup(errors_of_the_file_name_file_line_and_nearest_name, setup),
        cmocka_unit_test_setup(sections_are_told_with_their_places, setup),
        cmocka_unit_test_setup(what_is_shown_holds_no_secret, setup),
    };
    return cmocka_run_group_tests_name("config settings", tests, enter_directory, leave_directory);
}
