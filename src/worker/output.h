/* SPDX-License-Identifier: Apache-2.0 */
/* What a handler gives back must be something that the database can hold. */
#ifndef WF_WORKER_OUTPUT_H
#define WF_WORKER_OUTPUT_H

#include "base/error.h"
#include "base/json.h"

/* Largest output of one node, bytes of text. */
#define OUTPUT_MAX ((size_t)16 * 1024 * 1024)

/* 0, or -1: the message for people, and in `detail` the failure's type: payload_too_large, or type_error for a NUL
 * character or a number that JSON has no text for. */
int output_check(const json_t *v, struct error *e);

#endif
