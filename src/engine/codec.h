/* SPDX-License-Identifier: Apache-2.0 */
/* What the reader and the writer of snapshots share. */
#ifndef WF_ENGINE_CODEC_H
#define WF_ENGINE_CODEC_H

#include "engine/state_int.h"

/* Raised when a snapshot's meaning changes; older ones must stay readable. */
#define STATE_VERSION 2

#endif
