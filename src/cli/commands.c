/* SPDX-License-Identifier: Apache-2.0 */
/* The table of the commands. */
#include "cli/command.h"

const struct cli_command cli_commands[] = {
    {"run", "", "run the worker (what wfworker does without a command)",
     "Picks up executions from the database and runs their nodes, until it is told to stop: SIGINT or SIGTERM let running "
     "nodes finish within shutdown_grace and give the rest back, a second signal ends at once.  SIGHUP reads the settings "
     "again, SIGUSR1 writes statistics to the log.",
     run_options, 0, 0, cmd_run},
    {"dev", "", "run a worker on a private PostgreSQL, for trying things out",
     "Makes a PostgreSQL server of its own, reachable only from this machine, prints its address and runs the worker on it. "
     "Without --data-dir the server and everything in it are gone afterwards.\n"
     "With --workflow one execution of that workflow is run to its end; its log and result are printed, and the exit code "
     "is 0 when it completed and 1 when it failed.",
     dev_options, 0, 0, cmd_dev},
    {"migrate", "", "make or update wfworker's tables in the database",
     "Applies what is missing, each step in a transaction of its own.  Tables of the backend are used as they are; where "
     "there are none, they are made.  Nothing is ever dropped, and workers of the previous release go on working.",
     migrate_options, 0, 0, cmd_migrate},
    {"check", "", "say whether a worker could work here, line by line",
     "Connects and looks at the server, the schema, the rights of the role, row level security, poolers, notifications and "
     "plugins.  The exit code is 1 when something must be put right.",
     check_options, 0, 0, cmd_check},
    {"workflow add", "FILE", "make a workflow from a JSON file, or replace one",
     "FILE holds a graph ({\"nodes\": [...], \"edges\": [...]}), or a whole workflow ({\"name\": ..., \"graph_config\": "
     "{...}, \"trigger_config\": {...}}); - reads standard input.  A workflow of the same name and owner is replaced.",
     workflow_add_options, 1, 1, cmd_workflow_add},
    {"workflow list", "", "list the workflows", "One line for each workflow.", workflow_list_options, 0, 0, cmd_workflow_list},
    {"submit", "WORKFLOW", "start an execution of a workflow, given by name or id",
     "Inserts an execution as the backend does and prints its id; a worker picks it up.  With --wait the command ends "
     "when the execution has ended: exit code 0 when it completed, 1 when it failed.",
     submit_options, 1, 1, cmd_submit},
    {"list", "", "list executions, the newest first", "One line for each execution.", list_options, 0, 0, cmd_list},
    {"show", "EXECUTION", "show an execution and its nodes",
     "EXECUTION is exec-... as the other commands print it, or the id of the row.", show_options, 1, 1, cmd_show},
    {"logs", "EXECUTION", "show the log of an execution",
     "EXECUTION is exec-... as the other commands print it, or the id of the row.", logs_options, 1, 1, cmd_logs},
    {"exec", "FILE", "run a workflow from a file in memory, without a database",
     "Runs one execution with the real plugins and prints one JSON object: status, data, node_results, "
     "completed_node_ids, error_message.  Nodes retry as they say; the execution as a whole is not tried again.\n"
     "The exit code is 0 when it completed, 1 when it failed, 3 when it still waits for something that does not come.",
     exec_options, 1, 1, cmd_exec},
    {"validate", "FILE|WORKFLOW", "say what is wrong or doubtful about a workflow",
     "Reads a file (- is standard input), or a workflow from the database by name or id; what ends in .json, holds a slash or "
     "is there as a file is a file.  Prints errors and warnings with JSON pointers, and the structure as it was understood.\n"
     "The exit code is 1 when there are errors; with --strict, also when there are warnings.",
     validate_options, 1, 1, cmd_validate},
    {"graph", "FILE|EXECUTION", "draw a workflow, or an execution with its state",
     "Reads a file (- is standard input), or what an execution in the database runs; what ends in .json, holds a slash or is "
     "there as a file is a file.  Nodes of an execution are marked: ✓ done, ✗ failed, ▶ running, ◷ waiting.",
     graph_options, 1, 1, cmd_graph},
    {"schedule add", "WORKFLOW CRON", "start a workflow at times that a cron expression gives",
     "Prints the id of the new schedule.  A wrong expression, or one that never comes, is refused.",
     schedule_add_options, 2, 2, cmd_schedule_add},
    {"schedule list", "", "list the schedules",
     "One line for each: rows of workflowschedule, and workflows whose trigger_config is a schedule.", schedule_list_options, 0, 0,
     cmd_schedule_list},
    {"schedule pause", "SCHEDULE", "let a schedule start nothing until it is resumed", "SCHEDULE is an id that schedule list shows.",
     NULL, 1, 1, cmd_schedule_pause},
    {"schedule resume", "SCHEDULE", "go on with a schedule that was paused",
     "Its next run is the next one from now on; nothing is made up for.", NULL, 1, 1, cmd_schedule_resume},
    {"schedule remove", "SCHEDULE", "remove a schedule", "Executions that it started are left alone.", NULL, 1, 1,
     cmd_schedule_remove},
    {"schedule run", "SCHEDULE", "start an execution of a schedule now, beside its times",
     "Prints the id of the execution.", schedule_run_options, 1, 1, cmd_schedule_run},
    {"schedule next", "CRON", "print when a cron expression comes",
     "Needs no database.  One time a line, in ISO form with its offset from UTC.  The exit code is 1 when the expression is "
     "wrong or never comes.",
     schedule_next_options, 1, 1, cmd_schedule_next},
    {"expr", "EXPRESSION", "evaluate an expression and print its value as JSON",
     "Needs no database.  The keys of --data are names, and input and data the whole of it.  The exit code is 1 when the "
     "expression is wrong or fails.",
     expr_options, 1, 1, cmd_expr},
    {"pause", "EXECUTION", "stop an execution after the nodes that run",
     "Nodes that run are finished and their results are kept; nothing new begins until it is resumed.", pause_options, 1, 1,
     cmd_pause},
    {"resume", "EXECUTION", "let a paused execution go on", "A retry that was to come begins at once.", resume_options, 1, 1,
     cmd_resume},
    {"terminate", "EXECUTION", "end an execution, with status failed", "What runs is cancelled; finished results stay.",
     terminate_options, 1, 1, cmd_terminate},
    {"signal", "EXECUTION TYPE", "send a signal to an execution",
     "It is kept until a node of the execution waits for a signal of this type, and used once.", signal_options, 2, 2, cmd_signal},
    {"approvals", "", "list the requests for approval that nobody has answered",
     "Those of node type human_approval, the oldest first.", approvals_options, 0, 0, cmd_approvals},
    {"answer", "EXECUTION NODE CHOICE", "answer a request for approval",
     "CHOICE is one of its options and becomes the branch.  Of several open requests of the node the oldest is answered.",
     answer_options, 3, 3, cmd_answer},
    {"locks", "", "list the locks that executions hold and wait for",
     "Those of node type mutex: for each lock who holds it, then who waits for it, in order.", locks_options, 0, 0, cmd_locks},
    {"retry", "EXECUTION", "begin a failed execution again at what failed",
     "What had failed, and what was cancelled for it, begins again; finished results are kept, retries and time limit count "
     "anew.  An execution that waits for its next retry does not wait any longer.", retry_options, 1, 1, cmd_retry},
    {"replay", "EXECUTION", "run an execution again, as a new one, from the beginning or from a node",
     "The workflow is run as it is now.  With --from NODE that node and every node that comes after it run; the results of "
     "the other finished nodes are kept.  A node that neither finished nor comes after NODE does not run.",
     replay_options, 1, 1, cmd_replay},
    {"adopt", "[EXECUTION]", "take over executions that ran before wfworker was installed",
     "They are left alone until they are adopted, or until somebody sets their status.", adopt_options, 0, 1, cmd_adopt},
    {"explain", "EXECUTION", "say why an execution does not run",
     "From its row, the queue, the registry of workers and its journal: paused, waiting for a time, for a retry or for a "
     "worker, held by one, left alone.", explain_options, 1, 1, cmd_explain},
    {"workers", "", "list the workers of the database", "Lost: not seen for two minutes.", workers_options, 0, 0, cmd_workers},
    {"plugin new", "NAME", "make a project for a new plugin: sources, tests, manual page, packages",
     "Makes directory NAME with an autotools project that builds, tests, installs and packages a plugin whose node types "
     "work, and runs autoreconf, so that ./configure is there.  Nothing is left when something fails.",
     plugin_new_options, 1, 1, cmd_plugin_new},
    {"plugin inspect", "PLUGIN|FILE|TYPE", "show what a plugin or a node type says about itself",
     "PLUGIN is the name of a plugin that was found, FILE one with a slash or .so, TYPE a node type.  Needs no database.\n"
     "The exit code is 1 when there is no such plugin, or it does not load.",
     plugin_inspect_options, 1, 1, cmd_plugin_inspect},
    {"plugin run", "PLUGIN|FILE|TYPE", "call a node type once, and print what it says as JSON",
     "Needs no workflow and no database; the plugin, its http requests, secrets and time are real.  Templates of the configuration "
     "are resolved with the names of --input.  What the handler logs goes to standard error.\n"
     "The exit code is 0 when the node is over, 1 when it failed, 3 when it waits to be called again.",
     plugin_run_options, 1, 1, cmd_plugin_run},
    {"plugin doctor", "FILE", "try a plugin: every step of loading it, and what else its author should know",
     "One line for each thing that was looked at: ok, fail, warn (costs somebody something later), note, or skip (not reached).  "
     "Needs no database; what could crash runs in another process.\n"
     "The exit code is 1 when the plugin does not load; with --strict, also when there are warnings.",
     plugin_doctor_options, 1, 1, cmd_plugin_doctor},
    {"config", "", "show every setting, its value and where it came from",
     "Passwords are never shown.", config_options, 0, 0, cmd_config},
    {"plugin release", "PLUGIN|TYPE", "end the quarantine of a node type, or of all node types of a plugin",
     "A node type whose helper processes crashed 10 times in a row is left alone for a while; wfworker --list-plugins says which.  "
     "Workers see the release with the next call.  Without a directory for it (RUNTIME_DIRECTORY, /run/wfworker, XDG_RUNTIME_DIR) "
     "only the worker itself knows of a quarantine.",
     NULL, 1, 1, cmd_plugin_release},
    {NULL, NULL, NULL, NULL, NULL, 0, 0, NULL},
};
