/* SPDX-License-Identifier: Apache-2.0 */
/* acme.slug: a text as it may stand in a URL or a file name.  "Crème brûlée, 2 Stück" becomes "cr-me-br-l-e-2-st-ck":
 * what is no letter or digit of ASCII becomes a separator, and separators never follow each other.
 *
 * It depends on its call alone and is done in no time: effect pure, class loop. */
#include <stddef.h>
#include <string.h>

#define WFW_ABI_MINOR 0
#include <wfworker/plugin.h>

static const struct wfw_host *host;

static int start(const struct wfw_host *h, const struct wfw_value *config, void **state, char *msg, size_t msglen)
{
    (void)config;
    (void)state;
    (void)msg;
    (void)msglen;
    host = h;
    return WFW_OK;
}

/* A message that says what to do; retryable 0: another attempt would fail the same way. */
static void fail(struct wfw_task *task, const char *type, const char *message, int retryable)
{
    const struct wfw_error error = {.size = sizeof error, .type = type, .message = message, .retryable = retryable};
    host->fail(task, &error);
}

static char plain(char c)
{
    if (c >= 'A' && c <= 'Z')
        return (char)(c - 'A' + 'a');
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ? c : '\0';
}

/* At most `most` characters into `to`, which has room for them; how many. */
static size_t make_slug(char *to, size_t most, const char *text, size_t len, char separator)
{
    size_t n = 0;
    int gap = 0;
    for (size_t i = 0; i < len && n < most; i++) {
        char c = plain(text[i]);
        if (!c) {
            gap = n > 0;
            continue;
        }
        if (gap) {
            if (n + 1 >= most)
                break; /* no separator at the end */
            to[n++] = separator;
        }
        to[n++] = c;
        gap = 0;
    }
    return n;
}

static void run(void *state, struct wfw_task *task, const struct wfw_call *call)
{
    const char *text = "", *separator = "-";
    size_t len = 0;
    int64_t most = 80;
    (void)state;
    /* The schema has made sure of the types and the ranges; what is not there keeps its default. */
    host->get_string(call->config, "/text", &text, &len);
    host->get_string(call->config, "/separator", &separator, NULL);
    host->get_int(call->config, "/max_length", &most);
    char *slug = host->alloc(task, (size_t)most);
    struct wfw_value *out = host->object(task);
    size_t n = slug ? make_slug(slug, (size_t)most, text, len, separator[0]) : 0;
    if (slug && n == 0)
        fail(task, "nothing_left", "the text has no letter and no digit that a slug could keep", 0);
    else if (!slug || host->set(out, "slug", host->string(task, slug, n)) != WFW_OK)
        fail(task, "out_of_memory", "there is no memory for the slug", 1);
    else
        host->done(task, out, NULL);
}

static const struct wfw_node slug = {
    .size = sizeof slug,
    .type = "acme.slug",
    .summary = "Makes a text fit for a URL or a file name",
    .description = "Letters and digits of ASCII stay, in lower case; everything between them becomes one separator.",
    .config_schema =
        "{\"type\":\"object\",\"required\":[\"text\"],\"additionalProperties\":false,\"properties\":{"
        "\"text\":{\"type\":\"string\",\"maxLength\":100000,\"description\":\"what the slug is made of\"},"
        "\"separator\":{\"type\":\"string\",\"enum\":[\"-\",\"_\",\".\"],\"default\":\"-\",\"description\":\"stands "
        "between words\"},"
        "\"max_length\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":1000,\"default\":80,\"description\":"
        "\"characters at most\"}}}",
    .output_schema = "{\"type\":\"object\",\"properties\":{\"slug\":{\"type\":\"string\"}}}",
    .examples = "[{\"text\":\"${title}\"},{\"text\":\"Annual Report\",\"separator\":\"_\",\"max_length\":40}]",
    .exec = WFW_EXEC_LOOP,
    .effect = WFW_EFFECT_PURE,
    .run = run,
};
static const struct wfw_node *const nodes[] = {&slug, NULL};
static const struct wfw_plugin plugin = {
    .size = sizeof plugin,
    .name = "acme-slug",
    .version = "1.0.0",
    .license = "Apache-2.0",
    .vendor = "acme",
    .summary = "Slugs",
    .nodes = nodes,
    .init = start,
};
WFW_PLUGIN(plugin)
