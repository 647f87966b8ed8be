/* SPDX-License-Identifier: Apache-2.0 */
/* The public header as the host sees it: with everything that it describes. */
#ifndef WF_PLUGIN_ABI_H
#define WF_PLUGIN_ABI_H

#ifndef WFW_ABI_MINOR
#define WFW_ABI_MINOR 0 /* the newest: WFW_ABI_MINOR_MAX */
#endif
#include "wfworker/plugin.h"

#endif
