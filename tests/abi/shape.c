/* SPDX-License-Identifier: Apache-2.0 */
/* A function for every structure that crosses the plugin interface, so that the debugging information of the shared object made of
 * this file describes all of it: what abidiff compares with plugin-1.0.abi. */
#define WFW_ABI_MINOR 0
#include <wfworker/plugin.h>

#define SHAPE(type)                                                                                                    \
    WFW_EXPORT const void *shape_##type(const struct type *it);                                                        \
    const void *shape_##type(const struct type *it)                                                                    \
    {                                                                                                                  \
        return it;                                                                                                     \
    }

SHAPE(wfw_abi)
SHAPE(wfw_call)
SHAPE(wfw_error)
SHAPE(wfw_park)
SHAPE(wfw_child)
SHAPE(wfw_lock)
SHAPE(wfw_send)
SHAPE(wfw_request)
SHAPE(wfw_enter)
SHAPE(wfw_http_request)
SHAPE(wfw_http_response)
SHAPE(wfw_host)
SHAPE(wfw_node)
SHAPE(wfw_plugin)

/* Numbers are in no structure; as a parameter each enumeration is described. */
WFW_EXPORT int shape_numbers(enum wfw_exec a, enum wfw_effect b, enum wfw_cap c, enum wfw_why d, enum wfw_scope e, enum wfw_type f,
                             enum wfw_leave g, enum wfw_log h, enum wfw_fd i);
int shape_numbers(enum wfw_exec a, enum wfw_effect b, enum wfw_cap c, enum wfw_why d, enum wfw_scope e, enum wfw_type f,
                  enum wfw_leave g, enum wfw_log h, enum wfw_fd i)
{
    return (int)a + (int)b + (int)c + (int)d + (int)e + (int)f + (int)g + (int)h + (int)i;
}

WFW_EXPORT int shape_flags(enum wfw_park_flag a, enum wfw_cancel_flag b, enum wfw_child_flag c, enum wfw_enter_flag d,
                           enum wfw_http_flag e);
int shape_flags(enum wfw_park_flag a, enum wfw_cancel_flag b, enum wfw_child_flag c, enum wfw_enter_flag d, enum wfw_http_flag e)
{
    return (int)a + (int)b + (int)c + (int)d + (int)e;
}
