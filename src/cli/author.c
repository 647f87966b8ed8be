/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/author.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"
#include "cli/spawn.h"

#define MAX_TEXT 200

/* May stand in a C string, a changelog and a mail address. */
static bool harmless(const char *text)
{
    size_t len = strlen(text);
    for (const char *p = text; *p; p++)
        if ((unsigned char)*p < 0x20 || strchr("\"\\<>\x7f", *p))
            return false;
    return len > 0 && len <= MAX_TEXT && text[0] != ' ' && text[len - 1] != ' ';
}

/* ---- Who ---- */

static int split(const char *given, char **name, char **mail, struct error *e)
{
    const char *open = strrchr(given, '<'), *end = given + strlen(given);
    if (open && open > given && end[-1] == '>') {
        const char *stop = open;
        while (stop > given && stop[-1] == ' ')
            stop--;
        *name = xstrndup(given, (size_t)(stop - given));
        *mail = xstrndup(open + 1, (size_t)(end - open) - 2);
        const char *at = strchr(*mail, '@');
        if (harmless(*name) && harmless(*mail) && !strchr(*name, '@') && at && at > *mail && at[1] && !strchr(at + 1, '@') &&
            !strchr(*mail, ' '))
            return 0;
    }
    err_set(e, "--author \"%.100s\" is not NAME <MAIL>", given);
    return err_hint(e, "for example --author 'Ada Lovelace <ada@example.org>'");
}

static char *from_git(const char *key)
{
    const char *const args[] = {"git", "config", "--get", key, NULL};
    CLEANUP_BUF struct buf said = BUF_INIT;
    if (!spawn_there("git") || spawn_run(args, NULL, &said, NULL) != 0 || said.len == 0)
        return NULL;
    said.data[strcspn(said.data, "\n")] = '\0';
    return xstrdup(said.data);
}

/* The first that is there and harmless: of variables, then of git. */
static char *known(const char *const *variables, const char *git)
{
    for (; *variables; variables++) {
        const char *value = getenv(*variables);
        if (value && harmless(value))
            return xstrdup(value);
    }
    char *value = from_git(git);
    if (value && harmless(value))
        return value;
    free(value);
    return NULL;
}

static const struct passwd *user(void)
{
    const struct passwd *p = getpwuid(getuid());
    return p && p->pw_name && *p->pw_name ? p : NULL;
}

static char *user_name(void)
{
    const struct passwd *p = user();
    CLEANUP_FREE char *full = p && p->pw_gecos ? xstrndup(p->pw_gecos, strcspn(p->pw_gecos, ",")) : NULL;
    if (full && harmless(full) && !strchr(full, '@'))
        return STEAL(full);
    return xstrdup(p && harmless(p->pw_name) ? p->pw_name : "unknown");
}

static char *user_mail(void)
{
    char host[256] = "";
    const struct passwd *p = user();
    if (gethostname(host, sizeof host - 1) != 0 || !strchr(host, '.') || !harmless(host))
        snprintf(host, sizeof host, "example.org");
    return xasprintf("%s@%s", p && harmless(p->pw_name) ? p->pw_name : "unknown", host);
}

static void find_author(char **name, char **mail)
{
    static const char *const names[] = {"DEBFULLNAME", "GIT_AUTHOR_NAME", NULL};
    static const char *const mails[] = {"DEBEMAIL", "EMAIL", "GIT_AUTHOR_EMAIL", NULL};
    *name = known(names, "user.name");
    *mail = known(mails, "user.email");
    if (*mail && !strchr(*mail, '@')) {
        free(*mail);
        *mail = NULL;
    }
    if (!*name)
        *name = user_name();
    if (!*mail)
        *mail = user_mail();
}

/* ---- When ---- */

static void set_date(json_t *keys, const char *key, const char *text, size_t len)
{
    js_set(keys, key, js_string_lossy(text, len));
}

static time_t moment(void)
{
    const char *fixed = getenv("SOURCE_DATE_EPOCH");
    char *end = NULL;
    long long t = fixed ? strtoll(fixed, &end, 10) : -1;
    return fixed && *fixed && !*end && t >= 0 ? (time_t)t : time(NULL);
}

int author_keys(const char *given, json_t *keys, struct error *e)
{
    CLEANUP_FREE char *name = NULL;
    CLEANUP_FREE char *mail = NULL;
    char text[64];
    struct tm tm;
    time_t now = moment();
    if (given && split(given, &name, &mail, e) != 0)
        return -1;
    if (!given)
        find_author(&name, &mail);
    js_set(keys, "AUTHOR", js_string_lossy(name, strlen(name)));
    js_set(keys, "EMAIL", js_string_lossy(mail, strlen(mail)));
    if (!gmtime_r(&now, &tm))
        return err_set(e, "the time %lld is none", (long long)now);
    set_date(keys, "YEAR", text, strftime(text, sizeof text, "%Y", &tm));
    set_date(keys, "DATE_RFC2822", text, strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S +0000", &tm));
    set_date(keys, "DATE_RPM", text, strftime(text, sizeof text, "%a %b %d %Y", &tm));
    return 0;
}

/* ---- Licence ---- */

/* What Debian has in /usr/share/common-licenses. */
static const char *common_file(const char *license)
{
    static const char *const files[][2] = {
        {"Apache-2.0", "Apache-2.0"},       {"GPL-2.0-only", "GPL-2"},           {"GPL-2.0-or-later", "GPL-2"},
        {"GPL-3.0-only", "GPL-3"},          {"GPL-3.0-or-later", "GPL-3"},       {"LGPL-2.1-only", "LGPL-2.1"},
        {"LGPL-2.1-or-later", "LGPL-2.1"},  {"LGPL-3.0-only", "LGPL-3"},         {"LGPL-3.0-or-later", "LGPL-3"},
        {"MPL-1.1", "MPL-1.1"},             {"MPL-2.0", "MPL-2.0"},              {"CC0-1.0", "CC0-1.0"}};
    for (size_t i = 0; i < ARRAY_LEN(files); i++)
        if (strcmp(files[i][0], license) == 0)
            return files[i][1];
    return NULL;
}

static const char mit[] =
    "Permission is hereby granted, free of charge, to any person obtaining a copy of this software and\n"
    "associated documentation files (the \"Software\"), to deal in the Software without restriction, including\n"
    "without limitation the rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell\n"
    "copies of the Software, and to permit persons to whom the Software is furnished to do so, subject to the\n"
    "following conditions:\n"
    "\n"
    "The above copyright notice and this permission notice shall be included in all copies or substantial\n"
    "portions of the Software.\n"
    "\n"
    "THE SOFTWARE IS PROVIDED \"AS IS\", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT\n"
    "LIMITED TO THE WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN\n"
    "NO EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY,\n"
    "WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE\n"
    "SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.";

static char *license_text(const char *license, bool debian)
{
    const char *file = common_file(license);
    if (strcmp(license, "MIT") == 0)
        return xstrdup(mit);
    if (file && debian)
        return xasprintf("On Debian systems, the complete text of this licence can be found in\n"
                         "/usr/share/common-licenses/%s.", file);
    return xasprintf("The text of the licence: https://spdx.org/licenses/%s.html", license);
}

/* As a field of debian/copyright: each line begins with a space, an empty one is a dot. */
static char *as_field(const char *text)
{
    struct buf b = BUF_INIT;
    for (const char *at = text; *at;) {
        size_t len = strcspn(at, "\n");
        buf_printf(&b, "%s %.*s", at == text ? "" : "\n", (int)(len ? len : 1), len ? at : ".");
        at += len + (at[len] == '\n');
    }
    return buf_steal(&b);
}

int license_keys(const char *license, json_t *keys, struct error *e)
{
    size_t len = strspn(license, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-+");
    if (!*license || license[len] || len > 64) {
        err_set(e, "--license \"%.80s\" is not the name of a licence", license);
        return err_hint(e, "use its SPDX identifier, such as Apache-2.0, MIT, GPL-3.0-or-later or LicenseRef-Proprietary");
    }
    CLEANUP_FREE char *text = license_text(license, false);
    CLEANUP_FREE char *debian = license_text(license, true);
    CLEANUP_FREE char *field = as_field(debian);
    js_set(keys, "LICENSE", json_string(license));
    js_set(keys, "LICENSE_TEXT", json_string(text));
    js_set(keys, "LICENSE_DEB", json_string(field));
    return 0;
}
