/* SPDX-License-Identifier: Apache-2.0 */
/* wfworker plugin new: a project for a new plugin, from the template, complete with its configure script.
 *
 * It is made beside its place under another name, and moved there when everything has worked: it is there whole, or not. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"
#include "cli/author.h"
#include "cli/command.h"
#include "cli/spawn.h"
#include "cli/template.h"
#ifndef WFW_ABI_MINOR
#define WFW_ABI_MINOR 0
#endif
#include "plugin/descriptor.h"

#define MAX_NAME 48
#define MAX_NODES 32

const struct cli_option plugin_new_options[] = {
    {"node", 0, "TYPE", "a node type, such as acme.hello; may be given several times (default: from the plugin's name)"},
    {"dir", 0, "DIR", "where the project's directory is made (default: here)"},
    {"license", 0, "SPDX", "its licence, as SPDX calls it (default Apache-2.0)"},
    {"author", 0, "'NAME <MAIL>'", "who writes it (default: DEBFULLNAME and DEBEMAIL, else what git knows, else the user)"},
    {"summary", 0, "TEXT", "what it is for, in one line"},
    {"template", 0, "DIR", "another template than the installed one"},
    {"no-configure", 0, NULL, "do not run autoreconf: leave the configure script out"},
    {NULL, 0, NULL, NULL},
};

static char *in_upper(const char *text)
{
    char *out = xstrdup(text);
    for (char *p = out; *p; p++)
        *p = (char)toupper((unsigned char)*p);
    return out;
}

/* A name for C: letters, digits and '_'. */
static char *in_c(const char *text)
{
    char *out = xstrdup(text);
    for (char *p = out; *p; p++)
        if (*p == '-' || *p == '.')
            *p = '_';
    return out;
}

/* A text for a manual page: no line of it may begin with a dot or a quote, and '-' is one. */
static char *in_man(const char *text)
{
    struct buf b = BUF_INIT;
    for (const char *p = text; *p; p++) {
        if (*p == '\\' || *p == '-')
            buf_addch(&b, '\\');
        if (p == text && (*p == '.' || *p == '\''))
            buf_addstr(&b, "\\&");
        buf_addch(&b, *p == '\\' ? 'e' : *p);
    }
    return buf_steal(&b);
}

/* ---- What was asked for ---- */

static int check_name(const char *name, struct error *e)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz";
    size_t len = strlen(name);
    bool fits = len > 1 && len <= MAX_NAME && strchr(letters, name[0]) && name[len - 1] != '-' && !strstr(name, "--");
    for (size_t i = 0; fits && i < len; i++)
        fits = strchr("abcdefghijklmnopqrstuvwxyz0123456789-", name[i]) != NULL;
    if (fits && is_own_plugin(name)) {
        err_set(e, "\"%.60s\" is the name of one of wfworker's own plugins", name);
        return err_hint(e, "put who makes it in front, such as acme-%.40s", name);
    }
    if (fits)
        return 0;
    err_set(e, "\"%.60s\" cannot be the name of a plugin project", name);
    return err_hint(e, "use 2 to %d lower-case letters, digits and single dashes, a letter first, such as acme-hello", MAX_NAME);
}

static int check_type(const char *type, struct error *e)
{
    if (!node_type_valid(type)) {
        err_set(e, "--node \"%.80s\" is not a valid node type", type);
        return err_hint(e, "use letters, digits, \"_\" and \"-\" in parts with dots between, at most 64 bytes, such as acme.hello");
    }
    if (strchr(type, '.'))
        return 0;
    err_set(e, "--node \"%.80s\" has no vendor: names without a dot are wfworker's own", type);
    return err_hint(e, "put who makes it in front, such as acme.%.60s", type);
}

/* acme-hello: acme.hello; hello: hello.run */
static char *type_of_name(const char *name)
{
    const char *dash = strchr(name, '-');
    if (!dash)
        return xasprintf("%s.run", name);
    CLEANUP_FREE char *rest = in_c(dash + 1);
    return xasprintf("%.*s.%s", (int)(dash - name), name, rest);
}

static int add_node(struct template *t, const char *type, struct error *e)
{
    CLEANUP_FREE char *ident = in_c(type);
    CLEANUP_FREE char *man = in_man(type);
    size_t i;
    json_t *one;
    if (check_type(type, e) != 0)
        return -1;
    json_array_foreach(t->nodes, i, one)
    {
        if (strcmp(js_str(one, "NODE_IDENT"), ident) == 0)
            return err_set(e, "--node %s: its sources would have the same names as those of %s", type, js_str(one, "TYPE"));
        js_set(one, "COMMA", json_string(","));
    }
    if (i == MAX_NODES)
        return err_set(e, "more than %d node types", MAX_NODES);
    js_push(t->nodes, json_pack("{s:s, s:s, s:s, s:s}", "TYPE", type, "NODE_IDENT", ident, "TYPE_MAN", man, "COMMA", ""));
    return 0;
}

static int read_nodes(const struct cli *c, struct template *t, struct error *e)
{
    const char *type;
    for (size_t i = 0; (type = cli_value_at(c, "node", i)) != NULL; i++)
        if (add_node(t, type, e) != 0)
            return -1;
    if (json_array_size(t->nodes) > 0)
        return 0;
    CLEANUP_FREE char *own = type_of_name(c->operands[0]);
    return add_node(t, own, e);
}

/* One line that can stand in a C string, in a manual page and in Debian's control file. */
static int check_line(const char *option, const char *text, size_t most, struct error *e)
{
    bool fits = *text && strlen(text) <= most;
    for (const char *p = text; *p && fits; p++)
        fits = (unsigned char)*p >= 0x20 && *p != 0x7f && *p != '"' && *p != '\\' && *p != '@';
    if (fits)
        return 0;
    return err_set(e, "--%s has to be one line of at most %zu bytes without quotes, backslashes and @", option, most);
}

static void set_own(json_t *keys, const char *key, char *value)
{
    js_set(keys, key, js_string_lossy(value, strlen(value)));
    free(value);
}

static int read_summary(const struct cli *c, json_t *keys, struct error *e)
{
    const char *given = cli_value(c, "summary");
    CLEANUP_FREE char *text = given ? xstrdup(given) : xasprintf("Node types of %s", js_str(keys, "NAME"));
    if (check_line("summary", text, 60, e) != 0)
        return -1;
    set_own(keys, "SUMMARY_MAN", in_man(text));
    js_set(keys, "SUMMARY", js_string_lossy(text, strlen(text)));
    text[0] = (char)tolower((unsigned char)text[0]); /* as Debian wants descriptions */
    js_set(keys, "SUMMARY_DEB", js_string_lossy(text, strlen(text)));
    return 0;
}

static int read_all(const struct cli *c, struct template *t, struct error *e)
{
    const char *name = c->operands[0], *license = cli_value(c, "license");
    const char *type;
    if (check_name(name, e) != 0 || read_nodes(c, t, e) != 0)
        return -1;
    CLEANUP_FREE char *upper = in_upper(name);
    type = js_str(json_array_get(t->nodes, 0), "TYPE");
    js_set(t->keys, "NAME", json_string(name));
    set_own(t->keys, "IDENT", in_c(name));
    set_own(t->keys, "IDENT_UPPER", in_c(upper));
    set_own(t->keys, "NAME_MAN", in_man(name));
    set_own(t->keys, "NAME_MAN_UPPER", in_man(upper));
    set_own(t->keys, "VENDOR", xstrndup(type, strcspn(type, ".")));
    js_set(t->keys, "TYPE", json_string(type));
    js_set(t->keys, "COMMA", json_string(""));
    if (read_summary(c, t->keys, e) != 0 || author_keys(cli_value(c, "author"), t->keys, e) != 0)
        return -1;
    return license_keys(license ? license : "Apache-2.0", t->keys, e);
}

/* ---- Making it ---- */

static int check_tools(struct error *e)
{
    static const char *const tools[] = {"autoreconf", "automake", "libtoolize", "pkg-config"};
    CLEANUP_BUF struct buf missing = BUF_INIT;
    for (size_t i = 0; i < ARRAY_LEN(tools); i++)
        if (!spawn_there(tools[i]))
            buf_printf(&missing, "%s%s", missing.len ? ", " : "", tools[i]);
    if (missing.len == 0)
        return 0;
    err_set(e, "the configure script cannot be made: %s not found", missing.data);
    return err_hint(e, "install autoconf, automake, libtool and pkg-config (on Debian wfworker-dev brings them), or say --no-configure");
}

/* Its words are only of interest when it fails. */
static int make_configure(const char *directory, struct error *e)
{
    const char *const args[] = {"autoreconf", "-i", directory, NULL};
    const char *others = getenv("ACLOCAL_PATH");
    CLEANUP_FREE char *path = xasprintf("%s%s%s", ACLOCALDIR, others && *others ? ":" : "", others && *others ? others : "");
    CLEANUP_FREE char *variable = xasprintf("ACLOCAL_PATH=%s", path);
    CLEANUP_FREE char *cache = xasprintf("%s/autom4te.cache", directory);
    CLEANUP_BUF struct buf said = BUF_INIT;
    int rc = spawn_run(args, variable, &said, e);
    template_remove(cache);
    if (rc == 0)
        return 0;
    if (said.len)
        fprintf(stderr, "%s%s", said.data, said.data[said.len - 1] == '\n' ? "" : "\n");
    return rc < 0 ? -1 : err_set(e, "autoreconf ended with exit code %d: what it said stands above", rc);
}

static int fill(const struct cli *c, const struct template *t, const char *directory, struct error *e)
{
    const char *own = cli_value(c, "template");
    if (chmod(directory, 0755) != 0)
        return err_set(e, "making the directory \"%s\": %s", directory, strerror(errno));
    if (template_make(t, own ? own : TEMPLATEDIR, directory, e) != 0)
        return own ? -1 : err_hint(e, "the template comes with the package wfworker-dev; --template names another one");
    return cli_has(c, "no-configure") ? 0 : make_configure(directory, e);
}

/* As everybody's new directories are. */
static void set_mode(const char *directory)
{
    mode_t mask = umask(0);
    umask(mask);
    (void)!chmod(directory, 0777 & ~mask);
}

static int make(const struct cli *c, const struct template *t, const char *where, const char *to, struct error *e)
{
    struct stat st;
    CLEANUP_FREE char *room = xasprintf("%s/.%s.XXXXXX", where, c->operands[0]);
    if (lstat(to, &st) == 0) {
        err_set(e, "\"%s\" is there already", to);
        return err_hint(e, "remove it, or choose another name or --dir");
    }
    if (!mkdtemp(room))
        return err_set(e, "making a directory in \"%s\": %s", where, strerror(errno));
    int rc = fill(c, t, room, e);
    set_mode(room);
    if (rc == 0 && rename(room, to) != 0)
        rc = err_set(e, "making \"%s\": %s", to, strerror(errno));
    if (rc != 0)
        template_remove(room);
    return rc;
}

static void tell(const struct cli *c, const struct template *t, const char *to)
{
    size_t i;
    json_t *node;
    printf("%s/ is ready: plugin %s, node type%s", to, c->operands[0], json_array_size(t->nodes) > 1 ? "s" : "");
    json_array_foreach(t->nodes, i, node) printf("%s %s", i ? "," : "", js_str(node, "TYPE"));
    printf("\n\n  cd %s%s && ./configure && make check\n", to, cli_has(c, "no-configure") ? " && autoreconf -i" : "");
    printf("  wfworker plugin run .libs/%s.so --node %s --config '{\"name\": \"Ada\"}'\n", c->operands[0], js_str(t->keys, "TYPE"));
    printf("  sudo make install && wfworker --list-plugins\n");
}

int cmd_plugin_new(struct cli *c)
{
    struct error e = ERROR_INIT;
    CLEANUP_JSON json_t *keys = json_object();
    CLEANUP_JSON json_t *nodes = json_array();
    struct template t = {keys, nodes};
    const char *dir = cli_value(c, "dir"), *where = dir ? dir : ".";
    CLEANUP_FREE char *to = dir ? xasprintf("%s/%s", dir, c->operands[0]) : xstrdup(c->operands[0]);
    if (read_all(c, &t, &e) != 0) {
        err_print(&e);
        return EXIT_USAGE;
    }
    if ((!cli_has(c, "no-configure") && check_tools(&e) != 0) || make(c, &t, where, to, &e) != 0)
        return cli_failed(&e);
    tell(c, &t, to);
    return EXIT_SUCCESS;
}
