/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HTTP client against our own server: TLS in pieces, through a proxy, the WebSocket
 * handshake; which host a URL names and which needs no proxy.
 */
#include "http_bench.h"

#include "crypto/crypto.h"
#include "net/http_client_priv.h"

static struct certs certs;

struct site {
	struct world w;
	struct tls_ctx *st, *ct;
	struct http_server *s;
	struct wsconn *ws;
	struct ev_listener *proxy;
	struct ev_stream *front, *back; /* of the proxy */
	bool tunnel;
	struct buf proxy_heard;
};

static void
ws_echo(void *arg, uint8_t op, struct span body)
{
	struct site *x = arg;

	(void)!wsconn_send(x->ws, op, body);
}

static void
ws_gone(void *arg, int err, uint16_t code)
{
	struct site *x = arg;

	(void)err;
	(void)code;
	wsconn_close(x->ws, 0);
	x->ws = NULL;
}

static void
handle(void *arg, struct http_req *r)
{
	static const struct wsconn_handler wsh = { .on_message = ws_echo,
		.on_close = ws_gone };
	static const struct wsconn_options wso = { .message_max = 1 << 20 };
	struct site *x = arg;

	if (span_eq_str(r->path, "/ws"))
		x->ws = http_upgrade(r, &wso, &wsh, x);
	else
		http_reply(r, 200, "text/plain", r->body);
}

/* A proxy that stops when either side does. */
static void
pipe_bytes(struct ev_stream *from, struct ev_stream *to)
{
	uint8_t data[4096];
	size_t got, put;
	int r = 0;

	while (from != NULL && to != NULL &&
	    (r = ev_read(from, data, sizeof(data), &got)) == 0)
		for (size_t off = 0; r == 0 && off < got; off += put)
			r = ev_write(to, data + off, got - off, &put);
	if (r != ERR_AGAIN && from != NULL)
		ev_stream_want(from, false, false);
}

static void
back_read(void *arg)
{
	struct site *x = arg;

	pipe_bytes(x->back, x->front);
}

static void
back_open(void *arg, struct ev_stream *s, int err, const char *why)
{
	static const struct ev_stream_ops ops = { back_read, NULL };
	static const char ok[] = "HTTP/1.1 200 Connection established\r\nVia: x\r\n\r\n";
	struct site *x = arg;
	size_t put;

	(void)why;
	assert_int_equal(err, 0);
	x->back = s;
	ev_stream_set(s, &ops, x);
	ev_stream_want(s, true, false);
	assert_int_equal(ev_write(x->front, ok, sizeof(ok) - 1, &put), 0);
}

static void
front_read(void *arg)
{
	struct site *x = arg;
	uint8_t data[4096];
	size_t got = 0;

	if (x->back != NULL) {
		pipe_bytes(x->front, x->back);
		return;
	}
	if (ev_read(x->front, data, sizeof(data), &got) != 0) {
		ev_stream_want(x->front, false, false);
		return;
	}
	buf_add(&x->proxy_heard, span_of(data, got));
	if (memmem(x->proxy_heard.p, x->proxy_heard.len, "\r\n\r\n", 4) != NULL)
		ev_connect(x->w.server, "server", 443, 1000, back_open, x);
}

static void
proxy_accept(void *arg, struct ev_stream *s)
{
	static const struct ev_stream_ops ops = { front_read, NULL };
	struct site *x = arg;

	assert_null(x->front);
	x->front = s;
	ev_stream_set(s, &ops, x);
	ev_stream_want(s, true, false);
}

static void
site_init(struct site *x, uint32_t segment)
{
	*x = (struct site){ 0 };
	world_sim(&x->w,
	    &(struct sim_options){
		.seed = 5, .segment_max = segment, .buffer = 4 << 20 });
	buf_init(&x->proxy_heard, 65536);
	assert_int_equal(tls_server_new(&x->st, certs.cert, certs.key, NULL), 0);
	assert_int_equal(tls_client_new(&x->ct, certs.ca, NULL), 0);
	assert_int_equal(
	    http_server_new(&x->s, x->w.server, "", 443, x->st, NULL, handle, x, NULL),
	    0);
	assert_int_equal(
	    ev_listen(&x->proxy, x->w.server, "", 3128, proxy_accept, x, NULL), 0);
}

static void
site_fini(struct site *x)
{
	if (x->ws != NULL)
		wsconn_close(x->ws, 0);
	http_server_free(x->s);
	ev_close(x->front);
	ev_close(x->back);
	ev_listener_close(x->proxy);
	tls_ctx_free(x->ct);
	tls_ctx_free(x->st);
	buf_fini(&x->proxy_heard);
	world_fini(&x->w);
}

/* The certificate is for "server", too. */
static void
t_tls_in_pieces(void **state)
{
	static const uint32_t segments[] = { 1, 2, 100, 1000, 0 };
	static uint8_t big[200000];
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(segments); i++) {
		struct site x;
		struct outcome o;
		struct http_client *c;

		site_init(&x, segments[i]);
		outcome_init(&o);
		c = http_client_new(x.w.client, x.ct, NULL, NULL);
		for (size_t k = 0; k < sizeof(big); k++)
			big[k] = (uint8_t)(k * 7);
		http_call(c,
		    &(struct http_request){ .method = "PUT",
			.url = "https://server/",
			.body = span_of(big, segments[i] == 1 ? 1000 : sizeof(big)) },
		    outcome_done, &o);
		assert_true(world_until(&x.w, &o.done, 60000));
		assert_string_equal(o.why, "");
		assert_int_equal(o.status, 200);
		check_span(buf_span(&o.body), span_of(big, o.body.len));
		assert_true(o.body.len == sizeof(big) || o.body.len == 1000);
		buf_fini(&o.body);
		http_client_free(c);
		site_fini(&x);
	}
}

static void
t_proxy(void **state)
{
	struct site x;
	struct outcome o;
	struct http_client *c;
	(void)state;

	site_init(&x, 50);
	c = http_client_new(
	    x.w.client, x.ct, "http://me:se%3Acret@server:3128", "example.org");
	outcome_init(&o);
	http_call(c,
	    &(struct http_request){
		.method = "PUT", .url = "https://server/", .body = SPAN("x") },
	    outcome_done, &o);
	assert_true(world_until(&x.w, &o.done, 10000));
	assert_string_equal(o.why, "");
	check_text(buf_span(&o.body), "x");
	check_text(buf_span(&x.proxy_heard),
	    "CONNECT server:443 HTTP/1.1\r\nHost: server:443\r\n"
	    "User-Agent: sallyport/" SALLYPORT_VERSION "\r\n"
	    "Proxy-Authorization: Basic bWU6c2U6Y3JldA==\r\n\r\n");
	buf_fini(&o.body);
	row("the tunnel is kept");
	outcome_init(&o);
	http_call(c,
	    &(struct http_request){
		.method = "PUT", .url = "https://server/", .body = SPAN("y") },
	    outcome_done, &o);
	assert_true(world_until(&x.w, &o.done, 10000));
	check_text(buf_span(&o.body), "y");
	buf_fini(&o.body);
	http_client_free(c);
	site_fini(&x);
}

static void
t_proxy_refuses(void **state)
{
	struct script x;
	struct outcome o;
	struct http_client *c;
	struct tls_ctx *ct;
	(void)state;

	script_init(&x,
	    SPAN("HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: "
		 "0\r\n\r\n"),
	    false);
	assert_int_equal(tls_client_new(&ct, certs.ca, NULL), 0);
	c = http_client_new(x.w.client, ct, "server:80", NULL);
	outcome_init(&o);
	http_call(c,
	    &(struct http_request){ .method = "GET", .url = "https://far.example/" },
	    outcome_done, &o);
	assert_true(world_until(&x.w, &o.done, 10000));
	assert_int_equal(o.err, ERR_REFUSED);
	assert_string_equal(o.why, "the proxy answered 407 to CONNECT");
	http_client_free(c);
	row("a kind of proxy that is not spoken");
	c = http_client_new(x.w.client, ct, "socks5://server:80", NULL);
	outcome_init(&o);
	http_call(c,
	    &(struct http_request){ .method = "GET", .url = "https://far.example/" },
	    outcome_done, &o);
	assert_true(world_until(&x.w, &o.done, 10000));
	assert_int_equal(o.err, ERR_UNSUPPORTED);
	http_client_free(c);
	tls_ctx_free(ct);
	script_fini(&x);
}

static void
t_no_proxy(void **state)
{
	static const struct {
		const char *url, *no_proxy;
		bool proxied;
	} t[] = {
		{ "https://a.example/", NULL, true },
		{ "http://a.example/", NULL, false },
		{ "wss://a.example/", "", true },
		{ "https://localhost/", NULL, false },
		{ "https://127.0.0.1/", NULL, false },
		{ "https://[::1]/", NULL, false },
		{ "https://a.example/", "*", false },
		{ "https://a.example/", "example", false },
		{ "https://a.example/", ".example", false },
		{ "https://a.example/", "*.example", false },
		{ "https://a.example/", "b.example, A.EXAMPLE", false },
		{ "https://aexample/", "example", true },
		{ "https://a.example:8443/", "a.example:8443", false },
		{ "https://a.example:8443/", "a.example:443", true },
		{ "https://10.1.2.3/", "10.0.0.0/8", false },
		{ "https://11.1.2.3/", "10.0.0.0/8", true },
		{ "https://169.254.169.254/", "169.254.169.254", false },
		{ "https://[fd00::1]/", "fd00::/8", false },
		{ "https://[fe00::1]/", "fd00::/8", true },
		{ "https://10.1.2.3/", "10.0.0.0/99,x/y,/,", true },
	};
	struct http_proxy p;
	(void)state;

	http_proxy_init(&p, "http://proxy:3128");
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct http_addr a;

		row(t[i].url);
		assert_int_equal(http_addr_parse(&a, t[i].url, NULL), 0);
		assert_int_equal(http_proxy_applies(&p, t[i].no_proxy, &a), t[i].proxied);
	}
	http_proxy_fini(&p);
}

static void
t_host_of(void **state)
{
	static const struct {
		const char *url, *host;
	} t[] = {
		{ "https://a.example/x", "a.example" },
		{ "https://a.example:443", "a.example" },
		{ "https://a.example:80/", "a.example:80" },
		{ "ws://a.example:80/", "a.example" },
		{ "https://[::1]:8443/", "[::1]:8443" },
		{ "https://[::1]/", "[::1]" },
	};
	char host[300];
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		assert_int_equal(http_host_of(host, sizeof(host), t[i].url, NULL), 0);
		assert_string_equal(host, t[i].host);
	}
	assert_int_not_equal(http_host_of(host, 5, t[0].url, NULL), 0);
}

/* --- WebSocket --------------------------------------------------------------- */

static void
on_ws(void *arg, struct wsconn *ws, int err, int status, const char *why)
{
	struct outcome *o = arg;

	assert_false(o->done);
	o->done = true;
	o->err = err;
	o->status = status;
	o->ws = ws;
	(void)snprintf(o->why, sizeof(o->why), "%s", why != NULL ? why : "");
}

static void
ws_heard(void *arg, uint8_t op, struct span body)
{
	struct outcome *o = arg;

	(void)op;
	buf_add(&o->body, body);
	o->done = o->body.len >= 300000;
}

static void
t_websocket(void **state)
{
	static const struct wsconn_handler h = { .on_message = ws_heard };
	static const struct wsconn_options wso = { .message_max = 1 << 20 };
	static uint8_t big[100000];
	(void)state;

	for (int proxied = 0; proxied < 2; proxied++) {
		struct site x;
		struct outcome o;
		struct http_client *c;

		site_init(&x, 700);
		c = http_client_new(
		    x.w.client, x.ct, proxied ? "http://server:3128" : NULL, NULL);
		outcome_init(&o);
		ws_open(c,
		    &(struct http_request){
			.method = "GET", .url = "wss://server/ws?a=b" },
		    &wso, on_ws, &o);
		assert_true(world_until(&x.w, &o.done, 10000));
		assert_string_equal(o.why, "");
		assert_int_equal(o.status, 101);
		assert_non_null(o.ws);
		http_client_free(c); /* the connection outlives its client */
		wsconn_set_handler(o.ws, &h, &o);
		o.done = false;
		for (int i = 0; i < 3; i++)
			assert_int_equal(
			    wsconn_send(o.ws, WS_BINARY, span_of(big, sizeof(big))), 0);
		assert_true(world_until(&x.w, &o.done, 10000));
		assert_int_equal(o.body.len, 300000);
		wsconn_close(o.ws, 1000);
		world_run(&x.w, 5000);
		if (!proxied)
			assert_null(x.ws);
		buf_fini(&o.body);
		site_fini(&x);
	}
}

static void
t_bad_handshakes(void **state)
{
	static const struct {
		const char *what;
		struct span say;
		int err, status;
		const char *why;
	} t[] = {
		{ "refused",
		    SPAN("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno"),
		    ERR_REFUSED, 403, "the server answered 403" },
		{ "wrong accept key",
		    SPAN("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
			 "Connection: upgrade\r\nSec-WebSocket-Accept: "
			 "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"),
		    ERR_PROTOCOL, 101, "accept key is wrong" },
		{ "no accept key",
		    SPAN("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
			 "Connection: upgrade\r\n\r\n"),
		    ERR_PROTOCOL, 101, "accept key is wrong" },
		{ "101 without an upgrade",
		    SPAN("HTTP/1.1 101 Switching Protocols\r\n\r\n"), ERR_REFUSED, 101,
		    "101" },
		{ "closed", SPAN(""), ERR_CLOSED, 0, "closed the connection" },
	};
	static const struct wsconn_options wso = { .message_max = 1000 };
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct script x;
		struct outcome o;

		row(t[i].what);
		script_init(&x, t[i].say, t[i].say.n == 0);
		outcome_init(&o);
		ws_open(x.c,
		    &(struct http_request){
			.method = "GET", .url = "ws://server/", .timeout_ms = 3000 },
		    &wso, on_ws, &o);
		assert_false(o.done);
		assert_true(world_until(&x.w, &o.done, 10000));
		assert_null(o.ws);
		assert_int_equal(o.err, t[i].err);
		assert_int_equal(o.status, t[i].status);
		if (strstr(o.why, t[i].why) == NULL)
			fail_msg("why: %s", o.why);
		script_fini(&x);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_tls_in_pieces),
		cmocka_unit_test(t_proxy),
		cmocka_unit_test(t_proxy_refuses),
		cmocka_unit_test(t_no_proxy),
		cmocka_unit_test(t_host_of),
		cmocka_unit_test(t_websocket),
		cmocka_unit_test(t_bad_handshakes),
	};
	int r;

	certs_init(&certs);
	r = cmocka_run_group_tests(tests, NULL, NULL);
	certs_fini(&certs);
	return r;
}
