/* SPDX-License-Identifier: Apache-2.0 */
/* Plugins whose code does harm while it is loaded, or whose descriptor is wrong, each with its text. */
#include "unit/plugin_files.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"
#include "plugin/probe.h"

#define CONSTRUCTORS "\nHINT:  Look at the plugin's constructors and those of its libraries."

static void code_that_crashes_or_ends(void **state)
{
    (void)state;
    const struct expectation list[] = {
        {"crash_ctor", "crashed with signal 11 (SIGSEGV) while it was loaded" CONSTRUCTORS},
        {"exit_ctor", "ended the process with exit code 3 while it was loaded" CONSTRUCTORS},
        {"quiet_exit_ctor", "ended the process with exit code 0 while it was loaded" CONSTRUCTORS},
        {"crash_entry", "crashed with signal 6 (SIGABRT) in wfw_plugin_v1 or while its descriptor was read"},
        {"wild_descriptor", "crashed with signal 11 (SIGSEGV) in wfw_plugin_v1 or while its descriptor was read"},
    };
    put(top, "good", "good");
    for (size_t i = 0; i < ARRAY_LEN(list); i++)
        put(top, "bad", list[i].name);
    expect_failures(top, list, ARRAY_LEN(list));
}

static void code_that_does_not_come_back(void **state)
{
    (void)state;
    put(top, "bad", "loop_ctor");
    const char *const dirs[] = {top, NULL};
    struct registry *r = open_registry(
        (struct registry_options){.plugin_dirs = dirs, .system_dir = "", .probe_timeout_ms = 250}, NULL);
    CLEANUP_JSON json_t *listing = registry_json(r);
    expect_reason(listing, "loop_ctor", "failed",
                  "did not come back within 250 ms while it was loaded\nHINT:  Look at the plugin's constructors: they must "
                  "not wait for anything.");
    registry_close(r);
}

static void descriptors_that_are_wrong(void **state)
{
    (void)state;
    const size_t plugin_size = sizeof(struct wfw_plugin), node_size = sizeof(struct wfw_node);
    CLEANUP_FREE char *small = xasprintf("its descriptor says it is 8 bytes, ABI 1.0 has %zu", plugin_size);
    CLEANUP_FREE char *huge = xasprintf("its descriptor says it is %zu bytes, ABI 1.0 has %zu", (size_t)1 << 40, plugin_size);
    CLEANUP_FREE char *small_node = xasprintf("node 0 says it is %zu bytes, ABI 1.0 has %zu", sizeof(size_t), node_size);
    CLEANUP_FREE char *tail =
        xasprintf("its descriptor uses members that this wfworker does not know (byte %zu of %zu is not zero)\nHINT:  Install a "
                  "newer wfworker, or set WFW_ABI_MINOR to what the plugin really needs.",
                  plugin_size + 2, plugin_size + 16);
    CLEANUP_FREE char *node_tail =
        xasprintf("node 0 uses members that this wfworker does not know (byte %zu of %zu is not zero)\nHINT:  Install a newer "
                  "wfworker, or set WFW_ABI_MINOR to what the plugin really needs.",
                  node_size, node_size + 16);
    const struct expectation list[] = {
        {"null_descriptor", "wfw_plugin_v1 returned NULL"},
        {"small", small},
        {"huge", huge},
        {"small_node", small_node},
        {"tail", tail},
        {"node_tail", node_tail},
        {"no_name", "its descriptor has no name"},
        {"wrong_name", "its descriptor has the name \"other\", the file is named \"wrong_name.so\"\nHINT:  Name the file "
                       "other.so."},
        {"no_version", "its descriptor has no version"},
        {"no_nodes", "its descriptor names no node types"},
        {"empty_nodes", "its descriptor names no node types"},
        {"no_run", "node type \"bad.no_run\" has no run function"},
        {"bad_type", "node 0 has the type \"two words\", which is not a valid name\nHINT:  Use letters, digits, \"_\" and \"-\" "
                     "in parts with dots between, like \"vendor.thing\"."},
        {"no_type", "node 0 has the type \"\", which is not a valid name\nHINT:  Use letters, digits, \"_\" and \"-\" in parts "
                    "with dots between, like \"vendor.thing\"."},
        {"bad_alias", "node type \"bad.bad_alias\" has the alias \"-x\", which is not a valid name"},
        {"bad_exec", "node type \"bad.bad_exec\" has exec 7, which this wfworker does not know"},
        {"bad_effect", "node type \"bad.bad_effect\" has effect 150, which this wfworker does not know"},
        {"bad_caps", "node type \"bad.bad_caps\" asks for capability 0x400, which this wfworker does not know"},
        {"bad_reserved", "node type \"bad.bad_reserved\" has 1 in a reserved member, which must be 0"},
        {"crowd", "its descriptor has more than 1000 node types"},
        {"jq", "its name is that of one of wfworker's own plugins, its vendor is not told\nHINT:  Give the file and its descriptor "
               "another name."},
        {"bad_timeout", "node type \"bad.bad_timeout\" has the default timeout -5 ms"},
        {"bad_schema", "config_schema of node type \"bad.bad_schema\": invalid JSON at line 1, column 9: unexpected token near "
                       "'}'"},
        {"bad_keyword", "config_schema of node type \"bad.bad_keyword\": \"/properties/x/$ref\": is not a keyword that "
                        "wfworker checks"},
        {"bad_pattern", "config_schema of node type \"bad.bad_pattern\": \"/properties/x/pattern\": the pattern is wrong at "
                        "character 3: missing closing parenthesis"},
        {"twice", "it has the node type \"bad.twice\" twice"},
        {"init_fail", "its init failed: no licence key in /etc/bad"},
        {"init_silent", "its init failed with code 7 and no message"},
    };
    put(top, "good", "good");
    for (size_t i = 0; i < ARRAY_LEN(list); i++)
        put(top, "bad", list[i].name);
    expect_failures(top, list, ARRAY_LEN(list));
}

static void names_of_our_own_are_reserved(void **state)
{
    (void)state;
    const struct expectation list[] = {
        {"http", "its name is that of one of wfworker's own plugins, its vendor is not told\nHINT:  Give the file and its descriptor "
                 "another name."},
    };
    put(top, "good", "good");
    put(top, "bad", "http");
    expect_failures(top, list, ARRAY_LEN(list));
}

/* What init does to its process is told only where that is another one. */
static void an_init_that_crashes(void **state)
{
    (void)state;
    if (isolate != ISOLATE_ALWAYS)
        return;
    const struct expectation list[] = {{"init_crash", "crashed with signal 6 (SIGABRT) in its init"}};
    put(top, "good", "good");
    put(top, "bad", "init_crash");
    expect_failures(top, list, ARRAY_LEN(list));
}

static void longer_descriptors_of_zeros_load(void **state)
{
    (void)state;
    put(top, "bad", "zero_tail");
    struct registry *r = open_dirs(top, NULL);
    assert_int_equal(registry_failed(r), 0);
    assert_non_null(registry_find(r, "bad.zero_tail"));
    registry_close(r);
}

static void a_file_that_goes_away_between(void **state)
{
    (void)state;
    if (isolate == ISOLATE_ALWAYS)
        return; /* it is loaded once only, elsewhere */
    put(top, "bad", "gone");
    struct registry *r = open_dirs(top, NULL);
    CLEANUP_JSON json_t *listing = registry_json(r);
    expect_reason(listing, "gone", "failed", "loaded in a probe, but not here: file not found");
    registry_close(r);
}

static void code_whose_init_does_not_come_back(void **state)
{
    (void)state;
    if (isolate != ISOLATE_ALWAYS)
        return; /* inside, init is not tried beforehand */
    put(top, "bad", "loop_init");
    const char *const dirs[] = {top, NULL};
    struct registry *r = open_registry((struct registry_options){.plugin_dirs = dirs, .system_dir = "", .probe_timeout_ms = 1500}, NULL);
    CLEANUP_JSON json_t *listing = registry_json(r);
    expect_reason(listing, "loop_init", "failed",
                  "did not come back within 1500 ms in its init\nHINT:  Leave what is slow for the first call of a handler.");
    registry_close(r);
}

/* In a child of its own: without descriptors, then without processes. */
static int probe_poor(const char *file)
{
    struct error e = ERROR_INIT;
    int lowest = dup(0);
    struct rlimit files;
    if (lowest < 0 || getrlimit(RLIMIT_NOFILE, &files) != 0)
        return 2;
    close(lowest);
    const struct rlimit few = {(rlim_t)lowest + 1, files.rlim_max};
    if (setrlimit(RLIMIT_NOFILE, &few) != 0 || probe_file(file, "good", 5000, &e) == 0 ||
        strcmp(e.message, "probing: no pipe: Too many open files") != 0)
        return 3;
    if (setrlimit(RLIMIT_NOFILE, &files) != 0 || (geteuid() == 0 && setuid(65534) != 0) ||
        setrlimit(RLIMIT_NPROC, &(struct rlimit){0, 0}) != 0)
        return 4;
    return probe_file(file, "good", 5000, &e) != 0 &&
                   strcmp(e.message, "probing: no child process: Resource temporarily unavailable") == 0
               ? 0
               : 5;
}

static void a_probe_that_cannot_be_had(void **state)
{
    (void)state;
    int status = -1;
    CLEANUP_FREE char *file = in(top, "good.so");
    put(top, "good", "good");
    pid_t pid = fork();
    if (pid == 0)
        _exit(probe_poor(file));
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        IN_DIR(code_that_crashes_or_ends),
        IN_DIR(code_that_does_not_come_back),
        IN_DIR(descriptors_that_are_wrong),
        IN_DIR(names_of_our_own_are_reserved),
        IN_DIR(an_init_that_crashes),
        IN_DIR(longer_descriptors_of_zeros_load),
        IN_DIR(a_file_that_goes_away_between),
        IN_DIR(code_whose_init_does_not_come_back),
        IN_DIR(a_probe_that_cannot_be_had),
    };
    return run_each_way(argc, argv, tests, ARRAY_LEN(tests));
}
