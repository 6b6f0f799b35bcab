/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sallyport access: just-in-time access to nodes, both sides of it.  Asking for access and
 * getting its keys are operations of AWS's; deciding is an operation of ours.
 */
#include "base/text.h"
#include "client/command/commands.h"
#include "client/command/nodes.h"
#include "client/terminal/table.h"
#include "client/terminal/when.h"
#include "codec/json.h"
#include "codec/jsonw.h"

enum { BODY_MAX = 64 * 1024 };

/* --- request -------------------------------------------------------------------------- */

struct asking {
	const char *reason, *minutes;
};

/* CLI_GO, or the exit status after saying which word is no node. */
static int
resolve_all(struct cli *c, json_t *ids)
{
	for (size_t i = 0; i < c->nargs; i++) {
		auto_free char *id = NULL;
		int r = nodes_resolve(c, c->args[i], &id);

		if (r != CLI_GO)
			return r;
		json_array_append_new(ids, json_string(id));
	}
	return CLI_GO;
}

static int
send_request(struct cli *c, const struct asking *a, json_t *ids, json_t **answer,
    struct fault *f)
{
	auto_json *in = json_pack("{s:s, s:[{s:s, s:O}]}", "Reason", a->reason, "Targets",
	    "Key", "InstanceIds", "Values", ids);
	auto_free char *body = NULL;

	if (in != NULL && a->minutes != NULL)
		json_object_set_new(in, "Tags",
		    json_pack("[{s:s, s:s}]", "Key", "sallyport:minutes", "Value",
			a->minutes));
	body = in != NULL ? json_dumps(in, JSON_COMPACT) : NULL;
	if (body == NULL)
		return fault_set(f, ERR_INVALID, "the reason is not valid UTF-8");
	return cli_json(c, AWS_SSM, "StartAccessRequest", span_str(body), answer, f);
}

static int
access_request(struct cli *c, int argc, char **argv)
{
	struct asking a = { NULL, NULL };
	const struct cli_option options[] = {
		{ "reason", 0, "TEXT", "what for; the approver reads it",
		    .text = &a.reason },
		{ "minutes", 0, "N", "for how long (60)", .text = &a.minutes },
	};
	const struct cli_usage u = {
		.command = "access request",
		.synopsis = "NODE... --reason TEXT [--minutes N]",
		.what =
		    "Asks for access to nodes that your policies do not give you.  Prints "
		    "the id of the\nrequest; once it is approved \"sallyport access token "
		    "ID\" gives the keys.",
		.examples = "  sallyport access request web-1 --reason 'disk full, INC-4711'\n",
		.exits = CLI_EXITS,
		CLI_OPTIONS(options),
		.some_words = "which node",
	};
	auto_json *ids = json_array(), *answer = NULL;
	struct fault f = { 0 };
	int r;

	if ((r = cli_parse(c, &u, argc, argv)) != CLI_GO)
		return r;
	if (a.reason == NULL)
		return cli_misused(&u, "--reason is needed");
	if (cli_open(c) != 0)
		return CLI_FAILED;
	if ((r = resolve_all(c, ids)) != CLI_GO)
		return r;
	if (send_request(c, &a, ids, &answer, &f) != 0)
		return cli_fail(&f);
	if (c->json)
		cli_print_json(answer);
	else
		printf("%s\n", json_get_str(answer, "AccessRequestId"));
	return CLI_OK;
}

/* --- list ------------------------------------------------------------------------------- */

static void
pending_only(struct jsonw *w, const void *arg)
{
	(void)arg;
	jw_field_str(w, "AccessRequestStatus", "Pending");
}

/* "mi-1 and 2 more" */
static void
add_nodes(struct table *t, const json_t *ids)
{
	const char *first = json_string_value(json_array_get(ids, 0));
	char more[96];

	if (json_array_size(ids) > 1) {
		snprintf(more, sizeof(more), "%s and %zu more",
		    first != NULL ? first : "", json_array_size(ids) - 1);
		first = more;
	}
	table_add(t, first, NULL);
}

static void
add_request(struct table *t, const json_t *r, int64_t now_ms)
{
	const char *who = json_get_str(r, "Requester"), *slash;
	char minutes[24], ago[32];

	slash = who != NULL ? strrchr(who, '/') : NULL;
	snprintf(minutes, sizeof(minutes), "%lld",
	    (long long)json_get_int(r, "DurationMinutes", 0));
	when_ago(ago, sizeof(ago), now_ms, when_of(r, "CreatedTime"));
	table_add(t, json_get_str(r, "AccessRequestId"), NULL);
	table_add(t, json_get_str(r, "AccessRequestStatus"), NULL);
	table_add(t, slash != NULL ? slash + 1 : who, NULL);
	add_nodes(t, json_get_arr(r, "InstanceIds"));
	table_add(t, minutes, NULL);
	table_add(t, ago, NULL);
	table_add(t, json_get_str(r, "Reason"), NULL);
}

static int
access_list(struct cli *c, int argc, char **argv)
{
	bool all = false;
	const struct cli_option options[] = {
		{ "all", 0, NULL, "also those that were decided or have expired",
		    .flag = &all },
	};
	const struct cli_usage u = {
		.command = "access list",
		.synopsis = "[--all]",
		.what = "Lists the requests that wait for a decision.",
		.examples = "  sallyport access list --all\n",
		.exits = CLI_EXITS,
		CLI_OPTIONS(options),
		.wordless = true,
	};
	static const char *const head[] = { "REQUEST", "STATUS", "WHO", "NODES", "MINUTES",
		"ASKED", "REASON" };
	static const struct cli_columns columns = { head, ARRAY_LEN(head), add_request };
	struct cli_pages pages = {
		.service = AWS_SALLYPORT,
		.operation = "ListAccessRequests",
		.list = "AccessRequests",
		.input = pending_only,
	};
	int r;

	if ((r = cli_parse(c, &u, argc, argv)) != CLI_GO)
		return r;
	if (all)
		pages.input = NULL;
	return cli_print_pages(c, &pages, &columns);
}

/* --- approve, deny, revoke ---------------------------------------------------------------- */

/* "60" as a number in the body; anything else is the server's to refuse. */
static void
decision_body(struct buf *out, const char *id, const char *comment, const char *minutes)
{
	struct jsonw w;
	int64_t n;

	jw_init(&w, out);
	jw_open(&w, '{');
	jw_field_str(&w, "AccessRequestId", id);
	jw_field_opt(&w, "Comment", comment);
	if (minutes != NULL && num_parse(span_str(minutes), 0, INT32_MAX, &n) == 0)
		jw_field_int(&w, "DurationMinutes", n);
	jw_close(&w, '}');
}

static int
decide(struct cli *c, const char *operation, const char *comment, const char *minutes)
{
	auto_buf body = { .max = BODY_MAX };
	auto_json *answer = NULL;
	struct fault f = { 0 };
	const char *status;

	if (cli_open(c) != 0)
		return CLI_FAILED;
	decision_body(&body, c->args[0], comment, minutes);
	if (cli_json(c, AWS_SALLYPORT, operation, buf_span(&body), &answer, &f) != 0)
		return cli_fail(&f);
	status = json_get_str(answer, "AccessRequestStatus");
	if (c->json)
		cli_print_json(answer);
	else if (status != NULL && strcmp(status, "Pending") == 0)
		printf("%s: agreed; somebody else has to agree as well\n", c->args[0]);
	else
		printf("%s: %s\n", c->args[0], status != NULL ? status : "");
	return CLI_OK;
}

static int
access_approve(struct cli *c, int argc, char **argv)
{
	const char *comment = NULL, *minutes = NULL;
	const struct cli_option options[] = {
		{ "minutes", 0, "N", "for how long; else as long as was asked for",
		    .text = &minutes },
		{ "comment", 0, "TEXT", "kept with the request", .text = &comment },
	};
	const struct cli_usage u = {
		.command = "access approve",
		.synopsis = "ID [--minutes N] [--comment TEXT]",
		.what =
		    "Agrees to a request.  From then on the one who asked has access; with "
		    "two\napprovers, from the second one on.  Nobody approves their own.",
		.examples = "  sallyport access approve oi-0123456789ab --minutes 30\n",
		.exits = CLI_EXITS,
		CLI_OPTIONS(options),
		.one_word = "which request",
	};
	int64_t n;
	int r;

	if ((r = cli_parse(c, &u, argc, argv)) != CLI_GO)
		return r;
	if (minutes != NULL && num_parse(span_str(minutes), 1, 1440, &n) != 0)
		return cli_misused(&u, "--minutes is a number from 1 to 1440");
	return decide(c, "ApproveAccessRequest", comment, minutes);
}

static int
access_deny(struct cli *c, int argc, char **argv)
{
	const char *comment = NULL;
	const struct cli_option options[] = {
		{ "comment", 0, "TEXT", "kept with the request", .text = &comment },
	};
	const struct cli_usage u = {
		.command = "access deny",
		.synopsis = "ID [--comment TEXT]",
		.what = "Refuses a request that waits.  One voice is enough.",
		.examples = "  sallyport access deny oi-0123456789ab --comment 'use staging'\n",
		.exits = CLI_EXITS,
		CLI_OPTIONS(options),
		.one_word = "which request",
	};
	int r;

	if ((r = cli_parse(c, &u, argc, argv)) != CLI_GO)
		return r;
	return decide(c, "DenyAccessRequest", comment, NULL);
}

static int
access_revoke(struct cli *c, int argc, char **argv)
{
	const struct cli_usage u = {
		.command = "access revoke",
		.synopsis = "ID",
		.what = "Takes approved access back: sessions that it opened end within a "
			"second.",
		.examples = "  sallyport access revoke oi-0123456789ab\n",
		.exits = CLI_EXITS,
		.one_word = "which request",
	};
	int r;

	if ((r = cli_parse(c, &u, argc, argv)) != CLI_GO)
		return r;
	return decide(c, "RevokeAccessRequest", NULL, NULL);
}

/* --- token --------------------------------------------------------------------------------- */

static int
print_keys(const struct cli *c, const json_t *answer)
{
	const json_t *keys = json_get_obj(answer, "Credentials");
	const char *status = json_get_str(answer, "AccessRequestStatus");

	if (keys == NULL) {
		cli_say("the request is %s: there are no keys for it",
		    status != NULL ? status : "unknown");
		return CLI_FAILED;
	}
	if (c->json) {
		cli_print_json(answer);
		return CLI_OK;
	}
	printf("export AWS_ACCESS_KEY_ID=%s\nexport AWS_SECRET_ACCESS_KEY=%s\n"
	       "export AWS_SESSION_TOKEN=%s\n",
	    json_get_str(keys, "AccessKeyId"), json_get_str(keys, "SecretAccessKey"),
	    json_get_str(keys, "SessionToken"));
	return CLI_OK;
}

static int
access_token(struct cli *c, int argc, char **argv)
{
	const struct cli_usage u = {
		.command = "access token",
		.synopsis = "ID",
		.what =
		    "Prints the keys of a request of yours that was approved, as lines for "
		    "a shell.\nThey are good for what was approved, and as long.",
		.examples = "  eval \"$(sallyport access token oi-0123456789ab)\"\n"
			    "  sallyport connect web-1\n",
		.exits = CLI_EXITS,
		.one_word = "which request",
	};
	struct cli_field field = { "AccessRequestId", NULL };
	auto_json *answer = NULL;
	struct fault f = { 0 };
	int r;

	if ((r = cli_parse(c, &u, argc, argv)) != CLI_GO)
		return r;
	field.value = c->args[0];
	if (cli_open(c) != 0)
		return CLI_FAILED;
	if (cli_json_fields(c, AWS_SSM, "GetAccessToken", &field, 1, &answer, &f) != 0)
		return cli_fail(&f);
	return print_keys(c, answer);
}

/* --- the words between ----------------------------------------------------------------------- */

int
cmd_access(struct cli *c, int argc, char **argv)
{
	static const struct cli_action actions[] = {
		{ "request", access_request, NULL },
		{ "list", access_list, NULL },
		{ "approve", access_approve, NULL },
		{ "deny", access_deny, NULL },
		{ "revoke", access_revoke, NULL },
		{ "token", access_token, NULL },
		{ NULL, NULL, NULL },
	};
	const struct cli_usage u = {
		.command = "access",
		.synopsis = "request|list|approve|deny|revoke|token ...",
		.what = "Access to nodes for a while: ask for it, decide on it, use it.  Each "
			"has a --help\nof its own.",
		.examples = "  sallyport access request web-1 --reason 'disk full'\n"
			    "  sallyport access approve oi-0123456789ab --minutes 30\n",
		.exits = CLI_EXITS,
		.first_word_ends = true,
	};

	return cli_act(c, &u, actions, argc, argv);
}
