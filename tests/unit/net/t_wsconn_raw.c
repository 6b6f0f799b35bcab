/* SPDX-License-Identifier: Apache-2.0 */
/* WebSocket connections: what raw bytes do to either role, whole and byte by byte. */
#include "wsconn_bench.h"

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
	struct bench f;
	struct raw r = { 0 };
	auto_buf bytes = { 0 };

	bench_up(&f, &(struct sim_options){ .seed = 7, .segment_max = segment });
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
	bench_down(&f);
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
		struct bench f;
		struct raw r = { 0 };

		row(t[i].what);
		bench_up(&f, &(struct sim_options){ .seed = 7 });
		f.server_is_client = t[i].client;
		raw_connect(&r, &f.w, 9);
		raw_say(&r, t[i].in);
		world_run(&f.w, 500);
		check_text(buf_span(&f.server.log), t[i].log);
		assert_int_equal(f.server.err, t[i].err);
		raw_close(&r);
		bench_down(&f);
	}
}

/* 9.1.6, agent-protocol 10.8: whatever carries data or not, pings are answered. */
static void
t_ping_gets_pong(void **state)
{
	struct bench f;
	struct raw r = { 0 };
	auto_buf b = { 0 };
	(void)state;

	bench_up(&f, &(struct sim_options){ .seed = 7 });
	buf_init(&b, 1000);
	add_frame(&b, 0x89, "keepalive", 9, true);
	raw_connect(&r, &f.w, 9);
	raw_say(&r, buf_span(&b));
	world_run(&f.w, 100);
	check_span(buf_span(&r.in), SPAN("\x8a\x09keepalive"));
	raw_close(&r);
	bench_down(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_raw_bytes),
		cmocka_unit_test(t_rfc_examples),
		cmocka_unit_test(t_ping_gets_pong),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
