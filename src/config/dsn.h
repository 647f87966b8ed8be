/* SPDX-License-Identifier: Apache-2.0 */
/* Database addresses as people write them, made into what libpq reads.
 *
 * Understood: libpq's keyword=value pairs; URIs of libpq; URIs of SQLAlchemy and others with a driver
 * (postgresql+psycopg://, postgres+asyncpg://) and their arguments; passwords with raw special characters; hosts in
 * brackets; several hosts; a bare database name.  No error text ever holds a part of the address that could be a secret. */
#ifndef WF_CONFIG_DSN_H
#define WF_CONFIG_DSN_H

#include "base/buf.h"
#include "base/error.h"

/* libpq's keyword=value form, a new string; NULL and *e.  What was dropped is added to `warnings`, each with a newline. */
char *dsn_normalize(const char *text, struct buf *warnings, struct error *e);

/* postgresql://user@host:port/name for people: never a password.  What the address leaves open is filled in from libpq's
 * own defaults and variables.  A new string; "(not a valid address)" when it cannot be read. */
char *dsn_display(const char *dsn);

/* Append keyword=value with a space in front when needed and the quotes that libpq wants; nothing for an empty value. */
void dsn_add(struct buf *out, const char *keyword, const char *value);

#endif
