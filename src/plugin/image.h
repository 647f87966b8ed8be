/* SPDX-License-Identifier: Apache-2.0 */
/* A plugin's file, looked at without running any of its code: access rights, ELF header, machine, segments, symbols and
 * the identity block.  Never crashes, whatever the file holds; a file that this accepts can be mapped by dlopen(). */
#ifndef WF_PLUGIN_IMAGE_H
#define WF_PLUGIN_IMAGE_H

#include <stdbool.h>

#include "base/error.h"
#include "plugin/abi.h"

/* 0 and *abi, or -1 and *e.  When the identity could be read but is not acceptable (another ABI), *abi is filled, too;
 * otherwise abi->size is 0. */
int image_check(const char *path, struct wfw_abi *abi, struct error *e);

#endif
