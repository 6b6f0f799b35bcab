/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See farewell.h.  What waits for the trail owns itself: the gateway may be gone before the
 * store has answered, so nothing here goes back to it.
 */
#include "server/gateway/farewell.h"

#include "net/wsconn.h"
#include "server/domain/throttle.h"

#define TEXT_UNRECORDED "An error occurred on the server side."

/* --- claims --------------------------------------------------------------------- */

struct claim *
claim_new(const struct http_req *r, const struct authn_result *a, const char *action,
    const char *arn)
{
	struct audit_identity who = audit_identity_of(&a->who, a->claimed);
	struct claim *c = xcalloc(1, sizeof(*c));
	struct arena *mem = &c->mem;

	arena_init(mem);
	c->refusal = (struct audit_refusal){
		.action = action,
		.arn = arn != NULL ? arena_strdup(mem, arn) : NULL,
		.source_ip = arena_strdup(mem, r->peer_ip),
		.user_agent = arena_str(mem, http1_get(r->head, "User-Agent")),
		.region = a->region != NULL ? arena_strdup(mem, a->region) : NULL,
		.who = { .created_ms = who.created_ms, .mfa = who.mfa },
		.tls = { r->tls_version, r->tls_cipher,
		    arena_str(mem, http1_get(r->head, "Host")) },
	};
	if (who.access_key != NULL)
		c->refusal.who.access_key = arena_strdup(mem, who.access_key);
	if (who.arn != NULL) {
		c->refusal.who.arn = arena_strdup(mem, who.arn);
		c->refusal.who.role_arn = arena_strdup(mem, who.role_arn);
		c->refusal.who.user_id = arena_strdup(mem, who.user_id);
	}
	return c;
}

void
claim_free(struct claim *c)
{
	if (c == NULL)
		return;
	arena_fini(&c->mem);
	free(c);
}

/* --- requests ------------------------------------------------------------------- */

/* An answer on its way: through the trail, and then as late as guessing is to be slow. */
struct denial {
	const struct server_env *env;
	struct http_req *req; /* NULL: the peer has gone */
	int status;
	const char *code;
	char *text; /* in the request's arena */
	uint64_t hold_ms;
	char source[64];
};

static void
denial_aborted(struct http_req *r)
{
	((struct denial *)r->user)->req = NULL;
}

static void
denial_due(void *arg)
{
	struct denial *d = arg;

	if (d->req != NULL) {
		d->req->on_abort = NULL;
		gateway_error(d->req, d->status, d->code, d->text);
	}
	free(d);
}

/* Also when the peer has gone: it would begin anew at once otherwise. */
static void
denial_recorded(void *arg, int r)
{
	struct denial *d = arg;

	if (r != 0 && d->req != NULL) {
		d->status = 500;
		d->code = "InternalServerError";
		d->text = arena_strdup(&d->req->mem, TEXT_UNRECORDED);
	}
	if (d->hold_ms == 0 ||
	    !throttle_hold(d->env->throttle, d->source, d->hold_ms, denial_due, d))
		denial_due(d);
}

void
gateway_deny(struct gateway *g, struct http_req *r, const struct authn_result *a,
    const struct gateway_denial *in)
{
	struct denial *d = xcalloc(1, sizeof(*d));
	struct claim *c = claim_new(r, a, in->action, in->arn);

	*d = (struct denial){
		.env = g->env,
		.req = r,
		.status = 403,
		.code = in->code,
		.text = arena_strdup(&r->mem, in->text),
		.hold_ms = in->hold_ms,
	};
	snprintf(d->source, sizeof(d->source), "%s", r->peer_ip);
	r->user = d;
	r->on_abort = denial_aborted;
	c->refusal.error = in->code;
	c->refusal.message = in->text;
	if (!audit_refused(g->env->audit, &c->refusal, denial_recorded, d))
		denial_recorded(d, 0);
	claim_free(c);
}

/* --- connections ---------------------------------------------------------------- */

/* Owned by gateway.leaving as long as it has a peer, by the store's queue for longer. */
struct farewell {
	struct list all;
	struct wsconn *ws; /* NULL: the peer has gone */
	uint16_t code;
	struct buf last;
};

/* What it still says changes nothing. */
static void
on_message(void *arg, uint8_t op, struct span body)
{
	(void)arg;
	(void)op;
	(void)body;
}

static void
on_close(void *arg, int err, uint16_t code)
{
	struct farewell *f = arg;

	(void)err;
	(void)code;
	wsconn_close(STEAL(f->ws), 0);
}

struct farewell *
farewell_new(struct gateway *g, struct wsconn *ws, uint16_t code, struct span last)
{
	static const struct wsconn_handler handler = {
		.on_message = on_message,
		.on_close = on_close,
	};
	struct farewell *f = xcalloc(1, sizeof(*f));

	f->ws = ws;
	f->code = code;
	buf_init(&f->last, last.n + 1);
	buf_add(&f->last, last);
	list_init(&f->all);
	list_add_tail(&g->leaving, &f->all);
	wsconn_set_handler(ws, &handler, f);
	return f;
}

void
farewell_say(void *arg, int r)
{
	struct farewell *f = arg;

	if (f->ws != NULL) {
		if (r == 0 && f->last.len > 0)
			(void)!wsconn_send(f->ws, WS_BINARY, buf_span(&f->last));
		wsconn_close(f->ws, r == 0 ? f->code : WS_CLOSE_INTERNAL);
	}
	list_del(&f->all);
	buf_fini(&f->last);
	free(f);
}

void
farewell_drop_all(struct gateway *g)
{
	LIST_EACH(f, &g->leaving, struct farewell, all)
	{
		if (f->ws != NULL)
			wsconn_close(STEAL(f->ws), WS_CLOSE_GOING_AWAY);
		list_del(&f->all);
	}
}

void
farewell_refused(
    struct gateway *g, struct wsconn *ws, struct claim *claim, const char *why)
{
	/* The code is the one of the real service. */
	struct farewell *f = farewell_new(g, ws, WS_CLOSE_UNSUPPORTED, SPAN_NONE);

	claim->refusal.error = "AccessDeniedException";
	claim->refusal.message = why;
	if (!audit_refused(g->env->audit, &claim->refusal, farewell_say, f))
		farewell_say(f, 0);
	claim_free(claim);
}
