/* SPDX-License-Identifier: Apache-2.0 */
/* Plugins that were compiled long ago: loaded, run through every function and outcome, and refused with the words of old where they ask
 * for what is not there.  The same test runs with a host of the next minor, whose structures are longer (next.sed). */
#include "unit/plugin_bench.h"

#include <elf.h>
#include <ftw.h>
#include <link.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "plugin/registry.h"

static char *top;
static struct registry *registry;

static char *kept_path(const char *name)
{
    const char *srcdir = getenv("srcdir");
    return xasprintf("%s/tests/abi/plugins/x86_64/%s.so", srcdir ? srcdir : ".", name);
}

static char *read_kept(const char *name, size_t *len)
{
    CLEANUP_FREE char *path = kept_path(name);
    char *data = xmalloc(64 * 1024);
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    *len = fread(data, 1, 64 * 1024, f);
    fclose(f);
    return data;
}

static void put(const char *as, const void *data, size_t len)
{
    CLEANUP_FREE char *path = xasprintf("%s/%s.so", top, as);
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, len, f), len);
    assert_int_equal(fclose(f), 0);
}

static void put_kept(const char *name)
{
    size_t len;
    CLEANUP_FREE char *data = read_kept(name, &len);
    put(name, data, len);
}

static int set_up_dir(void **state)
{
    char name[] = "/tmp/wfw-kept-XXXXXX";
    char *made = mkdtemp(name);
    top = made ? realpath(made, NULL) : NULL;
    return top ? set_up(state) : -1;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st;
    (void)type;
    (void)at;
    return remove(path);
}

static int tear_down_dir(void **state)
{
    int rc = tear_down(state);
    registry_close(registry);
    registry = NULL;
    nftw(top, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(STEAL(top));
    return rc;
}

static json_t *section(void *ctx, const char *name)
{
    (void)ctx;
    (void)name;
    return json_pack("{s:s, s:s}", "word", "of the section", "isolate", "never");
}

static void open_top(void)
{
    const char *const dirs[] = {top, NULL};
    struct error e = ERROR_INIT;
    registry = registry_open(
        &(struct registry_options){.plugin_dirs = dirs, .system_dir = "", .plugin_config = section, .quiet = true}, &e);
    assert_string_equal(e.message, "");
    assert_non_null(registry);
}

static void use(const char *plugin, const char *node_type)
{
    CLEANUP_FREE char *type = xasprintf("%s%s", plugin, node_type);
    const struct handler *h = registry_find(registry, type);
    if (!h)
        print_error("there is no %s\n", type);
    assert_non_null(h);
    handler = *h;
}

static void expect(const char *config, const char *outcome)
{
    size_t before = got.count;
    launch(config);
    loop_until(before + 1);
    assert_string_equal(got.text, outcome);
}

/* ---- Each of them, each of its node types ---- */

static void values_and_services(const char *name)
{
    use(name, ".values");
    assert_int_equal(handler.node->default_timeout_ms, 5000);
    assert_int_equal(handler.node->effect, WFW_EFFECT_PURE);
    expect("{\"b\":true,\"i\":-5,\"r\":0.5,\"s\":\"\\u00e4\",\"list\":[1,\"x\"]}",
           "done output={\"absent\":-4,\"wrong\":-6,\"untouched\":7,\"b\":true,\"i\":-5,\"r\":0.5,\"s\":\"\xc3\xa4\",\"type\":500,"
           "\"keys\":[\"b\",\"i\",\"r\",\"s\",\"list\"],\"members\":5,\"text\":\"[1,\\\"x\\\"]\","
           "\"copy\":[1,\"x\",{\"parsed\":[1,2]}],\"wrong_text\":\"invalid JSON at line 1, column 3: "
           "']' expected near end of file\",\"removed\":0,\"frozen\":-1} branch=branch");
    expect("{\"i\":\"x\"}", "fail type=config_invalid message=invalid configuration: \"/i\": must be of type integer, is string");
    expect("{\"refuse\":1}", "fail type=config_invalid message=invalid configuration: refused by its check");
    use(name, "-values");
    use(name, ".services");
    expect("{\"refuse\":1}",
           "done output={\"zeroed\":true,\"set_data\":0,\"data\":true,\"progress\":0,\"now_ms\":1700000000000,\"cancelled\":0,"
           "\"cancel_fd\":true,\"eval\":{\"expression\":\"1 + n\",\"vars\":{\"n\":5}},\"eval_type\":\"unknown_name\","
           "\"eval_message\":\"no such name\",\"secret\":\"hush\",\"env\":\"/root\",\"variable\":null,\"set_variable\":0,"
           "\"cancel_node\":0,\"word\":\"of the section\",\"host\":1} cancels=[[\"other\",1]]");
    CLEANUP_FREE char *seen = xasprintf("log owner 2 said by %s.services, 2\nprogress owner 50\n", name);
    assert_string_equal(got.seen.data, seen);
}

/* How asks look inside is not for plugins: only that each is there, with what it was given. */
static void asks(void)
{
    static const char *const parts[] = {
        "park signals=[\":answer:", " child=", "\"kind\":\"child_start\"", "\"workflow\":\"w-1\"",
        "\"kind\":\"lock\"", "\"key\":\"k\",\"limit\":3", "\"kind\":\"send\"", "\"execution\":\"e-1\",\"type\":\"t\"",
        "\"kind\":\"request\"", "\"signal\":\"answer\"", "\"kind\":\"request_over\"", "\"choice\":\"yes\""};
    size_t before = got.count;
    launch("{\"do\":\"ask\"}");
    loop_until(before + 1);
    for (size_t i = 0; i < ARRAY_LEN(parts); i++)
        if (!strstr(got.text, parts[i]))
            assert_string_equal(got.text, parts[i]);
}

static void outcomes(const char *name, const char *type)
{
    use(name, type);
    expect("{\"do\":\"fail\"}", "fail type=acme_error message=said whole retryable after=1500 details={\"n\":5}");
    expect("{\"do\":\"park\"}", "park until=1700000002000000 signal=one signals=[\"first\",\"second\"] fresh checkpoint={\"n\":5}");
    expect("{\"do\":\"enter\"}", "enter output={\"n\":5} branch=body signals=[\"first\",\"second\"] "
                                 "checkpoint={\"do\":\"enter\"} pass=4 flags=33 keep=2");
    expect("{\"do\":\"leave\"}", "leave output={\"n\":5} branch=failed leave=300");
    asks();
    CLEANUP_FREE char *silent = xasprintf("fail type=handler_error message=the handler of node type %s%s ended without an outcome",
                                          name, type);
    expect("{\"do\":\"nothing\"}", silent);
}

static void watches(const char *name)
{
    buf_clear(&got.seen);
    use(name, ".watch");
    expect("{}", "done output={\"attempt\":2,\"status\":201,\"error\":null,\"header\":\"X-Answer: 1\",\"body\":\"made\","
                 "\"url\":\"http://a/b\",\"events\":1,\"byte\":\"x\"}");
    assert_string_equal(got.seen.data, "http POST http://kept/ X-Kept: 1 3 900\n");
    task_cancel(launch("{}"), 0);
}

static void they_run_as_they_did(void **state)
{
    static const char *const names[] = {"kept_gcc", "kept_clang", "kept_cxx", "kept_longer"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        put_kept(names[i]);
    open_top();
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        buf_clear(&got.seen);
        values_and_services(names[i]);
        outcomes(names[i], ".outcome");
        watches(names[i]);
        outcomes(names[i], ".declared");
    }
}

/* ---- Refused ---- */

#define HINT "\nHINT:  "

static void expect_refused(json_t *listing, const char *name, const char *reason)
{
    size_t i;
    json_t *p;
    const char *said = "";
    json_array_foreach(json_object_get(listing, "plugins"), i, p) if (strcmp(js_str(p, "name"), name) == 0)
    {
        assert_string_equal(js_str(p, "state"), "failed");
        said = js_str(p, "reason");
    }
    assert_string_equal(said, reason);
}

static void put_patched(const char *as, size_t offset, const void *bytes, size_t n)
{
    size_t len;
    CLEANUP_FREE char *data = read_kept("kept_gcc", &len);
    memcpy(data + offset, bytes, n);
    put(as, data, len);
}

static size_t identity(void)
{
    size_t len;
    CLEANUP_FREE char *data = read_kept("kept_gcc", &len);
    const char *at = memmem(data, len, "WFWPLUG", 8);
    assert_non_null(at);
    return (size_t)(at - data);
}

#define SPEAKS "this wfworker speaks 1."
#define MINOR_TEXT(n) #n
#define MINOR_OF(n) MINOR_TEXT(n)
#define MINOR MINOR_OF(WFW_ABI_MINOR_MAX)

static void what_they_ask_for_is_not_there(void **state)
{
    (void)state;
    const size_t abi = identity();
    const uint16_t next = WFW_ABI_MINOR_MAX + 1;
    put_kept("kept_gcc");
    put_kept("kept_node_tail");
    put_kept("kept_plugin_tail");
    put_patched("newer_minor", abi + offsetof(struct wfw_abi, minor), &next, sizeof next);
    put_patched("newer_major", abi + offsetof(struct wfw_abi, major), &(uint16_t){2}, 2);
    put_patched("older_major", abi + offsetof(struct wfw_abi, major), &(uint16_t){0}, 2);
    put_patched("other_machine", offsetof(ElfW(Ehdr), e_machine), &(uint16_t){EM_AARCH64}, 2);
    put_patched("other_word", EI_CLASS, &(unsigned char){ELFCLASS32}, 1);
    put_patched("other_order", EI_DATA, &(unsigned char){ELFDATA2MSB}, 1);
    put_patched("other_pointers", abi + offsetof(struct wfw_abi, pointer_size), &(uint32_t){4}, 4);
    open_top();
    CLEANUP_JSON json_t *listing = registry_json(registry);
    static const char elsewhere[] = "Build the plugin for this machine, or install the package for its architecture.";
    CLEANUP_FREE char *minor = xasprintf("needs plugin ABI 1.%u, this wfworker has 1." MINOR HINT
                                         "Install a wfworker with plugin ABI 1.%u or later.",
                                         next, next);
    CLEANUP_FREE char *machine = xasprintf("built for AArch64, this wfworker runs on x86-64" HINT "%s", elsewhere);
    CLEANUP_FREE char *word = xasprintf("built for 32-bit, this wfworker is 64-bit" HINT "%s", elsewhere);
    CLEANUP_FREE char *order = xasprintf("built for a machine with another byte order than this one" HINT "%s", elsewhere);
    expect_refused(listing, "newer_minor", minor);
    expect_refused(listing, "newer_major",
                   "built for plugin ABI 2.0, " SPEAKS MINOR HINT
                   "Install a wfworker that speaks plugin ABI 2, or a build of the plugin for ABI 1.");
    expect_refused(listing, "older_major", "built for plugin ABI 0.0, " SPEAKS MINOR HINT
                                           "Build the plugin again with the header of this wfworker.");
    expect_refused(listing, "other_machine", machine);
    expect_refused(listing, "other_word", word);
    expect_refused(listing, "other_order", order);
    expect_refused(listing, "other_pointers", "built for pointers of 4 bytes, this wfworker has 8");
    /* What `later` is to a host of 1.1 (its first half), 1.0 does not know: the byte is said. */
    const size_t node_end = sizeof(struct wfw_node) + (WFW_ABI_MINOR_MAX ? 0 : sizeof(uint64_t));
    const size_t plugin_end = sizeof(struct wfw_plugin) + (WFW_ABI_MINOR_MAX ? 0 : sizeof(uint64_t));
    CLEANUP_FREE char *node_tail = xasprintf("node 0 uses members that this wfworker does not know (byte %zu of %zu is not zero)" HINT
                                             "Install a newer wfworker, or set WFW_ABI_MINOR to what the plugin really needs.",
                                             node_end, node_end + sizeof(uint64_t));
    CLEANUP_FREE char *plugin_tail = xasprintf("its descriptor uses members that this wfworker does not know (byte %zu of %zu is "
                                               "not zero)" HINT
                                               "Install a newer wfworker, or set WFW_ABI_MINOR to what the plugin really needs.",
                                               plugin_end, plugin_end + sizeof(uint64_t));
    expect_refused(listing, "kept_node_tail", node_tail);
    expect_refused(listing, "kept_plugin_tail", plugin_tail);
    assert_int_equal(registry_failed(registry), 9);
}

/* One that asks for a minor that is there, older or the same, loads: with a next minor that is one newer than the one it was built for. */
static void every_minor_up_to_ours_loads(void **state)
{
    (void)state;
    size_t len;
    CLEANUP_FREE char *data = read_kept("kept_gcc", &len);
    const uint16_t own = WFW_ABI_MINOR_MAX;
    memcpy(data + identity() + offsetof(struct wfw_abi, minor), &own, sizeof own);
    put("kept_gcc", data, len);
    open_top();
    assert_int_equal(registry_failed(registry), 0);
    CLEANUP_JSON json_t *listing = registry_json(registry);
    assert_string_equal(js_str(json_array_get(json_object_get(listing, "plugins"), 0), "abi"), "1." MINOR);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(they_run_as_they_did, set_up_dir, tear_down_dir),
        cmocka_unit_test_setup_teardown(what_they_ask_for_is_not_there, set_up_dir, tear_down_dir),
        cmocka_unit_test_setup_teardown(every_minor_up_to_ours_loads, set_up_dir, tear_down_dir),
    };
    log_setup(LOG_TEXT, LOG_ERROR);
#if !defined __x86_64__
    printf("1..0 # SKIP the kept plugins are of x86-64\n");
    return 0;
#endif
    return cmocka_run_group_tests(tests, NULL, NULL);
}
