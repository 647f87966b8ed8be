/* SPDX-License-Identifier: Apache-2.0 */
/* Options and operands of a command, read from the arguments. */
#include <string.h>

#include "base/mem.h"
#include "base/nearest.h"
#include "cli/command.h"

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

const char *cli_value_at(const struct cli *c, const char *option, size_t n)
{
    const struct cli_option *o = options_of(c);
    for (size_t i = 0; i < c->given_count; i++)
        if (strcmp(o[c->given[i].option].name, option) == 0 && n-- == 0)
            return c->given[i].value;
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
    if (c->given_count == CLI_MAX_GIVEN)
        return err_set(e, "more than %d options", CLI_MAX_GIVEN);
    c->given[c->given_count].option = i;
    c->given[c->given_count++].value = c->values[i];
    return equals ? 1 : 2;
}

static int hint_usage(const struct cli *c, struct error *e)
{
    const struct cli_command *k = c->command;
    return err_hint(e, "usage: wfworker %s%s%s%s", k->name, *k->operands ? " " : "", k->operands,
                    k->options && k->options[0].name ? " [OPTION...]" : "");
}

/* What is left of the operands' names when the first are there. */
static const char *names_behind(const char *names, size_t count)
{
    for (; count > 0 && strchr(names, ' '); count--)
        names = strchr(names, ' ') + 1;
    return names;
}

static int take_operand(struct cli *c, const char *arg, struct error *e)
{
    if (c->operand_count >= c->command->most || c->operand_count >= CLI_MAX_OPERANDS) {
        err_set(e, "unexpected argument \"%.100s\"", arg);
        return hint_usage(c, e);
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
    err_set(e, "%s is missing", names_behind(c->command->operands, c->operand_count));
    return hint_usage(c, e);
}

int cli_failed(const struct error *e)
{
    if (e->message[0])
        err_print(e);
    return EXIT_FAILURE;
}
