/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of settings: values with units, .env files, the configuration file, nearest names. */
#include "unit/test.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/nearest.h"
#include "config/dotenv.h"
#include "config/file.h"
#include "config/setting_value.h"

static const struct setting_rule duration = {VALUE_DURATION, 10, 3600000, NULL};
static const struct setting_rule size = {VALUE_SIZE, 1024, 1073741824, NULL};
static const struct setting_rule integer = {VALUE_INTEGER, 0, 1000, NULL};
static const struct setting_rule number = {VALUE_NUMBER, 1, 100, NULL};
static const struct setting_rule boolean = {VALUE_BOOLEAN, 0, 0, NULL};
static const struct setting_rule choice = {VALUE_CHOICE, 0, 0, "off metadata private"};
static const struct setting_rule listening = {VALUE_LISTEN, 0, 0, NULL};

static void values_with_units_are_read_and_written(void **state)
{
    (void)state;
    static const struct {
        const struct setting_rule *rule;
        const char *in;
        double value;
        const char *out;
    } rows[] = {
        {&duration, "1.5", 1500, "1.5 s"}, {&duration, "1500ms", 1500, "1.5 s"}, {&duration, "2s", 2000, "2 s"},
        {&duration, "5m", 300000, "5 min"},    {&duration, "5 min", 300000, "5 min"},    {&duration, "1h", 3600000, "1 h"},
        {&duration, "90", 90000, "90 s"},    {&duration, "1e1", 10000, "10 s"},      {&duration, "0.0104", 10, "10 ms"},
        {&size, "16MiB", 16777216, "16 MiB"}, {&size, "64K", 65536, "64 KiB"},       {&size, "1GiB", 1073741824, "1 GiB"},
        {&size, "2000", 2000, "2000 B"},     {&size, "10 kB", 10000, "10000 B"},     {&size, "1.5KiB", 1536, "1536 B"},
        {&integer, "0", 0, "0"},            {&integer, "1000", 1000, "1000"},      {&integer, "1e2", 100, "100"},
        {&number, "2.5", 2.5, "2.5"},       {&number, "2.0", 2, "2"},              {&boolean, "Yes", 1, "on"},
        {&boolean, "0", 0, "off"},          {&choice, "PRIVATE", 2, "private"},    {&choice, "off", 0, "off"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        double value = -1;
        CLEANUP_BUF struct buf text = BUF_INIT;
        if (setting_parse(rows[i].rule, rows[i].in, &value) != 0)
            fail_msg("%s was refused", rows[i].in);
        if (value != rows[i].value)
            fail_msg("%s was read as %g", rows[i].in, value);
        setting_format(rows[i].rule, value, &text);
        assert_string_equal(text.data, rows[i].out);
    }
}

static void wrong_values_are_refused(void **state)
{
    (void)state;
    static const struct {
        const struct setting_rule *rule;
        const char *in;
    } rows[] = {
        {&duration, ""},     {&duration, "s"},    {&duration, "-1"},   {&duration, "9ms"},   {&duration, "2h"},
        {&duration, "1x"},   {&duration, "0x10"}, {&duration, "nan"},  {&duration, "inf"},   {&duration, "1e999"},
        {&duration, "1 2"},  {&size, "1"},        {&size, "2GiB"},     {&size, "1mib"},      {&integer, "1.5"},
        {&integer, "1001"},  {&integer, "-1"},    {&integer, "ten"},   {&integer, "1 "},     {&integer, "0x1"},
        {&number, "0.9"},    {&number, "1,5"},    {&boolean, "maybe"}, {&choice, "priv"},    {&choice, ""},
        {&listening, "80"},  {&listening, "h:"},  {&listening, "h:x"}, {&listening, "h:65536"}, {&listening, "::1:80"},
        {&listening, "http://h:80"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        double value = 0;
        if (setting_parse(rows[i].rule, rows[i].in, &value) != -1)
            fail_msg("\"%s\" was accepted", rows[i].in);
    }
    double unused;
    assert_int_equal(setting_parse(&listening, "127.0.0.1:8080", &unused), 0);
    assert_int_equal(setting_parse(&listening, "[::1]:0", &unused), 0);
    assert_int_equal(setting_parse(&listening, "Off", &unused), 0);
}

static void check_dotenv(const char *text, const char *const *pairs, const char *expected_warnings)
{
    struct dotenv d = {0};
    CLEANUP_BUF struct buf warnings = BUF_INIT;
    dotenv_parse(&d, text, ".env", &warnings);
    size_t n = 0;
    for (; pairs[n]; n += 2) {
        const char *value = dotenv_get(&d, pairs[n]);
        if (!value || strcmp(value, pairs[n + 1]) != 0)
            fail_msg("%s is %s in: %s", pairs[n], value ? value : "not there", text);
    }
    assert_int_equal(d.count, n / 2);
    assert_string_equal(warnings.data ? warnings.data : "", expected_warnings);
    dotenv_free(&d);
}

static void env_files_are_read_as_python_dotenv_does(void **state)
{
    (void)state;
    setenv("WFW_OUTER", "outside", 1);
    unsetenv("WFW_NONE");
    check_dotenv("", (const char *[]){NULL}, "");
    check_dotenv("A=1\r\nB = two words \nexport C=3\n\n# no\n  D='4'\n",
                 (const char *[]){"A", "1", "B", "two words", "C", "3", "D", "4", NULL}, "");
    check_dotenv("A=x # c\nB=x#y\nC=#x\nD=\nE= ", (const char *[]){"A", "x", "B", "x#y", "C", "#x", "D", "", "E", "", NULL}, "");
    check_dotenv("A=\"a\\nb\\t\\\"\\q\" # c\nB='a\\nb\\'c\\\\'\nC=a\\nb\n",
                 (const char *[]){"A", "a\nb\t\"\\q", "B", "a\\nb'c\\", "C", "a\\nb", NULL}, "");
    check_dotenv("A=\"one\ntwo\"\nB=3\n", (const char *[]){"A", "one\ntwo", "B", "3", NULL}, "");
    check_dotenv("A=1\nB=${A}2${WFW_OUTER}${WFW_NONE:-x y}${WFW_NONE}$A${\n",
                 (const char *[]){"A", "1", "B", "12outsidex y$A${", NULL}, "");
    check_dotenv("'A b'=1\nNAME\nexport\nB=$(rm x)`y`\n", (const char *[]){"A b", "1", "B", "$(rm x)`y`", NULL}, "");
    check_dotenv("A=1\nA=2", (const char *[]){"A", "2", "A", "2", NULL}, "");
    check_dotenv("A='open\nB=2\n=x\nC=\"x\" y\nD=4",
                 (const char *[]){"B", "2", "D", "4", NULL},
                 ".env:1: this is no assignment and was skipped\n"
                 ".env:3: this is no assignment and was skipped\n"
                 ".env:4: this is no assignment and was skipped\n");
}

static void configuration_files_are_read(void **state)
{
    (void)state;
    struct config_file f = {0};
    struct error e = ERROR_INIT;
    const char *text = "# a comment\n\nconcurrency = 4\r\ndb=postgresql://u:a#b@h/d?x=y\n  q = \"  a \\\" b\\\\ \"\n[plugin http]\n"
                       "concurrency = x\n[ plugin  my.one ]\nkey =\n[exec acme.report]\nkey = 1\n[exec  acme.other]\nkey = 2\n[plugin exec]\nkey = 3\n";
    assert_int_equal(config_file_parse(&f, text, "w.conf", &e), 0);
    assert_int_equal(f.count, 8);
    assert_string_equal(config_file_find(&f, "concurrency")->value, "4");
    assert_int_equal(config_file_find(&f, "concurrency")->line, 3);
    assert_string_equal(config_file_find(&f, "db")->value, "postgresql://u:a#b@h/d?x=y");
    assert_string_equal(config_file_find(&f, "q")->value, "  a \" b\\ ");
    assert_null(config_file_find(&f, "key"));
    assert_string_equal(f.entries[3].section, "http");
    assert_string_equal(f.entries[4].section, "my.one");
    assert_string_equal(f.entries[4].value, "");
    assert_null(f.entries[4].part);
    for (size_t i = 5; i < 8; i++)
        assert_string_equal(f.entries[i].section, "exec");
    assert_string_equal(f.entries[5].part, "acme.report");
    assert_string_equal(f.entries[6].part, "acme.other");
    assert_null(f.entries[7].part);
    config_file_free(&f);
}

#define NAMES "use letters, digits, \"_\" and \"-\" in parts with dots between, like \"vendor.thing\", 64 characters at most"
#define SIXTY "123456789012345678901234567890123456789012345678901234567890"

static void errors_in_configuration_files_name_file_and_line(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message, *hint;
    } rows[] = {
        {"a = 1\nb\n", "w.conf:2: this is not of the form key = value",
         "comments begin with # and have a line of their own"},
        {"= 1\n", "w.conf:1: this is not of the form key = value",
         "comments begin with # and have a line of their own"},
        {"a = 1\n\na = 2\n", "w.conf:3: \"a\" was already set in line 1", ""},
        {"[plugins]\n", "w.conf:1: unknown section [plugins]", "the only sections are [plugin NAME] and [exec TYPE]"},
        {"[plugin ../x]\n", "w.conf:1: unknown section [plugin ../x]", "the only sections are [plugin NAME] and [exec TYPE]"},
        {"[exec acme/x]\n", "w.conf:1: \"acme/x\" is not a valid name of a node type", NAMES},
        {"[exec 1acme.x]\n", "w.conf:1: \"1acme.x\" is not a valid name of a node type", NAMES},
        {"[exec acme..x]\n", "w.conf:1: \"acme..x\" is not a valid name of a node type", NAMES},
        {"[exec acme.x.]\n", "w.conf:1: \"acme.x.\" is not a valid name of a node type", NAMES},
        {"[exec acme.x y]\n", "w.conf:1: \"acme.x y\" is not a valid name of a node type", NAMES},
        {"[exec acme." SIXTY "]\n", "w.conf:1: \"acme." SIXTY "\" is not a valid name of a node type", NAMES},
        {"\n[exec rep]\n", "w.conf:2: the name of the node type \"rep\" has no vendor prefix",
         "names without a dot are wfworker's own; say [exec acme.rep]"},
        {"[exec a.b]\nx = 1\n[exec a.c]\nx = 1\n[exec a.b]\nx = 2\n", "w.conf:6: \"x\" was already set in line 2", ""},
        {"[plugin x\n", "w.conf:1: a section ends with ]", ""},
        {"[\n", "w.conf:1: a section ends with ]", ""},
        {"a = \"x\n", "w.conf:1: the value of \"a\" has no closing quote", ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct config_file f = {0};
        struct error e = ERROR_INIT;
        assert_int_equal(config_file_parse(&f, rows[i].text, "w.conf", &e), -1);
        assert_string_equal(e.message, rows[i].message);
        assert_string_equal(e.hint, rows[i].hint);
        config_file_free(&f);
    }
}

static const char *nearest(const char *word)
{
    struct nearest n = {.word = word};
    static const char *const names[] = {"concurrency", "db", "listen", "listen_dsn", "log_level"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        nearest_offer(&n, names[i]);
    return n.best;
}

static void the_nearest_name_is_found(void **state)
{
    (void)state;
    assert_string_equal(nearest("concurency"), "concurrency");
    assert_string_equal(nearest("log-levle"), "log_level");
    assert_string_equal(nearest("LISTN"), "listen");
    assert_null(nearest("timeout"));
    assert_null(nearest("xy"));
}

static const char *meant(const char *word, const char *candidate)
{
    struct nearest n = {.word = word};
    nearest_offer(&n, candidate);
    return nearest_meant(&n);
}

/* A guess about somebody's data: two letters at most, and no more than a third of the word. */
static void what_was_meant_is_a_careful_guess(void **state)
{
    (void)state;
    assert_string_equal(meant("http_requst", "http_request"), "http_request");
    assert_string_equal(meant("htp_requst", "http_request"), "http_request");
    assert_null(meant("htp_rqust", "http_request"));
    assert_string_equal(meant("HTTP-Request", "http_request"), "http_request");
    assert_string_equal(meant("fo", "for"), "for");
    assert_null(meant("at", "end"));
    assert_null(meant("", "if"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_with_units_are_read_and_written),
        cmocka_unit_test(wrong_values_are_refused),
        cmocka_unit_test(env_files_are_read_as_python_dotenv_does),
        cmocka_unit_test(configuration_files_are_read),
        cmocka_unit_test(errors_in_configuration_files_name_file_and_line),
        cmocka_unit_test(the_nearest_name_is_found),
        cmocka_unit_test(what_was_meant_is_a_careful_guess),
    };
    return cmocka_run_group_tests_name("config parts", tests, NULL, NULL);
}
