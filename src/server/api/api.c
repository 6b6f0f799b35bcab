/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The dispatcher: what every call goes through, and how it ends.
 *
 * A call is freed by api_finish() and nowhere else.  While a change of it waits for the
 * writer, only the writer touches it, except for c->req.
 */
#include "server/api/api.h"

#include "base/log.h"
#include "crypto/crypto.h"
#include "net/http_server.h"
#include "server/api/answer.h"
#include "server/api/call_audit.h"
#include "server/api/error.h"
#include "server/api/route.h"
#include "server/api/seed.h"
#include "server/config.h"
#include "server/domain/throttle.h"

enum {
	API_OUT_MAX = 32 * 1024 * 1024,
	API_UNSIGNED_MAX = 64 * 1024, /* body of a call that nobody signed */
	API_HEADER_MAX = 512, /* of what is kept of one */
};

struct api {
	const struct server_env *env;
	struct op_table table;
	struct list calls;
	size_t ncalls;
	uint8_t page_key[PAGE_KEY_LEN];
	bool closed;
	uint64_t rejected; /* before an operation was known */
};

/* ---- a call's life ---- */

static void
call_aborted(struct http_req *r)
{
	struct api_call *c = r->user;

	c->req = NULL;
	if (ev_timer_is_set(&c->timer)) {
		ev_timer_clear(&c->timer);
		api_finish(c, 0);
	}
}

static struct api_call *
call_new(struct api *a, struct http_req *r)
{
	struct api_call *c = xcalloc(1, sizeof(*c));
	struct span host = http1_get(r->head, "Host");
	uint8_t raw[16];

	c->api = a;
	c->env = a->env;
	c->req = r;
	c->service = API_SSM;
	arena_init(&c->mem);
	buf_init(&c->out, API_OUT_MAX);
	jw_init(&c->w, &c->out);
	list_init(&c->link);
	list_add_tail(&a->calls, &c->link);
	a->ncalls++;
	c->source_ip = arena_strdup(&c->mem, r->peer_ip);
	c->host = arena_str(&c->mem, span_sub(host, 0, API_HEADER_MAX));
	c->tls = r->tls;
	c->tls_version = r->tls_version;
	c->tls_cipher = r->tls_cipher;
	c->now_ms = ev_wall_ms(a->env->loop);
	c->region = a->env->config->region;
	c->user_agent = arena_str(
	    &c->mem, span_sub(http1_get(r->head, "User-Agent"), 0, API_HEADER_MAX));
	principal_init(&c->auth.who);
	ev_random(a->env->loop, raw, sizeof(raw));
	uuid_format(c->request_id, raw);
	audit_draw_id(a->env->audit, c->event_id);
	r->user = c;
	r->on_abort = call_aborted;
	return c;
}

static void
call_free(struct api_call *c)
{
	if (c->on_free != NULL)
		c->on_free(c);
	api_work_orphan(c);
	list_del(&c->link);
	c->api->ncalls--;
	ev_timer_clear(&c->timer);
	json_decref(c->in);
	buf_fini(&c->out);
	arena_fini(&c->mem);
	free(c);
}

static void
call_log(const struct api_call *c, bool ok)
{
	const char *who = c->auth.who.name != NULL ? c->auth.who.name : "";

	if (ok && c->op->access == API_WRITE && c->auth.who.kind != PRINCIPAL_NODE)
		log_info("api call", "op=%s by=%s from=%s request=%s", c->op->name,
		    log_q(who), c->source_ip, c->request_id);
	else if (ok)
		log_debug("api call", "op=%s by=%s from=%s", c->op->name, log_q(who),
		    c->source_ip);
	else
		log_info("api call refused",
		    "op=%s by=%s from=%s code=%s why=%s request=%s",
		    c->op != NULL ? c->op->name : "?", log_q(who), c->source_ip, c->error,
		    log_q(c->message), c->request_id);
}

static void
call_count(struct api_call *c, bool ok)
{
	if (c->entry == NULL)
		c->api->rejected++;
	else if (ok)
		c->entry->ok++;
	else if (error_status(api_services[c->service].protocol, c->error) >= 500)
		c->entry->failed++;
	else
		c->entry->refused++;
}

static void
call_end(struct api_call *c)
{
	bool ok = c->result == 0;

	call_count(c, ok);
	call_log(c, ok);
	if (c->req != NULL)
		answer_send(c, ok);
	call_free(c);
}

static int
record_run(struct store_tx *tx, void *arg, struct fault *f)
{
	(void)f;
	return call_audit_append(tx, arg);
}

/* What cannot be recorded did not happen, as far as the caller can tell. */
static void
record_done(void *arg, int r, const struct fault *f)
{
	struct api_call *c = arg;

	if (r != 0) {
		c->result = api_internal(c, "audit", r, f);
		audit_failed(c->env->audit);
	}
	call_end(c);
}

/* Too late for an event: so nothing of it is answered, unless its success is recorded. */
static void
call_unrecorded(struct api_call *c)
{
	struct fault f = { 0 };

	if (!c->recorded || c->result != 0)
		c->result = api_internal(c, "audit", ERR_CLOSED, &f);
	call_end(c);
}

void
api_finish(struct api_call *c, int r)
{
	assert(r != API_LATER);
	if (r == 0)
		r = answer_close(c);
	if (r != 0 && c->error == NULL)
		(void)api_internal(c, "handler", r, NULL);
	c->result = r;
	if (c->api->closed) {
		call_unrecorded(c);
		return;
	}
	if (c->recorded) /* what follows is another event */
		audit_draw_id(c->env->audit, c->event_id);
	c->event_ms = ev_wall_ms(c->env->loop);
	if (call_audit_wanted(c))
		store_submit(c->env->store, record_run, record_done, c);
	else
		call_end(c);
}

/* ---- the steps ---- */

/* Also when the client has gone: it would begin anew at once otherwise. */
static void
refusal_due(void *arg)
{
	api_finish(arg, ERR_DENIED);
}

static int
refuse_late(struct api_call *c, uint64_t ms)
{
	bool held = ms > 0 &&
	    throttle_hold(c->env->throttle, c->source_ip, ms, refusal_due, c);

	return held ? API_LATER : ERR_DENIED;
}

int
api_guess_failed(struct api_call *c, const char *subject)
{
	assert(c->error != NULL);
	return refuse_late(
	    c, throttle_failed(c->env->throttle, c->source_ip, subject));
}

static int
authenticate(struct api_call *c)
{
	struct authn *a = c->env->authn;
	const char *service = api_services[c->service].name;
	int err = 0;

	if (c->op->auth == API_UNSIGNED) {
		if (c->req->body.n > API_UNSIGNED_MAX)
			return error_unreadable(c, "The request is too large.");
		return 0;
	}
	if (c->op->auth == API_NODE_KEY)
		err = authn_node_key(a, c->req, service, &c->mem, &c->auth);
	else
		err = authn_request(a, c->req, service, &c->mem, &c->auth);
	if (c->auth.region != NULL)
		c->region = c->auth.region;
	if (err == 0)
		return 0;
	(void)error_from_authn(c, &c->auth);
	return refuse_late(c, c->auth.hold_ms);
}

static int
read_json(struct api_call *c)
{
	struct fault f = { 0 };

	if (json_read(&c->in, c->req->body, &f) != 0)
		return error_unreadable(c, fault_text(&f));
	if (shape_clean(c->entry->input, c->in, &f) != 0)
		return error_unreadable(c, f.text);
	c->readable = true;
	return 0;
}

static int
read_form(struct api_call *c, enum shape_form form)
{
	struct fault f = { 0 };

	if (shape_from_form(&c->in, c->entry->input, form, &c->form, &f) != 0)
		return error_unreadable(c, fault_text(&f));
	c->readable = true;
	return 0;
}

static int
read_input(struct api_call *c)
{
	switch (api_services[c->service].protocol) {
	case API_JSON:
		return read_json(c);
	case API_EC2_QUERY:
		return read_form(c, SHAPE_FORM_EC2);
	default:
		return read_form(c, SHAPE_FORM_QUERY);
	}
}

/* EC2 has its own words for what is missing. */
static int
check_input(struct api_call *c)
{
	const struct shape *s = c->entry->input;
	char *message;

	for (size_t i = 0; c->service == API_EC2 && i < s->nmembers; i++) {
		const struct shape_member *m = &s->members[i];

		if (m->required && json_object_get(c->in, m->name) == NULL)
			return api_fail(c, "MissingParameter",
			    "The request must contain the parameter %s", m->form);
	}
	if (shape_check(s, c->in, c->service == API_IAM ? SHAPE_BRIEF : SHAPE_FULL, &c->mem,
		&message) != 0)
		return error_invalid(c, message);
	return 0;
}

static int
dispatch(struct api *a, struct api_call *c)
{
	int err;

	if ((err = route_call(c, &a->table)) != 0 || (err = authenticate(c)) != 0 ||
	    (err = read_input(c)) != 0 || (err = check_input(c)) != 0 ||
	    (err = permit_call(c)) != 0)
		return err;
	answer_open(c);
	return c->op->run(c);
}

void
api_handle(struct api *a, struct http_req *r)
{
	struct api_call *c = call_new(a, r);
	int err = dispatch(a, c);

	if (err != API_LATER)
		api_finish(c, err);
}

/* ---- the api itself ---- */

/* Page tokens survive a restart, so their key is kept. */
static int
page_key_change(struct store_tx *tx, void *arg, struct fault *f)
{
	struct api *a = arg;
	char hex[2 * PAGE_KEY_LEN + 1];
	auto_arena mem;
	char *text;
	size_t n;
	int err;

	arena_init(&mem);
	err = store_meta_get(tx, &mem, "page-key", &text);
	if (err == 0)
		return hex_decode(a->page_key, PAGE_KEY_LEN, span_str(text), &n);
	if (err != ERR_NOTFOUND)
		return fault_set(f, err, "the page key cannot be read");
	hex_encode(hex, a->page_key, PAGE_KEY_LEN);
	err = store_meta_put(tx, "page-key", hex);
	secret_wipe(hex, sizeof(hex));
	return err;
}

const uint8_t *
api_page_key(const struct api *a)
{
	return a->page_key;
}

int
api_new(struct api **out, const struct server_env *env, struct fault *f)
{
	struct api *a = xcalloc(1, sizeof(*a));
	int err;

	a->env = env;
	list_init(&a->calls);
	ev_random(env->loop, a->page_key, PAGE_KEY_LEN);
	if ((err = op_table_init(&a->table, f)) != 0 ||
	    (err = store_apply(env->store, page_key_change, a, f)) != 0 ||
	    (err = seed(env, f)) != 0) {
		api_free(a);
		return err;
	}
	*out = a;
	return 0;
}

void
api_free(struct api *a)
{
	if (a == NULL)
		return;
	LIST_EACH(c, &a->calls, struct api_call, link)
	call_free(c);
	op_table_fini(&a->table);
	secret_wipe(a->page_key, sizeof(a->page_key));
	free(a);
}

void
api_drain(struct api *a)
{
	LIST_EACH(c, &a->calls, struct api_call, link)
	{
		if (ev_timer_is_set(&c->timer))
			api_wake(c);
	}
}

void
api_close(struct api *a)
{
	api_drain(a);
	a->closed = true;
}

size_t
api_busy(const struct api *a)
{
	return a->ncalls;
}

void
api_metrics(const struct api *a, struct buf *out)
{
	buf_add_str(out,
	    "# HELP sallyport_api_calls_total AWS API calls answered.\n"
	    "# TYPE sallyport_api_calls_total counter\n");
	for (size_t i = 0; i < a->table.n; i++) {
		const struct op_entry *e = &a->table.entries[i];
		const struct {
			const char *outcome;
			uint64_t n;
		} rows[] = { { "ok", e->ok }, { "refused", e->refused },
			{ "failed", e->failed } };

		for (size_t k = 0; k < ARRAY_LEN(rows); k++) {
			if (rows[k].n > 0)
				buf_addf(out,
				    "sallyport_api_calls_total{service=\"%s\",operation="
				    "\"%s\","
				    "outcome=\"%s\"} %llu\n",
				    api_services[e->op->service].name, e->op->name,
				    rows[k].outcome, (unsigned long long)rows[k].n);
		}
	}
	buf_addf(out,
	    "# HELP sallyport_api_rejected_total Requests for no known operation.\n"
	    "# TYPE sallyport_api_rejected_total counter\n"
	    "sallyport_api_rejected_total %llu\n",
	    (unsigned long long)a->rejected);
}
