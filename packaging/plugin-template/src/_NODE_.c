/* SPDX-License-Identifier: @LICENSE@ */
/* @TYPE@: greets somebody in one of a few languages. */
#include "nodes.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *language, *greeting;
} greetings[] = {{"en", "Hello"}, {"de", "Hallo"}, {"es", "Hola"}, {"fr", "Bonjour"}};

static const char *greeting_in(const char *language)
{
    for (size_t i = 0; i < sizeof greetings / sizeof *greetings; i++)
        if (strcmp(greetings[i].language, language) == 0)
            return greetings[i].greeting;
    return NULL;
}

/* Another attempt would not know the language either: not retryable.  `details` is for programs, the message for people. */
static void fail_unknown(struct wfw_task *task, const char *language)
{
    static const char before[] = "no greeting is known in language ";
    const size_t size = sizeof before + strlen(language);
    struct wfw_value *details = host->object(task);
    char *message = host->alloc(task, size);
    host->set(details, "language", host->string(task, language, WFW_NTS));
    if (message)
        snprintf(message, size, "%s%s", before, language);
    host->fail(task, &(struct wfw_error){
                         .size = sizeof(struct wfw_error),
                         .type = "language_unknown",
                         .message = message ? message : "no greeting is known in this language",
                         .details = details,
                     });
}

/* The configuration has passed its schema: name is there and a text.  Memory of alloc() is freed with the task. */
static void run(void *state, struct wfw_task *task, const struct wfw_call *call)
{
    const char *name = "", *language = "en", *greeting;
    (void)state;
    host->get_string(call->config, "/name", &name, NULL);
    host->get_string(call->config, "/language", &language, NULL);
    greeting = greeting_in(language);
    if (!greeting) {
        fail_unknown(task, language);
        return;
    }
    const size_t size = strlen(greeting) + strlen(name) + sizeof ", !";
    char *text = host->alloc(task, size);
    struct wfw_value *output = host->object(task);
    if (!text || !output) {
        host->fail(task, &(struct wfw_error){.size = sizeof(struct wfw_error), .type = "out_of_memory",
                                             .message = "no memory for the greeting", .retryable = 1});
        return;
    }
    snprintf(text, size, "%s, %s!", greeting, name);
    host->set(output, "greeting", host->string(task, text, WFW_NTS));
    host->set(output, "language", host->string(task, language, WFW_NTS));
    host->done(task, output, NULL);
}

const struct wfw_node @NODE_IDENT@_node = {
    .size = sizeof(struct wfw_node),
    .type = "@TYPE@",
    .summary = "Greets somebody",
    .description = "Makes a greeting for a name. A language that it does not know is the error language_unknown.",
    .config_schema = "{\"type\":\"object\",\"required\":[\"name\"],\"additionalProperties\":false,\"properties\":{"
                     "\"name\":{\"type\":\"string\",\"minLength\":1,\"description\":\"who is greeted\"},"
                     "\"language\":{\"type\":\"string\",\"default\":\"en\","
                     "\"description\":\"two letters: en, de, es or fr\"}}}",
    .output_schema = "{\"type\":\"object\",\"properties\":{"
                     "\"greeting\":{\"type\":\"string\",\"description\":\"the whole sentence\"},"
                     "\"language\":{\"type\":\"string\",\"description\":\"the language that was used\"}}}",
    .examples = "[{\"name\":\"Ada\"},{\"name\":\"${input.name}\",\"language\":\"fr\"}]",
    .exec = WFW_EXEC_BLOCKING,   /* on a thread of its own: it may wait */
    .effect = WFW_EFFECT_PURE,   /* nothing is changed: it may be run again after a crash */
    .run = run,
};
