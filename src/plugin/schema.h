/* SPDX-License-Identifier: Apache-2.0 */
/* Configuration schemas: a stated subset of JSON Schema (draft 2020-12).
 *
 * Checked: type (a name or an array of names; "integer" takes 5.0 too), enum, const, required, properties,
 * additionalProperties (as a schema), minProperties, maxProperties, items, minItems, maxItems, minLength, maxLength
 * (characters), pattern (PCRE2, unanchored), minimum, maximum, exclusiveMinimum, exclusiveMaximum, allOf, anyOf, oneOf, not.
 * Notes, kept and not checked: title, description, default, examples, format, deprecated, readOnly, writeOnly, $schema,
 * $id, $comment, and everything that begins with "x-" (x-needs and x-values are for `wfworker validate`, see HACKING.md).  "format": "expression" marks a property whose text is an
 * expression.  Any other keyword ($ref among them) makes the schema itself wrong, so that nobody relies on it.
 *
 * `additionalProperties: false` is no error of a value: unknown keys are collected by schema_unknown_keys() and are
 * warnings or errors as the caller likes.  Texts name JSON pointers, never values (they may be secrets).  Any thread. */
#ifndef WF_PLUGIN_SCHEMA_H
#define WF_PLUGIN_SCHEMA_H

#include <jansson.h>

#include "base/error.h"

/* Is the schema one of the subset?  0, or -1 and *e: "/properties/x/pattern": ... */
int schema_valid(const json_t *schema, struct error *e);

/* Does the value match (the schema being valid; NULL = anything does)?  0, or -1 and *e with the first mismatch. */
int schema_check(const json_t *schema, const json_t *value, struct error *e);

/* Append to the array `pointers` the JSON pointer of every member that `properties` does not name, where the schema has
 * `properties` and no additionalProperties other than false.  At most 100. */
void schema_unknown_keys(const json_t *schema, const json_t *value, json_t *pointers);

/* Names of the properties with "format": "expression": a NULL-terminated array to free(); the names are the schema's.
 * NULL when there are none. */
const char **schema_expression_keys(const json_t *schema);

/* A copy of an object of strings, where each text is converted to the type that its property has in the schema: integer,
 * number, boolean (yes no true false on off 1 0).  Text that cannot be converted stays text, for schema_check() to refuse. */
json_t *schema_convert(const json_t *schema, const json_t *strings);

#endif
