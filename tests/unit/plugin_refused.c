/* SPDX-License-Identifier: Apache-2.0 */
/* Files that are refused before any of their code runs, and those that the system's loader refuses, each with its text. */
#include "unit/plugin_files.h"

#include <elf.h>
#include <limits.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"
#include "plugin/examine.h"
#include "plugin/image.h"
#include "plugin/probe.h"

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

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        IN_DIR(files_that_are_no_plugins),
        IN_DIR(a_truncated_file),
        IN_DIR(damaged_files),
        IN_DIR(other_abis),
        IN_DIR(the_loader_is_quoted),
        IN_DIR(symbols_that_are_not_there),
#ifdef __GLIBC__
        IN_DIR(a_newer_system_is_hinted_at),
#endif
        IN_DIR(what_cannot_be_examined),
        IN_DIR(directories_of_everybody_are_refused),
    };
    return run_each_way(argc, argv, tests, ARRAY_LEN(tests));
}
