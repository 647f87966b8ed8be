/* SPDX-License-Identifier: Apache-2.0 */
/* What came of a call: kept as JSON, from which the structure and the texts are made. */
#include "mock/inside.h"

#include "base/json.h"
#include "base/mem.h"

static const struct {
    const char *name;
    uint32_t outcome;
} names[] = {{"done", WFW_MOCK_DONE},   {"fail", WFW_MOCK_FAIL},       {"park", WFW_MOCK_PARK},
             {"enter", WFW_MOCK_ENTER}, {"leave", WFW_MOCK_LEAVE},     {"timeout", WFW_MOCK_TIMEOUT},
             {"hangs", WFW_MOCK_HANGS}, {"invalid", WFW_MOCK_INVALID}, {"cancelled", WFW_MOCK_CANCELLED}};

static uint32_t outcome_number(const json_t *o)
{
    const char *name = js_str(o, "outcome");
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (strcmp(names[i].name, name) == 0)
            return names[i].outcome;
    return WFW_MOCK_NONE;
}

/* The member as a text of JSON, kept. */
static const char *json_member(struct wfw_mock_run *run, const char *key)
{
    const json_t *v = json_object_get(run->outcome, key);
    if (!v)
        return NULL;
    CLEANUP_FREE char *text = js_text(v);
    json_t *kept = json_string(text);
    js_push(run->texts, kept);
    return json_string_value(kept);
}

static uint32_t enter_flags(const json_t *list)
{
    static const char *const bits[] = {"loop", "cleanup", "shield", "ordered", "detach", "again"};
    uint32_t flags = 0;
    for (size_t i = 0; i < json_array_size(list); i++)
        for (size_t k = 0; k < ARRAY_LEN(bits); k++)
            if (strcmp(json_string_value(json_array_get(list, i)), bits[k]) == 0)
                flags |= UINT32_C(1) << k;
    return flags;
}

static uint32_t leave_number(const char *name)
{
    if (!name)
        return 0;
    return strcmp(name, "break") == 0      ? WFW_LEAVE_BREAK
           : strcmp(name, "continue") == 0 ? WFW_LEAVE_CONTINUE
                                           : WFW_LEAVE_TERMINATE;
}

static void fill_json(struct wfw_mock_run *run, struct wfw_mock_result *r)
{
    r->output = json_member(run, "output");
    r->details = json_member(run, "details");
    r->signals = json_member(run, "signals");
    r->checkpoint = json_member(run, "checkpoint");
    r->vars = json_member(run, "vars");
    r->passes = json_member(run, "passes");
    r->variables = json_member(run, "variables");
    r->asks = json_member(run, "asks");
    r->cancels = json_member(run, "cancels");
}

static void fill(struct wfw_mock_run *run)
{
    const json_t *o = run->outcome;
    struct wfw_mock_result *r = &run->result;
    *r = (struct wfw_mock_result){.size = sizeof *r,
                                  .outcome = outcome_number(o),
                                  .retryable = js_bool(o, "retryable", false),
                                  .branch = js_str(o, "branch"),
                                  .error_type = js_str(o, "type"),
                                  .message = js_str(o, "message"),
                                  .error_node = js_str(o, "node"),
                                  .retry_after_ms = js_int(o, "retry_after_ms", 0),
                                  .until_ms = js_int(o, "until_ms", 0),
                                  .child = js_str(o, "child"),
                                  .answer = js_str(o, "answer"),
                                  .to = js_str(o, "to"),
                                  .label = js_str(o, "label"),
                                  .pass = (uint64_t)js_int(o, "pass", 0),
                                  .flags = enter_flags(json_object_get(o, "flags")),
                                  .keep = (uint32_t)js_int(o, "keep", 0),
                                  .leave = leave_number(js_str(o, "leave"))};
    if (js_bool(o, "fresh", false))
        r->flags = WFW_PARK_FRESH;
    fill_json(run, r);
}

void result_set(struct wfw_mock_run *run, json_t *outcome)
{
    if (run->outcome) {
        json_decref(outcome);
        return;
    }
    if (!run->texts)
        run->texts = json_array();
    run->outcome = outcome;
    run->text = js_text(outcome);
    fill(run);
}

void result_free(struct wfw_mock_run *run)
{
    json_decref(run->outcome);
    json_decref(run->texts);
    free(run->text);
}

const struct wfw_mock_result *wfw_mock_result(const struct wfw_mock_run *run)
{
    static const struct wfw_mock_result none = {.size = sizeof none};
    return run->outcome ? &run->result : &none;
}

const char *wfw_mock_json(const struct wfw_mock_run *run)
{
    return run->text ? run->text : "{\"outcome\":\"none\"}";
}

const char *wfw_mock_log(const struct wfw_mock_run *run)
{
    return run->log.data ? run->log.data : "";
}

const char *wfw_mock_progress(const struct wfw_mock_run *run)
{
    struct wfw_mock_run *open = (struct wfw_mock_run *)(uintptr_t)run;
    CLEANUP_FREE char *text = js_text(run->progress);
    json_t *kept = json_string(text);
    if (!open->texts)
        open->texts = json_array();
    js_push(open->texts, kept);
    return json_string_value(kept);
}
