/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of a process can be read by every user of the machine: what is a secret there is overwritten as soon as it
 * was copied.  (It was there for a moment all the same: a file or a variable is the better place for it.) */
#include "cli/hide.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static bool holds_password(const char *address)
{
    const char *host = strstr(address, "://");
    const char *at = host ? strrchr(host + 3, '@') : NULL;
    const char *colon = host ? strchr(host + 3, ':') : NULL;
    return strstr(address, "password") || (at && colon && colon < at);
}

static void hide(char *address)
{
    if (holds_password(address))
        memset(address, 'x', strlen(address));
}

/* The value in "--name=value", or NULL. */
static char *value_of(char *arg, const char *name)
{
    size_t len = strlen(name);
    return strncmp(arg, name, len) == 0 && arg[len] == '=' ? arg + len + 1 : NULL;
}

char **args_take(int argc, char **argv)
{
    static const char *const names[] = {"--db", "--listen-dsn"};
    char **copy = xcalloc((size_t)argc + 1, sizeof *copy);
    for (int i = 0; i < argc; i++)
        copy[i] = xstrdup(argv[i]);
    for (int i = 1; i < argc; i++)
        for (size_t n = 0; n < ARRAY_LEN(names); n++) {
            char *value = value_of(argv[i], names[n]);
            if (value)
                hide(value);
            else if (strcmp(argv[i], names[n]) == 0 && i + 1 < argc)
                hide(argv[i + 1]);
        }
    return copy;
}

void args_free(char **args)
{
    for (char **a = args; a && *a; a++)
        free(*a);
    free(args);
}
