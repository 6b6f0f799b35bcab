/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections through two tunnels, as client and agent have them, with a channel of limited
 * room in between: bytes arrive whole, ends arrive right, nobody waits for a slow neighbour.
 */
#include "net_test.h"

#include "net/tunnel.h"

enum { CONNS = 20, BYTES = 300 * 1000, PIPE_MAX = 256 * 1024 };
/* More than both sockets and the window hold, so some of it waits in the agent. */
enum { ANSWER = 900 * 1000 };

struct pair;

/* One end: its tunnel and what it has put on the way to the other. */
struct side {
	struct pair *p;
	struct tunnel *t;
	struct side *far;
	struct buf out; /* towards far */
	bool refused;   /* far said ERR_AGAIN */
	bool corked;
	struct ev_timer timer;
};

struct app {
	struct pair *p;
	struct ev_stream *s;
	struct buf out;
	size_t sent, got, want;
	bool eof, shut, paused, echo, reply_at_eof, bad;
	bool hang_up; /* after the last byte of out, unread input or not */
};

struct pair {
	struct sim_world *sim;
	struct ev_loop *loop;
	struct ev_listener *front, *back;
	uint16_t front_port, back_port;
	struct side client, agent;
	struct app apps[CONNS], servers[CONNS];
	size_t nservers;
	bool echo, reply_at_eof, refuse;
	bool asks; /* the client, of each connection */
	int answers, answer_why;
	size_t answer; /* bytes that a server says before it hangs up, unasked */
};

/* --- the channel ------------------------------------------------------------------ */

static void
carry(void *arg)
{
	struct side *s = arg;
	size_t n;

	while (s->out.len > 0 && s->far->t != NULL) {
		n = MIN(s->out.len, (size_t)32768);
		if (tunnel_input(s->far->t, span_of(s->out.p, n)) != 0) {
			s->refused = true;
			return;
		}
		buf_consume(&s->out, n);
	}
	tunnel_go(s->t);
}

static size_t
room(void *arg)
{
	struct side *s = arg;

	return s->out.len < PIPE_MAX ? 32768 : 0;
}

static void
send_payload(void *arg, struct span payload)
{
	struct side *s = arg;

	assert_true(s->corked);
	buf_add(&s->out, payload);
	assert_int_equal(buf_check(&s->out), 0);
	if (!ev_timer_is_set(&s->timer) && !s->refused)
		ev_timer_set(s->p->loop, &s->timer, 1, carry, s);
}

static bool
cork(void *arg)
{
	struct side *s = arg;
	bool was = s->corked;

	s->corked = true;
	return !was;
}

static void
uncork(void *arg)
{
	struct side *s = arg;

	assert_true(s->corked);
	s->corked = false;
}

static void
input_ready(void *arg)
{
	struct side *s = arg;

	s->far->refused = false;
	ev_timer_set(s->p->loop, &s->far->timer, 0, carry, s->far);
}

struct dial {
	struct pair *p;
	uint32_t id;
};

static void
on_dialled(void *arg, struct ev_stream *s, int err, const char *why)
{
	struct dial *d = arg;

	(void)why;
	if (err != 0)
		tunnel_refuse(d->p->agent.t, d->id, err);
	else
		tunnel_attach(d->p->agent.t, d->id, s);
	free(d);
}

static void
on_open(void *arg, uint32_t id)
{
	struct side *s = arg;
	struct dial *d = xcalloc(1, sizeof(*d));

	d->p = s->p;
	d->id = id;
	(void)ev_connect(
	    s->p->loop, "host", s->p->refuse ? 1 : s->p->back_port, 1000, on_dialled, d);
}

static void
answered(void *arg, void *asker, struct ev_stream *s, int why)
{
	struct side *side = arg;

	assert_ptr_equal(asker, side->p);
	assert_non_null(s);
	side->p->answers++;
	side->p->answer_why = why;
}

static const struct tunnel_ops tunnel_ops = {
	.answered = answered,
	.room = room,
	.send = send_payload,
	.cork = cork,
	.uncork = uncork,
	.on_open = on_open,
	.input_ready = input_ready,
};

/* --- applications ------------------------------------------------------------------- */

static uint8_t
byte_at(size_t i)
{
	return (uint8_t)(i * 7 + i / 251);
}

static void
app_go(struct app *a)
{
	size_t put;

	while (a->sent < a->out.len &&
	    ev_write(a->s, a->out.p + a->sent, a->out.len - a->sent, &put) == 0)
		a->sent += put;
	if (a->sent == a->out.len && a->shut) {
		a->shut = false;
		ev_shutdown_write(a->s);
	}
	if (a->sent == a->out.len && a->hang_up) {
		ev_close(STEAL(a->s));
		return;
	}
	ev_stream_want(a->s, !a->eof && !a->paused, a->sent < a->out.len);
}

static void
app_writable(void *arg)
{
	app_go(arg);
}

static void
app_readable(void *arg)
{
	struct app *a = arg;
	uint8_t in[8192];
	size_t got;
	int r;

	while (!a->paused && (r = ev_read(a->s, in, sizeof(in), &got)) == 0) {
		for (size_t i = 0; i < got; i++)
			a->bad |= in[i] != byte_at(a->got + i);
		a->got += got;
		if (a->echo)
			buf_add(&a->out, span_of(in, got));
	}
	if (!a->paused && r != ERR_AGAIN) {
		a->eof = true;
		if (a->reply_at_eof)
			for (size_t i = 0; i < 5; i++)
				buf_add_u8(&a->out, byte_at(i));
		if (a->reply_at_eof || a->echo)
			a->shut = true;
	}
	app_go(a);
}

static void
app_start(struct app *a, struct pair *p, struct ev_stream *s)
{
	static const struct ev_stream_ops ops = { .readable = app_readable,
		.writable = app_writable };

	a->p = p;
	a->s = s;
	buf_init(&a->out, 8 << 20);
	ev_stream_set(s, &ops, a);
}

static void
on_front(void *arg, struct ev_stream *s)
{
	struct pair *p = arg;

	if (p->asks)
		assert_int_equal(tunnel_ask(p->client.t, s, p), 0);
	else
		assert_int_equal(tunnel_add(p->client.t, s), 0);
}

static void
on_back(void *arg, struct ev_stream *s)
{
	struct pair *p = arg;
	struct app *a = &p->servers[p->nservers++];

	a->echo = p->echo;
	a->reply_at_eof = p->reply_at_eof;
	app_start(a, p, s);
	if (p->answer > 0)
		a->paused = a->hang_up = true;
	for (size_t i = 0; i < p->answer; i++)
		buf_add_u8(&a->out, byte_at(i));
	app_go(a);
}

static void
on_app(void *arg, struct ev_stream *s, int err, const char *why)
{
	struct app *a = arg;
	struct pair *p = a->p;

	(void)why;
	assert_int_equal(err, 0);
	app_start(a, p, s);
	for (size_t i = 0; i < a->want; i++)
		buf_add_u8(&a->out, byte_at(i));
	app_go(a);
}

static void
app_connect(struct pair *p, size_t i, size_t bytes)
{
	p->apps[i].p = p;
	p->apps[i].want = bytes;
	(void)ev_connect(p->loop, "host", p->front_port, 1000, on_app, &p->apps[i]);
}

/* --- the scene -------------------------------------------------------------------------- */

static struct pair *
scene(bool own, uint64_t seed)
{
	const struct sim_options o = { .seed = seed, .latency_max_ms = 2 };
	struct pair *p = xcalloc(1, sizeof(*p));
	struct fault f = { 0 };

	p->sim = sim_new(&o);
	p->loop = sim_host(p->sim, "host");
	p->client = (struct side){ .p = p, .far = &p->agent };
	p->agent = (struct side){ .p = p, .far = &p->client };
	buf_init(&p->client.out, 1 << 20);
	buf_init(&p->agent.out, 1 << 20);
	p->client.t =
	    tunnel_new(p->loop, &(struct tunnel_config){ .is_client = true, .own = own },
		&tunnel_ops, &p->client);
	p->agent.t = tunnel_new(
	    p->loop, &(struct tunnel_config){ .own = own }, &tunnel_ops, &p->agent);
	assert_int_equal(ev_listen(&p->front, p->loop, "", 0, on_front, p, &f), 0);
	assert_int_equal(ev_listen(&p->back, p->loop, "", 0, on_back, p, &f), 0);
	p->front_port = ev_listener_port(p->front);
	p->back_port = ev_listener_port(p->back);
	return p;
}

static void
scene_free(struct pair *p)
{
	for (size_t i = 0; i < CONNS; i++) {
		buf_fini(&p->apps[i].out);
		buf_fini(&p->servers[i].out);
	}
	ev_timer_clear(&p->client.timer);
	ev_timer_clear(&p->agent.timer);
	tunnel_free(p->client.t);
	tunnel_free(p->agent.t);
	buf_fini(&p->client.out);
	buf_fini(&p->agent.out);
	ev_loop_free(p->loop);
	sim_free(p->sim);
	free(p);
}

/* --- tests --------------------------------------------------------------------------------- */

static void
t_echo(void **state)
{
	(void)state;
	for (int own = 0; own < 2; own++) {
		struct pair *p = scene(own, 3);

		row(own ? "own" : "stock");
		p->echo = true;
		for (size_t i = 0; i < CONNS; i++)
			app_connect(p, i, BYTES);
		sim_run_for(p->sim, 60 * 1000);
		for (size_t i = 0; i < CONNS; i++) {
			assert_int_equal(p->apps[i].got, BYTES);
			assert_false(p->apps[i].bad);
		}
		assert_int_equal(tunnel_connections(p->client.t), CONNS);
		scene_free(p);
	}
}

/*
 * Own mode: "echo x | nc -N" gets its answer, because one direction ends at a time; so does
 * "nc -N </dev/null", whose end is there before the agent has dialled.
 */
static void
t_half_close(void **state)
{
	static const size_t sizes[] = { 1000, 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		struct pair *p = scene(true, 4);

		row(sizes[i] > 0 ? "after some bytes" : "after none");
		p->reply_at_eof = true;
		p->apps[0].shut = true;
		app_connect(p, 0, sizes[i]);
		sim_run_for(p->sim, 5000);
		assert_int_equal(p->servers[0].got, sizes[i]);
		assert_true(p->servers[0].eof);
		assert_int_equal(p->apps[0].got, 5);
		assert_true(p->apps[0].eof);
		assert_int_equal(tunnel_connections(p->client.t), 0);
		assert_int_equal(tunnel_connections(p->agent.t), 0);
		scene_free(p);
	}
}

/* Who asks hears once whether there is a connection, and is not read before. */
static void
t_asked(void **state)
{
	static const struct {
		const char *what;
		bool refuse, cut;
		int why;
		size_t got;
	} t[] = {
		{ "connected", false, false, 0, 1000 },
		{ "refused", true, false, ERR_REFUSED, 0 },
		{ "over before", false, true, ERR_CLOSED, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct pair *p = scene(true, 8);

		row(t[i].what);
		p->asks = p->echo = true;
		p->refuse = t[i].refuse;
		app_connect(p, 0, 1000);
		for (int ms = 0; ms < 5000 && tunnel_connections(p->client.t) == 0; ms++)
			sim_run_for(p->sim, 1);
		assert_int_equal(p->answers, 0);
		if (t[i].cut)
			tunnel_free(STEAL(p->client.t));
		sim_run_for(p->sim, 5000);
		assert_int_equal(p->answers, 1);
		assert_int_equal(p->answer_why, t[i].why);
		assert_int_equal(p->apps[0].got, t[i].got);
		assert_int_equal(p->apps[0].eof, t[i].why != 0);
		scene_free(p);
	}
}

/* A stock FIN ends both directions, but not before what was sent has arrived. */
static void
t_stock_close(void **state)
{
	struct pair *p = scene(false, 5);

	(void)state;
	p->apps[0].shut = true;
	app_connect(p, 0, 200 * 1000);
	sim_run_for(p->sim, 5000);
	assert_int_equal(p->servers[0].got, 200 * 1000);
	assert_true(p->servers[0].eof);
	assert_int_equal(tunnel_connections(p->client.t), 0);
	scene_free(p);
}

/* Own mode: a connection whose far end does not read holds back nobody else. */
static void
t_slow_neighbour(void **state)
{
	struct pair *p = scene(true, 6);

	(void)state;
	p->servers[0].paused = true;
	app_connect(p, 0, 8 << 20);
	sim_run_for(p->sim, 5000);
	assert_true(p->apps[0].sent < 8 << 20); /* it was stopped */
	p->echo = true;
	app_connect(p, 1, BYTES);
	sim_run_for(p->sim, 20 * 1000);
	assert_int_equal(p->apps[1].got, BYTES);
	assert_false(p->apps[1].bad);
	scene_free(p);
}

/*
 * A server that answers and hangs up in the middle of an upload: the answer arrives, the
 * upload does not stop the client from reading it, and nothing stays behind.
 */
static void
t_hung_up(void **state)
{
	(void)state;
	for (int own = 0; own < 2; own++) {
		struct pair *p = scene(own, 9);

		row(own ? "own" : "stock");
		p->answer = ANSWER;
		p->apps[0].paused = true; /* the answer has to wait on its way */
		app_connect(p, 0, 4 << 20);
		sim_run_for(p->sim, 3000);
		assert_null(p->servers[0].s);
		assert_int_equal(tunnel_connections(p->agent.t), 0);
		p->apps[0].paused = false;
		app_go(&p->apps[0]);
		sim_run_for(p->sim, 3000);
		assert_int_equal(p->apps[0].got, ANSWER);
		assert_false(p->apps[0].bad);
		assert_true(p->apps[0].eof);
		ev_close(p->apps[0].s);
		sim_run_for(p->sim, 1000);
		assert_int_equal(tunnel_connections(p->client.t), 0);
		scene_free(p);
	}
}

/* Nobody listens behind the node: the connection is closed, the tunnel goes on. */
static void
t_refused(void **state)
{
	(void)state;
	for (int own = 0; own < 2; own++) {
		struct pair *p = scene(own, 7);

		row(own ? "own" : "stock");
		p->refuse = true;
		app_connect(p, 0, 10);
		sim_run_for(p->sim, 3000);
		assert_true(p->apps[0].eof);
		assert_int_equal(tunnel_connections(p->client.t), 0);
		p->refuse = false;
		p->echo = true;
		app_connect(p, 1, 1000);
		sim_run_for(p->sim, 3000);
		assert_int_equal(p->apps[1].got, 1000);
		scene_free(p);
	}
}

/* Garbage from the peer ends every connection, and nothing else. */
static void
t_garbage(void **state)
{
	struct pair *p = scene(true, 8);

	(void)state;
	app_connect(p, 0, 10);
	sim_run_for(p->sim, 1000);
	assert_int_equal(
	    tunnel_input(p->client.t, SPAN("this is no smux frame")), ERR_PROTOCOL);
	assert_int_equal(tunnel_input(p->client.t, SPAN("nor this")), ERR_CLOSED);
	sim_run_for(p->sim, 1000);
	assert_int_equal(tunnel_connections(p->client.t), 0);
	scene_free(p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_echo),
		cmocka_unit_test(t_half_close),
		cmocka_unit_test(t_asked),
		cmocka_unit_test(t_stock_close),
		cmocka_unit_test(t_slow_neighbour),
		cmocka_unit_test(t_hung_up),
		cmocka_unit_test(t_refused),
		cmocka_unit_test(t_garbage),
	};

	return cmocka_run_group_tests_name("tunnel", tests, NULL, NULL);
}
