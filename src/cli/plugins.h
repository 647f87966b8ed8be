/* SPDX-License-Identifier: Apache-2.0 */
/* The plugins as the command line looks at them. */
#ifndef WF_CLI_PLUGINS_H
#define WF_CLI_PLUGINS_H

#include "cli/command.h"
#include "plugin/registry.h"

/* Open the plugins as a worker with these settings would; with `strict` false broken ones are for the caller to
 * list: they are not logged. */
struct registry_options plugins_options(const struct cli *c, bool strict);
struct registry *plugins_open(const struct cli *c, bool strict, struct error *e);

#endif
