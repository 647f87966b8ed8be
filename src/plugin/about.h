/* SPDX-License-Identifier: Apache-2.0 */
/* A plugin's descriptor as JSON: what a helper process tells of a file that only it has loaded.
 *
 * An object: name, version, license, vendor, url, summary, config_schema: texts or null; nodes: an array of objects: type, aliases,
 * summary, description, config_schema, output_schema, examples: texts or null; exec, effect, caps, timeout: numbers;
 * check: has it a check of its own?; declares: has it a declare(), whose node types are not there before init? */
#ifndef WF_PLUGIN_ABOUT_H
#define WF_PLUGIN_ABOUT_H

#include <jansson.h>

#include "plugin/descriptor.h"

json_t *about_write(const struct descriptor *d); /* a new reference; texts that are no UTF-8 are mended */

/* Back, with everything checked again, as descriptor_read() does; a reference of `about` is taken.  The functions in it are of no
 * use, except that node->check is NULL where there is none: calls have to go where the JSON came from. */
int about_read(json_t *about, const char *name, struct descriptor *d, struct error *e);

#endif
