/* SPDX-License-Identifier: Apache-2.0 */
/* A definition from a file, with the plugins that it needs. */
#include "cli/definition.h"

#include "cli/plugins.h"
#include "worker/handling.h"

int definition_open_input(struct definition *d, const struct cli *c, struct input_workflow *input, struct error *e)
{
    *d = (struct definition){.input = *input};
    *input = (struct input_workflow){0};
    d->registry = plugins_open(c, c->settings->strict, e);
    if (!d->registry)
        return -1;
    d->catalog = handling_catalog(d->registry);
    const struct def_options o = {.catalog = &d->catalog,
                                  .unlabelled_condition_order = c->settings->unlabelled_condition_order};
    d->def = def_load(d->input.graph, NULL, (json_t *)(uintptr_t)d->input.trigger, &o, &d->diags);
    return 0;
}

int definition_open(struct definition *d, const struct cli *c, const char *path, struct error *e)
{
    struct input_workflow input;
    *d = (struct definition){0};
    if (input_workflow(path, &input, e) == 0)
        return definition_open_input(d, c, &input, e);
    input_workflow_free(&input);
    return -1;
}

void definition_close_but_plugins(struct definition *d)
{
    def_unref(d->def);
    diags_free(&d->diags);
    input_workflow_free(&d->input);
    d->def = NULL;
}

void definition_close(struct definition *d)
{
    definition_close_but_plugins(d);
    if (d->registry)
        registry_close(d->registry);
    d->registry = NULL;
}
