/* SPDX-License-Identifier: Apache-2.0 */
/* The table of the commands. */
#include "cli/command.h"

const struct cli_command cli_commands[] = {
    {"migrate", "", "make or update wfworker's tables in the database",
     "Applies what is missing, each step in a transaction of its own.  Tables of the backend are used as they are; where "
     "there are none, they are made.  Nothing is ever dropped, and workers of the previous release go on working.",
     migrate_options, 0, 0, cmd_migrate},
    {"check", "", "say whether a worker could work here, line by line",
     "Connects and looks at the server, the schema, the rights of the role, row level security, poolers, notifications and "
     "plugins.  The exit code is 1 when something must be put right.",
     check_options, 0, 0, cmd_check},
    {"config", "", "show every setting, its value and where it came from",
     "Passwords are never shown.", config_options, 0, 0, cmd_config},
    {NULL, NULL, NULL, NULL, NULL, 0, 0, NULL},
};
