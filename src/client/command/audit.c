/* SPDX-License-Identifier: Apache-2.0 */
/* sallyport audit tail and sallyport audit search: the audit trail through LookupEvents. */
#include "base/text.h"
#include "client/command/commands.h"
#include "client/terminal/table.h"
#include "client/terminal/when.h"
#include "codec/json.h"
#include "codec/jsonw.h"
#include "ev/ev.h"

enum {
	FOLLOW_MS = 2000,
	PAGE = 50, /* AWS's most for LookupEvents */
	TAIL_EVENTS = 20,
	SEARCH_EVENTS = 1000,
	LIMIT_MAX = 1000 * 1000,
};

/* The service filters by one of them; by the others this program does. */
enum { BY_USER, BY_EVENT, BY_RESOURCE, BY_ID, BY_SOURCE, BY_KEY, BY_READ_ONLY, BY_LEN };
static const char *const attribute_names[BY_LEN] = {
	[BY_USER] = "Username",
	[BY_EVENT] = "EventName",
	[BY_RESOURCE] = "ResourceName",
	[BY_ID] = "EventId",
	[BY_SOURCE] = "EventSource",
	[BY_KEY] = "AccessKeyId",
	[BY_READ_ONLY] = "ReadOnly",
};

struct query {
	const char *by[BY_LEN]; /* NULL: any */
	const char *since, *until;
	int64_t from_ms, to_ms; /* 0: no bound */
	size_t limit;           /* the newest of them */
	bool follow;
};

/* --- asking ------------------------------------------------------------------------- */

static void
lookup_input(struct jsonw *w, const void *arg)
{
	const struct query *q = arg;

	for (size_t i = 0; i < BY_LEN; i++) {
		if (q->by[i] == NULL)
			continue;
		jw_key(w, "LookupAttributes");
		jw_open(w, '[');
		jw_open(w, '{');
		jw_field_str(w, "AttributeKey", attribute_names[i]);
		jw_field_str(w, "AttributeValue", q->by[i]);
		jw_close(w, '}');
		jw_close(w, ']');
		break;
	}
	if (q->from_ms != 0)
		jw_field_time(w, "StartTime", q->from_ms);
	if (q->to_ms != 0)
		jw_field_time(w, "EndTime", q->to_ms);
	jw_field_int(w, "MaxResults", PAGE);
}

static bool
has_resource(const json_t *event, const char *name)
{
	const char *slash = strncmp(name, "arn:", 4) == 0 ? strchr(name, '/') : NULL;
	const json_t *one;
	size_t i;

	json_array_foreach(json_get_arr(event, "Resources"), i, one)
	{
		const char *is = json_get_str(one, "ResourceName");

		if (is != NULL &&
		    (strcmp(is, name) == 0 ||
			(slash != NULL && strcmp(is, slash + 1) == 0)))
			return true;
	}
	return false;
}

static bool
matches(const struct query *q, const json_t *event)
{
	for (size_t i = 0; i < BY_LEN; i++) {
		const char *is = json_get_str(event, attribute_names[i]);

		if (q->by[i] == NULL)
			continue;
		if (i == BY_RESOURCE ? !has_resource(event, q->by[i])
				     : is == NULL || strcmp(is, q->by[i]) != 0)
			return false;
	}
	return true;
}

/* More than one filter: the others are applied here, so that "limit" counts what is left. */
static bool
is_plain(const struct query *q)
{
	size_t n = 0;

	for (size_t i = 0; i < BY_LEN; i++)
		n += q->by[i] != NULL;
	return n <= 1;
}

static int
ask(struct cli *c, const struct query *q, json_t *out, struct fault *f)
{
	auto_json *all = json_array();
	const struct cli_pages pages = {
		.service = AWS_CLOUDTRAIL,
		.operation = "LookupEvents",
		.list = "Events",
		.input = lookup_input,
		.arg = q,
		.enough = is_plain(q) ? q->limit : 0,
	};
	json_t *one;
	size_t i;
	int r;

	if ((r = cli_json_pages(c, &pages, all, f)) != 0)
		return r;
	json_array_foreach(all, i, one)
	{
		if (json_array_size(out) < q->limit && matches(q, one))
			json_array_append(out, one);
	}
	return 0;
}

/* --- showing ------------------------------------------------------------------------ */

static json_t *
record_of(const json_t *event)
{
	const char *text = json_get_str(event, "CloudTrailEvent");
	json_t *o = NULL;

	return text != NULL && json_read(&o, span_str(text), NULL) == 0 ? o : NULL;
}

static const char *
str_of(const json_t *o, const char *name)
{
	const char *s = json_get_str(o, name);

	return s != NULL ? s : "";
}

/* Where to, of a connection through a node; a file there; else the first resource. */
static const char *
subject(struct arena *mem, const json_t *event, const json_t *record)
{
	const json_t *d = json_get_obj(record, "serviceEventDetails");
	const char *socket = json_get_str(d, "socket"), *node = str_of(d, "target");
	const char *there = socket != NULL ? socket : json_get_str(d, "path");
	const char *host = json_get_str(d, "host"), *port = json_get_str(d, "portNumber");

	if (there != NULL)
		return arena_printf(mem, "%s:%s", node, there);
	if (port != NULL && host == NULL)
		return arena_printf(mem, "%s:%s", node, port);
	if (port != NULL)
		return arena_printf(mem, "%s:%s through %s", host, port, node);
	return str_of(
	    json_array_get(json_get_arr(event, "Resources"), 0), "ResourceName");
}

static void
add_row(struct table *t, const json_t *event)
{
	auto_arena mem = { 0 };
	auto_json *record = record_of(event);
	const char *error = json_get_str(record, "errorCode");
	char when[TIME_ISO_LEN + 1];

	time_iso(when, when_of(event, "EventTime"));
	when[10] = ' ';
	when[19] = '\0';
	table_add(t, when, NULL);
	table_add(t, str_of(event, "EventName"), NULL);
	table_add(t, str_of(event, "Username"), NULL);
	table_add(t, str_of(record, "sourceIPAddress"), NULL);
	table_add(t, subject(&mem, event, record), NULL);
	table_add(t, error != NULL ? error : "ok", error != NULL ? "\033[31m" : NULL);
}

/* Oldest first, as a log is read. */
static void
show_table(const struct cli *c, const json_t *events, bool with_head)
{
	static const char *const head[] = { "TIME (UTC)", "EVENT", "USER", "FROM",
		"RESOURCE", "RESULT" };
	struct table t;

	table_init(&t, head, ARRAY_LEN(head));
	t.headless = !with_head;
	for (size_t i = json_array_size(events); i > 0; i--)
		add_row(&t, json_array_get(events, i - 1));
	table_print(&t, cli_colour(c, stdout), stdout);
	table_fini(&t);
}

static void
show_lines(const json_t *events)
{
	for (size_t i = json_array_size(events); i > 0; i--)
		printf("%s\n", str_of(json_array_get(events, i - 1), "CloudTrailEvent"));
}

static void
show_all(const json_t *events)
{
	auto_json *out = json_array();

	for (size_t i = json_array_size(events); i > 0; i--) {
		json_t *record = record_of(json_array_get(events, i - 1));

		if (record != NULL)
			json_array_append_new(out, record);
	}
	cli_print_json(out);
}

/* --- following ---------------------------------------------------------------------- */

static void
on_pause(void *arg)
{
	ev_stop(arg);
}

static void
pause_for(struct cli *c, uint64_t ms)
{
	struct ev_timer t = { 0 };

	ev_timer_set(c->loop, &t, ms, on_pause, c->loop);
	ev_run(c->loop);
}

/* What this program asks shows in the trail as well, and would be followed for ever. */
static bool
is_echo(const struct cli *c, const json_t *event)
{
	auto_json *record = NULL;

	if (strcmp(str_of(event, "EventName"), "LookupEvents") != 0 ||
	    strcmp(str_of(event, "AccessKeyId"), c->settings.access_key) != 0)
		return false;
	record = record_of(event);
	return strncmp(str_of(record, "userAgent"), "sallyport/", 10) == 0;
}

/* Events of the second that was seen last may still come: they are told by their ids. */
struct seen {
	int64_t newest_ms;
	json_t *ids; /* of that second */
};

static void
keep_new(const struct cli *c, struct seen *s, const json_t *events, json_t *fresh)
{
	json_t *one;
	size_t i;

	json_array_foreach(events, i, one)
	{
		if (json_object_get(s->ids, str_of(one, "EventId")) == NULL &&
		    !is_echo(c, one))
			json_array_append(fresh, one);
	}
	json_array_foreach(events, i, one)
	{
		int64_t ms = when_of(one, "EventTime");

		if (ms > s->newest_ms) {
			s->newest_ms = ms;
			json_object_clear(s->ids);
		}
		if (ms == s->newest_ms)
			json_object_set_new(s->ids, str_of(one, "EventId"), json_true());
	}
}

static int
follow(struct cli *c, struct query *q, struct seen *s, struct fault *f)
{
	int r = 0;

	q->limit = LIMIT_MAX;
	while (r == 0 && !ferror(stdout)) {
		auto_json *events = json_array(), *fresh = json_array();

		pause_for(c, FOLLOW_MS);
		q->from_ms = s->newest_ms;
		if ((r = ask(c, q, events, f)) != 0)
			break;
		keep_new(c, s, events, fresh);
		if (c->json)
			show_lines(fresh);
		else if (json_array_size(fresh) > 0)
			show_table(c, fresh, false);
		fflush(stdout);
	}
	return r;
}

/* --- the command -------------------------------------------------------------------- */

static int
show(struct cli *c, struct query *q)
{
	auto_json *events = json_array(), *fresh = json_array(), *ids = json_object();
	struct seen s = { .ids = ids };
	struct fault f = { 0 };

	if (cli_open(c) != 0)
		return CLI_FAILED;
	if (cli_moment(c, "since", q->since, &q->from_ms) != 0 ||
	    cli_moment(c, "until", q->until, &q->to_ms) != 0)
		return CLI_USAGE;
	s.newest_ms = q->from_ms != 0 ? q->from_ms : ev_wall_ms(c->loop) / 1000 * 1000;
	if (ask(c, q, events, &f) != 0)
		return cli_fail(&f);
	keep_new(c, &s, events, fresh);
	if (c->json && q->follow)
		show_lines(fresh);
	else if (c->json)
		show_all(events);
	else
		show_table(c, q->follow ? fresh : events, true);
	fflush(stdout);
	if (q->follow && follow(c, q, &s, &f) != 0)
		return cli_fail(&f);
	return CLI_OK;
}

static int
read_limit(size_t *out, const char *text)
{
	int64_t n;

	if (text == NULL)
		return 0;
	if (num_parse(span_str(text), 1, LIMIT_MAX, &n) != 0)
		return ERR_INVALID;
	*out = (size_t)n;
	return 0;
}

static int
audit_tail(struct cli *c, int argc, char **argv)
{
	struct query q = { .limit = TAIL_EVENTS };
	const char *limit = NULL;
	const struct cli_option options[] = {
		{ "follow", 'f', NULL, "go on until Ctrl-C", .flag = &q.follow },
		{ "lines", 'n', "N", "the newest N (20)", .text = &limit },
	};
	const struct cli_usage u = {
		.command = "audit tail",
		.synopsis = "[-f] [-n N]",
		.what =
		    "Shows the newest events of the audit trail, oldest first.  With "
		    "--output json an\narray of them, or with -f an event in each line.",
		.examples = "  sallyport audit tail -f\n"
			    "  sallyport audit tail -n 100 --output json\n",
		.exits = CLI_EXITS,
		CLI_OPTIONS(options),
		.wordless = true,
	};
	int r;

	if ((r = cli_parse(c, &u, argc, argv)) != CLI_GO)
		return r;
	if (read_limit(&q.limit, limit) != 0)
		return cli_misused(&u, "--lines %s is not a number", limit);
	return show(c, &q);
}

static int
audit_search(struct cli *c, int argc, char **argv)
{
	struct query q = { .limit = SEARCH_EVENTS };
	const char *limit = NULL;
	const struct cli_option options[] = {
		{ "user", 0, "NAME", "of a user, or of the session of a role",
		    .text = &q.by[BY_USER] },
		{ "event", 0, "NAME", "StartSession, SessionEnded ...",
		    .text = &q.by[BY_EVENT] },
		{ "resource", 0, "NAME", "a node, session or document, or its ARN",
		    .text = &q.by[BY_RESOURCE] },
		{ "event-id", 0, "ID", "one event", .text = &q.by[BY_ID] },
		{ "source", 0, "NAME", "ssm.amazonaws.com ...",
		    .text = &q.by[BY_SOURCE] },
		{ "access-key", 0, "ID", "used with this key", .text = &q.by[BY_KEY] },
		{ "read-only", 0, "BOOL", "true: reads; false: changes",
		    .text = &q.by[BY_READ_ONLY] },
		{ "since", 0, "WHEN", "2h, 7d, or a time in ISO 8601", .text = &q.since },
		{ "until", 0, "WHEN", "the same", .text = &q.until },
		{ "limit", 0, "N", "the newest N (1000)", .text = &limit },
		{ "follow", 'f', NULL, "go on until Ctrl-C", .flag = &q.follow },
	};
	const struct cli_usage u = {
		.command = "audit search",
		.synopsis = "[options]",
		.what = "Shows the events of the audit trail to which all options apply, "
			"oldest first.",
		.examples = "  sallyport audit search --user alice --since 7d\n"
			    "  sallyport audit search --resource mi-0123456789abcdef0 "
			    "--event SessionEnded\n"
			    "  sallyport audit search --read-only false --follow\n",
		.exits = CLI_EXITS,
		CLI_OPTIONS(options),
		.wordless = true,
	};
	int r;

	if ((r = cli_parse(c, &u, argc, argv)) != CLI_GO)
		return r;
	if (read_limit(&q.limit, limit) != 0)
		return cli_misused(&u, "--limit %s is not a number", limit);
	return show(c, &q);
}

int
cmd_audit(struct cli *c, int argc, char **argv)
{
	static const struct cli_action actions[] = {
		{ "tail", audit_tail, NULL },
		{ "search", audit_search, NULL },
		{ NULL, NULL, NULL },
	};
	const struct cli_usage u = {
		.command = "audit",
		.synopsis = "tail|search ...",
		.what =
		    "Who did what, when and from where.  Each has a --help of its own.",
		.examples = "  sallyport audit tail -f\n"
			    "  sallyport audit search --user alice --since 7d\n",
		.exits = CLI_EXITS,
		.first_word_ends = true,
	};

	return cli_act(c, &u, actions, argc, argv);
}
