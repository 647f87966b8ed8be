/* SPDX-License-Identifier: Apache-2.0 */
/* The file is read whole; every place in it is looked up with bounds, whatever its headers say. */
#include "plugin/examine.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"

#define MOST_BYTES (256U * 1024 * 1024)
#define MOST_SYMBOLS 1000000
#define MOST_DYNAMIC 4096

typedef ElfW(Ehdr) ehdr;
typedef ElfW(Phdr) phdr;
typedef ElfW(Shdr) shdr;
typedef ElfW(Dyn) dyn;
typedef ElfW(Sym) sym;

struct view {
    unsigned char *data;
    uint64_t size;
    ehdr header;
    struct examined *x;
};

static bool get(const struct view *v, uint64_t offset, void *out, size_t len)
{
    if (offset > v->size || len > v->size - offset)
        return false;
    memcpy(out, v->data + offset, len);
    return true;
}

/* A text at an offset, or NULL when it does not end within the file. */
static const char *text_at(const struct view *v, uint64_t offset)
{
    return offset < v->size && memchr(v->data + offset, 0, v->size - offset) ? (const char *)v->data + offset : NULL;
}

static bool segment(const struct view *v, size_t i, phdr *p)
{
    return i < v->header.e_phnum && get(v, v->header.e_phoff + i * sizeof *p, p, sizeof *p);
}

static bool section(const struct view *v, size_t i, shdr *s)
{
    return i < v->header.e_shnum && v->header.e_shentsize == sizeof *s &&
           get(v, v->header.e_shoff + i * sizeof *s, s, sizeof *s);
}

/* The offset of what will be mapped at an address; UINT64_MAX: nothing will. */
static uint64_t offset_of(const struct view *v, uint64_t address)
{
    phdr p;
    for (size_t i = 0; segment(v, i, &p); i++)
        if (p.p_type == PT_LOAD && address >= p.p_vaddr && address - p.p_vaddr < p.p_filesz)
            return p.p_offset + (address - p.p_vaddr);
    return UINT64_MAX;
}

static void push_text(json_t *list, const char *text)
{
    js_push(list, js_string_lossy(text, strlen(text)));
}

/* ---- Dynamic section ---- */

static void note_dynamic(struct view *v, const dyn *d, uint64_t strings)
{
    const char *text = strings == UINT64_MAX ? NULL : text_at(v, strings + d->d_un.d_val);
    if (d->d_tag == DT_NEEDED && text)
        push_text(v->x->needed, text);
    else if ((d->d_tag == DT_RPATH || d->d_tag == DT_RUNPATH) && text && !v->x->search_path)
        v->x->search_path = xstrdup(text);
    else if (d->d_tag == DT_TEXTREL || (d->d_tag == DT_FLAGS && d->d_un.d_val & DF_TEXTREL))
        v->x->text_relocations = true;
}

static void read_dynamic(struct view *v, const phdr *p)
{
    uint64_t strings = UINT64_MAX;
    dyn d;
    for (size_t k = 0; k < p->p_filesz / sizeof d && k < MOST_DYNAMIC && get(v, p->p_offset + k * sizeof d, &d, sizeof d); k++)
        if (d.d_tag == DT_STRTAB)
            strings = offset_of(v, d.d_un.d_ptr);
    for (size_t k = 0; k < p->p_filesz / sizeof d && k < MOST_DYNAMIC && get(v, p->p_offset + k * sizeof d, &d, sizeof d); k++) {
        if (d.d_tag == DT_NULL)
            return;
        note_dynamic(v, &d, strings);
    }
}

static void read_notes(struct view *v, const phdr *p)
{
    ElfW(Nhdr) n;
    for (uint64_t at = p->p_offset, end = at + p->p_filesz; at < end && get(v, at, &n, sizeof n);) {
        uint64_t name = at + sizeof n, value = name + (((uint64_t)n.n_namesz + 3) & ~UINT64_C(3));
        unsigned char id[(sizeof v->x->build_id - 1) / 2];
        size_t len = n.n_descsz < sizeof id ? n.n_descsz : sizeof id;
        if (n.n_type == NT_GNU_BUILD_ID && n.n_namesz == 4 && get(v, value, id, len))
            for (size_t i = 0; i < len; i++)
                snprintf(v->x->build_id + 2 * i, 3, "%02x", id[i]);
        at = value + (((uint64_t)n.n_descsz + 3) & ~UINT64_C(3));
    }
}

static void read_segments(struct view *v)
{
    phdr p;
    for (size_t i = 0; segment(v, i, &p); i++) {
        if (p.p_type == PT_DYNAMIC)
            read_dynamic(v, &p);
        else if (p.p_type == PT_NOTE)
            read_notes(v, &p);
        else if (p.p_type == PT_GNU_STACK && p.p_flags & PF_X)
            v->x->executable_stack = true;
        else if (p.p_type == PT_GNU_RELRO)
            v->x->read_only_relocations = true;
    }
}

/* ---- Sections: symbols, debug information ---- */

static void read_symbols(struct view *v, const shdr *s, const shdr *strings)
{
    sym one;
    for (uint64_t i = 1; i < s->sh_size / sizeof one && i < MOST_SYMBOLS; i++) {
        if (!get(v, s->sh_offset + i * sizeof one, &one, sizeof one))
            return;
        const char *name = text_at(v, strings->sh_offset + one.st_name);
        unsigned bind = ELF64_ST_BIND(one.st_info), seen = ELF64_ST_VISIBILITY(one.st_other);
        if (!name || !*name || bind == STB_LOCAL || seen == STV_HIDDEN)
            continue;
        if (one.st_shndx != SHN_UNDEF)
            push_text(v->x->exported, name);
        else if (bind != STB_WEAK)
            push_text(v->x->undefined, name);
    }
}

static void read_sections(struct view *v)
{
    shdr s, names, strings;
    bool named = section(v, v->header.e_shstrndx, &names);
    for (size_t i = 0; section(v, i, &s); i++) {
        const char *name = named ? text_at(v, names.sh_offset + s.sh_name) : NULL;
        if (s.sh_type == SHT_DYNSYM && section(v, s.sh_link, &strings))
            read_symbols(v, &s, &strings);
        if (name && (strcmp(name, ".debug_info") == 0 || strcmp(name, ".gnu_debuglink") == 0))
            v->x->debug_information = true;
    }
}

/* ---- The file ---- */

static int read_file(struct view *v, const char *path, struct error *e)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), rc = -1;
    if (fd < 0 || fstat(fd, &st) != 0) {
        err_set(e, "the file cannot be read: %s", strerror(errno));
    } else if (!S_ISREG(st.st_mode) || st.st_size < 0 || (uint64_t)st.st_size > MOST_BYTES) {
        err_set(e, "not a regular file of at most %u bytes", MOST_BYTES);
    } else {
        ssize_t n = 1;
        v->data = xmalloc((size_t)st.st_size + 1);
        while (v->size < (uint64_t)st.st_size && n > 0) {
            n = read(fd, v->data + v->size, (size_t)st.st_size - (size_t)v->size);
            v->size += n > 0 ? (uint64_t)n : 0;
        }
        rc = n >= 0 ? 0 : err_set(e, "the file cannot be read: %s", strerror(errno));
    }
    if (fd >= 0)
        close(fd);
    return rc;
}

int examine_file(const char *path, struct examined *x, struct error *e)
{
    struct view v = {.x = x};
    *x = (struct examined){.needed = json_array(), .exported = json_array(), .undefined = json_array()};
    int rc = read_file(&v, path, e);
    if (rc == 0 && (!get(&v, 0, &v.header, sizeof v.header) || memcmp(v.header.e_ident, ELFMAG, SELFMAG) != 0 ||
                    v.header.e_phentsize != sizeof(phdr)))
        rc = err_set(e, "not an ELF file of this machine");
    if (rc == 0) {
        x->size = v.size;
        read_segments(&v);
        read_sections(&v);
    }
    free(v.data);
    return rc;
}

void examined_free(struct examined *x)
{
    json_decref(x->needed);
    json_decref(x->exported);
    json_decref(x->undefined);
    free(x->search_path);
    *x = (struct examined){0};
}
