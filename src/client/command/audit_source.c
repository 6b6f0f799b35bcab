/* SPDX-License-Identifier: Apache-2.0 */
/* See audit_source.h. */
#include "client/command/audit_source.h"

#include <errno.h>

#include "base/text.h"

enum { PAGE_BODY_MAX = 1024 };

/* --- a server ------------------------------------------------------------------------- */

struct pages {
	struct cli *c;
	const struct audit_sink *sink;
	int64_t since_ms;             /* -1: all */
	int64_t at;                   /* number of the last event given */
	struct audit_mark base, head; /* seq -1: the page had none */
	json_t *page;                 /* borrowed */
	struct fault *f;
	bool begun;
};

static int
unreadable(struct pages *p)
{
	return fault_set(p->f, ERR_PROTOCOL, "the server's answer cannot be read");
}

static int
fetch(struct pages *p, json_t **out)
{
	auto_buf body = { .max = PAGE_BODY_MAX };
	struct jsonw w;

	jw_init(&w, &body);
	jw_open(&w, '{');
	if (!p->begun && p->since_ms >= 0)
		jw_field_time(&w, "Since", p->since_ms);
	else
		jw_field_int(&w, "After", p->at);
	jw_close(&w, '}');
	return cli_json(
	    p->c, AWS_SALLYPORT, "ExportAuditEvents", buf_span(&body), out, p->f);
}

static int
read_mark(struct pages *p, struct audit_mark *m, const char *name)
{
	const json_t *o = json_get_obj(p->page, name);

	*m = (struct audit_mark){ .at.seq = -1 };
	if (o == NULL)
		return 0;
	return audit_mark_read(m, o) == 0 ? 0 : unreadable(p);
}

static int
read_place(struct audit_chain *at, const json_t *o)
{
	const char *hash = json_get_str(o, "hash");
	size_t n = 0;

	at->seq = json_get_int(o, "seq", -1);
	if (at->seq < 0 || hash == NULL ||
	    hex_decode(at->hash, sizeof(at->hash), span_str(hash), &n) != 0 ||
	    n != sizeof(at->hash))
		return ERR_INVALID;
	return 0;
}

static int
give_begin(struct pages *p)
{
	const char *account = json_get_str(p->page, "account");
	const char *key = json_get_str(p->page, "publicKey");
	struct audit_chain at;

	if (read_place(&at, json_get_obj(p->page, "begin")) != 0 || account == NULL ||
	    key == NULL)
		return unreadable(p);
	p->begun = true;
	p->at = at.seq;
	return p->sink->begin(p->sink->arg, &at, account, key);
}

/* Retention has cut here, perhaps while the trail is being read. */
static int
give_base(struct pages *p)
{
	int r;

	if (p->base.at.seq <= p->at)
		return 0;
	if ((r = p->sink->mark(p->sink->arg, &p->base)) == 0)
		p->at = p->base.at.seq;
	return r;
}

static int
give_mark_at(struct pages *p, const json_t *checkpoints, size_t *next)
{
	struct audit_mark m;
	int r;

	for (; *next < json_array_size(checkpoints); (*next)++) {
		if (audit_mark_read(&m, json_array_get(checkpoints, *next)) != 0)
			return unreadable(p);
		if (m.at.seq > p->at)
			break;
		if (m.at.seq == p->at && (r = p->sink->mark(p->sink->arg, &m)) != 0)
			return r;
	}
	return p->head.at.seq == p->at ? p->sink->mark(p->sink->arg, &p->head) : 0;
}

static int
give_events(struct pages *p)
{
	const json_t *events = json_get_arr(p->page, "events"), *one;
	const json_t *checkpoints = json_get_arr(p->page, "checkpoints");
	size_t i, next = 0;
	int r;

	json_array_foreach(events, i, one)
	{
		const char *text = json_get_str(one, "event");
		struct audit_chain at;

		if (read_place(&at, one) != 0 || text == NULL)
			return unreadable(p);
		if ((r = p->sink->event(p->sink->arg, &at, span_str(text),
			 json_get_bool(one, "hidden", false))) != 0)
			return r;
		p->at = at.seq;
		if ((r = give_mark_at(p, checkpoints, &next)) != 0)
			return r;
	}
	return 0;
}

/* Once more unless the head was reached, or cannot be. */
static int
give_page(struct pages *p, bool *more)
{
	int r;

	if ((r = read_mark(p, &p->base, "base")) != 0 ||
	    (r = read_mark(p, &p->head, "head")) != 0 ||
	    (!p->begun && (r = give_begin(p)) != 0) || (r = give_base(p)) != 0)
		return r;
	*more = false;
	if (p->head.at.seq <= p->at) /* nothing is left before it; -1: there is none */
		return p->sink->mark(p->sink->arg, &p->head);
	if ((r = give_events(p)) != 0)
		return r;
	*more = json_get_bool(p->page, "more", false) || p->at > p->head.at.seq;
	return p->at < p->head.at.seq && !*more ? p->sink->mark(p->sink->arg, &p->head)
						: 0;
}

int
audit_from_server(
    struct cli *c, int64_t since_ms, const struct audit_sink *sink, struct fault *f)
{
	struct pages p = { .c = c, .sink = sink, .since_ms = since_ms, .f = f };
	bool more = true;
	int r = 0;

	while (r == 0 && more) {
		auto_json *page = NULL;

		if ((r = fetch(&p, &page)) != 0)
			break;
		p.page = page;
		r = give_page(&p, &more);
	}
	return r;
}

/* --- a file --------------------------------------------------------------------------- */

static int
give_line(const struct audit_sink *sink, const char *text, size_t n, bool first,
    struct fault *f)
{
	auto_arena mem = { 0 };
	struct audit_line l;

	if (audit_line_parse(&l, &mem, span_of(text, n)) != 0 ||
	    first != (l.kind == AUDIT_LINE_BEGIN))
		return fault_set(f, ERR_INVALID, "it is no line of an export");
	switch (l.kind) {
	case AUDIT_LINE_BEGIN:
		return sink->begin(sink->arg, &l.at, l.account, l.public_key);
	case AUDIT_LINE_EVENT:
		return sink->event(sink->arg, &l.at, l.event, false);
	default:
		return sink->mark(sink->arg, &l.mark);
	}
}

static int
give_lines(FILE *in, const char *path, const struct audit_sink *sink, struct fault *f)
{
	auto_free char *line = NULL;
	struct fault inner = { 0 };
	size_t size = 0;
	ssize_t n;
	int r = 0;

	for (long number = 1; r == 0 && (n = getline(&line, &size, in)) > 0; number++) {
		n -= line[n - 1] == '\n';
		if ((r = give_line(sink, line, (size_t)n, number == 1, &inner)) != 0 &&
		    inner.code != 0)
			return fault_set(
			    f, r, "%s, line %ld: %s", path, number, fault_text(&inner));
	}
	if (r == 0 && ferror(in))
		return fault_set(f, ERR_IO, "%s: %s", path, strerror(errno));
	return r;
}

int
audit_from_file(const char *path, const struct audit_sink *sink, struct fault *f)
{
	bool is_stdin = strcmp(path, "-") == 0;
	FILE *in = is_stdin ? stdin : fopen(path, "re");
	int r;

	if (in == NULL)
		return fault_set(f, ERR_IO, "%s: %s", path, strerror(errno));
	r = give_lines(in, path, sink, f);
	if (!is_stdin)
		(void)fclose(in);
	return r;
}
