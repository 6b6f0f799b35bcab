/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sallyport.ExportAuditEvents: the audit trail with its hashes and signatures, page by page,
 * for `sallyport admin audit`.  The caller asks for what follows the last event it has, until
 * that is the head.
 */
#include "server/api/call.h"
#include "server/domain/audit.h"

enum {
	PAGE_EVENTS = 500,
	PAGE_BYTES = 2 * 1024 * 1024, /* of events; one more may follow */
};

struct export
{
	struct api_call *c;
	int64_t left;
	int64_t last; /* number of the last event written */
	bool more;    /* there was no room for all */
};

static void
field_chain(struct jsonw *w, const char *name, const struct audit_chain *at)
{
	char hex[AUDIT_HEX_LEN + 1];

	hex_encode(hex, at->hash, sizeof(at->hash));
	jw_key(w, name);
	jw_open(w, '{');
	jw_field_int(w, "seq", at->seq);
	jw_field_str(w, "hash", hex);
	jw_close(w, '}');
}

/* Found by all that it says, or did somebody change the columns beside it? */
static bool
is_findable(struct api_call *c, const struct store_audit_event *e)
{
	struct store_tx *tx = api_reader(c);
	auto_json *o = NULL;
	const json_t *one;
	bool ok = false;
	size_t i;

	if (store_audit_is_findable(tx, e->seq, &ok) != 0 || !ok ||
	    json_read(&o, span_str(e->event), NULL) != 0)
		return false;
	json_array_foreach(json_get_arr(o, "resources"), i, one)
	{
		const char *arn = json_get_str(one, "ARN");
		auto_arena mem = { 0 };
		struct audit_resource r;

		audit_resource_of(&r, &mem, arn != NULL ? arn : "");
		if (store_audit_has_resource(tx, e->seq, &r, &ok) != 0 || !ok)
			return false;
	}
	return true;
}

static bool
write_event(void *arg, const struct store_audit_event *e)
{
	struct export *x = arg;
	struct jsonw *w = &x->c->w;
	char hex[AUDIT_HEX_LEN + 1];

	if (x->left-- == 0 || x->c->out.len > PAGE_BYTES) {
		x->more = true;
		return false;
	}
	hex_encode(hex, e->hash, sizeof(e->hash));
	jw_open(w, '{');
	jw_field_int(w, "seq", e->seq);
	jw_field_str(w, "hash", hex);
	jw_field_str(w, "event", e->event);
	if (!is_findable(x->c, e))
		jw_field_bool(w, "hidden", true);
	jw_close(w, '}');
	x->last = e->seq;
	return true;
}

static void
write_mark(struct api_call *c, struct audit_mark *m)
{
	memcpy(m->account, c->env->account, sizeof(m->account));
	audit_mark_write(&c->w, m);
}

static bool
write_checkpoint(void *arg, const struct audit_mark *m)
{
	struct audit_mark copy = *m;

	write_mark(arg, &copy);
	return true;
}

/* "head" or "base"; absent when there is none. */
static int
field_mark(struct api_call *c, enum audit_mark_kind kind)
{
	struct audit_mark m;
	int err = store_audit_mark(api_reader(c), kind, &m);

	if (err != 0)
		return err == ERR_NOTFOUND ? 0 : err;
	jw_key(&c->w, audit_mark_name(kind));
	write_mark(c, &m);
	return 0;
}

/* Behind which event the page begins: the number given, or the last one before "Since". */
static int
find_begin(struct api_call *c, struct audit_chain *at)
{
	int64_t since = api_time(c, "Since", -1);
	int err = 0;

	*at = (struct audit_chain){ .seq = api_int(c, "After", 0) };
	if (since >= 0)
		err = store_audit_last_before(api_reader(c), since / 1000, &at->seq);
	if (err == 0 && at->seq > 0)
		err = store_audit_at(api_reader(c), at->seq, at);
	return err == ERR_NOTFOUND ? 0 : err;
}

static int
write_page(struct api_call *c)
{
	struct export x = { .c = c, .left = api_int(c, "MaxResults", PAGE_EVENTS) };
	struct audit_chain begin;
	int err;

	if ((err = field_mark(c, AUDIT_HEAD)) != 0 ||
	    (err = field_mark(c, AUDIT_BASE)) != 0 || (err = find_begin(c, &begin)) != 0)
		return err;
	field_chain(&c->w, "begin", &begin);
	x.last = begin.seq;
	jw_key(&c->w, "events");
	jw_open(&c->w, '[');
	if ((err = store_audit_events(
		 api_reader(c), begin.seq, INT64_MAX, write_event, &x)) != 0)
		return err;
	jw_close(&c->w, ']');
	jw_field_bool(&c->w, "more", x.more);
	jw_key(&c->w, "checkpoints");
	jw_open(&c->w, '[');
	err = store_audit_checkpoints(
	    api_reader(c), begin.seq, x.last, write_checkpoint, c);
	jw_close(&c->w, ']');
	return err;
}

/*
 * Of one state of the trail: else retention, or an event that comes while the page is written,
 * looks like somebody's doing.
 */
static int
export_events(struct api_call *c)
{
	int err;

	jw_field_str(&c->w, "account", c->env->account);
	jw_field_str(&c->w, "publicKey", audit_public_key(c->env->audit));
	if ((err = store_freeze(c->env->store)) != 0)
		return err;
	err = write_page(c);
	store_thaw(c->env->store);
	return err;
}

const struct api_op audit_export_ops[] = {
	{
	    .service = API_SALLYPORT,
	    .access = API_READ,
	    .name = "ExportAuditEvents",
	    .action = "sallyport:ExportAuditEvents",
	    .resource = "*",
	    .input =
		"{ After: long{0..}; Since: timestamp; MaxResults: integer{1..500} }",
	    .run = export_events,
	},
	{ 0 },
};
