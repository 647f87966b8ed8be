/* SPDX-License-Identifier: Apache-2.0 */
/* Reads go through pread() with bounds: a mapping of a file that shrinks would kill the process. */
#include "plugin/image.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "config.h"

#define MAX_SEGMENTS 512
#define MAX_DYNAMIC 4096
#define MAX_CHAIN 1000000

#if UINTPTR_MAX > UINT32_MAX
#define HOST_CLASS ELFCLASS64
#define HOST_BITS 64
#else
#define HOST_CLASS ELFCLASS32
#define HOST_BITS 32
#endif
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define HOST_DATA ELFDATA2LSB
#else
#define HOST_DATA ELFDATA2MSB
#endif

typedef ElfW(Ehdr) ehdr;
typedef ElfW(Phdr) phdr;
typedef ElfW(Dyn) dyn;
typedef ElfW(Sym) sym;

struct image {
    const char *path;
    int fd;
    uint64_t size;
    ehdr header;
    phdr segments[MAX_SEGMENTS];
    size_t segment_count;
    uint64_t symtab, strtab, gnu_hash, sysv_hash; /* addresses, 0 = not there */
};

static bool read_at(const struct image *m, uint64_t offset, void *out, size_t len)
{
    if (offset > m->size || len > m->size - offset)
        return false;
    for (size_t done = 0; done < len;) {
        ssize_t n = pread(m->fd, (char *)out + done, len - done, (off_t)(offset + done));
        if (n == 0 || (n < 0 && errno != EINTR)) /* 0: it has become shorter meanwhile */
            return false;
        done += n > 0 ? (size_t)n : 0;
    }
    return true;
}

/* Read what will be mapped at an address. */
static bool read_mapped(const struct image *m, uint64_t address, void *out, size_t len)
{
    for (size_t i = 0; i < m->segment_count; i++) {
        const phdr *p = &m->segments[i];
        if (p->p_type == PT_LOAD && address >= p->p_vaddr && address - p->p_vaddr < p->p_filesz &&
            len <= p->p_filesz - (address - p->p_vaddr))
            return read_at(m, p->p_offset + (address - p->p_vaddr), out, len);
    }
    return false;
}

static const char *machine_name(unsigned machine, char room[32])
{
    static const struct {
        unsigned machine;
        const char *name;
    } names[] = {{EM_X86_64, "x86-64"}, {EM_386, "i386"},       {EM_AARCH64, "AArch64"}, {EM_ARM, "ARM"},   {EM_RISCV, "RISC-V"},
                 {EM_PPC64, "POWER"},   {EM_S390, "S/390"}, {EM_MIPS, "MIPS"},       {EM_LOONGARCH, "LoongArch"}};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (names[i].machine == machine)
            return names[i].name;
    snprintf(room, 32, "machine number %u", machine);
    return room;
}

/* The ELF header of this very program in memory, as the linker calls it: /proc may not be there to ask. */
extern const ehdr __ehdr_start __attribute__((visibility("hidden")));

static unsigned host_machine(void)
{
    return __ehdr_start.e_machine;
}

static int check_ident(const struct image *m, struct error *e)
{
    const unsigned char *id = m->header.e_ident;
    if (id[EI_CLASS] != HOST_CLASS && (id[EI_CLASS] == ELFCLASS32 || id[EI_CLASS] == ELFCLASS64)) {
        err_set(e, "built for %d-bit, this wfworker is %d-bit", id[EI_CLASS] == ELFCLASS32 ? 32 : 64, HOST_BITS);
        return err_hint(e, "Build the plugin for this machine, or install the package for its architecture.");
    }
    if (id[EI_DATA] != HOST_DATA) {
        err_set(e, "built for a machine with another byte order than this one");
        return err_hint(e, "Build the plugin for this machine, or install the package for its architecture.");
    }
    return id[EI_CLASS] == HOST_CLASS && id[EI_VERSION] == EV_CURRENT ? 0 : err_set(e, "its ELF header is damaged");
}

static int check_machine(const struct image *m, struct error *e)
{
    char a[32], b[32];
    unsigned host = host_machine();
    if (m->header.e_type != ET_DYN) {
        err_set(e, "not a shared object: its ELF type is %s",
                m->header.e_type == ET_REL    ? "relocatable object"
                : m->header.e_type == ET_EXEC ? "executable"
                : m->header.e_type == ET_CORE ? "core dump"
                                              : "unknown");
        return err_hint(e, "Link the plugin with -shared.");
    }
    if (m->header.e_machine == host)
        return 0;
    err_set(e, "built for %s, this wfworker runs on %s", machine_name(m->header.e_machine, a), machine_name(host, b));
    return err_hint(e, "Build the plugin for this machine, or install the package for its architecture.");
}

static int truncated(struct error *e, const char *what, uint64_t end, uint64_t size)
{
    err_set(e, "the file is truncated: %s ends at byte %llu, the file has %llu", what, (unsigned long long)end,
            (unsigned long long)size);
    return err_hint(e, "Copy or install the file again; replace plugins by rename, never in place.");
}

static int read_header(struct image *m, struct error *e)
{
    if (m->size == 0) {
        err_set(e, "the file is empty");
        return err_hint(e, "Copy or install the file again.");
    }
    if (!read_at(m, 0, &m->header, sizeof m->header < m->size ? sizeof m->header : (size_t)m->size))
        return err_set(e, "the file cannot be read: %s", strerror(errno));
    if (memcmp(m->header.e_ident, ELFMAG, m->size < SELFMAG ? (size_t)m->size : SELFMAG) != 0) {
        err_set(e, "not a shared object: the file does not begin with an ELF header");
        return err_hint(e, "A plugin is what cc -shared makes; remove the file or give it another name.");
    }
    if (m->size < sizeof m->header)
        return truncated(e, "the ELF header", sizeof m->header, m->size);
    return check_ident(m, e) != 0 || check_machine(m, e) != 0 ? -1 : 0;
}

/* Segments must lie in the file: dlopen() of one that does not ends in SIGBUS. */
static int read_segments(struct image *m, struct error *e)
{
    const ehdr *h = &m->header;
    if (h->e_phentsize != sizeof(phdr) || h->e_phnum == 0 || h->e_phnum > MAX_SEGMENTS)
        return err_set(e, "its ELF header is damaged: %u program headers of %u bytes", h->e_phnum, h->e_phentsize);
    m->segment_count = h->e_phnum;
    if (!read_at(m, h->e_phoff, m->segments, m->segment_count * sizeof(phdr)))
        return truncated(e, "the program header table", h->e_phoff + m->segment_count * sizeof(phdr), m->size);
    for (size_t i = 0; i < m->segment_count; i++) {
        const phdr *p = &m->segments[i];
        char what[40];
        snprintf(what, sizeof what, "segment %zu", i);
        if (p->p_type == PT_LOAD && p->p_memsz < p->p_filesz)
            return err_set(e, "its ELF header is damaged: %s has more bytes in the file than in memory", what);
        if ((p->p_type == PT_LOAD || p->p_type == PT_DYNAMIC) &&
            (p->p_offset > m->size || p->p_filesz > m->size - p->p_offset))
            return truncated(e, what, (uint64_t)p->p_offset + p->p_filesz, m->size);
    }
    return 0;
}

static void note_dynamic(struct image *m, const dyn *d)
{
    switch (d->d_tag) {
    case DT_SYMTAB:
        m->symtab = d->d_un.d_ptr;
        break;
    case DT_STRTAB:
        m->strtab = d->d_un.d_ptr;
        break;
    case DT_GNU_HASH:
        m->gnu_hash = d->d_un.d_ptr;
        break;
    case DT_HASH:
        m->sysv_hash = d->d_un.d_ptr;
        break;
    default:
        break;
    }
}

static int read_dynamic(struct image *m, struct error *e)
{
    for (size_t i = 0; i < m->segment_count; i++) {
        const phdr *p = &m->segments[i];
        dyn d;
        for (size_t k = 0; p->p_type == PT_DYNAMIC && k < p->p_filesz / sizeof d && k < MAX_DYNAMIC; k++) {
            if (!read_at(m, p->p_offset + k * sizeof d, &d, sizeof d) || d.d_tag == DT_NULL)
                break;
            note_dynamic(m, &d);
        }
    }
    return m->symtab && m->strtab && (m->gnu_hash || m->sysv_hash)
               ? 0
               : err_set(e, "not a wfworker plugin: it exports no symbols at all");
}

static bool symbol_is(const struct image *m, uint64_t index, const char *name, sym *out)
{
    char text[64];
    size_t len = strlen(name) + 1;
    return len <= sizeof text && read_mapped(m, m->symtab + index * sizeof *out, out, sizeof *out) &&
           out->st_shndx != SHN_UNDEF && read_mapped(m, m->strtab + out->st_name, text, len) && memcmp(text, name, len) == 0;
}

static bool find_gnu(const struct image *m, const char *name, sym *out)
{
    uint32_t head[4], at, hash = 5381, word; /* buckets, first symbol, words of the bloom filter, shift */
    for (const unsigned char *p = (const unsigned char *)name; *p; p++)
        hash = hash * 33 + *p;
    if (!read_mapped(m, m->gnu_hash, head, sizeof head) || head[0] == 0)
        return false;
    uint64_t buckets = m->gnu_hash + sizeof head + (uint64_t)head[2] * sizeof(ElfW(Addr));
    if (!read_mapped(m, buckets + (uint64_t)(hash % head[0]) * 4, &at, sizeof at) || at < head[1])
        return false;
    for (uint32_t n = 0; n < MAX_CHAIN; n++, at++) {
        if (!read_mapped(m, buckets + ((uint64_t)head[0] + (at - head[1])) * 4, &word, sizeof word))
            return false;
        if ((word | 1) == (hash | 1) && symbol_is(m, at, name, out))
            return true;
        if (word & 1)
            return false;
    }
    return false;
}

static bool find_sysv(const struct image *m, const char *name, sym *out)
{
    uint32_t head[2]; /* buckets, chains = symbols */
    if (!read_mapped(m, m->sysv_hash, head, sizeof head))
        return false;
    for (uint32_t i = 0; i < head[1] && i < MAX_CHAIN; i++)
        if (symbol_is(m, i, name, out))
            return true;
    return false;
}

static bool find_symbol(const struct image *m, const char *name, sym *out)
{
    return m->gnu_hash ? find_gnu(m, name, out) : find_sysv(m, name, out);
}

static int check_major(const struct wfw_abi *abi, struct error *e)
{
    err_set(e, "built for plugin ABI %u.%u, this wfworker speaks %d.%d", abi->major, abi->minor, WFW_ABI_MAJOR,
            WFW_ABI_MINOR_MAX);
    return abi->major > WFW_ABI_MAJOR
               ? err_hint(e, "Install a wfworker that speaks plugin ABI %u, or a build of the plugin for ABI %d.", abi->major,
                          WFW_ABI_MAJOR)
               : err_hint(e, "Build the plugin again with the header of this wfworker.");
}

static int check_identity(const struct wfw_abi *abi, struct error *e)
{
    if (abi->major != WFW_ABI_MAJOR)
        return check_major(abi, e);
    if (abi->minor > WFW_ABI_MINOR_MAX) {
        err_set(e, "needs plugin ABI %u.%u, this wfworker has %d.%d", abi->major, abi->minor, WFW_ABI_MAJOR,
                WFW_ABI_MINOR_MAX);
        return err_hint(e, "Install a wfworker with plugin ABI %u.%u or later.", abi->major, abi->minor);
    }
    if (abi->pointer_size != sizeof(void *))
        return err_set(e, "built for pointers of %u bytes, this wfworker has %zu", abi->pointer_size, sizeof(void *));
    return 0;
}

static int read_identity(const struct image *m, struct wfw_abi *abi, struct error *e)
{
    sym s;
    if (!find_symbol(m, "wfw_plugin_abi", &s)) {
        err_set(e, "not a wfworker plugin: it does not export wfw_plugin_abi");
        return err_hint(e, "Put WFW_PLUGIN(descriptor) of wfworker/plugin.h into one source of the plugin.");
    }
    if (!read_mapped(m, s.st_value, abi, sizeof *abi) || memcmp(abi->magic, "WFWPLUG", 8) != 0 ||
        abi->size < sizeof *abi) {
        *abi = (struct wfw_abi){.size = 0};
        return err_set(e, "its identity block wfw_plugin_abi is damaged");
    }
    abi->sdk[sizeof abi->sdk - 1] = '\0';
    if (check_identity(abi, e) != 0)
        return -1;
    return find_symbol(m, "wfw_plugin_v1", &s) ? 0 : err_set(e, "not a wfworker plugin: it does not export wfw_plugin_v1");
}

/* May everybody replace an entry of this directory?  In one with the sticky bit only its owner may, who is we or the system. */
static bool open_to_all(const struct stat *dir, const struct stat *file)
{
    if (!(dir->st_mode & S_IWOTH))
        return false;
    return !(dir->st_mode & S_ISVTX) || (file->st_uid != 0 && file->st_uid != geteuid());
}

/* Who may rename a directory above the file may put another file in its place.  path: absolute, without symbolic links. */
static int check_above(const char *path, const struct stat *file, struct error *e)
{
    CLEANUP_FREE char *dir = xstrdup(path);
    for (char *slash = strrchr(dir, '/'); slash; slash = strrchr(dir, '/')) {
        struct stat st;
        slash[slash == dir ? 1 : 0] = '\0';
        if (stat(dir, &st) == 0 && open_to_all(&st, file)) {
            err_set(e, "refused: the mode of directory %s is %04o, everybody may put another file in its place", dir,
                    (unsigned)(st.st_mode & 07777));
            return err_hint(e, "Run chmod o-w on it once you know that what is in it is what it should be.");
        }
        if (slash == dir)
            break;
    }
    return 0;
}

/* The directories of the file, and those of the symbolic link by which it is known. */
static int check_directories(const struct image *m, const struct stat *file, struct error *e)
{
    CLEANUP_FREE char *target = realpath(m->path, NULL), *parent = xstrdup(m->path);
    char *slash = strrchr(parent, '/');
    if (!target)
        return err_set(e, "the file cannot be read: %s", strerror(errno));
    if (slash)
        *slash = '\0';
    CLEANUP_FREE char *dir = realpath(!slash ? "." : slash == parent ? "/" : parent, NULL);
    CLEANUP_FREE char *entry = dir ? xasprintf("%s/x", dir) : NULL;
    return check_above(target, file, e) != 0 || (entry && check_above(entry, file, e) != 0) ? -1 : 0;
}

static int check_rights(struct image *m, struct error *e)
{
    struct stat st;
    if (fstat(m->fd, &st) != 0)
        return err_set(e, "the file cannot be read: %s", strerror(errno));
    if (!S_ISREG(st.st_mode))
        return err_set(e, "not a regular file");
    if (st.st_mode & (S_IWGRP | S_IWOTH)) {
        err_set(e, "refused: its mode is %04o, %s may change the file", (unsigned)(st.st_mode & 07777),
                st.st_mode & S_IWOTH ? "everybody" : "its group");
        return err_hint(e, "Run chmod go-w on it once you know that its content is what it should be.");
    }
    m->size = (uint64_t)st.st_size;
    return check_directories(m, &st, e);
}

/* In this order; each needs what those before it have read. */
static const struct {
    const char *name;
    int (*read)(struct image *m, struct error *e);
} steps[] = {{"file", check_rights}, {"ELF header", read_header}, {"segments", read_segments}, {"symbols", read_dynamic}};

static int read_steps(struct image *m, struct wfw_abi *abi, const char **failed, struct error *e)
{
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        *failed = steps[i].name;
        if (steps[i].read(m, e) != 0)
            return -1;
    }
    *failed = "identity";
    return read_identity(m, abi, e);
}

int image_check_steps(const char *path, struct wfw_abi *abi, const char **failed, struct error *e)
{
    struct image *m = xcalloc(1, sizeof *m);
    *abi = (struct wfw_abi){.size = 0};
    *failed = steps[0].name;
    m->path = path;
    m->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    int rc = m->fd < 0 ? err_set(e, "the file cannot be read: %s", strerror(errno)) : read_steps(m, abi, failed, e);
    if (m->fd >= 0)
        close(m->fd);
    free(m);
    if (rc == 0)
        *failed = NULL;
    return rc;
}

int image_check(const char *path, struct wfw_abi *abi, struct error *e)
{
    const char *failed;
    return image_check_steps(path, abi, &failed, e);
}

const char *image_step(size_t i)
{
    return i < ARRAY_LEN(steps) ? steps[i].name : i == ARRAY_LEN(steps) ? "identity" : NULL;
}
