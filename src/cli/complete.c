/* SPDX-License-Identifier: Apache-2.0 */
/* Completion: the words before the last are read as cli_parse() and the settings would read them, and then it is known
 * whether a command, an option, its value or an operand comes next.  What a value can be is told by the word that stands
 * for it in --help: FILE is a file, off|auto are these two words. */
#include "cli/complete.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "cli/command.h"
#include "cli/plugins.h"

#define MOST_WORDS 4096

struct line {
    char *const *words; /* those before the last */
    int count;
    const char *last;
    const struct cli_command *command; /* NULL: none was named */
    const char *group;                 /* the first word of a command of two, when the second is not there yet */
    const char *pending;               /* what the option before the last word takes; NULL: it takes nothing */
    size_t operands;
    bool ended;  /* by "--" */
    bool listing; /* --list-plugins is there */
};

static void say(const char *candidate, const char *text)
{
    printf("%s%s%.*s\n", candidate, text ? "\t" : "", text ? (int)strcspn(text, "\n") : 0, text ? text : "");
}

/* ---- where the last word stands ---- */

static bool is_flag(const char *word, size_t len, const char *setting)
{
    if (strlen(setting) + 2 != len)
        return false;
    for (size_t i = 0; setting[i]; i++)
        if (word[i + 2] != (setting[i] == '_' ? '-' : setting[i]) && word[i + 2] != setting[i])
            return false;
    return true;
}

static const struct cli_option *options_of(const struct line *l)
{
    const struct cli_command *c = l->command ? l->command : &cli_commands[0]; /* `wfworker` alone is `wfworker run` */
    return c->options;
}

/* What an option takes, by the word that stands for it in --help; NULL: nothing, or there is no such option. */
static const char *taken_by(const struct line *l, const char *word)
{
    size_t len = strcspn(word, "=");
    for (const struct cli_option *o = options_of(l); o && o->name; o++) {
        bool letter = word[1] != '-' && word[1] == o->letter && !word[2];
        if (letter || (word[1] == '-' && strlen(o->name) + 2 == len && strncmp(word + 2, o->name, len - 2) == 0))
            return o->argument;
    }
    struct settings_entry s;
    for (size_t i = 0; word[1] == '-' && settings_entry(i, &s); i++)
        if (is_flag(word, len, s.name))
            return s.argument;
    return NULL;
}

static void take_command(struct line *l, const char *word)
{
    CLEANUP_FREE char *name = l->group ? xasprintf("%s %s", l->group, word) : xstrdup(word);
    size_t len = strlen(name);
    for (const struct cli_command *c = cli_commands; c->name && !l->command; c++)
        if (strcmp(c->name, name) == 0)
            l->command = c;
        else if (!l->group && strncmp(c->name, name, len) == 0 && c->name[len] == ' ')
            l->group = word;
}

static void take_word(struct line *l, const char *word)
{
    if (!l->ended && strcmp(word, "--") == 0)
        l->ended = true;
    else if (!l->ended && word[0] == '-' && word[1]) {
        l->listing = l->listing || strcmp(word, "--list-plugins") == 0;
        l->pending = strchr(word, '=') ? NULL : taken_by(l, word);
    } else if (l->command)
        l->operands++;
    else
        take_command(l, word);
}

static void read_words(struct line *l)
{
    for (int i = 0; i < l->count; i++)
        if (l->pending)
            l->pending = NULL; /* this word is its value */
        else
            take_word(l, l->words[i]);
}

/* ---- candidates ---- */

static void say_options(const struct line *l)
{
    for (const struct cli_option *o = l->listing ? NULL : options_of(l); o && o->name; o++) {
        CLEANUP_FREE char *flag = xasprintf("--%s", o->name);
        say(flag, o->text);
    }
    if (l->listing)
        say("--json", "as JSON");
    say("--help", "what there is");
    if (!l->command && !l->group && !l->listing) {
        say("--version", "the versions of program and plugin interface");
        say("--list-plugins", "the plugins that were found");
    }
    struct settings_entry s;
    for (size_t i = 0; settings_entry(i, &s); i++) {
        CLEANUP_FREE char *flag = xasprintf("--%s", s.name);
        for (char *p = flag; *p; p++)
            if (*p == '_')
                *p = '-';
        say(flag, s.text);
    }
}

/* The first words of all commands, or the second ones of a group. */
static void say_commands(const char *group)
{
    size_t len = group ? strlen(group) : 0;
    CLEANUP_FREE char *before = xstrdup("");
    for (const struct cli_command *c = cli_commands; c->name; c++) {
        if (group && (strncmp(c->name, group, len) != 0 || c->name[len] != ' '))
            continue;
        const char *word = group ? c->name + len + 1 : c->name;
        CLEANUP_FREE char *first = xstrndup(word, strcspn(word, " "));
        bool many = strchr(word, ' ') != NULL;
        if (strcmp(first, before) != 0)
            say(first, many ? "several commands, see its --help" : c->summary);
        free(before);
        before = STEAL(first);
    }
}

/* The plugins as the settings on the line find them; NULL when there is no telling. */
static json_t *plugins_of(const struct line *l)
{
    struct error e = ERROR_INIT;
    int count = l->count + 1;
    CLEANUP_FREE char **words = xcalloc((size_t)count + 1, sizeof *words);
    words[0] = (char[]){"wfworker"};
    memcpy(words + 1, l->words, (size_t)l->count * sizeof *words);
    struct cli c = {0};
    c.source = settings_load(&count, words, &e);
    if (!c.source)
        return NULL;
    c.settings = settings_get(c.source);
    log_setup(LOG_TEXT, LOG_ERROR);
    struct registry *r = plugins_open(&c, false, &e);
    json_t *all = r ? registry_json(r) : NULL;
    registry_close(r);
    settings_free(c.source);
    return all;
}

/* A node type and its aliases. */
static void say_type(const json_t *node)
{
    const char *type = json_string_value(json_object_get(node, "type"));
    const char *summary = json_string_value(json_object_get(node, "summary"));
    size_t i;
    json_t *alias;
    if (type)
        say(type, summary);
    json_array_foreach(json_object_get(node, "aliases"), i, alias)
        if (json_is_string(alias))
            say(json_string_value(alias), summary);
}

static void say_plugins(const struct line *l, bool names, bool types)
{
    CLEANUP_JSON json_t *all = plugins_of(l);
    size_t i, k;
    json_t *plugin, *node;
    json_array_foreach(json_object_get(all, "plugins"), i, plugin) {
        const char *name = json_string_value(json_object_get(plugin, "name"));
        if (names && name)
            say(name, json_string_value(json_object_get(plugin, "summary")));
        json_array_foreach(json_object_get(plugin, "nodes"), k, node)
            if (types)
                say_type(node);
    }
}

static bool is_word(const char *text)
{
    return *text && strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_-") == strlen(text);
}

static void say_alternative(const struct line *l, const char *what)
{
    bool plugins = l->command && strncmp(l->command->name, "plugin ", 7) == 0 && strcmp(l->command->name, "plugin new") != 0;
    if (is_word(what))
        say(what, NULL);
    else if (strcmp(what, "FILE") == 0)
        say(":files", NULL);
    else if (strcmp(what, "@FILE") == 0)
        say(":at-files", NULL);
    else if (strcmp(what, "DIR") == 0 || strcmp(what, "DIR:DIR") == 0)
        say(":directories", NULL);
    else if (strcmp(what, "PLUGIN") == 0)
        say_plugins(l, true, false);
    else if (strcmp(what, "TYPE") == 0 && plugins)
        say_plugins(l, false, true);
}

/* TAKEN as --help has it: FILE, [EXECUTION], off|auto. */
static void say_values(const struct line *l, const char *taken)
{
    while (*taken) {
        size_t len = strcspn(taken, "|] ");
        CLEANUP_FREE char *one = xstrndup(taken + (*taken == '['), len - (*taken == '['));
        say_alternative(l, one);
        taken += len + (taken[len] != '\0');
    }
}

static void say_operand(const struct line *l)
{
    const char *what = l->command->operands;
    for (size_t i = 0; i < l->operands && *what; i++) {
        what += strcspn(what, " ");
        what += *what == ' ';
    }
    CLEANUP_FREE char *one = xstrndup(what, strcspn(what, " "));
    say_values(l, one);
}

static void say_last(const struct line *l)
{
    if (l->pending)
        say_values(l, l->pending);
    else if (!l->ended && l->last[0] == '-' && strchr(l->last, '=')) {
        const char *taken = taken_by(l, l->last);
        say_values(l, taken ? taken : "");
    } else if (!l->ended && l->last[0] == '-')
        say_options(l);
    else if (l->command)
        say_operand(l);
    else if (!l->listing)
        say_commands(l->group);
}

int cli_complete(int count, char **words)
{
    if (count > MOST_WORDS)
        return EXIT_FAILURE;
    struct line l = {.words = words, .count = count > 0 ? count - 1 : 0, .last = count > 0 ? words[count - 1] : ""};
    read_words(&l);
    say_last(&l);
    return EXIT_SUCCESS;
}
