/* SPDX-License-Identifier: Apache-2.0 */
/* Helper processes: handlers of plugins that run outside of wfworker, so that what they do to their process costs the attempt
 * that they were at and nothing else. */
#ifndef WF_HELPER_HELPER_H
#define WF_HELPER_HELPER_H

#include <stdbool.h>

#include "plugin/remote.h"

/* For registry_options.isolation. */
extern const struct isolation helper_isolation;

/* What the settings say about plugins, with isolation by helper processes.  It borrows from both; they must outlive the registry. */
struct settings;
struct settings_source;
struct registry_options helper_registry_options(const struct settings *s, const struct settings_source *source);

/* Was this program started as a helper process?  Then main() is helper_main() and nothing else. */
bool helper_wanted(int argc, char **argv);
int helper_main(void);

#endif
