/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sallyport admin lock: cutting somebody off, everywhere and at once, whatever policies say.
 */
#include "client/command/admin.h"
#include "client/terminal/table.h"
#include "client/terminal/when.h"
#include "codec/json.h"

#define WHOM                                                                              \
	"WHOM is a user or role (user/alice, role/deploy), a session of a role\n"         \
	"(role/deploy/ci), a node (mi-...), or the ARN of one of these."

static int
lock_add(struct cli *c, int argc, char **argv)
{
	struct cli_field fields[] = { { "Principal", NULL }, { "Reason", NULL } };
	const struct cli_option options[] = {
		{ "reason", 0, "TEXT", "why, for the one who is locked and for the record",
		    .text = &fields[1].value },
	};
	const struct cli_usage u = {
		.command = "admin lock add",
		.synopsis = "WHOM --reason TEXT",
		.what =
		    "Cuts somebody off: every call is denied, open sessions end within a "
		    "second, and\na node loses its connection.  " WHOM,
		.examples = "  sallyport admin lock add user/alice --reason 'laptop stolen'\n",
		.exits = CLI_EXITS,
		CLI_OPTIONS(options),
		.one_word = "whom to lock",
	};
	auto_json *answer = NULL;
	struct fault f = { 0 };
	int r;

	if ((r = cli_parse(c, &u, argc, argv)) != CLI_GO)
		return r;
	if (fields[1].value == NULL)
		return cli_misused(&u, "--reason is needed");
	fields[0].value = c->args[0];
	if (cli_open(c) != 0)
		return CLI_FAILED;
	if (cli_json_fields(c, AWS_SALLYPORT, "LockPrincipal", fields, ARRAY_LEN(fields),
		&answer, &f) != 0)
		return cli_fail(&f);
	if (c->json)
		cli_print_json(answer);
	else
		printf("%s is locked\n", json_get_str(answer, "Principal"));
	return CLI_OK;
}

static int
lock_remove(struct cli *c, int argc, char **argv)
{
	const struct cli_usage u = {
		.command = "admin lock remove",
		.synopsis = "WHOM",
		.what = "Takes a lock away.  Sessions that it ended do not come back.\n" WHOM,
		.examples = "  sallyport admin lock remove user/alice\n",
		.exits = CLI_EXITS,
		.one_word = "whose lock",
	};
	struct cli_field field = { "Principal", NULL };
	auto_json *answer = NULL;
	struct fault f = { 0 };
	int r;

	if ((r = cli_parse(c, &u, argc, argv)) != CLI_GO)
		return r;
	field.value = c->args[0];
	if (cli_open(c) != 0)
		return CLI_FAILED;
	if (cli_json_fields(c, AWS_SALLYPORT, "UnlockPrincipal", &field, 1, &answer, &f) != 0)
		return cli_fail(&f);
	if (c->json)
		cli_print_json(answer);
	else
		printf("%s is not locked any more\n", json_get_str(answer, "Principal"));
	return CLI_OK;
}

static void
add_lock(struct table *t, const json_t *l, int64_t now_ms)
{
	char ago[32];

	when_ago(ago, sizeof(ago), now_ms, when_of(l, "CreatedDate"));
	table_add(t, json_get_str(l, "Principal"), NULL);
	table_add(t, ago, NULL);
	table_add(t, json_get_str(l, "LockedBy"), NULL);
	table_add(t, json_get_str(l, "Reason"), NULL);
}

static int
lock_list(struct cli *c, int argc, char **argv)
{
	const struct cli_usage u = {
		.command = "admin lock list",
		.synopsis = "",
		.what = "Lists who is locked, since when, by whom, and why.",
		.examples = "  sallyport admin lock list\n",
		.exits = CLI_EXITS,
		.wordless = true,
	};
	static const char *const head[] = { "PRINCIPAL", "SINCE", "BY", "REASON" };
	static const struct cli_columns columns = { head, ARRAY_LEN(head), add_lock };
	const struct cli_pages pages = {
		.service = AWS_SALLYPORT, .operation = "ListLocks", .list = "Locks"
	};
	int r;

	if ((r = cli_parse(c, &u, argc, argv)) != CLI_GO)
		return r;
	return cli_print_pages(c, &pages, &columns);
}

const struct cli_action admin_locks[] = {
	{ "add", lock_add, NULL },
	{ "list", lock_list, NULL },
	{ "remove", lock_remove, NULL },
	{ NULL, NULL, NULL },
};
