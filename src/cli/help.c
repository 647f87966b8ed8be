/* SPDX-License-Identifier: Apache-2.0 */
/* --help at every level, made from the tables of commands, options and settings. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "cli/command.h"
#include "config/helptext.h"

static void help_global(void)
{
    printf("\nGlobal options:\n");
    help_line(stdout, "-h, --help", "this text; after a command, that command's");
    help_line(stdout, "--version", "the versions of program and plugin interface");
    help_line(stdout, "--list-plugins [--json]", "the plugins that were found, with the reason where one does not load; with "
                                                   "--strict exit code 1 when there is such a one");
}

static void help_settings(void)
{
    printf("\nSettings, for every command (also as lines of the configuration file, and as variables WFWORKER_NAME):\n");
    settings_help(stdout);
}

void cli_help(void)
{
    printf("Usage: wfworker [COMMAND] [OPTION...]\n\n");
    help_text(stdout, "The workflow worker for PostgreSQL: runs workflows, graphs of nodes kept as JSON, whose executions a "
                      "backend inserts into the database.");
    printf("\nCommands:\n");
    for (const struct cli_command *c = cli_commands; c->name; c++) {
        CLEANUP_FREE char *left = xasprintf("%s%s%s", c->name, *c->operands ? " " : "", c->operands);
        help_line(stdout, left, c->summary);
    }
    help_global();
    help_settings();
    printf("\nThe database address comes from --db, WFWORKER_DB, SUPABASE_DB_URL, SUPABASE_URL with SUPABASE_DB_PASSWORD,\n"
           "DATABASE_URL, POSTGRES_HOST or POSTGRES_SERVER with POSTGRES_PORT, _USER, _PASSWORD and _DB, the configuration\n"
           "file, or libpq's PG variables, the first of them that is set.  .env and ../.env are read, too.\n"
           "\nExit codes: 0 done, 1 failed, 2 wrong usage or a wrong setting.  See wfworker(1).\n");
}

static void help_paragraphs(const char *text)
{
    while (*text) {
        size_t len = strcspn(text, "\n");
        CLEANUP_FREE char *one = xstrndup(text, len);
        help_text(stdout, one);
        text += len + (text[len] == '\n');
    }
}

void cli_help_command(const struct cli_command *command)
{
    printf("Usage: wfworker %s%s%s [OPTION...]\n\n", command->name, *command->operands ? " " : "", command->operands);
    help_paragraphs(command->text);
    if (command->options && command->options->name)
        printf("\nOptions:\n");
    for (const struct cli_option *o = command->options; o && o->name; o++) {
        char letter[8] = "";
        if (o->letter)
            snprintf(letter, sizeof letter, "-%c, ", o->letter);
        CLEANUP_FREE char *left =
            xasprintf("%s--%s%s%s", letter, o->name, o->argument ? " " : "", o->argument ? o->argument : "");
        help_line(stdout, left, o->text);
    }
    help_settings();
}

void cli_help_group(const char *word)
{
    size_t len = strlen(word);
    printf("Usage: wfworker %s COMMAND [OPTION...]\n\nCommands:\n", word);
    for (const struct cli_command *c = cli_commands; c->name; c++)
        if (strncmp(c->name, word, len) == 0 && c->name[len] == ' ') {
            CLEANUP_FREE char *left = xasprintf("%s%s%s", c->name, *c->operands ? " " : "", c->operands);
            help_line(stdout, left, c->summary);
        }
    printf("\nwfworker %s COMMAND --help says more.\n", word);
}
