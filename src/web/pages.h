/* SPDX-License-Identifier: Apache-2.0 */
/* What the web service says: one function a page, text in, nothing of sockets. */
#ifndef WF_WEB_PAGES_H
#define WF_WEB_PAGES_H

#include "base/buf.h"
#include "worker/stats.h"

struct page {
    unsigned status;          /* HTTP */
    const char *content_type; /* static */
    struct buf body;
};

/* Fill `out` for a path; 404 for one that is not known.  The caller frees the body. */
void page_make(const char *path, const struct worker_stats *s, struct page *out);

#endif
