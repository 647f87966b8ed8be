/* SPDX-License-Identifier: Apache-2.0 */
/* acme.csv: a text of comma-separated values (RFC 4180) becomes an array of objects, one for each line, with the first
 * line's fields as keys.
 *
 * Reads one field after the other: quotes, separators and line ends inside of quotes, CR LF or LF.  An error names the
 * line.  A large text takes its time, so this is a blocking handler; it looks now and then whether it is still wanted.
 */
#include <stdio.h>
#include <string.h>

#define WFW_ABI_MINOR 0
#include <wfworker/plugin.h>

#define MAX_COLUMNS 1000
#define LOOK_EVERY 1000 /* lines */

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

struct reader {
    struct wfw_task *task;
    const char *at, *end;
    char separator;
    size_t line; /* from 1 */
    char *field; /* room for the longest one */
    size_t field_len;
    int last; /* the field was the last one of its line */
    const char *columns[MAX_COLUMNS];
    size_t column_count;
    int failed;
};

static void fail(struct reader *r, const char *type, int retryable, const char *what)
{
    char message[200];
    const struct wfw_error error = {.size = sizeof error, .type = type, .message = message, .retryable = retryable};
    snprintf(message, sizeof message, "line %zu: %s", r->line, what);
    host->fail(r->task, &error);
    r->failed = 1;
}

/* ---- Fields ---- */

static void put(struct reader *r, char c)
{
    r->field[r->field_len++] = c;
}

static void read_quoted(struct reader *r)
{
    for (r->at++; r->at < r->end; r->at++) {
        if (*r->at == '\n')
            r->line++;
        if (*r->at != '"') {
            put(r, *r->at);
        } else if (r->at + 1 < r->end && r->at[1] == '"') {
            put(r, '"');
            r->at++;
        } else {
            r->at++;
            return;
        }
    }
    fail(r, "csv_invalid", 0, "a quote is not closed");
}

static void read_bare(struct reader *r)
{
    while (r->at < r->end && *r->at != r->separator && *r->at != '\n' &&
           !(*r->at == '\r' && r->at + 1 < r->end && r->at[1] == '\n'))
        put(r, *r->at++);
}

/* The next field of the line, without what is around it. */
static void read_field(struct reader *r)
{
    r->field_len = 0;
    if (r->at < r->end && *r->at == '"')
        read_quoted(r);
    else
        read_bare(r);
    if (r->failed)
        return;
    if (r->at < r->end && *r->at == '\r')
        r->at++;
    r->last = r->at >= r->end || *r->at == '\n';
    if (r->at < r->end && *r->at != r->separator && *r->at != '\n')
        fail(r, "csv_invalid", 0, "there is something between a closing quote and the next separator");
    else if (r->at < r->end)
        r->at++;
}

/* ---- Lines ---- */

static void read_header(struct reader *r)
{
    do {
        read_field(r);
        char *name = r->failed ? NULL : (char *)host->alloc(r->task, r->field_len + 1);
        if (r->failed)
            return;
        if (!name) {
            fail(r, "out_of_memory", 1, "there is no memory for the names of the columns");
            return;
        }
        if (r->column_count == MAX_COLUMNS) {
            fail(r, "csv_invalid", 0, "there are more than 1000 columns");
            return;
        }
        memcpy(name, r->field, r->field_len);
        r->columns[r->column_count++] = name;
    } while (!r->last);
}

static struct wfw_value *read_row(struct reader *r)
{
    struct wfw_value *row = host->object(r->task);
    for (size_t i = 0; i < r->column_count; i++) {
        read_field(r);
        if (!r->failed && host->set(row, r->columns[i], host->string(r->task, r->field, r->field_len)) != WFW_OK)
            fail(r, "csv_invalid", 0, "a field is not UTF-8, has a NUL character in it, or there is no memory for it");
        if (!r->failed && r->last != (i + 1 == r->column_count))
            fail(r, "csv_invalid", 0, r->last ? "fields are missing" : "there are more fields than columns");
        if (r->failed)
            return NULL;
    }
    return row;
}

static void read_all(struct reader *r)
{
    struct wfw_value *out = host->object(r->task), *rows = host->array(r->task);
    size_t count = 0;
    read_header(r);
    while (!r->failed && r->at < r->end) {
        r->line++;
        struct wfw_value *row = read_row(r);
        if (r->failed || (++count % LOOK_EVERY == 0 && host->cancelled(r->task)))
            return; /* nobody waits for the outcome of a cancelled call */
        if (host->push(rows, row) != WFW_OK)
            fail(r, "out_of_memory", 1, "there is no memory for another row");
    }
    if (r->failed)
        return;
    if (host->set(out, "rows", rows) != WFW_OK ||
        host->set(out, "count", host->integer(r->task, (int64_t)count)) != WFW_OK)
        fail(r, "out_of_memory", 1, "there is no memory for the output");
    else
        host->done(r->task, out, NULL);
}

static void run(void *state, struct wfw_task *task, const struct wfw_call *call)
{
    const char *text = "", *separator = ",";
    size_t len = 0;
    struct reader r = {.task = task, .line = 1};
    (void)state;
    host->get_string(call->config, "/text", &text, &len);
    host->get_string(call->config, "/separator", &separator, NULL);
    r.at = text;
    r.end = text + len;
    r.separator = separator[0];
    r.field = (char *)host->alloc(task, len + 1);
    if (r.field)
        read_all(&r);
    else
        fail(&r, "out_of_memory", 1, "there is no memory to read the text");
}

static const struct wfw_node csv = {
    .size = sizeof csv,
    .type = "acme.csv",
    .summary = "Reads comma-separated values",
    .description = "The first line names the columns; each other line becomes an object.  All values are texts.",
    .config_schema = "{\"type\":\"object\",\"required\":[\"text\"],\"additionalProperties\":false,\"properties\":{"
                     "\"text\":{\"type\":\"string\",\"description\":\"what is read, as of RFC 4180\"},"
                     "\"separator\":{\"type\":\"string\",\"enum\":[\",\",\";\",\"\\t\",\"|\"],\"default\":\",\","
                     "\"description\":\"stands between fields\"}}}",
    .output_schema =
        "{\"type\":\"object\",\"properties\":{\"rows\":{\"type\":\"array\"},\"count\":{\"type\":\"integer\"}}}",
    .examples = "[{\"text\":\"${file.content}\"},{\"text\":\"name;n\\nAda;1\\n\",\"separator\":\";\"}]",
    .exec = WFW_EXEC_BLOCKING,
    .effect = WFW_EFFECT_PURE,
    .run = run,
};
static const struct wfw_node *const nodes[] = {&csv, NULL};
static const struct wfw_plugin plugin = {
    .size = sizeof plugin,
    .name = "acme-csv",
    .version = "1.0.0",
    .license = "Apache-2.0",
    .vendor = "acme",
    .summary = "Comma-separated values",
    .nodes = nodes,
    .init = start,
};
WFW_PLUGIN(plugin)
