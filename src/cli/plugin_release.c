/* SPDX-License-Identifier: Apache-2.0 */
/* wfworker plugin release: end the quarantine of a node type, or of all node types of a plugin.  Workers see that the file is gone
 * with the next call. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "cli/plugins.h"
#include "sandbox/quarantine.h"

/* 1: it was quarantined, 0: it was not, -1 and *e. */
static int release(const char *type, struct error *e)
{
    int rc = quarantine_release(type, e);
    if (rc == 1)
        printf("node type \"%s\" is released\n", type);
    return rc;
}

/* How many of the plugin's, or -1 and *e. */
static int release_plugin(struct cli *c, const char *name, struct error *e)
{
    struct registry *r = plugins_open(c, false, e);
    int released = 0;
    size_t i, k;
    json_t *plugin, *node;
    if (!r)
        return -1;
    CLEANUP_JSON json_t *all = registry_json(r);
    registry_close(r);
    json_array_foreach(json_object_get(all, "plugins"), i, plugin)
    {
        const char *own = js_str(plugin, "name");
        if (!own || strcmp(own, name) != 0)
            continue;
        json_array_foreach(json_object_get(plugin, "nodes"), k, node)
        {
            int rc = release(js_str(node, "type"), e);
            if (rc < 0)
                return -1;
            released += rc;
        }
    }
    return released;
}

int cmd_plugin_release(struct cli *c)
{
    struct error e = ERROR_INIT;
    const char *name = c->operands[0];
    int released = strchr(name, '/') ? 0 : release(name, &e);
    if (released == 0)
        released = release_plugin(c, name, &e);
    if (released == 0)
        err_set(&e, "no plugin or node type \"%.100s\" is in quarantine", name);
    return released > 0 ? EXIT_SUCCESS : cli_failed(&e);
}
