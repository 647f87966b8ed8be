/* SPDX-License-Identifier: Apache-2.0 */
/* What the shell's completion asks for; packaging/completion has the scripts. */
#ifndef WF_CLI_COMPLETE_H
#define WF_CLI_COMPLETE_H

/* `wfworker --complete WORD...`: prints what the last of the words can be, one candidate a line, and behind a tab what it
 * means.  Lines that begin with a colon are for the shell: ":files", ":directories", and ":at-files" for files behind an @.
 * The candidates are not filtered by what is there of the last word; of --name=VALUE they are values.  Everything is from
 * the tables that --help is made from.  The exit code. */
int cli_complete(int count, char **words);

#endif
