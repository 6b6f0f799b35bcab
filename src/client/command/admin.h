/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sallyport admin <subject> <action>: one file for each subject, admin_<subject>.c.
 */
#pragma once

#include "client/cli/cli.h"

extern const struct cli_action admin_audits[];
extern const struct cli_action admin_documents[];
extern const struct cli_action admin_locks[];
