/* SPDX-License-Identifier: Apache-2.0 */
/* What an author wants to know of a plugin's file beyond what loading needs: libraries, symbols, how it was linked.
 * Nothing of the file is run.  image_check() (image.h) says first whether it is a plugin at all. */
#ifndef WF_PLUGIN_EXAMINE_H
#define WF_PLUGIN_EXAMINE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct examined {
    uint64_t size;        /* bytes of the file */
    json_t *needed;       /* array of the names of the libraries that it names */
    json_t *exported;     /* array of the names of the symbols that it gives to others */
    json_t *undefined;    /* array of those that it takes from others, weak ones left out */
    char *search_path;    /* RPATH or RUNPATH, or NULL */
    char build_id[64];    /* hexadecimal digits, at most so many; "" = none */
    bool text_relocations, executable_stack, read_only_relocations, debug_information;
};

/* 0, or -1 and *e.  Free it in both cases. */
int examine_file(const char *path, struct examined *x, struct error *e);
void examined_free(struct examined *x);

/* The libraries that the file would be loaded with, as the system's loader finds them now, each an object {"library",
 * "file" (null: not found)}, and `missing`, the symbols that none of them has.  Both arrays are new references; the loader
 * runs in a process of its own.  0, or -1 and *e when it cannot be asked. */
int examine_libraries(const char *path, json_t **libraries, json_t **missing, struct error *e);

#endif
