/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers that are read while they are sent: whole, in shares, behind and before other
 * requests; and a source is closed once, whatever happens to it or to its peer.
 */
#include "net_test.h"

enum { MB = 1024 * 1024, LENGTH = 3 * MB + 7 };

struct site {
	struct world w;
	struct http_server *s;
	struct raw r;
	uint64_t read, fails_at; /* bytes; fails_at 0: never */
	int opened, closed;
	struct http_req *kept;
};

static int
source_read(void *arg, uint8_t *p, size_t n)
{
	struct site *s = arg;

	assert_int_equal(s->closed, s->opened - 1);
	if (s->fails_at != 0 && s->read + n > s->fails_at)
		return ERR_IO;
	memset(p, 'x', n);
	s->read += n;
	return 0;
}

static void
source_close(void *arg)
{
	struct site *s = arg;

	s->closed++;
}

static void
reply(struct site *s, struct http_req *r)
{
	struct http_source source = { source_read, source_close, s };

	s->opened++;
	http_reply_source(r, 200, "text/plain", LENGTH, &source);
}

static void
handle(void *arg, struct http_req *r)
{
	struct site *s = arg;

	if (span_eq_str(r->path, "/source"))
		reply(s, r);
	else if (span_eq_str(r->path, "/kept"))
		s->kept = r;
	else
		http_reply(r, 200, "text/plain", SPAN("plain"));
}

static void
setup(struct site *s)
{
	static const struct http_limits limits = { .head_max = 2000,
		.body_max = 5000,
		.head_ms = 10000,
		.body_ms = 20000,
		.idle_ms = 60000,
		.connections_max = 3 };

	*s = (struct site){ 0 };
	world_sim(&s->w, &(struct sim_options){ .seed = 12, .latency_min_ms = 1 });
	assert_int_equal(
	    http_server_new(&s->s, s->w.server, "", 80, NULL, &limits, handle, s, NULL),
	    0);
	raw_connect(&s->r, &s->w, 80);
}

static void
teardown(struct site *s)
{
	raw_close(&s->r);
	http_server_free(s->s);
	assert_int_equal(s->closed, s->opened);
	world_fini(&s->w);
}

#define GET(path) "GET " path " HTTP/1.1\r\nHost: h\r\n\r\n"

static void
t_whole(void **state)
{
	struct site s;
	(void)state;

	setup(&s);
	raw_say(&s.r, SPAN(GET("/source") GET("/a") GET("/source")));
	world_run(&s.w, 60000);
	assert_int_equal(s.read, 2 * LENGTH);
	assert_int_equal(s.closed, 2);
	assert_in_range(s.r.in.len, 2 * LENGTH, 2 * LENGTH + 1000);
	assert_true(raw_heard(&s.r, "Content-Length: 3145735\r\n"));
	assert_true(raw_heard(&s.r, "\r\n\r\nplain"));
	assert_false(s.r.eof);
	teardown(&s);
}

static void
t_head(void **state)
{
	struct site s;
	(void)state;

	setup(&s);
	raw_say(&s.r, SPAN("HEAD /source HTTP/1.1\r\nHost: h\r\n\r\n" GET("/a")));
	world_run(&s.w, 1000);
	assert_true(raw_heard(&s.r, "Content-Length: 3145735\r\n"));
	assert_true(raw_heard(&s.r, "\r\n\r\nplain"));
	assert_int_equal(s.read, 0);
	assert_int_equal(s.closed, 1);
	teardown(&s);
}

/* What is not taken is not read: memory stays bounded, and the peer has a time. */
static void
t_nobody_reads(void **state)
{
	struct site s;
	(void)state;

	setup(&s);
	world_run(&s.w, 100);
	s.r.eof = true; /* stop reading */
	raw_say(&s.r, SPAN(GET("/source")));
	world_run(&s.w, 30000);
	assert_in_range(s.read, 1, MB);
	assert_int_equal(s.closed, 0);
	world_run(&s.w, 70000);
	assert_int_equal(s.closed, 1);
	assert_int_equal(http_server_connections(s.s), 0);
	teardown(&s);
}

static void
t_source_fails(void **state)
{
	struct site s;
	(void)state;

	setup(&s);
	s.fails_at = MB;
	raw_say(&s.r, SPAN(GET("/source") GET("/a")));
	world_run(&s.w, 5000);
	assert_true(s.r.eof || s.r.failed);
	assert_true(s.r.in.len < LENGTH);
	assert_false(raw_heard(&s.r, "\r\n\r\nplain"));
	assert_int_equal(s.closed, 1);
	teardown(&s);
}

static void
t_peer_leaves(void **state)
{
	struct site s;
	(void)state;

	setup(&s);
	raw_say(&s.r, SPAN(GET("/source")));
	world_run(&s.w, 5);
	assert_int_equal(s.closed, 0);
	raw_close(&s.r);
	world_run(&s.w, 5000);
	assert_int_equal(s.closed, 1);
	assert_true(s.read < LENGTH);
	teardown(&s);
}

/* The peer was gone before the answer: it is closed unread. */
static void
t_nobody_there(void **state)
{
	struct site s;
	(void)state;

	setup(&s);
	raw_say(&s.r, SPAN(GET("/kept")));
	world_run(&s.w, 100);
	assert_non_null(s.kept);
	raw_close(&s.r);
	world_run(&s.w, 100);
	reply(&s, s.kept);
	assert_int_equal(s.closed, 1);
	assert_int_equal(s.read, 0);
	teardown(&s);
}

static void
t_stop_meanwhile(void **state)
{
	struct site s;
	(void)state;

	setup(&s);
	raw_say(&s.r, SPAN(GET("/source")));
	world_run(&s.w, 5);
	http_server_drain(s.s);
	world_run(&s.w, 60000);
	assert_in_range(s.r.in.len, LENGTH, LENGTH + 1000); /* what began is ended */
	assert_true(s.r.eof);
	teardown(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_whole),
		cmocka_unit_test(t_head),
		cmocka_unit_test(t_nobody_reads),
		cmocka_unit_test(t_source_fails),
		cmocka_unit_test(t_peer_leaves),
		cmocka_unit_test(t_nobody_there),
		cmocka_unit_test(t_stop_meanwhile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
