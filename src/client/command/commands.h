/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The program sallyport: its table of commands.  Each is one function in a file of its own and
 * returns the exit status of the program.
 */
#pragma once

#include "client/cli/cli.h"

struct cli_command {
	const char *name;
	const char *help; /* one line */
	int (*run)(struct cli *c, int argc, char **argv);
};
extern const struct cli_command cli_commands[];
extern const size_t cli_commands_len;

/* main() of the program. */
int cli_main(int argc, char **argv);

int cmd_ls(struct cli *c, int argc, char **argv);
int cmd_connect(struct cli *c, int argc, char **argv);
int cmd_exec(struct cli *c, int argc, char **argv);
int cmd_cp(struct cli *c, int argc, char **argv);
int cmd_forward(struct cli *c, int argc, char **argv);
int cmd_ssh(struct cli *c, int argc, char **argv);
int cmd_ssh_config(struct cli *c, int argc, char **argv);
int cmd_proxy(struct cli *c, int argc, char **argv);
int cmd_sessions(struct cli *c, int argc, char **argv);
int cmd_terminate(struct cli *c, int argc, char **argv);
int cmd_access(struct cli *c, int argc, char **argv);
int cmd_audit(struct cli *c, int argc, char **argv);
int cmd_admin(struct cli *c, int argc, char **argv);
int cmd_register(struct cli *c, int argc, char **argv);
int cmd_policy(struct cli *c, int argc, char **argv);
int cmd_doctor(struct cli *c, int argc, char **argv);
int cmd_completion(struct cli *c, int argc, char **argv);
