/* SPDX-License-Identifier: Apache-2.0 */
/* wfworker config: every setting, its value and where it came from. */
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "cli/command.h"
#include "cli/table.h"

const struct cli_option config_options[] = {
    {"json", 0, NULL, "as JSON: {\"settings\": {NAME: {\"value\", \"from\"}}, \"plugins\": {...}}"},
    {NULL, 0, NULL, NULL},
};

int cmd_config(struct cli *c)
{
    if (!cli_has(c, "json")) {
        settings_print(c->source, stdout);
        return EXIT_SUCCESS;
    }
    CLEANUP_JSON json_t *all = settings_json(c->source);
    print_json(all);
    return EXIT_SUCCESS;
}
