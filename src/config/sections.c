/* SPDX-License-Identifier: Apache-2.0 */
/* The sections of the configuration file, for those whose plugins they are about. */
#include <string.h>

#include "base/json.h"
#include "config/source.h"

bool settings_section(const struct settings_source *s, size_t i, struct settings_section *section)
{
    if (i >= s->file.section_count)
        return false;
    const struct config_section *found = &s->file.sections[i];
    *section = (struct settings_section){found->plugin, found->part, s->file.path, found->line};
    return true;
}

json_t *settings_part(json_t *object, const char *part)
{
    json_t *types = json_object_get(object, "types");
    if (!json_is_object(types))
        js_set(object, "types", types = json_object());
    json_t *one = json_object_get(types, part);
    if (!one)
        js_set(types, part, one = json_object());
    return one;
}

/* The object of the section's keys in that of the plugin, which is made when it is not there; borrowed. */
static json_t *keys_of(json_t **object, const char *part)
{
    if (!*object)
        *object = json_object();
    return part ? settings_part(*object, part) : *object;
}

json_t *settings_plugin(const struct settings_source *s, const char *name)
{
    json_t *object = NULL;
    for (size_t i = 0; i < s->file.section_count; i++) /* one without keys is one, too */
        if (strcmp(s->file.sections[i].plugin, name) == 0)
            keys_of(&object, s->file.sections[i].part);
    for (size_t i = 0; i < s->file.count; i++) {
        const struct config_entry *entry = &s->file.entries[i];
        if (entry->section && strcmp(entry->section, name) == 0)
            js_set(keys_of(&object, entry->part), entry->key, js_string_lossy(entry->value, strlen(entry->value)));
    }
    return object;
}
