/* SPDX-License-Identifier: Apache-2.0 */
/* Streams, listeners and connects: one suite for both backends. */
#include "env.h"

enum { ROOM = 1 << 20, BULK = 16 << 20 /* more than the kernel's buffers take */ };

/* One side of a connection that keeps what it hears. */
struct side {
	struct env *e;
	struct ev_stream *s;
	uint8_t *in;
	size_t nin, want; /* env_done() once so many bytes are there, or at the end */
	int end;          /* how reading ended: ERR_*, 0 while it goes on */
	int calls;        /* of readable() */
	bool reply_at_end, close_at_call;
};

/* Listener, the accepted side and the connected side. */
struct pair {
	struct env *e;
	struct ev_listener *ln;
	struct side srv, cli;
	int err;
	char why[200];
	int naccepted, nconnected;
};

static void
hang_up(struct side *x)
{
	ev_close(x->s);
	x->s = NULL;
}

static void
on_readable(void *arg)
{
	struct side *x = arg;
	size_t got;
	int r;

	x->calls++;
	if (x->close_at_call) {
		hang_up(x);
		env_done(x->e);
		return;
	}
	while ((r = ev_read(x->s, x->in + x->nin, ROOM - x->nin, &got)) == 0) {
		assert_true(got > 0);
		x->nin += got;
	}
	if (r != ERR_AGAIN) {
		x->end = r;
		ev_stream_want(x->s, false, false);
		if (x->reply_at_end) {
			assert_int_equal(ev_write(x->s, "bye", 3, &got), 0);
			hang_up(x);
		} else {
			env_done(x->e);
		}
	} else if (x->want != 0 && x->nin >= x->want) {
		env_done(x->e);
	}
}

static void
on_writable(void *arg)
{
	struct side *x = arg;

	env_done(x->e);
}

static const struct ev_stream_ops side_ops = { on_readable, on_writable };

static void
side_start(struct side *x, struct env *e, struct ev_stream *s)
{
	x->e = e;
	x->s = s;
	free(x->in);
	x->in = xcalloc(1, ROOM);
	ev_stream_set(s, &side_ops, x);
	ev_stream_want(s, true, false);
}

static void
pair_ready(struct pair *p)
{
	if (p->srv.s != NULL && p->cli.s != NULL)
		env_done(p->e);
}

static void
on_accept(void *arg, struct ev_stream *s)
{
	struct pair *p = arg;

	p->naccepted++;
	if (p->srv.s != NULL) {
		ev_close(s);
		return;
	}
	side_start(&p->srv, p->e, s);
	pair_ready(p);
}

static void
on_connected(void *arg, struct ev_stream *s, int err, const char *why)
{
	struct pair *p = arg;

	p->nconnected++;
	p->err = err;
	snprintf(p->why, sizeof(p->why), "%s", why);
	if (s == NULL || p->cli.s != NULL) {
		ev_close(s);
		env_done(p->e);
		return;
	}
	side_start(&p->cli, p->e, s);
	pair_ready(p);
}

static void
pair_listen(struct pair *p, void *state, const char *at)
{
	struct fault f = { 0 };

	*p = (struct pair){ .e = state };
	if (ev_listen(&p->ln, p->e->server, at, 0, on_accept, p, &f) != 0)
		fail_msg("%s", fault_text(&f));
}

static void
pair_open(struct pair *p, void *state)
{
	pair_listen(p, state, "");
	ev_connect(
	    p->e->client, p->e->host, ev_listener_port(p->ln), 5000, on_connected, p);
	env_run(p->e);
	assert_int_equal(p->err, 0);
}

static void
pair_end(struct pair *p)
{
	ev_close(p->srv.s);
	ev_close(p->cli.s);
	ev_listener_close(p->ln);
	free(p->srv.in);
	free(p->cli.in);
}

static void
say(struct side *x, const char *text)
{
	size_t put;

	assert_int_equal(ev_write(x->s, text, strlen(text), &put), 0);
	assert_int_equal(put, strlen(text));
}

/* --- bytes -------------------------------------------------------------------------- */

static void
t_hello(void **state)
{
	struct pair p;
	size_t got;

	pair_open(&p, *state);
	assert_int_equal(ev_read(p.srv.s, p.srv.in, 1, &got), ERR_AGAIN);
	say(&p.cli, "hello");
	p.srv.want = 5;
	env_run(p.e);
	assert_memory_equal(p.srv.in, "hello", 5);
	say(&p.srv, "hi");
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
	say(&p.cli, "question");
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
	hang_up(&p.srv);
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
	say(&p.cli, "one");
	env_run_for(p.e, 50);
	assert_int_equal(p.srv.calls, 0);
	p.srv.want = 3;
	ev_stream_want(p.srv.s, true, false);
	env_run(p.e);
	assert_memory_equal(p.srv.in, "one", 3);
	for (int i = 0; i < 10; i++) /* ends where it began */
		ev_stream_want(p.srv.s, i % 2 == 1, false);
	say(&p.cli, "two");
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
	say(&p.cli, "x");
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
	hang_up(&p.srv);
	ev_run(p.e->server);
	pair_end(&p);
}

/* --- connecting
 * -------------------------------------------------------------------------- */

static void
t_connect_failures(void **state)
{
	struct env *e = *state;
	bool sim = e->world != NULL;
	struct pair p;
	uint16_t port;
	char refused[64];

	pair_listen(&p, e, "");
	port = ev_listener_port(p.ln);
	ev_listener_close(p.ln);
	p.ln = NULL;
	snprintf(refused, sizeof(refused), "connection refused by %s:%u", e->host, port);

	const struct {
		const char *what, *host, *why;
		int err;
	} t[] = {
		{ "nobody listens", e->host, refused, ERR_REFUSED },
		{ "no such name", "nosuch.invalid",
		    "name does not resolve: nosuch.invalid", ERR_RESOLVE },
		{ "no such path", "/nonexistent/socket",
		    "cannot connect to /nonexistent/socket", ERR_NOTFOUND },
		{ "a path that is too long",
		    "/a/path/that/is/too/long/for/the/hundred/and/eight/bytes/"
		    "that/the/address/of/a/unix/socket/has/room/for/on/linux",
		    "", sim ? ERR_NOTFOUND : ERR_LIMIT },
	};

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		print_message("  %s\n", t[i].what);
		p.nconnected = 0;
		ev_connect(e->client, t[i].host, port, 5000, on_connected, &p);
		assert_int_equal(p.nconnected, 0); /* never from inside the call */
		env_run(e);
		assert_int_equal(p.nconnected, 1);
		assert_int_equal(p.err, t[i].err);
		assert_memory_equal(p.why, t[i].why, strlen(t[i].why));
	}
	pair_end(&p);
}

/* Every address is asked about, and what is not allowed is not dialled. */
struct asked {
	struct env *e;
	char ips[200];
	const char *only; /* NULL: none is allowed */
	int err;
};

static bool
allow(void *arg, const char *ip)
{
	struct asked *a = arg;
	size_t n = strlen(a->ips);

	(void)snprintf(a->ips + n, sizeof(a->ips) - n, "%s;", ip);
	return a->only != NULL && strcmp(ip, a->only) == 0;
}

static void
on_asked(void *arg, struct ev_stream *s, int err, const char *why)
{
	struct asked *a = arg;

	(void)why;
	a->err = err;
	ev_close(s);
	env_done(a->e);
}

static void
close_accepted(void *arg, struct ev_stream *s)
{
	(void)arg;
	ev_close(s);
}

static void
t_connect_if(void **state)
{
	static const struct {
		const char *what, *host, *only, *ips; /* ips NULL: whatever it is */
		int err;
	} t[] = {
		{ "allowed", "127.0.0.1", "127.0.0.1", "127.0.0.1;", 0 },
		{ "none allowed", "127.0.0.1", NULL, "127.0.0.1;", ERR_DENIED },
		{ "the address of a name is asked about", "localhost", "127.0.0.1", NULL,
		    0 },
		{ "and not the name", "localhost", "localhost", NULL, ERR_DENIED },
		{ "IPv6", "::1", NULL, "::1;", ERR_DENIED },
		{ "a socket's path has no address", "/nonexistent", NULL, ";",
		    ERR_DENIED },
	};
	struct env *e = *state;
	struct ev_listener *ln;
	struct fault f = { 0 };

	assert_int_equal(
	    ev_listen(&ln, e->client, "127.0.0.1", 0, close_accepted, NULL, &f), 0);
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct asked a = { .e = e, .only = t[i].only };

		print_message("  %s\n", t[i].what);
		ev_connect_if(e->client, t[i].host, ev_listener_port(ln), 5000, allow,
		    on_asked, &a);
		env_run(e);
		assert_int_equal(a.err, t[i].err);
		if (t[i].ips != NULL)
			assert_string_equal(a.ips, t[i].ips);
	}
	ev_listener_close(ln);
}

static void
t_connect_cancel(void **state)
{
	static const char *const hosts[] = { NULL, "localhost", "nosuch.invalid",
		"/nonexistent" };
	struct pair p;

	pair_listen(&p, *state, "");
	for (size_t i = 0; i < ARRAY_LEN(hosts); i++) {
		const char *host = hosts[i] != NULL ? hosts[i] : p.e->host;

		ev_connect_cancel(ev_connect(
		    p.e->client, host, ev_listener_port(p.ln), 1000, on_connected, &p));
	}
	env_run_for(p.e, 50);
	assert_int_equal(p.nconnected, 0);
	ev_close(p.srv.s); /* the kernel may have connected it before the cancel */
	p.srv.s = NULL;
	pair_end(&p);
}

/* Loops end with connects, streams and listeners still open: nothing leaks, nothing is
 * called. */
static void
t_free_while_open(void **state)
{
	struct pair *p = xcalloc(1, sizeof(*p));

	pair_open(p, *state);
	ev_connect(
	    p->e->client, p->e->host, ev_listener_port(p->ln), 1000, on_connected, p);
	ev_connect(
	    p->e->client, "localhost", ev_listener_port(p->ln), 1000, on_connected, p);
	say(&p->cli, "never read");
	free(p->srv.in);
	free(p->cli.in);
	free(p); /* a callback from here on would be seen by the sanitizer */
}

/* --- listening
 * ---------------------------------------------------------------------------- */

static void
t_listener_pause(void **state)
{
	struct pair p;

	pair_listen(&p, *state, "");
	ev_listener_pause(p.ln, true);
	ev_connect(
	    p.e->client, p.e->host, ev_listener_port(p.ln), 5000, on_connected, &p);
	env_run_for(p.e, 80);
	assert_int_equal(p.naccepted, 0);
	ev_listener_pause(p.ln, false);
	env_run(p.e);
	assert_int_equal(p.naccepted, 1);
	pair_end(&p);
}

static void
t_listen_twice(void **state)
{
	struct pair p;
	struct ev_listener *second = NULL;
	struct fault f = { 0 };
	uint16_t port;

	pair_listen(&p, *state, "");
	port = ev_listener_port(p.ln);
	assert_true(port > 0);
	assert_int_equal(
	    ev_listen(&second, p.e->server, "", port, on_accept, &p, &f), ERR_EXISTS);
	assert_non_null(strstr(f.text, "cannot listen on *:"));
	assert_null(second);
	ev_listener_close(p.ln);
	assert_int_equal(ev_listen(&p.ln, p.e->server, "", port, on_accept, &p, &f), 0);
	pair_end(&p);
}

/* More connections at once than are accepted in one turn. */
static void
t_storm(void **state)
{
	struct pair p;
	int n = 300, spins = 0;

	pair_open(&p, *state);
	p.naccepted = p.nconnected = 0;
	for (int i = 0; i < n; i++)
		ev_connect(p.e->client, p.e->host, ev_listener_port(p.ln), 5000,
		    on_connected, &p);
	while ((p.naccepted < n || p.nconnected < n) && spins++ < 1000)
		env_run_for(p.e, 5);
	assert_int_equal(p.naccepted, n);
	assert_int_equal(p.nconnected, n);
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
		ENV_TEST(t_connect_failures),
		ENV_TEST(t_connect_if),
		ENV_TEST(t_connect_cancel),
		ENV_TEST(t_free_while_open),
		ENV_TEST(t_listener_pause),
		ENV_TEST(t_listen_twice),
		ENV_TEST(t_storm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
