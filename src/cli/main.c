/* SPDX-License-Identifier: Apache-2.0 */
/* wfworker: takes the settings out of the arguments, finds the command and runs it. */
#include "config.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/crashpoint.h"
#include "base/leave.h"
#include "base/mem.h"
#include "base/nearest.h"
#include "cli/command.h"
#include "cli/complete.h"
#include "cli/hide.h"
#include "helper/helper.h"
#include "plugin/registry.h"
#include "sandbox/limits.h"

static int usage_error(const struct error *e)
{
    err_print(e);
    return EXIT_USAGE;
}

static bool is_group(const char *word)
{
    size_t len = strlen(word);
    for (const struct cli_command *c = cli_commands; c->name; c++)
        if (strncmp(c->name, word, len) == 0 && c->name[len] == ' ')
            return true;
    return false;
}

static const struct cli_command *find_command(const char *name)
{
    for (const struct cli_command *c = cli_commands; c->name; c++)
        if (strcmp(c->name, name) == 0)
            return c;
    return NULL;
}

static int unknown_command(const char *name, struct error *e)
{
    struct nearest near = {.word = name};
    for (const struct cli_command *c = cli_commands; c->name; c++)
        nearest_offer(&near, c->name);
    err_set(e, "there is no command \"%.60s\"", name);
    if (near.best)
        return err_hint(e, "did you mean \"%s\"?", near.best);
    return err_hint(e, "wfworker --help shows the commands that there are");
}

/* The command that the words at argv[1] name; *words is how many they are (0: none, then it is run).  NULL and *e: there
 * is no such command. */
static const struct cli_command *choose(int argc, char **argv, int *words, struct error *e)
{
    *words = argc > 1 && argv[1][0] != '-';
    CLEANUP_FREE char *name = xstrdup(*words ? argv[1] : "run");
    if (is_group(name)) {
        if (argc < 3 || argv[2][0] == '-') {
            err_set(e, "wfworker %s needs another word", name);
            err_hint(e, "wfworker %s --help shows the commands that there are", name);
            return NULL;
        }
        free(name);
        name = xasprintf("%s %s", argv[1], argv[2]);
        *words = 2;
    }
    const struct cli_command *command = find_command(name);
    if (!command)
        unknown_command(name, e);
    return command;
}

static bool has_word(int argc, char **argv, const char *word, const char *other)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], word) == 0 || (other && strcmp(argv[i], other) == 0))
            return true;
    return false;
}

/* The first words that are no options: what help is wanted for.  Settings' values may be among them, so a word that is
 * no command is passed over. */
static int help(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        const struct cli_command *command = find_command(argv[i]);
        CLEANUP_FREE char *two = i + 1 < argc ? xasprintf("%s %s", argv[i], argv[i + 1]) : xstrdup("");
        if (!command)
            command = find_command(two);
        if (command) {
            cli_help_command(command);
            return EXIT_SUCCESS;
        }
        if (is_group(argv[i])) {
            cli_help_group(argv[i]);
            return EXIT_SUCCESS;
        }
    }
    cli_help();
    return EXIT_SUCCESS;
}

static int version(void)
{
    printf("wfworker %s\nplugin interface %d.%d\n", PACKAGE_VERSION, WFW_ABI_MAJOR, WFW_ABI_MINOR_MAX);
    printf("sandbox %s\n", limits_missing() ? "without seccomp" : "with seccomp");
#ifdef WITH_CRASH_POINTS
    crash_list(stdout);
#endif
    return EXIT_SUCCESS;
}

static int list_plugins(struct cli *c, int argc, char **argv)
{
    struct error e = ERROR_INIT;
    bool json = false;
    for (int i = 1; i < argc; i++) {
        json = json || strcmp(argv[i], "--json") == 0;
        if (strcmp(argv[i], "--list-plugins") != 0 && strcmp(argv[i], "--json") != 0) {
            err_set(&e, "unexpected argument \"%.100s\" beside --list-plugins", argv[i]);
            return usage_error(&e);
        }
    }
    return cmd_list_plugins(c, json);
}

static int run_command(struct cli *c, int argc, char **argv)
{
    struct error e = ERROR_INIT;
    int words;
    c->command = choose(argc, argv, &words, &e);
    if (!c->command || cli_parse(c, argc - 1 - words, argv + 1 + words, &e) != 0)
        return usage_error(&e);
    if (c->command->run != cmd_run && c->command->run != cmd_dev) /* the worker says them itself */
        settings_log_warnings(c->source);
    return c->command->run(c);
}

/* Behind "plugin run" --config is the configuration of the node, which has another name to be told from the setting. */
static char **rename_config(int argc, char **argv)
{
    static const char name[] = "--config", own[] = "--node-config";
    char **out = xcalloc((size_t)argc + 1, sizeof *out);
    int from = argc;
    for (int i = 1; i + 1 < argc && from == argc; i++)
        if (strcmp(argv[i], "plugin") == 0 && strcmp(argv[i + 1], "run") == 0)
            from = i + 2;
    for (int i = 0; i < argc; i++) {
        size_t len = strcspn(argv[i], "=");
        bool ours = i >= from && len == strlen(name) && strncmp(argv[i], name, len) == 0;
        out[i] = ours ? xasprintf("%s%s", own, argv[i] + len) : xstrdup(argv[i]);
    }
    return out;
}

static int with_settings(int argc, char **argv)
{
    struct error e = ERROR_INIT;
    CLEANUP_FREE char **kept = xcalloc((size_t)argc + 1, sizeof *kept);
    memcpy(kept, argv, (size_t)argc * sizeof *kept);
    struct cli c = {.full_argc = argc, .full_argv = argv};
    int left = argc;
    c.source = settings_load(&left, kept, &e);
    if (!c.source)
        return usage_error(&e);
    c.settings = settings_get(c.source);
    log_setup(c.settings->log_format, c.settings->log_level);
    int rc = has_word(left, kept, "--list-plugins", NULL) ? list_plugins(&c, left, kept) : run_command(&c, left, kept);
    settings_free(c.source);
    return rc;
}

/* The words of the line that a shell completes may hold passwords, too. */
static int complete(int argc, char **argv)
{
    char **args = args_take(argc, argv);
    int rc = cli_complete(argc - 2, args + 2);
    args_free(args);
    return fflush(stdout) == 0 ? rc : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    setlocale(LC_CTYPE, "C.UTF-8");
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc < 1)
        return EXIT_USAGE;
    if (helper_wanted(argc, argv))
        return helper_main();
    if (argc > 1 && strcmp(argv[1], "--complete") == 0)
        return complete(argc, argv);
    if (has_word(argc, argv, "--help", "-h"))
        return help(argc, argv);
    if (has_word(argc, argv, "--version", NULL))
        return version();
    if (argc > 1 && strcmp(argv[1], "run") == 0)
        run_watch_signals(); /* before anything that takes time */
    char **args = args_take(argc, argv);
    char **renamed = rename_config(argc, args);
    int rc = with_settings(argc, renamed);
    args_free(renamed);
    args_free(args);
    if (fflush(stdout) != 0 && rc == EXIT_SUCCESS)
        rc = EXIT_FAILURE;
    return leave(rc);
}
