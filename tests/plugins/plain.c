/* SPDX-License-Identifier: Apache-2.0 */
/* A shared object that is no plugin. */
__attribute__((visibility("default"))) int plain_answer(void);
int plain_answer(void)
{
    return 42;
}
