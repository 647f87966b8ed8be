/* SPDX-License-Identifier: Apache-2.0 */
/* A plugin's file, looked at without running any of its code: access rights, ELF header, machine, segments, symbols and
 * the identity block.  Never crashes, whatever the file holds; a file that this accepts can be mapped by dlopen(). */
#ifndef WF_PLUGIN_IMAGE_H
#define WF_PLUGIN_IMAGE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "plugin/abi.h"

/* 0 and *abi, or -1 and *e.  When the identity could be read but is not acceptable (another ABI), *abi is filled, too;
 * otherwise abi->size is 0. */
int image_check(const char *path, struct wfw_abi *abi, struct error *e);

/* The same for who wants to tell how far it came: *failed is the name of the step that failed, or NULL. */
int image_check_steps(const char *path, struct wfw_abi *abi, const char **failed, struct error *e);

/* The names of the steps in their order; NULL behind the last one. */
const char *image_step(size_t i);

#endif
