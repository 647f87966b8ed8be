/* SPDX-License-Identifier: Apache-2.0 */
/* Options and operands of a command: read from the arguments, and written as --help. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "cli/command.h"
#include "config/helptext.h"
#include "config/nearest.h"

static const struct cli_option no_options[] = {{NULL, 0, NULL, NULL}};

static const struct cli_option *options_of(const struct cli *c)
{
    return c->command->options ? c->command->options : no_options;
}

const char *cli_value(const struct cli *c, const char *option)
{
    const struct cli_option *o = options_of(c);
    for (size_t i = 0; o[i].name; i++)
        if (strcmp(o[i].name, option) == 0)
            return c->values[i];
    return NULL;
}

static int find_option(const struct cli *c, const char *arg)
{
    const struct cli_option *o = options_of(c);
    size_t len = strcspn(arg, "=");
    for (int i = 0; o[i].name; i++) {
        if (arg[1] != '-' && arg[1] == o[i].letter && arg[2] == '\0')
            return i;
        if (arg[1] == '-' && strlen(o[i].name) + 2 == len && strncmp(arg + 2, o[i].name, len - 2) == 0)
            return i;
    }
    return -1;
}

static int unknown_option(const struct cli *c, const char *arg, struct error *e)
{
    CLEANUP_FREE char *name = xstrndup(arg, strcspn(arg, "="));
    struct nearest near = {.word = name + (name[1] == '-' ? 2 : 1)};
    for (const struct cli_option *o = options_of(c); o->name; o++)
        nearest_offer(&near, o->name);
    for (size_t i = 0; settings_name(i); i++)
        nearest_offer(&near, settings_name(i));
    err_set(e, "unknown option %s", name);
    if (!near.best)
        return err_hint(e, "wfworker %s --help shows the options that there are", c->command->name);
    CLEANUP_FREE char *best = xstrdup(near.best);
    for (char *p = best; *p; p++)
        if (*p == '_')
            *p = '-';
    return err_hint(e, "did you mean --%s?", best);
}

/* Takes the option at argv[0]; how many arguments that were, or -1 and *e. */
static int take_option(struct cli *c, char **argv, struct error *e)
{
    int i = find_option(c, argv[0]);
    if (i < 0)
        return unknown_option(c, argv[0], e);
    const struct cli_option *o = &options_of(c)[i];
    const char *equals = strchr(argv[0], '=');
    if (!o->argument) {
        if (equals)
            return err_set(e, "option --%s takes no value", o->name);
        c->values[i] = "";
        return 1;
    }
    if (!equals && !argv[1])
        return err_set(e, "option --%s needs a value: %s", o->name, o->argument);
    c->values[i] = equals ? equals + 1 : argv[1];
    return equals ? 1 : 2;
}

static int take_operand(struct cli *c, const char *arg, struct error *e)
{
    if (c->operand_count >= c->command->most || c->operand_count >= CLI_MAX_OPERANDS) {
        err_set(e, "unexpected argument \"%.100s\"", arg);
        return err_hint(e, "usage: wfworker %s%s%s", c->command->name, *c->command->operands ? " " : "",
                        c->command->operands);
    }
    c->operands[c->operand_count++] = arg;
    return 1;
}

int cli_parse(struct cli *c, int argc, char **argv, struct error *e)
{
    bool ended = false;
    for (int i = 0, taken; i < argc; i += taken) {
        if (!ended && strcmp(argv[i], "--") == 0) {
            ended = true;
            taken = 1;
            continue;
        }
        bool option = !ended && argv[i][0] == '-' && argv[i][1] != '\0';
        taken = option ? take_option(c, argv + i, e) : take_operand(c, argv[i], e);
        if (taken < 0)
            return -1;
    }
    if (c->operand_count >= c->command->least)
        return 0;
    err_set(e, "%s is missing", c->command->operands);
    return err_hint(e, "usage: wfworker %s %s", c->command->name, c->command->operands);
}

/* ---- help ---- */

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
