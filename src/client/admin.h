/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sallyport admin <subject> <action>: one file for each subject, admin_<subject>.c.
 */
#pragma once

#include "client/cli.h"

#define ADMIN_EXITS                                       \
	"  0  done\n"                                     \
	"  1  it did not work; standard error says why\n" \
	"  2  the command line is wrong\n"

extern const struct cli_action admin_audits[];
extern const struct cli_action admin_documents[];
extern const struct cli_action admin_locks[];
