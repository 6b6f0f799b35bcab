/* SPDX-License-Identifier: Apache-2.0 */
/* Streams: one suite for both backends.  How they come about is in t_connect.c. */
#include "stream_bench.h"

/* --- bytes -------------------------------------------------------------------------- */

static void
t_hello(void **state)
{
	struct pair p;
	size_t got;

	pair_open(&p, *state);
	assert_int_equal(ev_read(p.srv.s, p.srv.in, 1, &got), ERR_AGAIN);
	side_say(&p.cli, "hello");
	p.srv.want = 5;
	env_run(p.e);
	assert_memory_equal(p.srv.in, "hello", 5);
	side_say(&p.srv, "hi");
	p.cli.want = 2;
	env_run(p.e);
	assert_memory_equal(p.cli.in, "hi", 2);
	assert_ptr_equal(ev_stream_loop(p.srv.s), p.e->server);
	pair_end(&p);
}

/* What is being sent in bulk, and echoed. */
struct bulk {
	struct env *e;
	struct ev_stream *s, *peer;
	uint8_t out[BULK], in[BULK], queue[5000];
	size_t nout, nin, nqueue;
	int stalls; /* times the writer met ERR_AGAIN */
};

static void
bulk_write(void *arg)
{
	struct bulk *b = arg;
	size_t put;
	int r = 0;

	while (b->nout < BULK &&
	    (r = ev_write(b->s, b->out + b->nout, BULK - b->nout, &put)) == 0)
		b->nout += put;
	assert_true(r == 0 || r == ERR_AGAIN);
	b->stalls += r == ERR_AGAIN;
	ev_stream_want(b->s, true, b->nout < BULK);
}

static void
bulk_read(void *arg)
{
	struct bulk *b = arg;
	size_t got;
	int r;

	while ((r = ev_read(b->s, b->in + b->nin, 3000, &got)) == 0) {
		b->nin += got;
		if (b->nin == BULK) {
			env_done(b->e);
			return;
		}
	}
	assert_int_equal(r, ERR_AGAIN);
}

/* The echo reads nothing while its small queue is full. */
static void
echo_go(void *arg)
{
	struct bulk *b = arg;
	size_t n;

	while (b->nqueue > 0 && ev_write(b->peer, b->queue, b->nqueue, &n) == 0) {
		b->nqueue -= n;
		memmove(b->queue, b->queue + n, b->nqueue);
	}
	if (b->nqueue < sizeof(b->queue) &&
	    ev_read(b->peer, b->queue + b->nqueue, sizeof(b->queue) - b->nqueue, &n) == 0)
		b->nqueue += n;
	ev_stream_want(b->peer, b->nqueue<sizeof(b->queue), b->nqueue> 0);
}

static void
t_bulk_echo(void **state)
{
	static const struct ev_stream_ops near = { bulk_read, bulk_write },
					  far = { echo_go, echo_go };
	struct bulk *b = xcalloc(1, sizeof(*b));
	struct pair p;

	pair_open(&p, *state);
	b->e = p.e;
	b->s = p.cli.s;
	b->peer = p.srv.s;
	ev_random(p.e->client, b->out, sizeof(b->out));
	ev_stream_set(b->s, &near, b);
	ev_stream_set(b->peer, &far, b);
	ev_stream_want(b->s, true, true);
	env_run(p.e);
	assert_memory_equal(b->in, b->out, BULK);
	assert_true(b->stalls > 0);
	free(b);
	pair_end(&p);
}

static void
t_half_close(void **state)
{
	struct pair p;
	size_t put;

	pair_open(&p, *state);
	p.srv.reply_at_end = true;
	side_say(&p.cli, "question");
	ev_shutdown_write(p.cli.s);
	assert_int_equal(ev_write(p.cli.s, "x", 1, &put), ERR_CLOSED);
	env_run(p.e);
	assert_int_equal(p.srv.end, ERR_CLOSED);
	assert_memory_equal(p.srv.in, "question", 9);
	assert_int_equal(p.cli.end, ERR_CLOSED);
	assert_memory_equal(p.cli.in, "bye", 4);
	pair_end(&p);
}

/* A writer into a closed connection hears of it sooner or later. */
static void
t_write_after_close(void **state)
{
	struct pair p;
	size_t put;
	int r = 0;

	pair_open(&p, *state);
	side_close(&p.srv);
	env_run(p.e);
	assert_true(p.cli.end == ERR_CLOSED || p.cli.end == ERR_IO);
	for (int i = 0; i < 100 && r == 0; i++) {
		r = ev_write(p.cli.s, "x", 1, &put);
		env_run_for(p.e, 1);
	}
	assert_true(r == ERR_CLOSED || r == ERR_IO);
	pair_end(&p);
}

/* A reader that does not read fills the writer's room; reading makes room again. */
static void
t_back_pressure(void **state)
{
	struct pair p;
	uint8_t *chunk = xcalloc(1, ROOM);
	size_t put, sent = 0;
	int quiet = 0;

	pair_open(&p, *state);
	ev_stream_want(p.srv.s, false, false);
	while (quiet < 5) { /* the kernel goes on for a moment by itself */
		int r = ev_write(p.cli.s, chunk, ROOM, &put);

		assert_true(r == 0 || r == ERR_AGAIN);
		sent += r == 0 ? put : 0;
		quiet = r == 0 ? 0 : quiet + 1;
		env_run_for(p.e, 25);
	}
	assert_int_equal(p.srv.calls, 0);
	while (sent > 0) {
		int r = ev_read(p.srv.s, chunk, MIN(sent, ROOM), &put);

		assert_true(r == 0 || r == ERR_AGAIN);
		if (r == 0)
			sent -= put;
		else
			env_run_for(p.e, 1);
	}
	ev_stream_want(p.cli.s, false, true);
	env_run(p.e); /* on_writable() */
	free(chunk);
	pair_end(&p);
}

/* --- readiness and life ----------------------------------------------------------------
 */

static void
t_pause(void **state)
{
	struct pair p;

	pair_open(&p, *state);
	ev_stream_want(p.srv.s, false, false);
	side_say(&p.cli, "one");
	env_run_for(p.e, 50);
	assert_int_equal(p.srv.calls, 0);
	p.srv.want = 3;
	ev_stream_want(p.srv.s, true, false);
	env_run(p.e);
	assert_memory_equal(p.srv.in, "one", 3);
	for (int i = 0; i < 10; i++) /* ends where it began */
		ev_stream_want(p.srv.s, i % 2 == 1, false);
	side_say(&p.cli, "two");
	p.srv.want = 6;
	env_run(p.e);
	assert_memory_equal(p.srv.in, "onetwo", 6);
	pair_end(&p);
}

static void
t_close_in_callback(void **state)
{
	struct pair p;

	pair_open(&p, *state);
	p.srv.close_at_call = true;
	side_say(&p.cli, "x");
	ev_stream_want(p.srv.s, true, true);
	ev_stream_want(p.srv.s, true, false);
	env_run(p.e);
	assert_int_equal(p.srv.calls, 1);
	env_run(p.e); /* the other side hears of it */
	assert_int_equal(p.srv.calls, 1);
	assert_true(p.cli.end == ERR_CLOSED || p.cli.end == ERR_IO);
	pair_end(&p);
}

static void
t_peer_names(void **state)
{
	struct pair p;
	const char *ip;

	pair_open(&p, *state);
	ip = p.e->world != NULL ? "10.0.0.2" : "127.0.0.1";
	assert_string_equal(ev_peer_ip(p.srv.s), ip);
	assert_memory_equal(ev_peer_name(p.srv.s), ip, strlen(ip));
	assert_non_null(strchr(ev_peer_name(p.srv.s), ':'));
	ip = p.e->world != NULL ? "10.0.0.1" : "127.0.0.1";
	assert_string_equal(ev_peer_ip(p.cli.s), ip);
	pair_end(&p);
}

/* A connection nobody waits for does not keep ev_run(). */
static void
t_run_ends(void **state)
{
	struct pair p;

	pair_open(&p, *state);
	ev_listener_close(p.ln);
	p.ln = NULL;
	ev_stream_want(p.srv.s, false, false);
	ev_stream_want(p.cli.s, false, false);
	ev_run(p.e->server);
	side_close(&p.srv);
	ev_run(p.e->server);
	pair_end(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		ENV_TEST(t_hello),
		ENV_TEST(t_bulk_echo),
		ENV_TEST(t_half_close),
		ENV_TEST(t_write_after_close),
		ENV_TEST(t_back_pressure),
		ENV_TEST(t_pause),
		ENV_TEST(t_close_in_callback),
		ENV_TEST(t_peer_names),
		ENV_TEST(t_run_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
