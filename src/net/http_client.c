/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP client: one call is one request and one answer.
 *
 *	START -> [CONNECT] -> [OPEN] -> [PROXY -> OPEN] -> ANSWER -> callback
 *
 * Kept connections are tried once and nothing is sent twice: when one turns out to be
 * closed the call fails, and its maker, who knows whether repeating is safe, decides.  An
 * idle connection that says or loses anything is dropped at once, which makes that rare.
 */
#include "net/http_client_priv.h"

#include "base/text.h"

enum {
	TIMEOUT_DEFAULT_MS = 60 * 1000,
	RESPONSE_DEFAULT = 4 * 1024 * 1024,
	HEAD_MAX = 64 * 1024,
};

static const char too_large[] = "the answer is larger than allowed";

static void on_timer(void *arg);

/* --- the end of a call ------------------------------------------------------- */

void
http_call_unlink(struct http_call *call)
{
	ev_timer_clear(&call->timer);
	list_del(&call->link);
	ev_connect_cancel(call->dial);
	call->dial = NULL;
	stream_close(call->st);
	call->st = NULL;
}

void
http_call_free(struct http_call *call)
{
	http1_free(call->h1);
	buf_fini(&call->out);
	buf_fini(&call->body);
	free(call->why);
	free(call);
}

static void
call_fail(struct http_call *call, int err, const char *why)
{
	http_call_unlink(call);
	if (call->opened != NULL)
		http_call_not_upgraded(call, err, 0, why);
	else
		call->done(call->arg, NULL, err, why);
	http_call_free(call);
}

/* From inside the maker's call: tell later. */
static void
call_fail_later(struct http_call *call, int err, const char *why)
{
	call->err = err;
	call->why = xstrdup(why);
	ev_timer_set(call->client->loop, &call->timer, 0, on_timer, call);
}

static void
call_done(struct http_call *call, bool may_keep)
{
	const struct http1_head *head = http1_head(call->h1);
	struct http_response r = {
		.status = head->status,
		.head = head,
		.body = buf_span(&call->body),
	};

	if (may_keep && head->keep_alive && stream_queued(call->st) == 0) {
		http_idle_keep(call->client, call->st, &call->addr);
		call->st = NULL;
	}
	http_call_unlink(call);
	if (call->opened != NULL) {
		char why[64];

		(void)snprintf(why, sizeof(why), "the server answered %d", r.status);
		http_call_not_upgraded(call, ERR_REFUSED, r.status, why);
	} else {
		call->done(call->arg, &r, 0, NULL);
	}
	http_call_free(call);
}

static void
on_timer(void *arg)
{
	struct http_call *call = arg;
	static const char *const what[] = {
		[CALL_START] = "timed out",
		[CALL_CONNECT] = "timed out while connecting",
		[CALL_OPEN] = "timed out in the TLS handshake",
		[CALL_PROXY] = "timed out waiting for the proxy",
		[CALL_ANSWER] = "timed out waiting for the answer",
	};
	auto_free char *why = STEAL(call->why);

	if (call->err != 0)
		call_fail(call, call->err, why);
	else
		call_fail(call, ERR_TIMEOUT, what[call->state]);
}

/* --- the answer -------------------------------------------------------------- */

/* False when the call is over. */
static bool
answer_head(struct http_call *call)
{
	const struct http1_head *h = http1_head(call->h1);

	call->interim = h->status < 200 && h->status != 101;
	if (call->interim)
		return true;
	call->head_done = true;
	if (!call->is_head && h->content_length > 0 &&
	    (uint64_t)h->content_length > call->body.max) {
		call_fail(call, ERR_LIMIT, too_large);
		return false;
	}
	return true;
}

static int
take_body(struct http_call *call, struct span body)
{
	int status = http1_head(call->h1)->status;

	if (call->on_body == NULL || status < 200 || status > 299) {
		buf_add(&call->body, body);
		return buf_check(&call->body);
	}
	call->streamed += body.n;
	if (call->streamed > call->body.max)
		return ERR_LIMIT;
	return call->on_body(call->arg, body);
}

static bool
answer_body(struct http_call *call, struct span body)
{
	int r = take_body(call, body);

	if (r == 0)
		return true;
	call_fail(call, r, r == ERR_LIMIT ? too_large : err_text(r));
	return false;
}

static void
answer_upgrade(struct http_call *call, struct span rest)
{
	if (call->opened != NULL && http1_head(call->h1)->status == 101)
		http_call_upgraded(call, rest);
	else
		call_fail(call, ERR_PROTOCOL,
		    "the server changed protocols without being asked");
}

static void
answer_data(struct http_call *call, struct span in)
{
	for (;;) {
		struct span body = SPAN_NONE;
		size_t used = 0;
		int ev = http1_feed(call->h1, in, &used, &body);

		in = span_sub(in, used, in.n);
		switch (ev) {
		case HTTP1_MORE:
			return;
		case HTTP1_HEAD:
			if (!answer_head(call))
				return;
			break;
		case HTTP1_BODY:
			if (!answer_body(call, body))
				return;
			break;
		case HTTP1_DONE:
			if (!call->interim) {
				call_done(call, in.n == 0);
				return;
			}
			call->interim = false;
			break;
		case HTTP1_UPGRADE:
			answer_upgrade(call, in);
			return;
		default:
			call_fail(call, ev == ERR_LIMIT ? ev : ERR_PROTOCOL,
			    "the answer is not valid HTTP");
			return;
		}
	}
}

static void
send_request(struct http_call *call)
{
	call->state = CALL_ANSWER;
	call->h1 = http1_new(false, HEAD_MAX);
	if (call->is_head)
		http1_expect_no_body(call->h1);
	stream_set_queue_max(
	    call->st, MAX(call->out.len + STREAM_LOW, (size_t)STREAM_QUEUE_MAX));
	(void)!stream_write(
	    call->st, buf_span(&call->out)); /* a failure comes as on_close */
	buf_fini(&call->out);
}

/* --- the proxy --------------------------------------------------------------- */

static void
send_connect(struct http_call *call)
{
	const struct http_proxy *p = &call->client->proxy;
	char host[300];
	auto_buf b = { 0 };

	buf_init(&b, 8192);
	if (http_addr_text(host, sizeof(host), &call->addr, true) != 0) {
		call_fail(call, ERR_LIMIT, "the host name is too long");
		return;
	}
	buf_addf(&b, "CONNECT %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: sallyport/%s\r\n",
	    host, host, SALLYPORT_VERSION);
	if (p->auth != NULL)
		buf_addf(&b, "Proxy-Authorization: Basic %s\r\n", p->auth);
	buf_add_str(&b, "\r\n");
	call->state = CALL_PROXY;
	call->h1 = http1_new(false, HEAD_MAX);
	http1_expect_no_body(call->h1);
	(void)!stream_write(call->st, buf_span(&b));
}

static void
proxy_data(struct http_call *call, struct span in)
{
	struct span body;
	size_t used = 0;
	int ev = http1_feed(call->h1, in, &used, &body), status;
	char why[80];

	if (ev == HTTP1_MORE)
		return;
	status = ev == HTTP1_HEAD ? http1_head(call->h1)->status : 0;
	if (status < 200 || status > 299) {
		(void)snprintf(
		    why, sizeof(why), "the proxy answered %d to CONNECT", status);
		call_fail(
		    call, ERR_REFUSED, ev < 0 ? "the proxy does not speak HTTP" : why);
		return;
	}
	if (used != in.n) { /* with TLS the client speaks first */
		call_fail(call, ERR_PROTOCOL, "the proxy sent data before it was due");
		return;
	}
	http1_free(call->h1);
	call->h1 = NULL;
	call->tunnel = false;
	call->state = CALL_OPEN;
	(void)stream_start_tls(call->st, call->client->tls, call->addr.host);
}

/* --- events ------------------------------------------------------------------ */

static void
on_open(void *arg)
{
	struct http_call *call = arg;

	if (call->tunnel)
		send_connect(call);
	else
		send_request(call);
}

static void
on_data(void *arg, struct span in)
{
	struct http_call *call = arg;

	if (call->state == CALL_PROXY)
		proxy_data(call, in);
	else if (call->state == CALL_ANSWER)
		answer_data(call, in);
}

static void
on_close(void *arg, int err, const char *why)
{
	struct http_call *call = arg;
	char text[300];

	/* An answer without a length ends with the connection, if that ends in order. */
	if (call->state == CALL_ANSWER && call->head_done && err == ERR_CLOSED &&
	    http1_eof(call->h1) == HTTP1_DONE) {
		call_done(call, false);
		return;
	}
	(void)snprintf(text, sizeof(text), "%s", why);
	if (call->state == CALL_ANSWER && err == ERR_CLOSED)
		call_fail(call, err,
		    "the server closed the connection before the answer was complete");
	else
		call_fail(call, err, text);
}

static const struct stream_handler call_stream_handler = {
	.on_open = on_open,
	.on_data = on_data,
	.on_close = on_close,
};

static void
on_connect(void *arg, struct ev_stream *s, int err, const char *why)
{
	struct http_call *call = arg;
	struct http_client *c = call->client;
	struct tls_ctx *tls = call->addr.tls && !call->tunnel ? c->tls : NULL;
	char text[400];

	call->dial = NULL;
	if (err != 0) {
		const struct http_addr *to = call->tunnel ? &c->proxy.at : &call->addr;

		(void)snprintf(text, sizeof(text), "cannot connect to %s%s port %u: %s",
		    call->tunnel ? "proxy " : "", to->host, to->port, why);
		call_fail(call, err, text);
		return;
	}
	call->state = CALL_OPEN;
	call->st = stream_new(s, tls, call->addr.host, &call_stream_handler, call);
	stream_family_join(&c->streams, call->st);
}

/* --- making a call ----------------------------------------------------------- */

static bool
is_ours(const char *name)
{
	static const char *const ours[] = { "Host", "Content-Length", "Connection",
		"Upgrade", "Transfer-Encoding" };

	for (size_t i = 0; i < ARRAY_LEN(ours); i++) {
		if (span_eq_ci(span_str(name), ours[i]))
			return true;
	}
	return false;
}

static bool
headers_ok(const struct http_request *r)
{
	if (strpbrk(r->method, " \t\r\n") != NULL)
		return false;
	for (size_t i = 0; i < r->nheaders; i++) {
		const struct http_header *h = &r->headers[i];

		if (*h->name == '\0' || strpbrk(h->name, " \t\r\n:") != NULL ||
		    strpbrk(h->value, "\r\n") != NULL)
			return false;
	}
	return true;
}

void
http_call_compose(struct http_call *call, const struct http_request *r, const char *more)
{
	struct buf *b = &call->out;
	char host[300];
	bool agent = false;

	if (http_addr_text(host, sizeof(host), &call->addr, !call->addr.default_port) !=
		0 ||
	    !headers_ok(r)) {
		call_fail_later(call, ERR_INVALID, "the request holds an invalid header");
		return;
	}
	buf_addf(b, "%s " SPAN_FMT " HTTP/1.1\r\nHost: %s\r\n", r->method,
	    SPAN_ARG(call->addr.target), host);
	for (size_t i = 0; i < r->nheaders; i++) {
		const struct http_header *h = &r->headers[i];

		if (is_ours(h->name))
			continue;
		agent = agent || span_eq_ci(span_str(h->name), "User-Agent");
		buf_add_str(b, h->name);
		buf_add_str(b, ": ");
		buf_add_str(b, h->value);
		buf_add_str(b, "\r\n");
	}
	if (!agent)
		buf_add_str(b, "User-Agent: sallyport/" SALLYPORT_VERSION "\r\n");
	if (r->body.n > 0 || strcmp(r->method, "POST") == 0 ||
	    strcmp(r->method, "PUT") == 0 || strcmp(r->method, "PATCH") == 0)
		buf_addf(b, "Content-Length: %zu\r\n", r->body.n);
	buf_add_str(b, more);
	buf_add_str(b, "\r\n");
	buf_add(b, r->body);
	call->addr.target = SPAN_NONE; /* it points into the maker's memory */
	if (buf_check(b) != 0)
		call_fail_later(call, ERR_LIMIT, "the request's headers are too long");
}

struct http_call *
http_call_new(struct http_client *c, const struct http_request *r)
{
	struct http_call *call = xcalloc(1, sizeof(*call));
	struct fault f = { 0 };
	int err;

	call->client = c;
	list_init(&call->link);
	list_add_tail(&c->calls, &call->link);
	buf_init(&call->out, HEAD_MAX + r->body.n);
	buf_init(&call->body, r->response_max != 0 ? r->response_max : RESPONSE_DEFAULT);
	call->is_head = strcmp(r->method, "HEAD") == 0;
	call->timeout_ms = r->timeout_ms != 0 ? r->timeout_ms : TIMEOUT_DEFAULT_MS;
	if ((err = http_addr_parse(&call->addr, r->url, &f)) != 0)
		call_fail_later(call, err, fault_text(&f));
	return call;
}

/* arg: the call; whoever made the client decides. */
static bool
may_dial(void *arg, const char *ip)
{
	const struct http_call *call = arg;

	return call->client->allow(call->client->allow_arg, ip);
}

static void
dial(struct http_call *call, const struct http_addr *to)
{
	struct http_client *c = call->client;

	call->state = CALL_CONNECT;
	if (c->allow != NULL && !call->tunnel)
		call->dial = ev_connect_if(c->loop, to->host, to->port, call->timeout_ms,
		    may_dial, on_connect, call);
	else
		call->dial = ev_connect(
		    c->loop, to->host, to->port, call->timeout_ms, on_connect, call);
}

void
http_call_begin(struct http_call *call)
{
	struct http_client *c = call->client;
	const struct http_addr *to = &call->addr;

	if (call->err != 0)
		return;
	if (call->addr.tls && c->tls == NULL) {
		call_fail_later(call, ERR_TLS, "TLS is not set up here");
		return;
	}
	ev_timer_set(c->loop, &call->timer, call->timeout_ms, on_timer, call);
	if ((call->st = http_idle_take(c, &call->addr)) != NULL) {
		stream_set_handler(call->st, &call_stream_handler, call);
		send_request(call);
		return;
	}
	call->tunnel = http_proxy_applies(&c->proxy, c->no_proxy, &call->addr);
	if (call->tunnel) {
		if (!c->proxy.usable) {
			call_fail_later(call, ERR_UNSUPPORTED,
			    "the proxy's URL is not usable: http://host:port is "
			    "expected");
			return;
		}
		to = &c->proxy.at;
	}
	dial(call, to);
}

struct http_call *
http_call(
    struct http_client *c, const struct http_request *r, http_done_cb *cb, void *arg)
{
	struct http_call *call = http_call_new(c, r);

	call->on_body = r->on_body;
	call->done = cb;
	call->arg = arg;
	if (call->err == 0)
		http_call_compose(call, r, "");
	http_call_begin(call);
	return call;
}

void
http_call_cancel(struct http_call *call)
{
	if (call == NULL)
		return;
	http_call_unlink(call);
	http_call_free(call);
}

struct http_client *
http_client_new(
    struct ev_loop *l, struct tls_ctx *tls, const char *proxy, const char *no_proxy)
{
	struct http_client *c = xcalloc(1, sizeof(*c));

	c->loop = l;
	c->tls = tls;
	c->no_proxy = no_proxy != NULL ? xstrdup(no_proxy) : NULL;
	http_proxy_init(&c->proxy, proxy);
	list_init(&c->calls);
	list_init(&c->idles);
	stream_family_init(&c->streams, NULL, NULL);
	return c;
}

void
http_client_allow(struct http_client *c, ev_allow_cb *allow, void *arg)
{
	c->allow = allow;
	c->allow_arg = arg;
}

void
http_client_free(struct http_client *c)
{
	if (c == NULL)
		return;
	while (!list_empty(&c->calls))
		http_call_cancel(LIST_FIRST(&c->calls, struct http_call, link));
	http_client_drop_idle(c);
	stream_family_end(&c->streams);
	http_proxy_fini(&c->proxy);
	free(c->no_proxy);
	free(c);
}
