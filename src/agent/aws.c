/* SPDX-License-Identifier: Apache-2.0 */
/* See aws.h. */
#include "agent/aws.h"

#include "base/log.h"
#include "base/text.h"
#include "codec/http1.h"
#include "codec/json.h"
#include "codec/xmlw.h"

enum {
	CALL_TIMEOUT_MS = 20 * 1000,
	RESPONSE_MAX = 256 * 1024,
	IDLE_MS = 3000,            /* then kept connections are closed */
	SKEW_NOTED_MS = 60 * 1000, /* less is not why a signature was refused */
	HEADERS_MAX = 8,
};

#define USER_AGENT "sallyport-agent/" SALLYPORT_VERSION

struct agent_aws {
	struct ev_loop *loop;
	struct http_client *http;
	char *endpoint, *region, *node_id;
	char host[300]; /* as in the Host header */
	const struct sigv4_credentials *keys;
	const struct rsa_key *key;
	struct list calls; /* struct agent_call, owned */
	struct ev_timer idle;
	int64_t skew_ms;
};

struct agent_call {
	struct list link;
	struct agent_aws *aws;
	struct http_call *http;
	agent_answer_cb *cb;
	void *arg;
};

/* A request while it is put together; everything lives in the arena. */
struct draft {
	struct arena mem;
	struct sigv4_header signed_headers[HEADERS_MAX];
	struct http_header headers[HEADERS_MAX];
	size_t nsigned, n;
	char date[TIME_AMZ_LEN + 1];
};

struct agent_aws *
agent_aws_new(struct ev_loop *l, const struct agent_aws_options *o)
{
	struct agent_aws *w = xcalloc(1, sizeof(*w));

	w->loop = l;
	w->endpoint = xstrdup(o->endpoint);
	w->region = xstrdup(o->region);
	w->node_id = xstrdup(o->node_id);
	list_init(&w->calls);
	if (http_host_of(w->host, sizeof(w->host), o->endpoint, NULL) != 0)
		w->host[0] = '\0'; /* calls will fail with the URL's own words */
	w->http = http_client_new(l, o->tls, o->proxy, o->no_proxy);
	return w;
}

static void
call_free(struct agent_call *c)
{
	list_del(&c->link);
	free(c);
}

void
agent_aws_free(struct agent_aws *w)
{
	if (w == NULL)
		return;
	ev_timer_clear(&w->idle);
	http_client_free(w->http); /* cancels the calls */
	LIST_EACH(c, &w->calls, struct agent_call, link)
	call_free(c);
	free(w->endpoint);
	free(w->region);
	free(w->node_id);
	free(w);
}

void
agent_aws_set_keys(struct agent_aws *w, const struct sigv4_credentials *keys)
{
	w->keys = keys;
}

void
agent_aws_set_key(struct agent_aws *w, const struct rsa_key *key)
{
	w->key = key;
}

int64_t
agent_aws_now_ms(const struct agent_aws *w)
{
	return ev_wall_ms(w->loop) + w->skew_ms;
}

int64_t
agent_aws_skew_ms(const struct agent_aws *w)
{
	return w->skew_ms;
}

/* --- requests ----------------------------------------------------------- */

static void
add_header(struct draft *d, const char *name, const char *value, bool is_signed)
{
	assert(d->n < HEADERS_MAX && d->nsigned < HEADERS_MAX);
	if (is_signed)
		d->signed_headers[d->nsigned++] =
		    (struct sigv4_header){ span_str(name), span_str(value) };
	d->headers[d->n++] = (struct http_header){ name, value };
}

/* Host is signed, but the HTTP client writes it. */
static void
draft_begin(struct draft *d, struct agent_aws *w)
{
	*d = (struct draft){ 0 };
	arena_init(&d->mem);
	d->signed_headers[d->nsigned++] =
	    (struct sigv4_header){ SPAN("Host"), span_str(w->host) };
	time_amz(d->date, agent_aws_now_ms(w));
}

static int
sign_with_keys(struct draft *d, struct agent_aws *w, const struct sigv4_request *s,
    const char *service)
{
	char *authorization;
	int r;

	if (w->keys == NULL)
		return ERR_DENIED;
	r = sigv4_sign(&authorization, s, w->keys, w->region, service, d->date, &d->mem);
	if (r != 0)
		return r;
	add_header(d, "X-Amz-Date", d->date, false);
	if (w->keys->token != NULL)
		add_header(d, "X-Amz-Security-Token", w->keys->token, false);
	add_header(d, "Authorization", authorization, false);
	return 0;
}

static int
sign_with_key(struct draft *d, struct agent_aws *w, const struct sigv4_request *s)
{
	char *authorization;
	int r;

	if (w->key == NULL)
		return ERR_DENIED;
	r = sigv4_sign_rsa(
	    &authorization, s, w->node_id, w->key, w->region, d->date, &d->mem);
	if (r != 0)
		return r;
	add_header(d, "X-Amz-Date", d->date, false);
	add_header(d, "Authorization", authorization, false);
	return 0;
}

static int
sign(struct draft *d, struct agent_aws *w, const struct agent_request *r,
    struct sigv4_request *s)
{
	s->headers = d->signed_headers;
	s->nheaders = d->nsigned;
	switch (r->auth) {
	case AGENT_AUTH_RSA:
		return sign_with_key(d, w, s);
	case AGENT_AUTH_KEYS:
		return sign_with_keys(d, w, s, r->service);
	default:
		return 0;
	}
}

/* --- answers ------------------------------------------------------------ */

/* {"__type":"x#Code","message":"..."}, or <Code><Message>...</Message></Code>. */
static void
read_error(struct agent_answer *a, struct arena *mem)
{
	struct span s = span_trim(a->body), head;
	const char *text = NULL;
	auto_json *v = NULL;
	char message[512];

	if (span_starts(s, "<")) {
		head = span_sub(s, 1, 80);
		for (head.n = 0; 1 + head.n < s.n && head.n < 80; head.n++)
			if (strchr(" />", head.p[head.n]) != NULL)
				break;
		a->code = arena_str(mem, head);
		if (xml_find_text(message, sizeof(message), s, "Message") == 0)
			text = arena_strdup(mem, message);
	} else if (json_read(&v, s, NULL) == 0) {
		const char *type = json_get_str(v, "__type"), *hash;

		if (type != NULL) {
			hash = strrchr(type, '#');
			a->code = arena_strdup(mem, hash != NULL ? hash + 1 : type);
		}
		if ((text = json_get_str_ci(v, "message")) != NULL)
			text = arena_strdup(mem, text);
	}
	if (text != NULL && *text != '\0')
		a->why = arena_printf(
		    mem, "%s: %.400s", *a->code != '\0' ? a->code : "refused", text);
	else
		a->why = arena_printf(mem, "the server answered %d%s%s", a->status,
		    *a->code != '\0' ? " " : "", a->code);
}

/* A wrong clock is the most common reason for a refused signature. */
static void
note_clock(struct agent_aws *w, const struct http_response *r)
{
	int64_t server_ms, off;

	if (r->status < 400 || r->status >= 500 ||
	    time_parse_http(http1_get(r->head, "Date"), &server_ms) != 0)
		return;
	off = server_ms - agent_aws_now_ms(w);
	if (off > -SKEW_NOTED_MS && off < SKEW_NOTED_MS)
		return;
	w->skew_ms += off;
	log_warn("this machine's clock is wrong",
	    "off_s=%lld action=\"signing with the "
	    "server's time; set the clock\"",
	    (long long)(w->skew_ms / 1000));
}

static void
on_idle(void *arg)
{
	struct agent_aws *w = arg;

	http_client_drop_idle(w->http);
}

static void
on_done(void *arg, const struct http_response *r, int err, const char *why)
{
	struct agent_call *c = arg;
	struct agent_aws *w = c->aws;
	struct agent_answer a = { .err = err, .why = "", .code = "" };
	agent_answer_cb *cb = c->cb;
	void *cb_arg = c->arg;
	auto_arena mem = { 0 };

	call_free(c);
	if (err != 0) {
		a.why = why != NULL ? why : err_text(err);
	} else {
		a.status = r->status;
		a.body = r->body;
		if (a.status >= 300) {
			read_error(&a, &mem);
			note_clock(w, r);
		}
	}
	ev_timer_set(w->loop, &w->idle, IDLE_MS, on_idle, w);
	cb(cb_arg, &a);
}

/* --- calling ------------------------------------------------------------ */

struct agent_call *
agent_aws_post(
    struct agent_aws *w, const struct agent_request *r, agent_answer_cb *cb, void *arg)
{
	struct sigv4_request s = {
		.method = "POST", .path = span_str(r->path), .body = r->body
	};
	struct agent_call *c = xcalloc(1, sizeof(*c));
	struct draft d;
	auto_free char *url = xasprintf("%s%s", w->endpoint, r->path);

	draft_begin(&d, w);
	add_header(&d, "User-Agent", USER_AGENT, false);
	add_header(&d, "Content-Type",
	    r->target != NULL ? "application/x-amz-json-1.1" : "application/json", true);
	if (r->target != NULL)
		add_header(&d, "X-Amz-Target", r->target, true);
	if (sign(&d, w, r, &s) !=
	    0) /* sent unsigned: the server's refusal is the answer */
		log_warn("request not signed", "path=%s", log_q(r->path));
	*c = (struct agent_call){ .aws = w, .cb = cb, .arg = arg };
	list_init(&c->link);
	list_add_tail(&w->calls, &c->link);
	c->http = http_call(w->http,
	    &(struct http_request){
		.method = "POST",
		.url = url,
		.headers = d.headers,
		.nheaders = d.n,
		.body = r->body,
		.timeout_ms = CALL_TIMEOUT_MS,
		.response_max = RESPONSE_MAX,
	    },
	    on_done, c);
	arena_fini(&d.mem);
	return c;
}

void
agent_call_cancel(struct agent_call *c)
{
	if (c == NULL)
		return;
	http_call_cancel(c->http);
	call_free(c);
}

/* http://... becomes ws://..., https://... becomes wss://... */
static char *
socket_url(const struct agent_aws *w, const char *path, const char *query)
{
	return xasprintf("ws%s%s?%s", w->endpoint + strlen("http"), path, query);
}

struct http_call *
agent_aws_upgrade(
    struct agent_aws *w, const struct agent_upgrade *u, ws_open_cb *cb, void *arg)
{
	struct sigv4_request s = {
		.method = "GET", .path = span_str(u->path), .query = span_str(u->query)
	};
	auto_free char *url = socket_url(w, u->path, u->query);
	struct http_call *call;
	struct draft d;

	draft_begin(&d, w);
	add_header(&d, "User-Agent", USER_AGENT, false);
	s.headers = d.signed_headers;
	s.nheaders = d.nsigned;
	if (sign_with_keys(&d, w, &s, "ssmmessages") != 0)
		log_warn("request not signed", "path=%s", log_q(u->path));
	if (u->header != NULL)
		add_header(&d, u->header->name, u->header->value, false);
	call = ws_open(w->http,
	    &(struct http_request){
		.method = "GET",
		.url = url,
		.headers = d.headers,
		.nheaders = d.n,
		.timeout_ms = CALL_TIMEOUT_MS,
	    },
	    u->options, cb, arg);
	arena_fini(&d.mem);
	return call;
}
