/* SPDX-License-Identifier: Apache-2.0 */
/* Who writes a new plugin, when, and under which licence: keys of its template. */
#ifndef WF_CLI_AUTHOR_H
#define WF_CLI_AUTHOR_H

#include <jansson.h>

#include "base/error.h"

/* AUTHOR, EMAIL, YEAR, DATE_RFC2822, DATE_RPM.  given: "NAME <MAIL>", or NULL: DEBFULLNAME and DEBEMAIL (or EMAIL), what git
 * is configured with, the user's name, the first that is there.  SOURCE_DATE_EPOCH counts.  0, or -1 and *e. */
int author_keys(const char *given, json_t *keys, struct error *e);

/* LICENSE, LICENSE_TEXT, LICENSE_DEB.  0, or -1 and *e when it does not look like an SPDX expression. */
int license_keys(const char *license, json_t *keys, struct error *e);

#endif
