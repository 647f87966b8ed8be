/* SPDX-License-Identifier: Apache-2.0 */
/* Finding and loading plugins: every way in which a file can be wrong, with its text word for word, while the good ones
 * go on working. */
#include "unit/test.h"

#include <elf.h>
#include <limits.h>
#include <link.h>
#include <stdio.h>
#include <ftw.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "config.h"
#include "helper/helper.h"
#include "plugin/examine.h"
#include "plugin/image.h"
#include "plugin/probe.h"
#include "plugin/registry.h"

static char *top;    /* a new directory for each test */
static char *logged; /* lines, see see_log() */
static void *first_auxiliary;
static enum isolate isolate; /* every test is run for each of them: what is said of a file is the same */

static const char *isolate_text(void)
{
    return isolate == ISOLATE_NEVER ? "never" : isolate == ISOLATE_BLOCKING ? "blocking" : "always";
}

/* As wfworker opens one. */
static struct registry *open_registry(struct registry_options o, struct error *e)
{
    o.isolate = isolate;
    o.isolation = &helper_isolation;
    return registry_open(&o, e);
}

/* ---- Files ---- */

static char *read_file(const char *path, size_t *len)
{
    struct buf b = BUF_INIT;
    char block[65536];
    FILE *f = fopen(path, "rb");
    if (!f)
        fail_msg("%s cannot be opened", path);
    for (size_t n; (n = fread(block, 1, sizeof block, f)) > 0;)
        buf_add(&b, block, n);
    fclose(f);
    *len = b.len;
    return buf_steal(&b);
}

static void write_file(const char *path, const void *data, size_t len, mode_t mode)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, len, f), len);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(chmod(path, mode), 0);
}

/* A built plugin of the tests. */
static char *built(const char *name, size_t *len)
{
    const char *builddir = getenv("builddir");
    CLEANUP_FREE char *path = xasprintf("%s/tests/plugins/.libs/%s.so", builddir ? builddir : ".", name);
    return read_file(path, len);
}

static char *in(const char *dir, const char *name)
{
    return xasprintf("%s/%s", dir, name);
}

static void put(const char *dir, const char *name, const char *as)
{
    size_t len;
    CLEANUP_FREE char *data = built(name, &len);
    CLEANUP_FREE char *file = xasprintf("%s/%s.so", dir, as);
    write_file(file, data, len, 0644);
}

static char *new_dir(const char *name)
{
    char *dir = in(top, name);
    assert_int_equal(mkdir(dir, 0755), 0);
    return dir;
}

static void *find_bytes(char *data, size_t len, const void *what, size_t n)
{
    char *at = memmem(data, len, what, n);
    assert_non_null(at);
    return at;
}

static int set_up(void **state)
{
    char name[] = "/tmp/wfw-plugin-XXXXXX";
    char *made = mkdtemp(name);
    isolate = **(enum isolate **)state;
    top = made ? realpath(made, NULL) : NULL;
    return top ? 0 : -1;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st;
    (void)type;
    (void)at;
    return remove(path);
}

static int tear_down(void **state)
{
    (void)state;
    int rc = nftw(top, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(top);
    top = NULL;
    return rc;
}

/* ---- Looking at a registry ---- */

static struct registry *open_dirs(const char *a, const char *b)
{
    const char *const dirs[] = {a, b, NULL};
    struct error e = ERROR_INIT;
    struct registry *r = open_registry((struct registry_options){.plugin_dirs = dirs, .system_dir = ""}, &e);
    if (!r)
        fail_msg("%s", e.message);
    return r;
}

static json_t *entry(json_t *listing, const char *name, const char *state)
{
    size_t i;
    json_t *p;
    json_array_foreach(json_object_get(listing, "plugins"), i, p)
    {
        if (strcmp(js_str(p, "name"), name) == 0 && strcmp(js_str(p, "state"), state) == 0)
            return p;
    }
    char *all = js_text(listing);
    fail_msg("no plugin %s is %s in %s", name, state, all);
    return NULL;
}

static void expect_reason(json_t *listing, const char *name, const char *state, const char *reason)
{
    const char *said = js_str(entry(listing, name, state), "reason");
    if (!said || strcmp(said, reason) != 0)
        fail_msg("%s: \"%s\"\ninstead of \"%s\"", name, said ? said : "null", reason);
}

struct expectation {
    const char *name, *reason;
};

static void expect_failures(const char *dir, const struct expectation *list, size_t n)
{
    struct registry *r = open_dirs(dir, NULL);
    CLEANUP_JSON json_t *listing = registry_json(r);
    for (size_t i = 0; i < n; i++)
        expect_reason(listing, list[i].name, "failed", list[i].reason);
    assert_int_equal(registry_failed(r), n);
    assert_int_equal(registry_count(r), n + 1);
    entry(listing, "good", "ok");
    assert_non_null(registry_find(r, "test.block"));
    registry_close(r);
}

/* ---- Tests ---- */

static json_t *good_config(void *ctx, const char *name)
{
    (void)ctx;
    return strcmp(name, "good") == 0 ? json_pack("{s:s, s:s, s:s, s:s}", "word", "hi", "limit", "7", "deny", "http,child",
                                                 "enabled", "yes")
                                     : NULL;
}

static void a_good_one_is_found_with_all_its_names(void **state)
{
    (void)state;
    put(top, "good", "good");
    const char *const dirs[] = {top, NULL};
    struct error e = ERROR_INIT;
    struct registry *r = open_registry(
        (struct registry_options){.plugin_dirs = dirs, .system_dir = "", .strict = true, .plugin_config = good_config}, &e);
    assert_non_null(r);
    const struct handler *h = registry_find(r, "test.block");
    assert_non_null(h);
    assert_ptr_equal(registry_find(r, "good-block"), h);
    assert_ptr_equal(registry_find(r, "test.blocking"), h);
    assert_string_equal(h->node->type, "test.block");
    assert_string_equal(h->plugin_name, "good");
    assert_string_equal(h->expression_keys[0], "when");
    assert_null(h->expression_keys[1]);
    assert_non_null(h->config_schema);
    assert_int_equal(h->state != NULL, isolate != ISOLATE_ALWAYS);
    assert_int_equal(h->remote != NULL, isolate != ISOLATE_NEVER);
    assert_int_equal(registry_find(r, "test.loop")->remote != NULL, isolate == ISOLATE_ALWAYS);
    assert_int_equal(h->node->caps, WFW_CAP_SECRETS); /* http is denied */
    assert_int_equal(registry_find(r, "test.loop")->node->exec, WFW_EXEC_LOOP);
    assert_null(registry_find(r, "test.loop")->expression_keys);
    assert_null(registry_find(r, "test"));
    assert_null(registry_find(r, ""));
    assert_null(registry_find(r, NULL));
    registry_close(r);
}

static void the_listing_is_a_table_or_json(void **state)
{
    (void)state;
    put(top, "good", "good");
    CLEANUP_FREE char *text_file = in(top, "notes.so");
    write_file(text_file, "hello\n", 6, 0644);
    struct registry *r = open_dirs(top, NULL);
    char *printed = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&printed, &len);
    assert_int_equal(registry_print(r, out), 1);
    fclose(out);
    int width = isolate == ISOLATE_BLOCKING ? 8 : 7;
    CLEANUP_FREE char *expected = xasprintf(
        "STATE   NAME   VERSION  ABI  %-*s  NODE TYPES                                                     FILE\n"
        "ok      good   1.2.3    1.0  %-*s  test.block, good-block, test.blocking, test.loop, test.thread  %s/good.so\n"
        "          CAPABILITIES:  http, secrets, threads\n"
        "failed  notes  -        -    %-*s  -                                                              %s/notes.so\n"
        "          not a shared object: the file does not begin with an ELF header\n"
        "          HINT:  A plugin is what cc -shared makes; remove the file or give it another name.\n"
        "searched %s\n",
        width, "ISOLATE", width, isolate_text(), top, width, "-", top, top);
    assert_string_equal(printed, expected);
    free(printed);
    CLEANUP_JSON json_t *listing = registry_json(r);
    CLEANUP_FREE char *json = js_text(listing);
    CLEANUP_FREE char *expected_json = xasprintf(
        "{\"version\":\"" PACKAGE_VERSION "\",\"abi\":{\"major\":1,\"minor\":0},\"searched\":[\"%s\"],\"plugins\":["
        "{\"state\":\"ok\",\"name\":\"good\",\"version\":\"1.2.3\",\"abi\":\"1.0\",\"isolate\":\"%s\",\"node_types\":[\"test.block\","
        "\"good-block\",\"test.blocking\",\"test.loop\",\"test.thread\"],\"file\":\"%s/good.so\",\"reason\":null,"
        "\"nodes\":[{\"type\":\"test.block\",\"aliases\":[\"good-block\",\"test.blocking\"],"
        "\"summary\":\"on a thread of the pool\",\"description\":null,\"exec\":\"blocking\",\"effect\":\"unsafe\","
        "\"capabilities\":[\"http\",\"secrets\"],\"denied\":[],\"config_schema\":{\"type\":\"object\",\"properties\":{\"do\":"
        "{\"type\":\"string\"},\"name\":{\"type\":\"string\",\"minLength\":2},\"when\":{\"type\":\"string\","
        "\"format\":\"expression\"}}},\"output_schema\":null,\"examples\":null,\"quarantine\":null},"
        "{\"type\":\"test.loop\",\"aliases\":[],\"summary\":\"on the loop\",\"description\":null,\"exec\":\"loop\","
        "\"effect\":\"pure\",\"capabilities\":[],\"denied\":[],\"config_schema\":null,\"output_schema\":null,\"examples\":null,\"quarantine\":null},"
        "{\"type\":\"test.thread\",\"aliases\":[],\"summary\":\"outcome from a thread of the plugin's own\","
        "\"description\":null,\"exec\":\"blocking\",\"effect\":\"unsafe\",\"capabilities\":[\"threads\"],\"denied\":[],"
        "\"config_schema\":null,\"output_schema\":null,\"examples\":null,\"quarantine\":null}],\"summary\":\"sample of the tests\","
        "\"vendor\":\"test\",\"license\":\"Apache-2.0\",\"url\":null,\"config_schema\":{\"properties\":{\"word\":"
        "{\"type\":\"string\"},\"limit\":{\"type\":\"integer\",\"maximum\":10},\"loud\":{\"type\":\"boolean\"}}}},"
        "{\"state\":\"failed\",\"name\":\"notes\",\"version\":null,\"abi\":null,\"isolate\":null,\"node_types\":[],\"file\":"
        "\"%s/notes.so\",\"reason\":\"not a shared object: the file does not begin with an ELF header\\n"
        "HINT:  A plugin is what cc -shared makes; remove the file or give it another name.\",\"nodes\":[],\"summary\":null,"
        "\"vendor\":null,\"license\":null,\"url\":null,\"config_schema\":null}]}",
        top, isolate_text(), top, top);
    assert_string_equal(json, expected_json);
    CLEANUP_FREE char *detail = xasprintf("searched %s; failed to load: notes (not a shared object: the file does not "
                                          "begin with an ELF header)",
                                          top);
    assert_string_equal(registry_unknown_detail(r), detail);
    registry_close(r);
}

static void an_empty_directory_is_said_so(void **state)
{
    (void)state;
    struct registry *r = open_dirs(top, NULL);
    char *printed = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&printed, &len);
    assert_int_equal(registry_print(r, out), 0);
    fclose(out);
    CLEANUP_FREE char *expected = xasprintf("no plugins found\nsearched %s\n", top);
    assert_string_equal(printed, expected);
    free(printed);
    registry_close(r);
}

/* Copies of good.so with something changed. */
static void put_patched(const char *as, size_t offset, const void *bytes, size_t n)
{
    size_t len;
    CLEANUP_FREE char *data = built("good", &len);
    CLEANUP_FREE char *file = xasprintf("%s/%s.so", top, as);
    memcpy(data + offset, bytes, n);
    write_file(file, data, len, 0644);
}

static void put_with_abi(const char *as, uint16_t major, uint16_t minor, uint32_t pointer_size)
{
    size_t len;
    CLEANUP_FREE char *data = built("good", &len);
    CLEANUP_FREE char *file = xasprintf("%s/%s.so", top, as);
    char *abi = find_bytes(data, len, "WFWPLUG", 8);
    memcpy(abi + offsetof(struct wfw_abi, major), &major, sizeof major);
    memcpy(abi + offsetof(struct wfw_abi, minor), &minor, sizeof minor);
    memcpy(abi + offsetof(struct wfw_abi, pointer_size), &pointer_size, sizeof pointer_size);
    write_file(file, data, len, 0644);
}

static void files_that_are_no_plugins(void **state)
{
    (void)state;
    size_t len;
    CLEANUP_FREE char *data = built("good", &len);
    CLEANUP_FREE char *empty = in(top, "empty.so"), *dir = in(top, "dir.so"), *stub = in(top, "stub.so");
    CLEANUP_FREE char *dangling = in(top, "dangling.so"), *writable = in(top, "writable.so"), *group = in(top, "group.so");
    put(top, "good", "good");
    put(top, "plain", "plain");
    write_file(empty, "", 0, 0644);
    write_file(stub, data, 20, 0644);
    write_file(writable, data, len, 0666);
    write_file(group, data, len, 0664);
    assert_int_equal(mkdir(dir, 0755), 0);
    assert_int_equal(symlink("/nonexistent/x.so", dangling), 0);
    put_patched("executable", offsetof(ElfW(Ehdr), e_type), &(uint16_t){ET_EXEC}, 2);
    put_patched("other_word", EI_CLASS, &(unsigned char){sizeof(void *) == 8 ? ELFCLASS32 : ELFCLASS64}, 1);
    put_patched("other_order", EI_DATA, &(unsigned char){data[EI_DATA] == ELFDATA2LSB ? ELFDATA2MSB : ELFDATA2LSB}, 1);
    put_patched("s390", offsetof(ElfW(Ehdr), e_machine), &(uint16_t){EM_S390}, 2);
    put_patched("strange", offsetof(ElfW(Ehdr), e_machine), &(uint16_t){999}, 2);
    put_patched("no_headers", offsetof(ElfW(Ehdr), e_phnum), &(uint16_t){0}, 2);
    CLEANUP_FREE char *word = xasprintf("built for %d-bit, this wfworker is %d-bit\nHINT:  Build the plugin for this "
                                        "machine, or install the package for its architecture.",
                                        sizeof(void *) == 8 ? 32 : 64, sizeof(void *) == 8 ? 64 : 32);
    CLEANUP_FREE char *stub_text = xasprintf("the file is truncated: the ELF header ends at byte %zu, the file has 20\nHINT:  "
                                             "Copy or install the file again; replace plugins by rename, never in place.",
                                             sizeof(ElfW(Ehdr)));
    CLEANUP_FREE char *headers = xasprintf("its ELF header is damaged: 0 program headers of %zu bytes", sizeof(ElfW(Phdr)));
#if defined __x86_64__
#define HERE "x86-64"
#elif defined __aarch64__
#define HERE "AArch64"
#elif defined __i386__
#define HERE "i386"
#else
#define HERE "RISC-V"
#endif
    const struct expectation list[] = {
        {"empty", "the file is empty\nHINT:  Copy or install the file again."},
        {"stub", stub_text},
        {"dir", "not a regular file"},
        {"dangling", "the file cannot be read: No such file or directory"},
        {"writable", "refused: its mode is 0666, everybody may change the file\nHINT:  Run chmod go-w on it once you know "
                     "that its content is what it should be."},
        {"group", "refused: its mode is 0664, its group may change the file\nHINT:  Run chmod go-w on it once you know that "
                  "its content is what it should be."},
        {"plain", "not a wfworker plugin: it does not export wfw_plugin_abi\nHINT:  Put WFW_PLUGIN(descriptor) of "
                  "wfworker/plugin.h into one source of the plugin."},
        {"executable", "not a shared object: its ELF type is executable\nHINT:  Link the plugin with -shared."},
        {"other_word", word},
        {"other_order", "built for a machine with another byte order than this one\nHINT:  Build the plugin for this "
                        "machine, or install the package for its architecture."},
        {"s390", "built for S/390, this wfworker runs on " HERE "\nHINT:  Build the plugin for this machine, or install the "
                 "package for its architecture."},
        {"strange", "built for machine number 999, this wfworker runs on " HERE "\nHINT:  Build the plugin for this machine, "
                    "or install the package for its architecture."},
        {"no_headers", headers},
    };
    expect_failures(top, list, ARRAY_LEN(list));
}

/* Where the last loaded segment of good.so ends in the file. */
static void last_segment(const char *data, size_t *number, size_t *end)
{
    ElfW(Ehdr) header;
    memcpy(&header, data, sizeof header);
    *number = *end = 0;
    for (size_t i = 0; i < header.e_phnum; i++) {
        ElfW(Phdr) p;
        memcpy(&p, data + header.e_phoff + i * sizeof p, sizeof p);
        if ((p.p_type == PT_LOAD || p.p_type == PT_DYNAMIC) && p.p_offset + p.p_filesz > *end) {
            *end = p.p_offset + p.p_filesz;
            *number = i;
        }
    }
}

/* However much of a file is missing, nothing crashes and the cause is named. */
static void a_truncated_file(void **state)
{
    (void)state;
    size_t len, number, end;
    CLEANUP_FREE char *data = built("good", &len);
    CLEANUP_FREE char *file = in(top, "cut.so");
    last_segment(data, &number, &end);
    write_file(file, data, end - 1, 0644);
    put(top, "good", "good");
    CLEANUP_FREE char *reason = xasprintf("the file is truncated: segment %zu ends at byte %zu, the file has %zu\nHINT:  Copy "
                                          "or install the file again; replace plugins by rename, never in place.",
                                          number, end, end - 1);
    const struct expectation list[] = {{"cut", reason}};
    expect_failures(top, list, 1);
    for (size_t keep = 1; keep < end; keep += 1 + keep / 3) {
        write_file(file, data, keep, 0644);
        struct registry *r = open_dirs(top, NULL);
        assert_int_equal(registry_failed(r), 1);
        registry_close(r);
    }
}

/* Bits of the headers and tables turned round, one at a time: looking at such a file and trying it in a child leaves
 * this process whole, whatever the child meets. */
static void damaged_files(void **state)
{
    (void)state;
    size_t len, failed = 0;
    CLEANUP_FREE char *data = built("bad", &len);
    CLEANUP_FREE char *file = in(top, "hurt.so");
    unsigned seed = 12345;
    for (size_t n = 0; n < 300; n++) {
        struct wfw_abi abi;
        struct error e = ERROR_INIT;
        seed = seed * 1103515245 + 12345;
        size_t at = (seed >> 8) % (n % 2 ? 700 : len);
        char was = data[at];
        data[at] = (char)(was ^ (1 << (seed >> 28 & 7)));
        write_file(file, data, len, 0644);
        bool refused = image_check(file, &abi, &e) != 0 || (n < 100 && probe_file(file, "hurt", 5000, &e) != 0);
        failed += refused;
        assert_int_equal(refused, e.message[0] != '\0');
        data[at] = was;
    }
    assert_in_range(failed, 10, 299);
}

static void other_abis(void **state)
{
    (void)state;
    put(top, "good", "good");
    put_with_abi("newer_major", 2, 4, sizeof(void *));
    put_with_abi("older_major", 0, 9, sizeof(void *));
    put_with_abi("newer_minor", 1, 7, sizeof(void *));
    put_with_abi("pointers", 1, 0, 2);
    size_t len;
    CLEANUP_FREE char *data = built("good", &len);
    CLEANUP_FREE char *file = in(top, "damaged.so");
    memcpy(find_bytes(data, len, "WFWPLUG", 8), "WFWPLUM", 8);
    write_file(file, data, len, 0644);
    CLEANUP_FREE char *pointers = xasprintf("built for pointers of 2 bytes, this wfworker has %zu", sizeof(void *));
    const struct expectation list[] = {
        {"newer_major", "built for plugin ABI 2.4, this wfworker speaks 1.0\nHINT:  Install a wfworker that speaks plugin ABI "
                        "2, or a build of the plugin for ABI 1."},
        {"older_major", "built for plugin ABI 0.9, this wfworker speaks 1.0\nHINT:  Build the plugin again with the header of "
                        "this wfworker."},
        {"newer_minor", "needs plugin ABI 1.7, this wfworker has 1.0\nHINT:  Install a wfworker with plugin ABI 1.7 or later."},
        {"pointers", pointers},
        {"damaged", "its identity block wfw_plugin_abi is damaged"},
    };
    expect_failures(top, list, ARRAY_LEN(list));
    struct registry *r = open_dirs(top, NULL);
    CLEANUP_JSON json_t *listing = registry_json(r);
    assert_string_equal(js_str(entry(listing, "newer_major", "failed"), "abi"), "2.4");
    registry_close(r);
}

static void the_loader_is_quoted(void **state)
{
    (void)state;
    size_t len;
    CLEANUP_FREE char *data = built("good", &len);
    CLEANUP_FREE char *file = in(top, "missing.so");
    memcpy(find_bytes(data, len, "libc.so.6", 10), "libQ.so.6", 10);
    write_file(file, data, len, 0644);
    put(top, "good", "good");
    put(top, "undefined", "undefined");
    CLEANUP_FREE char *undefined = xasprintf("%s/undefined.so: undefined symbol: acme_frobnicate\nHINT:  Link the plugin with "
                                             "the library that has the symbol; -Wl,-z,defs finds this when building.",
                                             top);
    const struct expectation list[] = {
        {"missing", "libQ.so.6: cannot open shared object file: No such file or directory\nHINT:  Install the package that "
                    "has libQ.so.6; ldd shows everything that is missing."},
        {"undefined", undefined},
    };
    expect_failures(top, list, ARRAY_LEN(list));
}

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

static void two_plugins_for_one_type(void **state)
{
    (void)state;
    CLEANUP_FREE char *other = new_dir("other");
    put(top, "good", "good");
    put(other, "bad", "duplicate");
    struct registry *r = open_dirs(top, other);
    CLEANUP_JSON json_t *listing = registry_json(r);
    CLEANUP_FREE char *reason = xasprintf("node type \"test.loop\" is in two plugins: %s/good.so and %s/duplicate.so\nHINT:  The "
                                          "first in the search order is used; choose with without = test.loop in [plugin good] "
                                          "or [plugin duplicate], or with enabled = no.",
                                          top, other);
    expect_reason(listing, "duplicate", "failed", reason);
    assert_string_equal(registry_find(r, "test.loop")->plugin_name, "good");
    registry_close(r);
}

static void the_first_of_a_name_hides_the_others(void **state)
{
    (void)state;
    CLEANUP_FREE char *first = new_dir("a"), *second = new_dir("b");
    CLEANUP_FREE char *broken = in(first, "good.so");
    write_file(broken, "x", 1, 0644);
    put(second, "good", "good");
    struct registry *r = open_dirs(first, second);
    CLEANUP_JSON json_t *listing = registry_json(r);
    CLEANUP_FREE char *reason = xasprintf("hidden by %s, which comes first in the search order", broken);
    entry(listing, "good", "failed");
    expect_reason(listing, "good", "shadowed", reason);
    assert_null(registry_find(r, "test.block")); /* never silently replaced */
    registry_close(r);
}

static json_t *disable_good(void *ctx, const char *name)
{
    (void)name;
    return json_pack("{s:s}", "enabled", ctx);
}

static struct registry *open_with_config(json_t *(*config)(void *, const char *), void *ctx)
{
    const char *const dirs[] = {top, NULL};
    return open_registry(
        (struct registry_options){.plugin_dirs = dirs, .system_dir = "", .plugin_config = config, .ctx = ctx}, NULL);
}

/* ---- What the system refuses ---- */

static void see_log(enum log_level level, const char *message, const struct log_field *fields)
{
    CLEANUP_FREE char *before = STEAL(logged);
    const char *reason = "", *hint = "";
    for (const struct log_field *f = fields; f->name; f++) {
        reason = strcmp(f->name, "reason") == 0 ? f->text : reason;
        hint = strcmp(f->name, "hint") == 0 ? f->text : hint;
    }
    (void)level;
    logged = xasprintf("%s%s: %s|%s\n", before ? before : "", message, reason, hint);
}

static void failures_are_logged(void **state)
{
    (void)state;
    CLEANUP_FREE char *file = in(top, "empty.so");
    write_file(file, "", 0, 0644);
    log_divert(see_log);
    log_setup(LOG_TEXT, LOG_WARNING);
    registry_close(open_dirs(top, NULL));
    log_setup(LOG_TEXT, LOG_ERROR);
    log_divert(NULL);
    assert_string_equal(logged, "a plugin does not load; its node types are not run here: the file is empty|Copy or install the file "
                                "again.\n");
    free(STEAL(logged));
}

/* The auxiliary vector stands behind the environment that the program was started with. */
static void privileged_programs_ignore_the_environment(void **state)
{
    (void)state;
    ElfW(auxv_t) *at = (ElfW(auxv_t) *)(void *)first_auxiliary;
    while (at->a_type != AT_SECURE && at->a_type != AT_NULL)
        at++;
    assert_int_equal(at->a_type, AT_SECURE);
    if (at->a_un.a_val != 0)
        skip();
    assert_int_equal(setenv("WFWORKER_PLUGIN_PATH", top, 1), 0);
    log_divert(see_log);
    log_setup(LOG_TEXT, LOG_WARNING);
    at->a_un.a_val = 1;
    struct registry *r = open_registry((struct registry_options){.use_environment = true, .system_dir = ""}, NULL);
    at->a_un.a_val = 0;
    log_setup(LOG_TEXT, LOG_ERROR);
    log_divert(NULL);
    unsetenv("WFWORKER_PLUGIN_PATH");
    assert_string_equal(registry_unknown_detail(r), "no directory was searched");
    registry_close(r);
    assert_string_equal(logged, "WFWORKER_PLUGIN_PATH is ignored: this program runs with raised privileges: |\n");
    free(STEAL(logged));
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

static void symbols_that_are_not_there(void **state)
{
    (void)state;
    size_t len;
    CLEANUP_FREE char *data = built("good", &len), *no_entry = in(top, "no_entry.so"), *no_symbols = in(top, "no_symbols.so");
    CLEANUP_FREE char *odd = in(top, "odd.so");
    ElfW(Ehdr) header;
    size_t load = SIZE_MAX, dynamic = SIZE_MAX;
    put(top, "good", "good");
    memcpy(&header, data, sizeof header);
    for (size_t i = 0; i < header.e_phnum; i++) {
        ElfW(Phdr) p;
        memcpy(&p, data + header.e_phoff + i * sizeof p, sizeof p);
        load = p.p_type == PT_LOAD && load == SIZE_MAX ? i : load;
        dynamic = p.p_type == PT_DYNAMIC ? i : dynamic;
    }
    char *entry = find_bytes(data, len, "wfw_plugin_v1", 14);
    entry[12] = '9';
    write_file(no_entry, data, len, 0644);
    entry[12] = '1';
    char *type = data + header.e_phoff + dynamic * sizeof(ElfW(Phdr)) + offsetof(ElfW(Phdr), p_type);
    memcpy(type, &(ElfW(Word)){PT_NULL}, sizeof(ElfW(Word)));
    write_file(no_symbols, data, len, 0644);
    memcpy(type, &(ElfW(Word)){PT_DYNAMIC}, sizeof(ElfW(Word)));
    char *memory = data + header.e_phoff + load * sizeof(ElfW(Phdr)) + offsetof(ElfW(Phdr), p_memsz);
    memset(memory, 0, sizeof(ElfW(Xword)));
    write_file(odd, data, len, 0644);
    CLEANUP_FREE char *damaged = xasprintf("its ELF header is damaged: segment %zu has more bytes in the file than in memory", load);
    const struct expectation list[] = {
        {"no_entry", "not a wfworker plugin: it does not export wfw_plugin_v1"},
        {"no_symbols", "not a wfworker plugin: it exports no symbols at all"},
        {"odd", damaged},
    };
    expect_failures(top, list, ARRAY_LEN(list));
}

#ifdef __GLIBC__
/* A symbol version that the system's library does not have. */
static void a_newer_system_is_hinted_at(void **state)
{
    (void)state;
    size_t len;
    CLEANUP_FREE char *data = built("good", &len), *file = in(top, "newer.so");
    char *version = memmem(data, len, "GLIBC_2.", 8);
    if (!version)
        skip();
    memcpy(version, "GLIBC_9.", 8);
    write_file(file, data, len, 0644);
    struct registry *r = open_dirs(top, NULL);
    CLEANUP_JSON json_t *listing = registry_json(r);
    const char *said = js_str(entry(listing, "newer", "failed"), "reason");
    CLEANUP_FREE char *name = xstrndup(version, strcspn(version, "\0"));
    CLEANUP_FREE char *end = xasprintf("version `%s' not found (required by %s)\nHINT:  The plugin was built on a newer system; build it "
                                       "on this one.",
                                       name, file);
    const char *at = strstr(said, "version `");
    assert_non_null(at);
    assert_string_equal(at, end);
    registry_close(r);
}
#endif

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

static void examine_wrong(const char *path, const char *text)
{
    struct error e = ERROR_INIT;
    struct examined x;
    assert_int_equal(examine_file(path, &x, &e), -1);
    assert_string_equal(e.message, text);
    examined_free(&x);
}

static void what_cannot_be_examined(void **state)
{
    (void)state;
    CLEANUP_FREE char *notes = in(top, "notes.so");
    write_file(notes, "hello\n", 6, 0644);
    examine_wrong(top, "not a regular file of at most 268435456 bytes");
    examine_wrong(notes, "not an ELF file of this machine");
}

static void a_plugin_can_be_disabled(void **state)
{
    (void)state;
    put(top, "bad", "crash_ctor");
    struct registry *r = open_with_config(disable_good, (void *)(uintptr_t)"off");
    CLEANUP_JSON json_t *listing = registry_json(r);
    expect_reason(listing, "crash_ctor", "disabled", "disabled by enabled = no in [plugin crash_ctor]");
    assert_int_equal(registry_failed(r), 0);
    registry_close(r);
}

static json_t *config_of_text(void *ctx, const char *name)
{
    (void)name;
    return js_parse(ctx, strlen(ctx), NULL);
}

static void expect_config(const char *config, const char *reason)
{
    struct registry *r = open_with_config(config_of_text, (void *)(uintptr_t)config);
    CLEANUP_JSON json_t *listing = registry_json(r);
    expect_reason(listing, "good", "failed", reason);
    registry_close(r);
}

static void wrong_sections_are_named(void **state)
{
    (void)state;
    put(top, "good", "good");
    expect_config("{\"enabled\":\"maybe\"}", "[plugin good]: enabled = \"maybe\" is neither yes nor no");
    expect_config("{\"deny\":\"http, all\"}", "[plugin good]: deny = \"all\" is not a capability\nHINT:  Capabilities are http, "
                                              "secrets, env, fd, child, threads, lock, signal and request.");
    expect_config("{\"isolate\":\"maybe\"}", "[plugin good]: isolate = \"maybe\" is none of never, blocking and always");
    expect_config("{\"wrod\":\"hi\"}", "[plugin good]: unknown key \"wrod\"");
    expect_config("{\"limit\":\"11\"}", "[plugin good]: \"/limit\": must be at most 10");
    expect_config("{\"limit\":\"x\"}", "[plugin good]: \"/limit\": must be of type integer, is string");
    expect_config("{\"loud\":\"perhaps\"}", "[plugin good]: \"/loud\": must be of type boolean, is string");
}

static json_t *config_by_name(void *ctx, const char *name)
{
    return json_incref(json_object_get(ctx, name));
}

static void expect_chosen(const char *sections, const char *test_loop, const char *good_block)
{
    CLEANUP_JSON json_t *config = js_parse(sections, strlen(sections), NULL);
    struct registry *r = open_with_config(config_by_name, config);
    assert_int_equal(registry_failed(r), 0);
    assert_string_equal(registry_find(r, "test.loop")->plugin_name, test_loop);
    const struct handler *h = registry_find(r, "good-block");
    assert_int_equal(h != NULL, good_block != NULL);
    assert_non_null(registry_find(r, "test.block"));
    registry_close(r);
}

static void the_configuration_chooses_between_two(void **state)
{
    (void)state;
    put(top, "good", "good");
    put(top, "bad", "duplicate");
    expect_chosen("{\"good\":{\"without\":\"test.loop\"}}", "duplicate", "");
    expect_chosen("{\"duplicate\":{\"without\":\"test.loop\"}}", "good", "");
    expect_chosen("{\"good\":{\"without\":\"good-block, test.loop\"}}", "duplicate", NULL);
    expect_chosen("{\"good\":{\"enabled\":\"yes\"},\"duplicate\":{\"without\":\" test.loop,\"}}", "good", "");
    CLEANUP_FREE char *file = in(top, "duplicate.so");
    assert_int_equal(remove(file), 0);
    expect_config("{\"without\":\"test.loop test.lop\"}",
                  "[plugin good]: without = \"test.lop\" is not a node type of this plugin");
}

/* A file that only its owner may write is of no use where others may put another one in its place. */
static void directories_of_everybody_are_refused(void **state)
{
    (void)state;
    CLEANUP_FREE char *outer = new_dir("outer"), *inner = in(outer, "inner"), *link = in(top, "link");
    CLEANUP_FREE char *reason = xasprintf("refused: the mode of directory %s is 0777, everybody may put another file in its place\n"
                                          "HINT:  Run chmod o-w on it once you know that what is in it is what it should be.",
                                          outer);
    assert_int_equal(mkdir(inner, 0755), 0);
    put(inner, "good", "good");
    assert_int_equal(symlink(inner, link), 0);
    for (int way = 0; way < 3; way++) {
        struct registry *r;
        assert_int_equal(chmod(outer, 0777), 0);
        r = open_dirs(way ? link : inner, NULL);
        CLEANUP_JSON json_t *listing = registry_json(r);
        expect_reason(listing, "good", "failed", reason);
        registry_close(r);
        assert_int_equal(chmod(outer, way ? 01777 : 0775), 0); /* with the sticky bit only the owner may */
        r = open_dirs(way ? link : inner, NULL);
        assert_int_equal(registry_failed(r), 0);
        registry_close(r);
    }
    /* The file is in a good directory, the symbolic link to it is not. */
    CLEANUP_FREE char *safe = new_dir("safe"), *file = in(safe, "good.so"), *alias = in(outer, "good.so");
    put(safe, "good", "good");
    assert_int_equal(symlink(file, alias), 0);
    assert_int_equal(chmod(outer, 0777), 0);
    struct registry *r = open_dirs(outer, NULL);
    CLEANUP_JSON json_t *listing = registry_json(r);
    expect_reason(listing, "good", "failed", reason);
    registry_close(r);
    assert_int_equal(chmod(outer, 0755), 0);
}

/* What others than wfworker are denied, and what a section says instead. */
static void capabilities_are_denied_to_all(void **state)
{
    static const struct {
        const char *section;
        uint32_t caps;
        const char *line;
    } rows[] = {{"{}", WFW_CAP_HTTP, "          CAPABILITIES:  http, secrets, threads (denied: secrets, threads)\n"},
                {"{\"good\":{\"deny\":\"http\"}}", WFW_CAP_SECRETS, "          CAPABILITIES:  http, secrets, threads (denied: http)\n"},
                {"{\"good\":{\"deny\":\"\"}}", WFW_CAP_HTTP | WFW_CAP_SECRETS, "          CAPABILITIES:  http, secrets, threads\n"}};
    (void)state;
    const char *const dirs[] = {top, NULL};
    struct registry_options o = {.plugin_dirs = dirs, .system_dir = "", .plugin_config = config_by_name, .deny = "secrets, threads child"};
    struct error e = ERROR_INIT;
    put(top, "good", "good");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP_JSON json_t *config = js_parse(rows[i].section, strlen(rows[i].section), NULL);
        char *printed = NULL;
        size_t len = 0;
        o.ctx = config;
        struct registry *r = open_registry(o, &e);
        assert_int_equal(registry_find(r, "test.block")->node->caps, rows[i].caps);
        FILE *out = open_memstream(&printed, &len);
        registry_print(r, out);
        fclose(out);
        assert_non_null(strstr(printed, rows[i].line));
        free(printed);
        registry_close(r);
    }
    o.deny = "http;secrets";
    assert_null(open_registry(o, &e));
    assert_string_equal(e.message, "plugin_deny = \"http;secrets\" is not a capability");
    assert_string_equal(e.hint, "Capabilities are http, secrets, env, fd, child, threads, lock, signal and request.");
}

static void names_without_a_dot_are_remarked(void **state)
{
    (void)state;
    put(top, "bad", "dotless");
    struct registry *r = open_dirs(top, NULL);
    CLEANUP_JSON json_t *listing = registry_json(r);
    expect_reason(listing, "dotless", "ok",
                  "node type \"thing\" has no vendor prefix: names without a dot are wfworker's own");
    assert_non_null(registry_find(r, "thing"));
    registry_close(r);
}

static void strict_and_named_ones_stop(void **state)
{
    (void)state;
    CLEANUP_FREE char *file = in(top, "notes.so");
    write_file(file, "hello\n", 6, 0644);
    const char *const dirs[] = {top, NULL}, *const named[] = {file, NULL}, *const absent[] = {"/nonexistent/dir", NULL};
    CLEANUP_FREE char *expected = xasprintf("plugin notes (%s): not a shared object: the file does not begin with an ELF header",
                                            file);
    struct error e = ERROR_INIT;
    assert_null(open_registry((struct registry_options){.plugin_dirs = dirs, .system_dir = "", .strict = true}, &e));
    assert_string_equal(e.message, expected);
    assert_string_equal(e.hint, "A plugin is what cc -shared makes; remove the file or give it another name.");
    assert_null(open_registry((struct registry_options){.plugin_dirs = named, .system_dir = ""}, &e));
    assert_string_equal(e.message, expected);
    assert_null(open_registry((struct registry_options){.plugin_dirs = absent, .system_dir = "", .strict = true}, &e));
    assert_string_equal(e.message, "plugin directory \"/nonexistent/dir\" (--plugin-dir): No such file or directory");
    assert_string_equal(e.hint, "Correct the path, or create the directory.");
    struct registry *r = open_registry((struct registry_options){.plugin_dirs = absent, .system_dir = ""}, &e);
    assert_non_null(r);
    registry_close(r);
}

static void directories_are_searched_in_order(void **state)
{
    (void)state;
    static const char *const names[] = {"flag", "env1", "env2", "file", "system"};
    char *dirs[ARRAY_LEN(names)];
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        dirs[i] = new_dir(names[i]);
    const char *const flags[] = {dirs[0], NULL};
    CLEANUP_FREE char *env = xasprintf("%s::%s", dirs[1], dirs[2]);
    CLEANUP_FREE char *file = xasprintf("%s:%s", dirs[3], dirs[0]);
    assert_int_equal(setenv("WFWORKER_PLUGIN_PATH", env, 1), 0);
    struct registry_options options = {
        .plugin_dirs = flags, .plugin_path = file, .use_environment = true, .system_dir = dirs[4]};
    for (int with = 1; with >= 0; with--) {
        options.use_environment = with == 1;
        struct registry *r = open_registry(options, NULL);
        CLEANUP_JSON json_t *listing = registry_json(r);
        const json_t *searched = json_object_get(listing, "searched");
        size_t n = 0;
        for (size_t i = 0; i < ARRAY_LEN(names); i++)
            if (with || (i != 1 && i != 2))
                assert_string_equal(json_string_value(json_array_get(searched, n++)), dirs[i]);
        assert_int_equal(json_array_size(searched), n);
        registry_close(r);
    }
    unsetenv("WFWORKER_PLUGIN_PATH");
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        free(dirs[i]);
}

#define IN_DIR(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(int argc, char **argv, char **envp)
{
    while (*envp)
        envp++;
    first_auxiliary = envp + 1;
    if (helper_wanted(argc, argv))
        return helper_main();
    const struct CMUnitTest tests[] = {
        IN_DIR(a_good_one_is_found_with_all_its_names),
        IN_DIR(the_listing_is_a_table_or_json),
        IN_DIR(an_empty_directory_is_said_so),
        IN_DIR(files_that_are_no_plugins),
        IN_DIR(a_truncated_file),
        IN_DIR(damaged_files),
        IN_DIR(other_abis),
        IN_DIR(the_loader_is_quoted),
        IN_DIR(code_that_crashes_or_ends),
        IN_DIR(code_that_does_not_come_back),
        IN_DIR(descriptors_that_are_wrong),
        IN_DIR(names_of_our_own_are_reserved),
        IN_DIR(an_init_that_crashes),
        IN_DIR(longer_descriptors_of_zeros_load),
        IN_DIR(two_plugins_for_one_type),
        IN_DIR(the_first_of_a_name_hides_the_others),
        IN_DIR(a_plugin_can_be_disabled),
        IN_DIR(wrong_sections_are_named),
        IN_DIR(the_configuration_chooses_between_two),
        IN_DIR(directories_of_everybody_are_refused),
        IN_DIR(capabilities_are_denied_to_all),
        IN_DIR(what_cannot_be_examined),
        IN_DIR(failures_are_logged),
        IN_DIR(privileged_programs_ignore_the_environment),
        IN_DIR(a_file_that_goes_away_between),
        IN_DIR(code_whose_init_does_not_come_back),
        IN_DIR(symbols_that_are_not_there),
#ifdef __GLIBC__
        IN_DIR(a_newer_system_is_hinted_at),
#endif
        IN_DIR(a_probe_that_cannot_be_had),
        IN_DIR(names_without_a_dot_are_remarked),
        IN_DIR(strict_and_named_ones_stop),
        IN_DIR(directories_are_searched_in_order),
    };
    log_setup(LOG_TEXT, LOG_ERROR);
    static struct CMUnitTest all[3 * ARRAY_LEN(tests)];
    static enum isolate modes[] = {ISOLATE_NEVER, ISOLATE_BLOCKING, ISOLATE_ALWAYS};
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        isolate = modes[i / ARRAY_LEN(tests)];
        all[i] = tests[i % ARRAY_LEN(tests)];
        all[i].name = xasprintf("%s: %s", isolate_text(), all[i].name);
        all[i].initial_state = &modes[i / ARRAY_LEN(tests)];
    }
    int failed = cmocka_run_group_tests(all, NULL, NULL);
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        free((void *)(uintptr_t)all[i].name);
    return failed;
}
