/* SPDX-License-Identifier: Apache-2.0 */
/* The contract with every plugin that was ever compiled: where members lie and what numbers mean, said once and kept beside this file.
 * It is checked when this is compiled, as C99 and as C++11; header_test.py compiles it for other machines, too. */
#define WFW_ABI_MINOR 0
#include <wfworker/plugin.h>

#if defined __LP64__ || defined _LP64
#define TABLE "layout_lp64.h"
#elif defined __i386__
#define TABLE "layout_i386.h"
#else
#define TABLE "layout_ilp32.h"
#endif

/* An array of a negative size is an error in every dialect. */
#define MEMBER(structure, member, at, bytes)                                                                           \
    typedef char at_##structure##_##member[offsetof(struct structure, member) == (at) ? 1 : -1];                       \
    typedef char bytes_##structure##_##member[sizeof(((struct structure *)0)->member) == (bytes) ? 1 : -1];
#define WHOLE(structure, bytes) typedef char whole_##structure[sizeof(struct structure) == (bytes) ? 1 : -1];
#define NUMBER(name, value) typedef char number_##name[(name) == (value) ? 1 : -1];

#include TABLE
#include "numbers.h"

/* Macros of the header that are numbers. */
typedef char major_is_1[WFW_ABI_MAJOR == 1 ? 1 : -1];
typedef char ids_have_room[WFW_ID_SIZE == 64 ? 1 : -1];
typedef char nts_is_all_ones[WFW_NTS + 1 == 0 ? 1 : -1];

/* Something to compile: the macros of the header, as a plugin uses them. */
static const struct wfw_plugin nothing = {sizeof nothing, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
WFW_PLUGIN(nothing)

int layout_has_version(const struct wfw_host *host);
int layout_has_version(const struct wfw_host *host)
{
    return WFW_HAS(struct wfw_host, host, version);
}
