/* SPDX-License-Identifier: Apache-2.0 */
/* Reading JSON for commands. */
#include "cli/input.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/json.h"
#include "base/mem.h"

static int read_stream(FILE *f, struct buf *out, struct error *e)
{
    char block[65536];
    size_t n;
    while ((n = fread(block, 1, sizeof block, f)) > 0) {
        if (out->len + n > INPUT_MAX)
            return err_set(e, "more than %d bytes", INPUT_MAX);
        buf_add(out, block, n);
    }
    return ferror(f) ? err_set(e, "%s", strerror(errno)) : 0;
}

static int read_all(const char *path, struct buf *out, struct error *e)
{
    if (strcmp(path, "-") == 0)
        return read_stream(stdin, out, e);
    FILE *f = fopen(path, "re");
    struct stat st;
    if (!f)
        return err_set(e, "%s", strerror(errno));
    int rc = fstat(fileno(f), &st) == 0 && S_ISDIR(st.st_mode) ? err_set(e, "this is a directory") : read_stream(f, out, e);
    fclose(f);
    return rc;
}

json_t *input_file(const char *path, struct error *e)
{
    CLEANUP_BUF struct buf text = BUF_INIT;
    json_t *v = NULL;
    if (read_all(path, &text, e) == 0) {
        size_t mark = text.len >= 3 && memcmp(text.data, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
        v = js_parse(text.data ? text.data + mark : "", text.len - mark, e);
    }
    if (!v)
        err_prefix(e, "%s", strcmp(path, "-") == 0 ? "standard input" : path);
    return v;
}

json_t *input_value(const char *text, struct error *e)
{
    if (text[0] == '@')
        return input_file(text + 1, e);
    json_t *v = js_parse(text, strlen(text), e);
    if (!v)
        err_prefix(e, "--data");
    return v;
}

json_t *input_data(const char *text, struct error *e)
{
    if (!text)
        return json_object();
    json_t *v = input_value(text, e);
    if (v && !json_is_object(v)) {
        json_decref(v);
        err_set(e, "--data is not a JSON object");
        err_hint(e, "for example --data '{\"amount\": 12}', or --data @FILE");
        return NULL;
    }
    return v;
}

/* The path's last part without .json. */
static char *name_of(const char *path)
{
    if (strcmp(path, "-") == 0)
        return xstrdup("workflow");
    const char *slash = strrchr(path, '/');
    const char *base = slash ? slash + 1 : path;
    size_t len = strlen(base);
    if (len > 5 && strcmp(base + len - 5, ".json") == 0)
        len -= 5;
    return xstrndup(base, len);
}

/* graph_config may be kept as text. */
static json_t *parsed(json_t *graph, struct error *e)
{
    if (!json_is_string(graph))
        return json_incref(graph);
    return js_parse(json_string_value(graph), json_string_length(graph), e);
}

static int take_graph(struct input_workflow *w, const char *path, struct error *e)
{
    json_t *graph = json_object_get(w->file, "graph_config");
    if (!graph)
        graph = json_object_get(w->file, "nodes") ? w->file : NULL;
    if (!graph) {
        err_set(e, "%s: this is no workflow", path);
        return err_hint(e, "it is a JSON object with \"nodes\" and \"edges\", or one with \"graph_config\"");
    }
    w->graph = parsed(graph, e);
    if (!w->graph)
        return err_prefix(e, "%s: graph_config", path);
    return json_is_object(w->graph) ? 0 : err_set(e, "%s: graph_config is not an object", path);
}

int input_workflow(const char *path, struct input_workflow *w, struct error *e)
{
    *w = (struct input_workflow){.file = input_file(path, e)};
    if (!w->file || take_graph(w, path, e) != 0)
        return -1;
    const char *name = js_str(w->file, "name");
    w->name = name && *name ? xstrdup(name) : name_of(path);
    w->trigger = json_object_get(w->file, "trigger_config");
    return 0;
}

void input_workflow_free(struct input_workflow *w)
{
    json_decref(w->file);
    json_decref(w->graph);
    free(w->name);
    *w = (struct input_workflow){0};
}
