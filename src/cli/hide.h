/* SPDX-License-Identifier: Apache-2.0 */
/* Passwords that were given on the command line are not shown by ps. */
#ifndef WF_CLI_HIDE_H
#define WF_CLI_HIDE_H

/* A copy of the arguments (new; ends with NULL; args_free()), after which an address of a database with a password is
 * overwritten in the original, the process's own memory that the system shows to everybody. */
char **args_take(int argc, char **argv);
void args_free(char **args);

#endif
