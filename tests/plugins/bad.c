/* SPDX-License-Identifier: Apache-2.0 */
/* One file with every mistake: it looks up the name under which it was loaded and makes the mistake of that name.  The
 * tests copy it under many names. */
#define WFW_ABI_MINOR 0
#include <wfworker/plugin.h>

#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char own_name[64], own_path[4096];

static int is(const char *name)
{
    return strcmp(own_name, name) == 0;
}

static void find_own_name(void)
{
    Dl_info info;
    if (!dladdr(own_name, &info) || !info.dli_fname)
        return;
    snprintf(own_path, sizeof own_path, "%s", info.dli_fname);
    const char *slash = strrchr(info.dli_fname, '/');
    snprintf(own_name, sizeof own_name, "%s", slash ? slash + 1 : info.dli_fname);
    char *dot = strstr(own_name, ".so");
    if (dot)
        *dot = '\0';
}

__attribute__((constructor)) static void begin(void)
{
    find_own_name();
    if (is("crash_ctor"))
        raise(SIGSEGV);
    if (is("exit_ctor"))
        _exit(3);
    if (is("quiet_exit_ctor"))
        _exit(0);
    if (is("gone") && own_path[0] && remove(own_path) != 0)
        _exit(4);
    while (is("loop_ctor"))
        usleep(10000);
}

static void run(void *state, struct wfw_task *task, const struct wfw_call *call)
{
    (void)state;
    (void)task;
    (void)call;
}

static int init(const struct wfw_host *host, const struct wfw_value *config, void **state, char *msg, size_t msglen)
{
    (void)host;
    (void)config;
    (void)state;
    if (is("init_silent"))
        return 7;
    while (is("loop_init"))
        usleep(10000);
    if (is("init_crash"))
        abort();
    if (is("init_fail")) {
        snprintf(msg, msglen, "no licence key in /etc/bad");
        return WFW_E_INVAL;
    }
    return WFW_OK;
}

/* What a later minor might have appended. */
struct longer_node {
    struct wfw_node node;
    char tail[16];
};
struct longer_plugin {
    struct wfw_plugin plugin;
    char tail[16];
};

static const char *aliases[2];
static struct longer_node node;
static struct wfw_node second;
static const struct wfw_node *nodes[3], *crowd[1002];
static struct longer_plugin plugin;

static void spoil_node(struct wfw_node *n)
{
    if (is("bad_type"))
        n->type = "two words";
    if (is("no_type"))
        n->type = NULL;
    if (is("no_run"))
        n->run = NULL;
    if (is("bad_alias"))
        aliases[0] = "-x";
    if (is("bad_exec"))
        n->exec = 7;
    if (is("bad_effect"))
        n->effect = 150;
    if (is("bad_caps"))
        n->caps = WFW_CAP_HTTP | 1024;
    if (is("bad_reserved"))
        n->reserved = 1;
    if (is("bad_timeout"))
        n->default_timeout_ms = -5;
    if (is("bad_schema"))
        n->config_schema = "{\"type\":}";
    if (is("bad_keyword"))
        n->config_schema = "{\"properties\":{\"x\":{\"$ref\":\"#/a\"}}}";
    if (is("bad_pattern"))
        n->config_schema = "{\"properties\":{\"x\":{\"pattern\":\"a(\"}}}";
    if (is("duplicate"))
        n->type = "test.loop";
    if (is("dotless"))
        n->type = "thing";
    if (is("small_node"))
        n->size = sizeof(size_t);
}

static void spoil_plugin(struct wfw_plugin *p)
{
    if (is("no_name"))
        p->name = NULL;
    if (is("wrong_name"))
        p->name = "other";
    if (is("no_version"))
        p->version = "";
    if (is("no_nodes"))
        p->nodes = NULL;
    for (size_t i = 0; is("crowd") && i < 1001; i++)
        crowd[i] = &node.node;
    if (is("crowd"))
        p->nodes = crowd;
    if (is("empty_nodes"))
        nodes[0] = NULL;
    if (is("small"))
        p->size = 8;
    if (is("huge"))
        p->size = (size_t)1 << 40;
}

static void spoil_tails(void)
{
    if (is("tail") || is("zero_tail"))
        plugin.plugin.size = sizeof plugin;
    if (is("tail"))
        plugin.tail[2] = 1;
    if (is("node_tail"))
        node.node.size = sizeof node;
    if (is("node_tail"))
        node.tail[0] = 1;
    if (is("twice")) {
        second = node.node;
        nodes[1] = &second;
    }
}

static const struct wfw_plugin *descriptor(void)
{
    static char type[80];
    snprintf(type, sizeof type, "bad.%s", own_name);
    node.node = (struct wfw_node){.size = sizeof node.node, .type = type, .aliases = aliases, .run = run};
    nodes[0] = &node.node;
    plugin.plugin = (struct wfw_plugin){
        .size = sizeof plugin.plugin, .name = own_name, .version = "0.1", .nodes = nodes, .init = init};
    spoil_node(&node.node);
    spoil_plugin(&plugin.plugin);
    spoil_tails();
    return is("null_descriptor") ? NULL : &plugin.plugin;
}

static const struct wfw_plugin *make(void)
{
    if (is("crash_entry"))
        raise(SIGABRT);
    if (is("wild_descriptor"))
        return (const struct wfw_plugin *)8;
    return descriptor();
}

/* WFW_PLUGIN gives a constant; this one decides when it is asked. */
#define wfw_plugin_v1 unused_entry
static const struct wfw_plugin none = {.size = sizeof none};
WFW_PLUGIN(none)
#undef wfw_plugin_v1

WFW_EXPORT const struct wfw_plugin *wfw_plugin_v1(void);
const struct wfw_plugin *wfw_plugin_v1(void)
{
    return make();
}
