/* SPDX-License-Identifier: Apache-2.0 */
/* What a subcommand is: its words, options and help in one table entry, and what it gets when it runs.
 *
 * Exit codes of all commands: 0 done, 1 it failed, 2 wrong usage or a wrong setting. */
#ifndef WF_CLI_COMMAND_H
#define WF_CLI_COMMAND_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "config/settings.h"

#define EXIT_USAGE 2

/* An option of one command; settings are options of every command and not listed here. */
struct cli_option {
    const char *name;     /* without "--"; NULL ends the list */
    char letter;          /* a second, short spelling; 0: none */
    const char *argument; /* NULL: it takes none */
    const char *text;
};

#define CLI_MAX_OPTIONS 20
#define CLI_MAX_OPERANDS 8
#define CLI_MAX_GIVEN 256

struct cli {
    const struct cli_command *command;
    struct settings_source *source;
    const struct settings *settings;
    const char *values[CLI_MAX_OPTIONS]; /* by position in the command's list; "" for an option without argument */
    struct {
        int option;
        const char *value;
    } given[CLI_MAX_GIVEN];  /* every option with a value, in order */
    size_t given_count;
    const char *operands[CLI_MAX_OPERANDS];
    size_t operand_count;
    int full_argc;   /* the arguments as they were, for reading the settings again */
    char **full_argv;
};

struct cli_command {
    const char *name;     /* "submit", or two words: "workflow add" */
    const char *operands; /* for the usage line: "WORKFLOW", or "" */
    const char *summary;  /* one line, for the overview */
    const char *text;     /* paragraphs for its own --help, separated by \n */
    const struct cli_option *options;
    size_t least, most; /* operands */
    int (*run)(struct cli *c);
};

/* The table of all commands, ended by one whose name is NULL. */
extern const struct cli_command cli_commands[];

/* The value of an option, NULL when it was not given. */
const char *cli_value(const struct cli *c, const char *option);
/* Of one that was given several times: the n-th, from 0; NULL when there are not so many. */
const char *cli_value_at(const struct cli *c, const char *option, size_t n);
static inline bool cli_has(const struct cli *c, const char *option)
{
    return cli_value(c, option) != NULL;
}

/* Split what settings left of the arguments into options and operands.  0, or -1 and *e. */
int cli_parse(struct cli *c, int argc, char **argv, struct error *e);

/* Help for everything, for the commands that begin with a word ("workflow"), for one command. */
void cli_help(void);
void cli_help_group(const char *word);
void cli_help_command(const struct cli_command *command);

/* Print *e and return the exit code 1. */
int cli_failed(const struct error *e);

extern const struct cli_option run_options[], dev_options[], migrate_options[], check_options[], config_options[],
    workflow_add_options[], workflow_list_options[], submit_options[], list_options[], show_options[], logs_options[],
    exec_options[], validate_options[], graph_options[],
    expr_options[], schedule_next_options[], schedule_add_options[], schedule_list_options[], schedule_run_options[];

extern const struct cli_option pause_options[], resume_options[], terminate_options[], retry_options[], replay_options[], signal_options[],
    approvals_options[], answer_options[], locks_options[], adopt_options[], explain_options[], workers_options[];

extern const struct cli_option plugin_new_options[], plugin_run_options[], plugin_inspect_options[], plugin_doctor_options[];

void run_watch_signals(void); /* of `wfworker run`: SIGTERM and SIGINT are remembered from now on */
int cmd_run(struct cli *c);
int cmd_dev(struct cli *c);
int cmd_migrate(struct cli *c);
int cmd_check(struct cli *c);
int cmd_config(struct cli *c);
int cmd_workflow_add(struct cli *c);
int cmd_workflow_list(struct cli *c);
int cmd_submit(struct cli *c);
int cmd_list(struct cli *c);
int cmd_show(struct cli *c);
int cmd_logs(struct cli *c);
int cmd_exec(struct cli *c);
int cmd_validate(struct cli *c);
int cmd_graph(struct cli *c);
int cmd_expr(struct cli *c);
int cmd_schedule_next(struct cli *c);
int cmd_schedule_add(struct cli *c);
int cmd_schedule_list(struct cli *c);
int cmd_schedule_pause(struct cli *c);
int cmd_schedule_resume(struct cli *c);
int cmd_schedule_remove(struct cli *c);
int cmd_schedule_run(struct cli *c);
int cmd_pause(struct cli *c);
int cmd_resume(struct cli *c);
int cmd_terminate(struct cli *c);
int cmd_signal(struct cli *c);
int cmd_approvals(struct cli *c);
int cmd_answer(struct cli *c);
int cmd_locks(struct cli *c);
int cmd_retry(struct cli *c);
int cmd_replay(struct cli *c);
int cmd_adopt(struct cli *c);
int cmd_explain(struct cli *c);
int cmd_workers(struct cli *c);
int cmd_plugin_new(struct cli *c);
int cmd_plugin_run(struct cli *c);
int cmd_plugin_inspect(struct cli *c);
int cmd_plugin_doctor(struct cli *c);
int cmd_plugin_release(struct cli *c);
int cmd_list_plugins(struct cli *c, bool json);

#endif
