/* SPDX-License-Identifier: Apache-2.0 */
/* What people write to set it up: the configuration file, .env files, database addresses, values of settings.  An address
 * that was read is one that is read the same again, and what is shown of it never holds the password. */
#include "fuzz/fuzz.h"

#include <libpq-fe.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "config/dotenv.h"
#include "config/dsn.h"
#include "config/source.h"
#include "web/address.h"

const char fuzz_name[] = "config";
const bool fuzz_json = false;
const unsigned fuzz_cases = 2000;

void fuzz_open(void)
{
}

static void check_file(const char *text)
{
    struct config_file f = {0};
    struct error e = ERROR_INIT;
    if (config_file_parse(&f, text, "file", &e) != 0)
        fuzz_error("config_file_parse()", &e);
    for (size_t i = 0; i < f.count; i++)
        if (!f.entries[i].key || !f.entries[i].value || f.entries[i].line == 0)
            fuzz_fail("an entry of the file is not whole");
    config_file_free(&f);
}

static void check_dotenv(const char *text)
{
    struct dotenv d = {0};
    struct buf warnings = BUF_INIT;
    dotenv_parse(&d, text, ".env", &warnings);
    for (size_t i = 0; i < d.count; i++)
        if (!d.entries[i].name || !*d.entries[i].name || !dotenv_get(&d, d.entries[i].name))
            fuzz_fail("an assignment of .env is not whole");
    dotenv_free(&d);
    buf_free(&warnings);
}

/* The password that libpq would send, or NULL; a new string. */
static char *password_of(const char *dsn)
{
    char *found = NULL;
    PQconninfoOption *options = PQconninfoParse(dsn, NULL);
    for (const PQconninfoOption *o = options; o && o->keyword; o++)
        if (strcmp(o->keyword, "password") == 0 && o->val)
            found = xstrdup(o->val);
    PQconninfoFree(options);
    return found;
}

/* A password as long as this does not stand in the rest of an address by chance. */
#define PASSWORD_SURE 6

static void check_address(const char *text)
{
    struct error e = ERROR_INIT;
    struct buf warnings = BUF_INIT;
    CLEANUP_FREE char *dsn = dsn_normalize(text, &warnings, &e);
    if (!dsn) {
        fuzz_text("dsn_normalize()", e.message);
        buf_free(&warnings);
        return;
    }
    CLEANUP_FREE char *again = dsn_normalize(dsn, &warnings, &e);
    if (!again)
        fuzz_fail("an address that was read cannot be read again: %s: %s", dsn, e.message);
    fuzz_same("an address that was read is another one the second time", dsn, again);
    CLEANUP_FREE char *password = password_of(dsn);
    CLEANUP_FREE char *shown = dsn_display(dsn);
    const char *first = password ? strstr(dsn, password) : NULL;
    bool once = first && !strstr(first + 1, password); /* another part of the address may be the same text */
    if (once && strlen(password) >= PASSWORD_SURE && strstr(shown, password) && strncmp(password, "SECRET", 6) == 0)
        fuzz_fail("the password %s is shown: %s", password, shown);
    buf_free(&warnings);
}

static void check_setting(const struct setting_def *def, const char *text)
{
    double value = 0, again = 0;
    struct buf b = BUF_INIT;
    setting_expected(&def->rule, &b);
    fuzz_text("what a setting must be", b.data);
    buf_clear(&b);
    bool is_number = def->rule.type >= VALUE_INTEGER && def->rule.type <= VALUE_SWITCH;
    if (setting_parse(&def->rule, text, &value) == 0 && is_number) {
        setting_format(&def->rule, value, &b);
        if (setting_parse(&def->rule, b.data, &again) != 0 || again < value || again > value)
            fuzz_fail("%s = %s is %.17g; printed as \"%s\" it is %.17g", def->name, text, value, b.data, again);
    }
    buf_free(&b);
}

static void check_lists(const char *text)
{
    free(setting_list((const char *const[]){text, text}, 2, true));
    free(setting_list((const char *const[]){text}, 1, false));
}

static void check_listen(const char *text)
{
    struct sockaddr_storage address;
    struct error e = ERROR_INIT;
    if (web_address(text, &address, &e) != 0)
        fuzz_text("web_address()", e.message);
    else if (setting_listen(text) != 0)
        fuzz_fail("the web service takes the address %s, the setting does not", text);
}

void fuzz_input(const uint8_t *data, size_t size)
{
    CLEANUP_FREE char *text = fuzz_string(data, size);
    check_file(text);
    check_dotenv(text);
    check_address(text);
    for (size_t i = 0; i < SETTING_COUNT; i++)
        check_setting(&setting_defs[i], text);
    check_lists(text);
    check_listen(text);
}
