/* SPDX-License-Identifier: Apache-2.0 */
/* JSON values as plugins see them.
 *
 * A `struct wfw_value *` is a json_t in disguise: the pointer itself for what cannot be changed, and for what object()
 * and array() made a pointer to a `struct made` with its lowest bit set.  So reading needs no memory, and whether a value
 * may still be changed is known.  A value that was put into another one or given to an outcome is frozen; that also
 * makes cycles impossible. */
#ifndef WF_PLUGIN_VALUES_H
#define WF_PLUGIN_VALUES_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "plugin/arena.h"
#include "plugin/abi.h"

/* Borrowed both ways; NULL gives NULL. */
const struct wfw_value *value_of(const json_t *v);
json_t *value_json(const struct wfw_value *v);

/* Did object(), array() or copy() make it? */
bool value_made(const struct wfw_value *v);

/* No more changes. */
void value_freeze(const struct wfw_value *v);

/* Values were freed: forget what item() remembers of the last walk.  To be called whenever a value that a plugin may
 * have walked through is freed. */
void values_freed(void);

/* What json[0..len) is to a plugin: kept in the arena. */
struct wfw_value *value_new_container(struct arena *a, json_t *container);
struct wfw_value *value_copy(struct arena *a, const struct wfw_value *value); /* NULL: neither object nor array */
const struct wfw_value *value_parse(struct arena *a, const char *json, size_t len, char *msg, size_t msglen);

/* The functions of struct wfw_host that need no task. */
uint32_t value_type(const struct wfw_value *value);
const struct wfw_value *value_get(const struct wfw_value *value, const char *pointer);
int value_get_bool(const struct wfw_value *value, const char *pointer, int *out);
int value_get_int(const struct wfw_value *value, const char *pointer, int64_t *out);
int value_get_real(const struct wfw_value *value, const char *pointer, double *out);
int value_get_string(const struct wfw_value *value, const char *pointer, const char **out, size_t *len);
size_t value_length(const struct wfw_value *value);
const struct wfw_value *value_item(const struct wfw_value *value, size_t index, const char **key);
int value_set(struct wfw_value *object, const char *key, const struct wfw_value *value);
int value_remove(struct wfw_value *object, const char *key);
int value_push(struct wfw_value *array, const struct wfw_value *value);

#endif
