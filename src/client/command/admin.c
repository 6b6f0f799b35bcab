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

static int
on_document(struct cli *c, int argc, char **argv)
{
	return cli_act(c, &usage, "document", admin_documents, argc - 1, argv + 1);
}

static int
on_lock(struct cli *c, int argc, char **argv)
{
	return cli_act(c, &usage, "lock", admin_locks, argc - 1, argv + 1);
}

static int
on_audit(struct cli *c, int argc, char **argv)
{
	return cli_act(c, &usage, "audit", admin_audits, argc - 1, argv + 1);
}

int
cmd_admin(struct cli *c, int argc, char **argv)
{
	static const struct cli_action subjects[] = {
		{ "document", on_document },
		{ "lock", on_lock },
		{ "audit", on_audit },
		{ NULL, NULL },
	};
	int r;

	if ((r = cli_parse(c, &usage, argc, argv)) != CLI_GO)
		return r;
	return cli_act(c, &usage, "admin", subjects, (int)c->nargs,
	    argv + (c->args - (const char *const *)argv));
}
