/* SPDX-License-Identifier: Apache-2.0 */
/*
 * WebSocket connections in a simulated world: what raw bytes do to either role, whole and
 * byte by byte; both roles against each other; limits, pings, silence, back-pressure.
 */
#include "net_test.h"

#include "net/wsconn.h"

enum { MESSAGE_MAX = 1000 };

struct end {
	struct world *w;
	struct wsconn *c;
	struct stream *st;
	struct buf log; /* "T:hello;" for each message; long ones as "B#len;" */
	bool up, closed;
	int err;
	uint16_t code;
	uint32_t drains, pongs, messages;
	uint64_t bytes, rtt_us;
	uint32_t pause_every; /* pause after each n-th message */
	uint16_t close_on_message;
	bool echo;
};

static void
on_message(void *arg, uint8_t op, struct span body)
{
	struct end *e = arg;

	e->messages++;
	e->bytes += body.n;
	if (e->log.len < 100000) {
		buf_addf(&e->log, "%c", op == WS_TEXT ? 'T' : 'B');
		if (body.n <= 20) {
			buf_add_str(&e->log, ":");
			buf_add(&e->log, body);
		} else {
			buf_addf(&e->log, "#%zu", body.n);
		}
		buf_add_str(&e->log, ";");
	}
	if (e->echo)
		(void)!wsconn_send(e->c, op, body);
	if (e->pause_every != 0 && e->messages % e->pause_every == 0)
		wsconn_pause(e->c, true);
	if (e->close_on_message != 0) {
		wsconn_close(e->c, e->close_on_message);
		e->c = NULL;
	}
}

static void
on_drain(void *arg)
{
	struct end *e = arg;

	e->drains++;
}

static void
on_close(void *arg, int err, uint16_t code)
{
	struct end *e = arg;

	assert_false(e->closed);
	e->closed = true;
	e->err = err;
	e->code = code;
}

static void
on_pong(void *arg, uint64_t rtt_us)
{
	struct end *e = arg;

	e->pongs++;
	e->rtt_us = rtt_us;
}

static const struct wsconn_handler handler = { on_message, on_drain, on_close, on_pong };

struct fixture {
	struct world w;
	struct ev_listener *ln;
	struct end server, client;
	struct wsconn_options server_o, client_o;
	bool server_is_client; /* the listening side plays the client role */
	bool late_handler;
};

static void
on_accept(void *arg, struct ev_stream *s)
{
	struct fixture *f = arg;
	struct end *e = &f->server;

	e->st = stream_new(s, NULL, NULL, NULL, NULL);
	e->c = wsconn_new(e->st, f->server_is_client, SPAN_NONE, &f->server_o,
	    f->late_handler ? NULL : &handler, e);
	e->up = true;
}

static void
on_connect(void *arg, struct ev_stream *s, int err, const char *why)
{
	struct fixture *f = arg;
	struct end *e = &f->client;

	(void)why;
	assert_int_equal(err, 0);
	e->st = stream_new(s, NULL, NULL, NULL, NULL);
	e->c = wsconn_new(e->st, true, SPAN_NONE, &f->client_o, &handler, e);
	e->up = true;
}

static void
setup(struct fixture *f, const struct sim_options *o)
{
	*f = (struct fixture){ 0 };
	world_sim(&f->w, o);
	buf_init(&f->server.log, 1 << 20);
	buf_init(&f->client.log, 1 << 20);
	f->server_o.message_max = f->client_o.message_max = MESSAGE_MAX;
	assert_int_equal(ev_listen(&f->ln, f->w.server, "", 9, on_accept, f, NULL), 0);
}

static void
dial(struct fixture *f)
{
	ev_connect(f->w.client, "server", 9, 1000, on_connect, f);
	assert_true(world_until(&f->w, &f->client.up, 1000));
	assert_true(world_until(&f->w, &f->server.up, 1000));
}

static void
teardown(struct fixture *f)
{
	wsconn_close(f->server.c, 0);
	wsconn_close(f->client.c, 0);
	ev_listener_close(f->ln);
	world_run(&f->w, 10000); /* finishing streams end by themselves */
	buf_fini(&f->server.log);
	buf_fini(&f->client.log);
	world_fini(&f->w);
}

/* --- raw bytes --------------------------------------------------------------- */

/* One frame; key 0 means unmasked. */
static void
add_frame(struct buf *b, uint8_t first, const char *body, size_t n, bool masked)
{
	static const uint8_t key[4] = { 0x37, 0xfa, 0x21, 0x3d };
	uint8_t head[WS_HEAD_MAX], *p;
	size_t hl = ws_encode_head(head, 0, true, n, masked ? key : NULL);

	head[0] = first;
	buf_add(b, span_of(head, hl));
	p = buf_grow(b, n);
	assert_non_null(p);
	if (n > 0)
		memcpy(p, body, n);
	if (masked)
		ws_mask(p, n, key, 0);
}

struct piece {
	uint8_t first;
	const char *body;
	size_t n; /* 0: strlen; repeat: filler of this length when body is NULL */
};

struct raw_row {
	const char *what;
	struct piece f[6];
	const char *log;
	int err;       /* 0: stays open */
	uint16_t code; /* of the close frame that comes back; 0: none */
};

static const struct raw_row rows[] = {
	{ "one text", { { 0x81, "Hello", 0 } }, "T:Hello;", 0, 0 },
	{ "one binary, empty", { { 0x82, "", 0 } }, "B:;", 0, 0 },
	{ "two in one", { { 0x81, "a", 0 }, { 0x82, "b", 0 } }, "T:a;B:b;", 0, 0 },
	{ "9.1.5, agent-protocol 10.16: fragments",
	    { { 0x01, "Hel", 0 }, { 0x00, "l", 0 }, { 0x80, "o", 0 } }, "T:Hello;", 0,
	    0 },
	{ "ping between fragments",
	    { { 0x01, "Hel", 0 }, { 0x89, "p", 0 }, { 0x80, "lo", 0 } }, "T:Hello;", 0,
	    0 },
	{ "empty fragments", { { 0x02, "", 0 }, { 0x00, "", 0 }, { 0x80, "", 0 } }, "B:;",
	    0, 0 },
	{ "126 bytes", { { 0x82, NULL, 126 } }, "B#126;", 0, 0 },
	{ "exactly the limit", { { 0x82, NULL, MESSAGE_MAX } }, "B#1000;", 0, 0 },
	{ "over the limit", { { 0x81, "a", 0 }, { 0x82, NULL, MESSAGE_MAX + 1 } }, "T:a;",
	    ERR_LIMIT, 1009 },
	{ "over the limit in fragments", { { 0x02, NULL, 600 }, { 0x80, NULL, 401 } }, "",
	    ERR_LIMIT, 1009 },
	{ "the limit in fragments", { { 0x02, NULL, 600 }, { 0x80, NULL, 400 } },
	    "B#1000;", 0, 0 },
	{ "continuation of nothing", { { 0x80, "x", 0 } }, "", ERR_PROTOCOL, 1002 },
	{ "new message inside a fragmented one", { { 0x01, "x", 0 }, { 0x81, "y", 0 } },
	    "", ERR_PROTOCOL, 1002 },
	{ "reserved bit", { { 0xc1, "x", 0 } }, "", ERR_PROTOCOL, 1002 },
	{ "reserved opcode", { { 0x83, "x", 0 } }, "", ERR_PROTOCOL, 1002 },
	{ "reserved control opcode", { { 0x8b, "x", 0 } }, "", ERR_PROTOCOL, 1002 },
	{ "fragmented ping", { { 0x09, "x", 0 } }, "", ERR_PROTOCOL, 1002 },
	{ "ping of 126 bytes", { { 0x89, NULL, 126 } }, "", ERR_PROTOCOL, 1002 },
	{ "text that is no UTF-8", { { 0x81, "\xc3\x28", 0 } }, "", ERR_PROTOCOL, 1007 },
	{ "UTF-8 cut at a fragment", { { 0x01, "\xc3", 0 }, { 0x80, "\xa4", 0 } },
	    "T:\xc3\xa4;", 0, 0 },
	{ "close", { { 0x88, "\x03\xe8", 2 } }, "", ERR_CLOSED, 1000 },
	{ "close with a reason",
	    { { 0x88,
		"\x03\xe9"
		"bye",
		5 } },
	    "", ERR_CLOSED, 1001 },
	{ "close without a code", { { 0x88, "", 0 } }, "", ERR_CLOSED, 1000 },
	{ "close of one byte", { { 0x88, "\x03", 1 } }, "", ERR_PROTOCOL, 1002 },
	{ "close with a code nobody sends", { { 0x88, "\x03\xed", 2 } }, "", ERR_PROTOCOL,
	    1002 },
	{ "close with a reason that is no UTF-8", { { 0x88, "\x03\xe8\xff", 3 } }, "",
	    ERR_PROTOCOL, 1007 },
	{ "nothing counts after a close", { { 0x88, "\x03\xe8", 2 }, { 0x81, "x", 0 } },
	    "", ERR_CLOSED, 1000 },
	{ "pong nobody asked for", { { 0x8a, "x", 0 }, { 0x81, "y", 0 } }, "T:y;", 0, 0 },
};

static void
compose(struct buf *b, const struct raw_row *t, bool masked)
{
	static char filler[2048];

	memset(filler, 'x', sizeof(filler));
	for (size_t i = 0; i < ARRAY_LEN(t->f) && (t->f[i].body != NULL || t->f[i].n > 0);
	     i++) {
		const struct piece *p = &t->f[i];
		size_t n = p->body != NULL && p->n == 0 ? strlen(p->body) : p->n;

		add_frame(b, p->first, p->body != NULL ? p->body : filler, n, masked);
	}
}

static void
check_row(const struct raw_row *t, uint32_t segment, bool client_role)
{
	struct fixture f;
	struct raw r = { 0 };
	auto_buf bytes = { 0 };

	setup(&f, &(struct sim_options){ .seed = 7, .segment_max = segment });
	f.server_is_client = client_role;
	buf_init(&bytes, 65536);
	compose(&bytes, t, !client_role);
	raw_connect(&r, &f.w, 9);
	raw_say(&r, buf_span(&bytes));
	world_run(&f.w, 500);
	check_text(buf_span(&f.server.log), t->log);
	assert_int_equal(f.server.closed, t->err != 0);
	assert_int_equal(f.server.err, t->err);
	if (t->code != 0 && !client_role) {
		const uint8_t want[4] = { 0x88, 2, (uint8_t)(t->code >> 8),
			(uint8_t)t->code };

		assert_true(r.in.len >= 4);
		assert_memory_equal(r.in.p + r.in.len - 4, want, 4);
	}
	if (t->code != 0) {
		assert_true(r.in.len >= 4);
		wsconn_close(
		    f.server.c, 1000); /* adds no second close frame, ends the stream */
		f.server.c = NULL;
		world_run(&f.w, 500);
		assert_true(r.eof);
	} else {
		assert_false(r.eof);
	}
	raw_close(&r);
	teardown(&f);
}

static void
t_raw_bytes(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		row(rows[i].what);
		check_row(&rows[i], 0, false);
		check_row(&rows[i], 1, false);
		check_row(&rows[i], 7, false);
		check_row(&rows[i], 0, true);
		check_row(&rows[i], 1, true);
	}
}

/* The examples of RFC 6455 5.7, byte for byte. */
static void
t_rfc_examples(void **state)
{
	static const struct {
		const char *what;
		struct span in;
		bool client;
		const char *log;
		int err;
	} t[] = {
		{ "unmasked text to a client", SPAN("\x81\x05Hello"), true, "T:Hello;",
		    0 },
		{ "masked text to a server",
		    SPAN("\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"), false,
		    "T:Hello;", 0 },
		{ "fragmented to a client", SPAN("\x01\x03Hel\x80\x02lo"), true,
		    "T:Hello;", 0 },
		{ "unmasked text to a server", SPAN("\x81\x05Hello"), false, "",
		    ERR_PROTOCOL },
		{ "masked text to a client",
		    SPAN("\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"), true, "",
		    ERR_PROTOCOL },
		{ "length in too many bytes", SPAN("\x82\x7e\x00\x05"), true, "",
		    ERR_PROTOCOL },
		{ "negative length", SPAN("\x82\x7f\x80\0\0\0\0\0\0\0"), true, "",
		    ERR_PROTOCOL },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct fixture f;
		struct raw r = { 0 };

		row(t[i].what);
		setup(&f, &(struct sim_options){ .seed = 7 });
		f.server_is_client = t[i].client;
		raw_connect(&r, &f.w, 9);
		raw_say(&r, t[i].in);
		world_run(&f.w, 500);
		check_text(buf_span(&f.server.log), t[i].log);
		assert_int_equal(f.server.err, t[i].err);
		raw_close(&r);
		teardown(&f);
	}
}

/* 9.1.6, agent-protocol 10.8: whatever carries data or not, pings are answered. */
static void
t_ping_gets_pong(void **state)
{
	struct fixture f;
	struct raw r = { 0 };
	auto_buf b = { 0 };
	(void)state;

	setup(&f, &(struct sim_options){ .seed = 7 });
	buf_init(&b, 1000);
	add_frame(&b, 0x89, "keepalive", 9, true);
	raw_connect(&r, &f.w, 9);
	raw_say(&r, buf_span(&b));
	world_run(&f.w, 100);
	check_span(buf_span(&r.in), SPAN("\x8a\x09keepalive"));
	raw_close(&r);
	teardown(&f);
}

/* --- both ends ----------------------------------------------------------------- */

static void
t_echo(void **state)
{
	static uint8_t big[60000];
	struct fixture f;
	(void)state;

	for (uint64_t seed = 1; seed < 30; seed++) {
		uint32_t n = 0;

		setup(&f,
		    &(struct sim_options){ .seed = seed,
			.latency_max_ms = 20,
			.segment_max = (uint32_t)(seed * 37) });
		f.server_o.message_max = f.client_o.message_max = sizeof(big);
		f.server.echo = true;
		f.server.pause_every = seed % 3 == 0 ? 2 : 0;
		f.client.pause_every = seed % 5 == 0 ? 3 : 0;
		dial(&f);
		for (size_t size = 0; size <= sizeof(big); size = size * 3 + 1) {
			assert_int_equal(
			    wsconn_send(f.client.c, WS_TEXT, span_of(big, size)), 0);
			n++;
		}
		wsconn_cork(f.client.c);
		for (size_t i = 0; i < 20; i++) {
			assert_int_equal(
			    wsconn_send(f.client.c, WS_BINARY, SPAN("corked")), 0);
			n++;
		}
		wsconn_uncork(f.client.c);
		for (int i = 0; i < 1000 && f.client.messages < n; i++) {
			world_run(&f.w, 20);
			wsconn_pause(f.server.c, false);
			wsconn_pause(f.client.c, false);
		}
		assert_int_equal(f.client.messages, n);
		check_span(buf_span(&f.client.log), buf_span(&f.server.log));
		assert_false(f.server.closed || f.client.closed);
		teardown(&f);
	}
}

static void
t_pause_holds_messages_back(void **state)
{
	struct fixture f;
	(void)state;

	setup(&f, &(struct sim_options){ .seed = 3 });
	f.server.pause_every = 1;
	dial(&f);
	for (int i = 0; i < 5; i++)
		assert_int_equal(wsconn_send(f.client.c, WS_TEXT, SPAN("m")), 0);
	world_run(&f.w, 100);
	for (uint32_t i = 1; i <= 5; i++) {
		assert_int_equal(f.server.messages, i);
		wsconn_pause(f.server.c, false);
		assert_int_equal(f.server.messages, i); /* never from inside the call */
		world_run(&f.w, 100);
	}
	teardown(&f);
}

static void
t_handler_that_comes_late(void **state)
{
	struct fixture f;
	(void)state;

	setup(&f, &(struct sim_options){ .seed = 3 });
	f.late_handler = true;
	dial(&f);
	assert_int_equal(wsconn_send(f.client.c, WS_TEXT, SPAN("early")), 0);
	world_run(&f.w, 100);
	assert_int_equal(f.server.messages, 0);
	wsconn_set_handler(f.server.c, &handler, &f.server);
	world_run(&f.w, 100);
	check_text(buf_span(&f.server.log), "T:early;");
	teardown(&f);
}

static void
t_close_codes(void **state)
{
	static const struct {
		const char *what;
		uint16_t code, seen;
		int err;
	} t[] = {
		{ "normal", 1000, 1000, ERR_CLOSED },
		{ "private use", 4001, 4001, ERR_CLOSED },
		{ "dropped", 0, 0, ERR_CLOSED },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct fixture f;

		row(t[i].what);
		setup(&f, &(struct sim_options){ .seed = 3 });
		dial(&f);
		assert_int_equal(wsconn_send(f.client.c, WS_TEXT, SPAN("last words")), 0);
		wsconn_close(f.client.c, t[i].code);
		f.client.c = NULL;
		world_run(&f.w, 100);
		check_text(buf_span(&f.server.log), "T:last words;");
		assert_int_equal(f.server.err, t[i].err);
		assert_int_equal(f.server.code, t[i].seen);
		teardown(&f);
	}
}

static void
t_close_inside_a_message(void **state)
{
	struct fixture f;
	(void)state;

	setup(&f, &(struct sim_options){ .seed = 3 });
	f.server.close_on_message = 1008;
	dial(&f);
	wsconn_cork(f.client.c);
	for (int i = 0; i < 10; i++)
		assert_int_equal(wsconn_send(f.client.c, WS_TEXT, SPAN("x")), 0);
	wsconn_uncork(f.client.c);
	world_run(&f.w, 100);
	assert_int_equal(f.server.messages, 1);
	assert_int_equal(f.client.code, 1008);
	teardown(&f);
}

static void
t_first_message_deadline(void **state)
{
	struct fixture f;
	(void)state;

	setup(&f, &(struct sim_options){ .seed = 3 });
	f.server_o.start_ms = 5000;
	dial(&f);
	world_run(&f.w, 4000);
	assert_false(f.server.closed);
	world_run(&f.w, 2000);
	assert_int_equal(f.server.err, ERR_TIMEOUT);
	assert_int_equal(f.client.code, 1008);
	teardown(&f);

	setup(&f, &(struct sim_options){ .seed = 3 });
	f.server_o.start_ms = 5000;
	dial(&f);
	assert_int_equal(wsconn_send(f.client.c, WS_TEXT, SPAN("here")), 0);
	world_run(&f.w, 20000);
	assert_false(f.server.closed);
	teardown(&f);
}

static void
t_own_pings(void **state)
{
	struct fixture f;
	(void)state;

	setup(&f,
	    &(struct sim_options){
		.seed = 3, .latency_min_ms = 10, .latency_max_ms = 10 });
	f.server_o.ping_ms = 1000;
	f.server_o.dead_ms = 3000;
	dial(&f);
	world_run(&f.w, 10500);
	assert_in_range(f.server.pongs, 9, 11);
	assert_in_range(f.server.rtt_us, 20000, 30000);
	assert_false(f.server.closed || f.client.closed);
	teardown(&f);
}

static void
t_silence_is_death(void **state)
{
	struct fixture f;
	struct raw r = { 0 };
	(void)state;

	setup(&f, &(struct sim_options){ .seed = 3 });
	f.server_o.ping_ms = 1000;
	f.server_o.dead_ms = 3000;
	raw_connect(&r, &f.w, 9);
	world_run(&f.w, 2900);
	assert_false(f.server.closed);
	world_run(&f.w, 500);
	assert_true(f.server.closed);
	assert_int_equal(f.server.err, ERR_TIMEOUT);
	raw_close(&r);
	teardown(&f);
}

/* The kernel of a program that hangs takes our pings; that is no sign of life. */
static void
t_hung_peer_is_dead(void **state)
{
	struct fixture f;
	(void)state;

	setup(&f, &(struct sim_options){ .seed = 3, .latency_max_ms = 10 });
	f.server_o.ping_ms = 1000;
	f.server_o.dead_ms = 2500;
	dial(&f);
	world_run(&f.w, 10000);
	assert_false(f.server.closed);
	wsconn_pause(f.client.c, true);
	world_run(&f.w, 1400);
	assert_false(f.server.closed);
	world_run(&f.w, 1600);
	assert_int_equal(f.server.err, ERR_TIMEOUT);
	teardown(&f);
}

/* The pong waits behind megabytes that go through a thin line: bytes arrive, so it lives. */
static void
t_slow_peer_lives(void **state)
{
	static uint8_t chunk[60000];
	struct fixture f;
	(void)state;

	setup(&f, &(struct sim_options){ .seed = 3, .buffer = 1 << 20 });
	f.server_o.ping_ms = 1000;
	f.server_o.dead_ms = 2500;
	f.client_o.message_max = 1 << 20;
	dial(&f);
	sim_slow(f.w.client, 30000);
	for (int i = 0; i < 16; i++)
		assert_int_equal(
		    wsconn_send(f.server.c, WS_BINARY, span_of(chunk, sizeof(chunk))), 0);
	world_run(&f.w, 25000);
	assert_in_range(f.client.messages, 10, 15); /* the first pong is 30 s away */
	assert_false(f.server.closed);
	world_run(&f.w, 20000);
	assert_int_equal(f.client.messages, 16);
	assert_false(f.server.closed);
	teardown(&f);
}

/* A peer that we do not read cannot be heard; that it takes nothing any more is seen. */
static void
t_paused_peer(void **state)
{
	static uint8_t chunk[60000];
	struct fixture f;
	(void)state;

	setup(&f, &(struct sim_options){ .seed = 3 });
	f.server_o.ping_ms = 1000;
	f.server_o.dead_ms = 2500;
	dial(&f);
	wsconn_pause(f.server.c, true);
	world_run(&f.w, 60000);
	assert_false(f.server.closed);
	sim_slow(f.w.client, 1); /* from now on next to nothing arrives there */
	assert_int_equal(
	    wsconn_send(f.server.c, WS_BINARY, span_of(chunk, sizeof(chunk))), 0);
	world_run(&f.w, 2000);
	assert_false(f.server.closed);
	world_run(&f.w, 2000);
	assert_int_equal(f.server.err, ERR_TIMEOUT);
	teardown(&f);
}

static void
t_queue_limit(void **state)
{
	static uint8_t chunk[900];
	struct fixture f;
	int r, n = 0;
	(void)state;

	setup(&f, &(struct sim_options){ .seed = 3, .buffer = 4096 });
	f.server_o.queue_max = 100000;
	dial(&f);
	wsconn_pause(f.client.c, true);
	while ((r = wsconn_send(f.server.c, WS_BINARY, span_of(chunk, sizeof(chunk)))) ==
	    0) {
		n++;
		world_run(&f.w, 1);
		assert_in_range(wsconn_queued(f.server.c), 0, 100000);
	}
	assert_int_equal(r, ERR_LIMIT);
	assert_in_range(n, 100, 130);
	assert_false(f.server.closed); /* told later */
	world_run(&f.w, 10);
	assert_int_equal(f.server.err, ERR_LIMIT);
	wsconn_close(f.server.c, 0);
	f.server.c = NULL;
	wsconn_pause(f.client.c, false);
	world_run(&f.w, 1000);
	assert_int_equal(
	    f.client.messages, n); /* what was queued arrives, then the reason */
	assert_int_equal(f.client.code, 1013);
	teardown(&f);
}

static void
t_back_pressure(void **state)
{
	static uint8_t chunk[1000];
	struct fixture f;
	size_t sent = 0;
	(void)state;

	setup(&f, &(struct sim_options){ .seed = 3 });
	dial(&f);
	sim_slow(f.w.client, 200000);
	while (wsconn_queued(f.server.c) < STREAM_HIGH) {
		assert_int_equal(
		    wsconn_send(f.server.c, WS_BINARY, span_of(chunk, sizeof(chunk))), 0);
		sent++;
	}
	assert_int_equal(f.server.drains, 0);
	world_run(&f.w, 60000);
	assert_int_equal(f.server.drains, 1);
	assert_int_equal(f.client.messages, sent);
	assert_int_equal(wsconn_queued(f.server.c), 0);
	teardown(&f);
}

/* A peer that pings and does not read costs no memory. */
static void
t_pings_without_reading(void **state)
{
	struct fixture f;
	struct raw r = { 0 };
	auto_buf b = { 0 };
	static char body[125];
	(void)state;

	setup(&f, &(struct sim_options){ .seed = 3, .buffer = 4096 });
	f.server_o.message_max = 1 << 20;
	buf_init(&b, 1 << 20);
	for (int i = 0; i < 5000; i++)
		add_frame(&b, 0x89, body, sizeof(body), true);
	raw_connect(&r, &f.w, 9);
	world_run(&f.w, 10);
	ev_stream_want(r.s, false, false);
	r.eof = true; /* the raw peer stops reading */
	raw_say(&r, buf_span(&b));
	world_run(&f.w, 10000);
	assert_int_equal(r.sent, b.len);
	assert_in_range(wsconn_queued(f.server.c), 1, STREAM_LOW + 1000);
	raw_close(&r);
	teardown(&f);
}

static void
t_cut_connections(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed < 200; seed++) {
		struct fixture f;
		static uint8_t chunk[700];

		setup(&f,
		    &(struct sim_options){ .seed = seed,
			.latency_max_ms = 5,
			.segment_max = 300,
			.cut_per_million = 20000 });
		ev_connect(f.w.client, "server", 9, 1000, on_connect, &f);
		(void)world_until(&f.w, &f.client.up, 1000);
		f.server.echo = true;
		for (int i = 0; i < 50 && f.client.c != NULL; i++) {
			(void)!wsconn_send(
			    f.client.c, WS_BINARY, span_of(chunk, sizeof(chunk)));
			world_run(&f.w, 3);
			if (f.client.closed) {
				wsconn_close(f.client.c, (uint16_t)(seed % 2 ? 1000 : 0));
				f.client.c = NULL;
			}
		}
		teardown(&f);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_raw_bytes),
		cmocka_unit_test(t_rfc_examples),
		cmocka_unit_test(t_ping_gets_pong),
		cmocka_unit_test(t_echo),
		cmocka_unit_test(t_pause_holds_messages_back),
		cmocka_unit_test(t_handler_that_comes_late),
		cmocka_unit_test(t_close_codes),
		cmocka_unit_test(t_close_inside_a_message),
		cmocka_unit_test(t_first_message_deadline),
		cmocka_unit_test(t_own_pings),
		cmocka_unit_test(t_hung_peer_is_dead),
		cmocka_unit_test(t_slow_peer_lives),
		cmocka_unit_test(t_paused_peer),
		cmocka_unit_test(t_silence_is_death),
		cmocka_unit_test(t_queue_limit),
		cmocka_unit_test(t_back_pressure),
		cmocka_unit_test(t_pings_without_reading),
		cmocka_unit_test(t_cut_connections),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
