/* SPDX-License-Identifier: Apache-2.0 */
/* A quarantine as a file: JSON, written beside and renamed, so that nobody reads half of it. */
#ifndef WF_SANDBOX_QUARANTINE_FILE_H
#define WF_SANDBOX_QUARANTINE_FILE_H

#include "sandbox/quarantine.h"

char *quarantine_file_name(const char *directory, const char *type); /* a new string */

/* own: only a file of this user or root is believed; else also one of the directory's owner.  Never one, or in a directory, that
 * group or others may write.  False: there is none to be believed; what is there and is not is logged. */
bool quarantine_file_read(const char *file, bool own, struct quarantine_state *s);
bool quarantine_file_write(const char *file, const char *type, const struct quarantine_state *s); /* false: logged */
void quarantine_file_remove(const char *file);
bool quarantine_file_there(const char *file);

#endif
