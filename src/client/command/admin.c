/* SPDX-License-Identifier: Apache-2.0 */
/* sallyport admin: which subject, and what to do with it. */
#include "client/command/admin.h"
#include "client/command/commands.h"

static const struct cli_usage usage = {
	.command = "admin",
	.synopsis = "document|lock|audit ACTION ...",
	.what = "Works on the session documents of the account (put, get, list, delete) and on\n"
		"the locks that cut somebody off (add, list, remove), and proves that nobody\n"
		"changed the audit trail (export, verify).  Each action has a --help of its own.",
	.examples = "  sallyport admin document list --all\n"
		    "  sallyport admin lock add user/alice --reason 'laptop stolen'\n"
		    "  sallyport admin audit verify --key audit.pub\n",
	.exits = CLI_EXITS,
	.first_word_ends = true,
};

int
cmd_admin(struct cli *c, int argc, char **argv)
{
	static const struct cli_action subjects[] = {
		{ "document", NULL, admin_documents },
		{ "lock", NULL, admin_locks },
		{ "audit", NULL, admin_audits },
		{ NULL, NULL, NULL },
	};

	return cli_act(c, &usage, subjects, argc, argv);
}
