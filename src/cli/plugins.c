/* SPDX-License-Identifier: Apache-2.0 */
/* wfworker --list-plugins. */
#include "cli/plugins.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "cli/table.h"
#include "helper/helper.h"

struct registry_options plugins_options(const struct cli *c, bool strict)
{
    struct registry_options o = helper_registry_options(c->settings, c->source);
    o.quiet = !strict;
    o.strict = strict;
    return o;
}

struct registry *plugins_open(const struct cli *c, bool strict, struct error *e)
{
    struct registry_options options = plugins_options(c, strict);
    return registry_open(&options, e);
}

/* With --strict what is not as it should be makes the exit code 1, but all are listed first. */
int cmd_list_plugins(struct cli *c, bool json)
{
    struct error e = ERROR_INIT;
    struct registry *r = plugins_open(c, false, &e);
    if (!r)
        return cli_failed(&e);
    bool sound = registry_sound(r);
    if (json) {
        CLEANUP_JSON json_t *all = registry_json(r);
        print_json(all);
    } else if (registry_print(r, stdout) != 0) {
        sound = false; /* shadowed ones are not as they should be either */
    }
    registry_close(r);
    return !sound && c->settings->strict ? EXIT_FAILURE : EXIT_SUCCESS;
}
