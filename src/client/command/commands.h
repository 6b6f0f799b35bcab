/* SPDX-License-Identifier: Apache-2.0 */
/* The commands of the table in commands.c; each returns the exit status of the program. */
#pragma once

#include "client/cli/cli.h"

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
