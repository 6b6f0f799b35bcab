/* SPDX-License-Identifier: Apache-2.0 */
/* sallyport sessions and sallyport terminate. */
#include "base/text.h"
#include "client/command/commands.h"
#include "client/command/nodes.h"
#include "client/terminal/table.h"
#include "client/terminal/when.h"
#include "codec/json.h"

enum {
	PAGE = 200, /* AWS's most for DescribeSessions */
	HISTORY = 50,
};

struct session_query {
	bool history;
	const char *target; /* id; NULL: all */
	size_t max;         /* 0: no limit */
};

/* --- DescribeSessions -------------------------------------------------------------- */

static void
query_input(struct jsonw *w, const void *arg)
{
	const struct session_query *q = arg;

	jw_field_str(w, "State", q->history ? "History" : "Active");
	jw_field_int(w, "MaxResults", PAGE);
	if (q->target != NULL) {
		jw_key(w, "Filters");
		jw_open(w, '[');
		jw_open(w, '{');
		jw_field_str(w, "key", "Target");
		jw_field_str(w, "value", q->target);
		jw_close(w, '}');
		jw_close(w, ']');
	}
}

static int
list_sessions(struct cli *c, const struct session_query *q, json_t **out, struct fault *f)
{
	auto_json *all = json_array();
	const struct cli_pages pages = {
		.service = AWS_SSM,
		.operation = "DescribeSessions",
		.list = "Sessions",
		.input = query_input,
		.arg = q,
		.enough = q->max,
	};
	int r;

	if ((r = cli_json_pages(c, &pages, all, f)) != 0)
		return r;
	while (q->max > 0 && json_array_size(all) > q->max)
		json_array_remove(all, json_array_size(all) - 1);
	*out = STEAL(all);
	return 0;
}

/* The last part of "arn:aws:iam::123456789012:user/admin". */
static const char *
owner_name(const json_t *session)
{
	const char *arn = json_get_str(session, "Owner"), *slash;

	if (arn == NULL)
		return "";
	slash = strrchr(arn, '/');
	return slash != NULL ? slash + 1 : arn;
}

static void
add_time(struct table *t, int64_t ms)
{
	char text[TIME_ISO_LEN + 1] = "";

	if (ms != 0) {
		time_iso(text, ms);
		text[10] = ' ';
		text[19] = '\0'; /* without the fraction */
	}
	table_add(t, text, NULL);
}

static void
add_session(struct table *t, const json_t *s, int64_t now_ms)
{
	(void)now_ms;
	table_add(t, json_get_str(s, "SessionId"), NULL);
	table_add(t, json_get_str(s, "Target"), NULL);
	table_add(t, json_get_str(s, "Status"), NULL);
	table_add(t, json_get_str(s, "DocumentName"), NULL);
	table_add(t, owner_name(s), NULL);
	add_time(t, when_of(s, "StartDate"));
	table_add(t, json_get_str(s, "Reason"), NULL);
}

static void
add_past_session(struct table *t, const json_t *s, int64_t now_ms)
{
	add_session(t, s, now_ms);
	add_time(t, when_of(s, "EndDate"));
}

static void
print_sessions(const struct cli *c, const json_t *sessions, bool history)
{
	static const char *const head[] = { "SESSION", "NODE", "STATUS", "DOCUMENT",
		"OWNER", "STARTED (UTC)", "REASON", "ENDED (UTC)" };
	static const struct cli_columns live = { head, 7, add_session },
					past = { head, 8, add_past_session };

	cli_print_rows(c, sessions, history ? &past : &live);
}

static int
show_sessions(struct cli *c, struct session_query *q, const char *node)
{
	auto_json *sessions = NULL;
	auto_free char *id = NULL;
	struct fault f = { 0 };
	int r;

	if (cli_open(c) != 0)
		return CLI_FAILED;
	if (node != NULL && (r = nodes_resolve(c, node, &id)) != CLI_GO)
		return r;
	q->target = id;
	if (list_sessions(c, q, &sessions, &f) != 0)
		return cli_fail(&f);
	print_sessions(c, sessions, q->history);
	return CLI_OK;
}

int
cmd_sessions(struct cli *c, int argc, char **argv)
{
	struct session_query q = { .history = false };
	const char *node = NULL, *limit = NULL;
	int64_t max = 0;
	const struct cli_option options[] = {
		{ "history", 0, NULL, "those that are over", .flag = &q.history },
		{ "target", 0, "NODE", "only those to this node", .text = &node },
		{ "limit", 0, "N", "the newest N only (history: 50)", .text = &limit },
	};
	const struct cli_usage u = {
		.command = "sessions",
		.synopsis = "[--history] [--target NODE] [--limit N]",
		.what = "Lists the sessions that live, or those that are over, newest "
			"first.",
		.examples = "  sallyport sessions\n"
			    "  sallyport sessions --history --target web-1 --limit 10\n",
		.exits = CLI_EXITS_AFTER("listed (perhaps nothing)"),
		CLI_OPTIONS(options),
		.wordless = true,
	};
	int r;

	if ((r = cli_parse(c, &u, argc, argv)) != CLI_GO)
		return r;
	if (limit != NULL && num_parse(span_str(limit), 1, 1000000, &max) != 0)
		return cli_misused(&u, "--limit %s is not a number", limit);
	q.max = limit != NULL ? (size_t)max : q.history ? HISTORY : 0;
	return show_sessions(c, &q, node);
}

/* --- TerminateSession -------------------------------------------------------------- */

static int
terminate_one(struct cli *c, const char *id)
{
	const struct cli_field field = { "SessionId", id };
	auto_json *answer = NULL;
	struct fault f = { 0 };

	if (cli_json_fields(c, AWS_SSM, "TerminateSession", &field, 1, &answer, &f) != 0) {
		cli_say("%s: %s", id, fault_text(&f));
		return CLI_FAILED;
	}
	if (!c->json)
		printf("terminated %s\n", id);
	return CLI_OK;
}

static int
terminate_all(struct cli *c, const char *node)
{
	auto_json *sessions = NULL, *done = json_array();
	auto_free char *id = NULL;
	struct fault f = { 0 };
	int status, worst = CLI_OK;
	json_t *s;
	size_t i;

	if ((status = nodes_resolve(c, node, &id)) != CLI_GO)
		return status;
	if (list_sessions(c, &(struct session_query){ .target = id }, &sessions, &f) != 0)
		return cli_fail(&f);
	json_array_foreach(sessions, i, s)
	{
		if (terminate_one(c, json_get_str(s, "SessionId")) != CLI_OK)
			worst = CLI_FAILED;
		else
			json_array_append(done, json_object_get(s, "SessionId"));
	}
	if (c->json)
		cli_print_json(done);
	else if (json_array_size(sessions) == 0)
		printf("%s has no sessions\n", id);
	return worst;
}

static int
terminate_named(struct cli *c)
{
	auto_json *done = json_array();
	int worst = CLI_OK;

	for (size_t i = 0; i < c->nargs; i++) {
		if (terminate_one(c, c->args[i]) != CLI_OK)
			worst = CLI_FAILED;
		else
			json_array_append_new(done, json_string(c->args[i]));
	}
	if (c->json)
		cli_print_json(done);
	return worst;
}

int
cmd_terminate(struct cli *c, int argc, char **argv)
{
	const char *node = NULL;
	bool all = false;
	const struct cli_option options[] = {
		{ "all", 0, NULL, "every session to the node of --target", .flag = &all },
		{ "target", 0, "NODE", "the node (with --all)", .text = &node },
	};
	const struct cli_usage u = {
		.command = "terminate",
		.synopsis = "SESSION... | --all --target NODE",
		.what =
		    "Ends sessions: their shells get a hang-up, their owners are told.",
		.examples = "  sallyport terminate admin-0a1b2c3d4e5f6a7b8c9d0e1f2a\n"
			    "  sallyport terminate --all --target web-1\n",
		.exits = "  0  all of them are over\n"
			 "  1  one could not be terminated; standard error says which\n"
			 "  2  the command line is wrong\n",
		CLI_OPTIONS(options),
	};
	int r;

	if ((r = cli_parse(c, &u, argc, argv)) != CLI_GO)
		return r;
	if (all != (node != NULL) || (all && c->nargs > 0))
		return cli_misused(
		    &u, "--all and --target go together, without sessions");
	if (!all && c->nargs == 0)
		return cli_misused(&u, "which session");
	if (cli_open(c) != 0)
		return CLI_FAILED;
	return all ? terminate_all(c, node) : terminate_named(c);
}
