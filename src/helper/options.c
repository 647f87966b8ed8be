/* SPDX-License-Identifier: Apache-2.0 */
/* From the settings to what registry_open() is asked for, the same for a worker and for those who only look. */
#include "config/settings.h"
#include "helper/helper.h"
#include "plugin/registry.h"

static json_t *plugin_config(void *ctx, const char *name)
{
    return settings_plugin(ctx, name);
}

static bool plugin_section(void *ctx, size_t i, struct settings_section *section)
{
    return settings_section(ctx, i, section);
}

struct registry_options helper_registry_options(const struct settings *s, const struct settings_source *source)
{
    return (struct registry_options){
        .plugin_dirs = s->plugin_dirs,
        .plugin_path = s->plugin_path,
        .use_environment = true,
        .strict = s->strict,
        .deny = s->plugin_deny,
        .isolate = (enum isolate)s->isolate,
        .isolation = &helper_isolation,
        .helpers = (size_t)s->concurrency,
        .plugin_config = plugin_config,
        .plugin_section = plugin_section,
        .ctx = (void *)(uintptr_t)source,
    };
}
