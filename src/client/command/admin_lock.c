/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sallyport admin lock: cutting somebody off, everywhere and at once, whatever policies say.
 */
#include "client/command/admin.h"
#include "client/command/commands.h"
#include "client/terminal/table.h"
#include "client/terminal/when.h"
#include "codec/json.h"
#include "codec/jsonw.h"

enum { OUTPUT_MAX = 16 * 1024 * 1024 };

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
		.options = options,
		.noptions = ARRAY_LEN(options),
	};
	auto_json *answer = NULL;
	struct fault f = { 0 };
	int r;

	if ((r = cli_parse(c, &u, argc, argv)) != CLI_GO)
		return r;
	if (c->nargs != 1)
		return cli_misused(&u, "whom to lock");
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
	};
	struct cli_field field = { "Principal", NULL };
	auto_json *answer = NULL;
	struct fault f = { 0 };
	int r;

	if ((r = cli_parse(c, &u, argc, argv)) != CLI_GO)
		return r;
	if (c->nargs != 1)
		return cli_misused(&u, "whose lock");
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
page_body(struct buf *out, const void *arg, const char *token)
{
	struct jsonw w;

	(void)arg;
	jw_init(&w, out);
	jw_open(&w, '{');
	jw_field_opt(&w, "NextToken", token);
	jw_close(&w, '}');
}

static void
print_locks(const struct cli *c, json_t *locks)
{
	static const char *const head[] = { "PRINCIPAL", "SINCE", "BY", "REASON" };
	auto_buf out = { .max = OUTPUT_MAX };
	struct table t;
	json_t *l;
	size_t i;

	table_init(&t, head, ARRAY_LEN(head));
	json_array_foreach(locks, i, l)
	{
		char ago[32];

		when_ago(ago, sizeof(ago), ev_wall_ms(c->loop), when_of(l, "CreatedDate"));
		table_add(&t, json_get_str(l, "Principal"), NULL);
		table_add(&t, ago, NULL);
		table_add(&t, json_get_str(l, "LockedBy"), NULL);
		table_add(&t, json_get_str(l, "Reason"), NULL);
	}
	table_render(&t, cli_colour(c, stdout), &out);
	fwrite(out.p, 1, out.len, stdout);
	table_fini(&t);
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
	auto_json *locks = json_array();
	struct fault f = { 0 };
	int r;

	if ((r = cli_parse(c, &u, argc, argv)) != CLI_GO)
		return r;
	if (cli_open(c) != 0)
		return CLI_FAILED;
	if (cli_json_pages(c, AWS_SALLYPORT, "ListLocks", "Locks", page_body, NULL, 0, locks,
		&f) != 0)
		return cli_fail(&f);
	if (c->json)
		cli_print_json(locks);
	else
		print_locks(c, locks);
	return CLI_OK;
}

const struct cli_action admin_locks[] = {
	{ "add", lock_add },
	{ "list", lock_list },
	{ "remove", lock_remove },
	{ NULL, NULL },
};
