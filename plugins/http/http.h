/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the http plugin share.  All memory is the task's: nothing is freed here. */
#ifndef WFW_PLUGINS_HTTP_HTTP_H
#define WFW_PLUGINS_HTTP_HTTP_H

#include "common/util.h"

extern const struct wfw_host *http_host;

enum response_format { FORMAT_AUTO, FORMAT_TEXT, FORMAT_JSON, FORMAT_BASE64 };

/* A request as the config wants it. */
struct request {
    struct wfw_task *task;
    const char *method;    /* upper case */
    const char *url;       /* what is called */
    const char *shown_url; /* the same without user, password and key */
    const char **headers;  /* "Name: value", NULL-terminated */
    size_t header_count, header_room;
    const void *body;
    size_t body_len;
    double timeout_s;
    uint64_t max_response;
    uint32_t max_redirects;
    enum response_format format;
};

/* request.c: read the config.  0, or -1 when the node has failed. */
int request_read(struct request *r, const struct wfw_call *call);

/* response.c */
void response_finish(const struct request *r, const struct wfw_http_response *response);

/* text.c; results belong to the task */
struct text {
    struct wfw_task *task;
    char *data;
    size_t len, cap;
    int failed; /* no memory: data is NULL from then on */
};
void text_add(struct text *t, const char *data, size_t len); /* data is NULL when there is no memory */
void text_str(struct text *t, const char *s);
void text_percent(struct text *t, const char *s, size_t len); /* everything but unreserved characters */
const char *text_base64(struct wfw_task *task, const void *data, size_t len);
int text_is_storable(const char *s, size_t len);                         /* UTF-8 without NUL */
size_t text_cut(const char *s, size_t len, size_t most);                 /* at a character's border */
const char *text_utf8(struct wfw_task *task, const char *s, size_t len); /* as it is, or from Latin-1 */
int text_http_date(const char *s, int64_t *ms);                          /* "Sun, 06 Nov 1994 08:49:37 GMT"; 0 or -1 */
int name_is(const char *line, size_t len, const char *name);             /* header names, in any case */

#endif
