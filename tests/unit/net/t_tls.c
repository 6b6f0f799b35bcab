/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS streams in a simulated world: versions, plain bytes on a TLS port, pauses, marks,
 * caps, ends, reload.
 */
#include "net_test.h"

#include <openssl/ssl.h>

#include "crypto/crypto.h"
#include "net/stream_priv.h"

static struct certs certs;

struct end {
	struct stream *st;
	struct buf in;
	uint32_t opens, drains, pieces;
	bool open, closed, pause_each, echo, drop_on_data;
	int err;
	char why[200];
	struct end *takes_down; /* closed by the next data */
};

struct pair {
	struct world w;
	struct tls_ctx *st, *ct;
	struct ev_listener *ln;
	struct end server, client;
	const char *name;
	bool plain_client, plain_server;
	struct span early; /* written before the handshake */
};

static void
on_open(void *arg)
{
	struct end *e = arg;

	assert_false(e->closed);
	e->opens++;
	e->open = true;
}

static void
on_data(void *arg, struct span in)
{
	struct end *e = arg;

	assert_true(e->open);
	assert_true(in.n > 0);
	buf_add(&e->in, in);
	e->pieces++;
	if (e->echo)
		(void)!stream_write(e->st, in);
	if (e->pause_each)
		stream_pause(e->st, true);
	if (e->takes_down != NULL) {
		stream_close(e->takes_down->st);
		e->takes_down->st = NULL;
		e->takes_down = NULL;
	}
	if (e->drop_on_data) {
		stream_close(e->st);
		e->st = NULL;
	}
}

static void
on_drain(void *arg)
{
	struct end *e = arg;

	e->drains++;
}

static void
on_close(void *arg, int err, const char *why)
{
	struct end *e = arg;

	assert_false(e->closed);
	e->closed = true;
	e->err = err;
	(void)snprintf(e->why, sizeof(e->why), "%s", why);
}

static const struct stream_handler end_handler = { on_open, on_data, on_drain, on_close };

static void
on_accept(void *arg, struct ev_stream *s)
{
	struct pair *p = arg;

	p->server.st =
	    stream_new(s, p->plain_server ? NULL : p->st, NULL, &end_handler, &p->server);
}

static void
on_connect(void *arg, struct ev_stream *s, int err, const char *why)
{
	struct pair *p = arg;

	(void)why;
	assert_int_equal(err, 0);
	p->client.st = stream_new(
	    s, p->plain_client ? NULL : p->ct, p->name, &end_handler, &p->client);
	if (p->early.n > 0)
		assert_int_equal(stream_write(p->client.st, p->early), 0);
}

static void
pair_init(struct pair *p, const struct sim_options *o)
{
	*p = (struct pair){ .name = "server" };
	world_sim(&p->w, o);
	buf_init(&p->server.in, 64 << 20);
	buf_init(&p->client.in, 64 << 20);
	assert_int_equal(tls_server_new(&p->st, certs.cert, certs.key, NULL), 0);
	assert_int_equal(tls_client_new(&p->ct, certs.ca, NULL), 0);
	assert_int_equal(ev_listen(&p->ln, p->w.server, "", 9, on_accept, p, NULL), 0);
}

static void
pair_dial(struct pair *p)
{
	ev_connect(p->w.client, "server", 9, 1000, on_connect, p);
	world_run(&p->w, 2000);
}

static void
pair_open(struct pair *p, const struct sim_options *o)
{
	pair_init(p, o);
	pair_dial(p);
	assert_true(p->client.open && p->server.open);
}

static void
pair_fini(struct pair *p)
{
	stream_close(p->server.st);
	stream_close(p->client.st);
	ev_listener_close(p->ln);
	tls_ctx_free(p->ct); /* streams may outlive it */
	tls_ctx_free(p->st);
	world_run(&p->w, 5000);
	buf_fini(&p->server.in);
	buf_fini(&p->client.in);
	world_fini(&p->w);
}

static const struct sim_options still = { .seed = 2 };
static uint8_t big[1 << 20];

static void
t_both_ways(void **state)
{
	(void)state;
	for (uint32_t segment = 1; segment < 100000; segment *= 7) {
		struct pair p;
		size_t n = 0;

		pair_open(
		    &p, &(struct sim_options){ .seed = segment, .segment_max = segment });
		p.server.echo = true;
		for (size_t size = 1; size < (segment == 1 ? 2000 : 300000); size *= 3) {
			assert_int_equal(
			    stream_write2(p.client.st, span_of(big, size), SPAN("tail")),
			    0);
			n += size + 4;
		}
		stream_cork(p.client.st);
		for (int i = 0; i < 100; i++)
			assert_int_equal(stream_write(p.client.st, SPAN("corked")), 0);
		assert_int_equal(p.client.closed, false);
		stream_uncork(p.client.st);
		world_run(&p.w, 60000);
		assert_int_equal(p.server.in.len, n + 600);
		assert_true(span_eq(buf_span(&p.server.in), buf_span(&p.client.in)));
		pair_fini(&p);
	}
}

static void
t_written_before_the_handshake(void **state)
{
	struct pair p;
	(void)state;

	pair_init(&p, &still);
	p.early = SPAN("early bird");
	pair_dial(&p);
	check_text(buf_span(&p.server.in), "early bird");
	assert_int_equal(p.client.opens, 1);
	pair_fini(&p);
}

static void
t_old_versions(void **state)
{
	static const struct {
		const char *what;
		int version;
	} t[] = { { "TLS 1.0", TLS1_VERSION }, { "TLS 1.1", TLS1_1_VERSION } };
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		SSL_CTX *c = SSL_CTX_new(TLS_client_method());
		BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());
		struct pair p;
		struct raw r = { 0 };
		char hello[1000];
		int n;
		SSL *ssl;

		row(t[i].what);
		SSL_CTX_set_security_level(c, 0);
		assert_int_equal(SSL_CTX_set_min_proto_version(c, t[i].version), 1);
		assert_int_equal(SSL_CTX_set_max_proto_version(c, t[i].version), 1);
		ssl = SSL_new(c);
		SSL_set_bio(ssl, in, out);
		assert_int_equal(SSL_connect(ssl), -1);
		assert_true((n = BIO_read(out, hello, sizeof(hello))) > 50);
		pair_init(&p, &still);
		raw_connect(&r, &p.w, 9);
		raw_say(&r, span_of(hello, (size_t)n));
		world_run(&p.w, 500);
		assert_int_equal(r.in.len, 7); /* alert, fatal, protocol_version */
		assert_int_equal(r.in.p[0], 0x15);
		assert_int_equal(r.in.p[6], 70);
		assert_int_equal(p.server.err, ERR_TLS);
		assert_non_null(strstr(p.server.why, "no common TLS version"));
		raw_close(&r);
		pair_fini(&p);
		SSL_free(ssl);
		SSL_CTX_free(c);
	}
}

static void
t_plain_meets_tls(void **state)
{
	struct pair p;
	(void)state;

	row("plain client");
	pair_init(&p, &still);
	p.plain_client = true;
	p.early = SPAN("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
	pair_dial(&p);
	assert_int_equal(p.server.err, ERR_TLS);
	assert_non_null(strstr(p.server.why, "does not speak TLS"));
	assert_true(p.client.open);
	pair_fini(&p);
	row("plain server that answers");
	pair_init(&p, &still);
	p.plain_server = p.server.echo = true;
	pair_dial(&p);
	assert_int_equal(p.client.opens, 0);
	stream_close(p.server.st);
	p.server.st = NULL;
	world_run(&p.w, 100);
	assert_int_equal(p.client.err, ERR_TLS);
	pair_fini(&p);
	row("no name to verify");
	pair_init(&p, &still);
	p.name = NULL;
	pair_dial(&p);
	assert_int_equal(p.client.err, ERR_INVALID);
	assert_int_equal(p.client.opens, 0);
	pair_fini(&p);
}

/* A pause in the middle of a burst keeps the rest, and the end, for later. */
static void
t_pause(void **state)
{
	struct pair p;
	(void)state;

	for (int ends = 0; ends < 2; ends++) {
		uint32_t rounds = 0;

		pair_open(&p, &(struct sim_options){ .seed = 2, .segment_max = 60000 });
		p.server.pause_each = true;
		assert_int_equal(stream_write(p.client.st, span_of(big, 400000)), 0);
		if (ends) {
			stream_finish(p.client.st, 10000);
			p.client.st = NULL;
		}
		for (; rounds < 1000 && p.server.in.len < 400000; rounds++) {
			uint32_t before = p.server.pieces;

			world_run(&p.w, 50);
			assert_in_range(p.server.pieces, before, before + 1);
			assert_false(p.server.closed);
			stream_pause(p.server.st, false);
			assert_in_range(p.server.pieces, before, before + 1);
		}
		assert_int_equal(p.server.in.len, 400000);
		assert_in_range(rounds, 6, 100);
		world_run(&p.w, 100);
		assert_int_equal(p.server.closed, ends);
		if (ends)
			assert_int_equal(p.server.err, ERR_CLOSED);
		pair_fini(&p);
	}
}

static void
t_marks_and_cap(void **state)
{
	struct pair p;
	int r, n = 0;
	(void)state;

	pair_open(&p, &(struct sim_options){ .seed = 2, .buffer = 20000 });
	stream_pause(p.client.st, true);
	row("on_drain comes once, below LOW");
	while (stream_queued(p.server.st) < STREAM_HIGH)
		assert_int_equal(stream_write(p.server.st, span_of(big, 10000)), 0);
	world_run(&p.w, 100);
	assert_int_equal(p.server.drains, 0);
	stream_pause(p.client.st, false);
	world_run(&p.w, 10000);
	assert_int_equal(p.server.drains, 1);
	assert_int_equal(stream_queued(p.server.st), 0);
	row("the cap ends it, later");
	stream_pause(p.client.st, true);
	stream_set_queue_max(p.server.st, 100000);
	while ((r = stream_write(p.server.st, span_of(big, 10000))) == 0)
		n++;
	assert_int_equal(r, ERR_LIMIT);
	assert_in_range(n, 8, 12);
	assert_false(p.server.closed);
	assert_int_equal(stream_write(p.server.st, SPAN("x")), ERR_CLOSED);
	world_run(&p.w, 10);
	assert_true(p.server.closed);
	assert_int_equal(p.server.err, ERR_LIMIT);
	pair_fini(&p);
}

static void
t_ends(void **state)
{
	struct pair p;
	(void)state;

	row("finish sends what is queued, then closes in order");
	pair_open(&p, &(struct sim_options){ .seed = 2, .buffer = 5000 });
	assert_int_equal(stream_write(p.server.st, span_of(big, 300000)), 0);
	stream_finish(p.server.st, 5000);
	p.server.st = NULL;
	world_run(&p.w, 5000);
	assert_int_equal(p.client.in.len, 300000);
	assert_int_equal(p.client.err, ERR_CLOSED);
	pair_fini(&p);

	row("finish gives up on a peer that does not read");
	pair_open(&p, &(struct sim_options){ .seed = 2, .buffer = 5000 });
	stream_pause(p.client.st, true);
	assert_int_equal(stream_write(p.server.st, span_of(big, 300000)), 0);
	stream_finish(p.server.st, 5000);
	p.server.st = NULL;
	world_run(&p.w, 6000);
	stream_pause(p.client.st, false);
	world_run(&p.w, 1000);
	assert_true(p.client.closed);
	assert_in_range(p.client.in.len, 0, 100000);
	pair_fini(&p);

	row("close says goodbye");
	pair_open(&p, &still);
	stream_close(p.server.st);
	p.server.st = NULL;
	world_run(&p.w, 100);
	assert_int_equal(p.client.err, ERR_CLOSED);
	pair_fini(&p);

	row("a cut connection is told from an orderly end");
	pair_open(&p, &still);
	assert_true(sim_cut_random(p.w.sim));
	world_run(&p.w, 100);
	assert_int_equal(p.client.err, ERR_IO);
	assert_int_equal(p.server.err, ERR_IO);
	pair_fini(&p);

	for (int above = 0; above < 2; above++) {
		row(above ? "and a queue that was full is empty"
			  : "last words are heard, though writing fails before");
		pair_open(&p, &(struct sim_options){ .seed = 2, .buffer = 5000 });
		stream_pause(p.server.st, true);
		if (above)
			assert_int_equal(
			    stream_write(p.server.st, span_of(big, 300000)), 0);
		assert_int_equal(stream_write(p.client.st, SPAN("farewell")), 0);
		stream_close(STEAL(p.client.st));
		world_run(&p.w, 100);
		assert_int_equal(stream_write(p.server.st, SPAN("are you there?")), 0);
		world_run(&p.w, 100);
		assert_int_equal(stream_write(p.server.st, SPAN("answer!")), 0);
		assert_int_equal(p.server.drains, above);
		assert_false(p.server.closed);
		stream_pause(p.server.st, false);
		world_run(&p.w, 100);
		check_text(buf_span(&p.server.in), "farewell");
		assert_true(p.server.closed);
		pair_fini(&p);
	}

	row("closed from inside on_data, with more to come");
	pair_open(&p, &still);
	p.server.drop_on_data = true;
	assert_int_equal(stream_write(p.client.st, span_of(big, 200000)), 0);
	world_run(&p.w, 1000);
	assert_int_equal(p.server.pieces, 1);
	assert_true(p.client.closed);
	pair_fini(&p);
}

static void
t_reload(void **state)
{
	struct pair p;
	struct fault f = { 0 };
	(void)state;

	pair_open(&p, &still);
	row("bad files change nothing");
	assert_int_not_equal(tls_server_reload(p.st, "/nonexistent", certs.key, &f), 0);
	assert_non_null(strstr(f.text, "/nonexistent"));
	assert_int_not_equal(tls_server_reload(p.st, certs.cert, certs.wrong_key, &f), 0);
	row("new connections get the new certificate, old ones go on");
	assert_int_equal(
	    tls_server_reload(p.st, certs.expired_cert, certs.expired_key, NULL), 0);
	assert_int_equal(stream_write(p.client.st, SPAN("still here")), 0);
	world_run(&p.w, 100);
	check_text(buf_span(&p.server.in), "still here");
	stream_close(p.server.st);
	stream_close(p.client.st);
	p.server.st = p.client.st = NULL;
	p.server.open = p.server.closed = p.client.open = p.client.closed = false;
	pair_dial(&p);
	assert_int_equal(p.client.err, ERR_TLS);
	assert_non_null(strstr(p.client.why, "expired"));
	pair_fini(&p);
}

/* Two streams of one loop whose writes meet in the shared stage. */
static void
t_shared_stage(void **state)
{
	struct pair a, b;
	(void)state;

	pair_open(&a, &still);
	b = (struct pair){ .name = "server", .w = a.w, .st = a.st, .ct = a.ct };
	buf_init(&b.server.in, 1 << 20);
	buf_init(&b.client.in, 1 << 20);
	assert_int_equal(ev_listen(&b.ln, b.w.server, "", 10, on_accept, &b, NULL), 0);
	ev_connect(b.w.client, "server", 10, 1000, on_connect, &b);
	assert_true(world_until(&b.w, &b.server.open, 1000));
	stream_cork(a.client.st);
	stream_cork(b.client.st);
	for (int i = 0; i < 1000; i++) {
		assert_int_equal(stream_write(a.client.st, SPAN("aaaa")), 0);
		assert_int_equal(stream_write(b.client.st, SPAN("bb")), 0);
	}
	stream_uncork(b.client.st);
	stream_uncork(a.client.st);
	world_run(&a.w, 1000);
	assert_int_equal(a.server.in.len, 4000);
	assert_int_equal(b.server.in.len, 2000);
	assert_null(memchr(a.server.in.p, 'b', a.server.in.len));
	assert_null(memchr(b.server.in.p, 'a', b.server.in.len));
	stream_cork(a.client.st);
	assert_int_equal(stream_write(a.client.st, SPAN("last")), 0);
	assert_int_equal(stream_queued(a.client.st), 4);
	stream_close(b.server.st);
	stream_close(b.client.st);
	ev_listener_close(b.ln);
	buf_fini(&b.server.in);
	buf_fini(&b.client.in);
	stream_finish(a.client.st, 1000); /* still corked: nothing is lost */
	a.client.st = NULL;
	world_run(&a.w, 1000);
	assert_int_equal(a.server.in.len, 4004);
	pair_fini(&a);
}

/* What one stream brings makes its owner close another stream of the loop. */
static void
t_closed_while_another_is_read(void **state)
{
	struct pair a, b;
	(void)state;

	pair_open(&a, &still);
	b = (struct pair){ .name = "server", .w = a.w, .st = a.st, .ct = a.ct };
	assert_int_equal(ev_listen(&b.ln, b.w.server, "", 10, on_accept, &b, NULL), 0);
	ev_connect(b.w.client, "server", 10, 1000, on_connect, &b);
	assert_true(world_until(&b.w, &b.server.open, 1000));
	a.client.takes_down = &b.client;
	assert_int_equal(stream_write(a.server.st, SPAN("one")), 0);
	assert_true(world_until(&b.w, &b.server.closed, 1000));
	assert_int_equal(stream_write(a.server.st, SPAN("two")), 0);
	world_run(&a.w, 1000);
	assert_int_equal(a.client.in.len, 6);
	assert_null(b.client.st);
	stream_close(b.server.st);
	ev_listener_close(b.ln);
	pair_fini(&a);
}

static void
t_cut_connections(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed < 60; seed++) {
		struct pair p;

		pair_init(&p,
		    &(struct sim_options){ .seed = seed,
			.segment_max = 200,
			.latency_max_ms = 10,
			.cut_per_million = 20000 });
		p.server.echo = true;
		p.early = span_of(big, 3000);
		pair_dial(&p);
		if (p.client.st != NULL && seed % 2) {
			stream_finish(p.client.st, 1000);
			p.client.st = NULL;
		}
		pair_fini(&p);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_both_ways),
		cmocka_unit_test(t_written_before_the_handshake),
		cmocka_unit_test(t_old_versions),
		cmocka_unit_test(t_plain_meets_tls),
		cmocka_unit_test(t_pause),
		cmocka_unit_test(t_marks_and_cap),
		cmocka_unit_test(t_ends),
		cmocka_unit_test(t_reload),
		cmocka_unit_test(t_shared_stage),
		cmocka_unit_test(t_closed_while_another_is_read),
		cmocka_unit_test(t_cut_connections),
	};
	int r;

	certs_init(&certs);
	r = cmocka_run_group_tests(tests, NULL, NULL);
	certs_fini(&certs);
	return r;
}
