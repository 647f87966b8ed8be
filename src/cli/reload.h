/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the settings again while the worker runs. */
#ifndef WF_CLI_RELOAD_H
#define WF_CLI_RELOAD_H

#include "cli/command.h"

/* For worker_options.reload; ctx is the struct cli. */
struct settings_source *cli_reload(void *ctx, struct error *e);

#endif
