/* SPDX-License-Identifier: Apache-2.0 */
/* Values that ${secret.NAME} and ${env.NAME} stand for.  They are read when a node needs them and are never kept,
 * logged or stored.
 *
 * secret.NAME is looked for, in this order, as the file NAME in the directory $WFWORKER_SECRETS_DIR, as the file NAME in
 * $CREDENTIALS_DIRECTORY (systemd's LoadCredential=), as the variable WFWORKER_SECRET_NAME.  One line end at the end of a
 * file is not part of the value.  env.NAME is the variable NAME when the setting env_allow names it. */
#ifndef WF_WORKER_SECRETS_H
#define WF_WORKER_SECRETS_H

/* Longest value, bytes. */
#define SECRET_MAX (64 * 1024)

/* Reads a variable: the environment, and .env files where those count.  Borrowed, or NULL. */
typedef const char *(*secret_variable_fn)(const void *ctx, const char *name);

/* A new string, or NULL when there is none, the name is not made of letters, digits, '_', '-' and '.' (the first no
 * '.'), or the value is too long or holds a NUL. */
char *secret_get(const char *name, secret_variable_fn variable, const void *ctx);

/* The same for env.NAME; `allow` is NULL-terminated, or NULL. */
char *secret_env(const char *name, const char *const *allow, secret_variable_fn variable, const void *ctx);

#endif
