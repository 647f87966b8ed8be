/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a signal's row.  One that cannot be read must still be known by its id, so that it can be used up. */
#include "worker/signal_row.h"

#include <string.h>

#include "base/json.h"

#define ID_AT 2 /* ["... */

static void find_id(const char *text, size_t len, char id[UUID_TEXT])
{
    struct uuid read;
    if (len <= ID_AT + UUID_TEXT || memcmp(text, "[\"", ID_AT) != 0)
        return;
    memcpy(id, text + ID_AT, UUID_TEXT - 1);
    id[UUID_TEXT - 1] = '\0';
    if (uuid_parse(id, &read) != 0)
        *id = '\0';
}

int signal_row_read(const char *text, size_t len, json_t *read, struct signal_row *out, struct error *e)
{
    *out = (struct signal_row){.id = ""};
    find_id(text, len, out->id);
    out->row = read ? json_incref(read) : js_parse(text, len, e);
    if (!out->row)
        return -1;
    const char *id = json_string_value(json_array_get(out->row, 0));
    out->type = json_string_value(json_array_get(out->row, 1));
    out->data = json_array_get(out->row, 2);
    if (*out->id && id && strcmp(id, out->id) == 0 && out->type)
        return 0;
    json_decref(out->row);
    out->row = out->data = NULL;
    out->type = NULL;
    return err_set(e, "it is no array of id, type and data");
}

void signal_row_clear(struct signal_row *s)
{
    json_decref(s->row);
    *s = (struct signal_row){.id = ""};
}
