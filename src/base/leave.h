/* SPDX-License-Identifier: Apache-2.0 */
/* The end of the process while threads go on that nobody can wait for: a connection that is being made, a handler that does
 * not return.  exit() frees what libraries share (OpenSSL's locks and tables) below such a thread, which may then crash. */
#ifndef WFW_BASE_LEAVE_H
#define WFW_BASE_LEAVE_H

/* A thread is left behind that may use libraries at any time from now on.  Any thread. */
void leave_behind(void);

/* The last thing that main() does: flushes the standard streams and returns status, or, when threads were left behind, ends
 * the process with it at once, without the libraries' cleanup. */
int leave(int status);

#endif
