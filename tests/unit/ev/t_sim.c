/* SPDX-License-Identifier: Apache-2.0 */
/* The simulated world: replay of seeds, cuts, crashes, partitions, slow hosts.
 */
#include "sim_end.h"

/* --- one connection that counts -------------------------------------------------------
 */

struct duo {
	struct sim_world *w;
	struct ev_loop *a, *b;
	struct ev_listener *ln;
	struct end *srv, *cli;
	int conn_err;
	bool told;
};

static void
duo_accept(void *arg, struct ev_stream *s)
{
	struct duo *d = arg;

	end_set(d->srv, s);
}

static void
duo_connected(void *arg, struct ev_stream *s, int err, const char *why)
{
	struct duo *d = arg;

	(void)why;
	d->conn_err = err;
	d->told = true;
	if (s != NULL)
		end_set(d->cli, s);
}

static void
duo_dial(struct duo *d)
{
	d->told = false;
	ev_connect(d->b, "alpha", 443, 3000, duo_connected, d);
	assert_true(sim_run_until(d->w, &d->told, 5000));
}

static void
duo_open(struct duo *d, const struct sim_options *o)
{
	*d = (struct duo){ .w = sim_new(o) };
	d->srv = xcalloc(1, sizeof(*d->srv));
	d->cli = xcalloc(1, sizeof(*d->cli));
	d->a = sim_host(d->w, "alpha");
	d->b = sim_host(d->w, "beta");
	assert_int_equal(ev_listen(&d->ln, d->a, "", 443, duo_accept, d, NULL), 0);
	duo_dial(d);
	assert_int_equal(d->conn_err, 0);
}

static void
duo_end(struct duo *d)
{
	if (d->a != NULL)
		ev_loop_free(d->a);
	ev_loop_free(d->b);
	sim_free(d->w);
	free(d->srv);
	free(d->cli);
}

static void
send_bytes(struct end *x, size_t n)
{
	uint8_t data[60000];
	size_t put;

	assert_true(n <= sizeof(data));
	for (size_t i = 0; i < n; i++)
		data[i] = (uint8_t)(i * 7 + i / 251);
	assert_int_equal(ev_write(x->s, data, n, &put), 0);
	assert_int_equal(put, n);
}

static bool
is_intact(const struct end *x)
{
	for (size_t i = 0; i < x->n; i++)
		if (x->in[i] != (uint8_t)(i * 7 + i / 251))
			return false;
	return true;
}

static void
t_split_and_order(void **state)
{
	static const struct {
		const char *what;
		struct sim_options o;
		size_t n, max_piece;
		uint64_t min_ms, max_ms;
	} t[] = {
		{ "no latency", { .seed = 1 }, 50000, 1460, 0, 0 },
		{ "one byte at a time", { .seed = 2, .segment_max = 1 }, 2000, 1, 0, 0 },
		{ "fixed latency", { .seed = 3, .latency_min_ms = 40 }, 50000, 1460, 40,
		    40 },
		{ "jitter", { .seed = 4, .latency_min_ms = 5, .latency_max_ms = 90 },
		    50000, 1460, 80, 90 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct duo d;
		uint64_t began;

		print_message("  %s\n", t[i].what);
		duo_open(&d, &t[i].o);
		began = sim_now_ms(d.w);
		send_bytes(d.cli, t[i].n);
		sim_run_for(d.w, 1000);
		assert_int_equal(sim_now_ms(d.w), began + 1000);
		assert_int_equal(d.srv->n, t[i].n);
		assert_true(is_intact(d.srv));
		assert_true(d.srv->max_piece <= t[i].max_piece);
		assert_in_range(d.srv->at_ms - began, t[i].min_ms, t[i].max_ms);
		duo_end(&d);
	}
}

static void
t_slow(void **state)
{
	struct sim_options o = { .seed = 5, .latency_min_ms = 10 };
	struct duo d;
	uint64_t began;

	(void)state;
	duo_open(&d, &o);
	sim_slow(d.a, 10000);
	began = sim_now_ms(d.w);
	send_bytes(d.cli, 50000);
	send_bytes(d.srv, 50000); /* the other direction is not slow */
	sim_run_for(d.w, 1000);
	assert_in_range(d.srv->n, 9000, 12000);
	assert_int_equal(d.cli->n, 50000);
	sim_run_for(d.w, 9000);
	assert_int_equal(d.srv->n, 50000);
	assert_in_range(d.srv->at_ms - began, 4500, 5200);
	sim_slow(d.a, 0);
	duo_end(&d);
}

static void
t_cut(void **state)
{
	struct sim_options o = { .latency_min_ms = 10, .latency_max_ms = 50 };
	int seen[2] = { 0 };

	(void)state;
	for (o.seed = 1; o.seed <= 40; o.seed++) {
		struct duo d;
		size_t put;

		duo_open(&d, &o);
		assert_true(sim_cut_random(d.w));
		assert_false(sim_cut_random(d.w)); /* it was the only one */
		assert_int_equal(
		    ev_write(d.cli->s, "x", 1, &put), 0); /* nobody knows yet */
		sim_run_for(d.w, 50);
		assert_true(d.srv->over && d.cli->over);
		assert_int_equal(d.srv->n, 0);
		assert_true(d.cli->err == ERR_IO || d.cli->err == ERR_CLOSED);
		seen[d.cli->err == ERR_IO]++;
		assert_int_equal(ev_write(d.cli->s, "x", 1, &put), ERR_CLOSED);
		duo_dial(&d);
		assert_int_equal(d.conn_err, 0);
		duo_end(&d);
	}
	assert_true(seen[0] > 5 && seen[1] > 5);
}

/* One end has lost the connection; the other hears late, and of everything. */
static void
t_late(void **state)
{
	struct sim_options o = { .latency_min_ms = 10, .latency_max_ms = 50 };
	int server_first = 0;

	(void)state;
	for (o.seed = 1; o.seed <= 40; o.seed++) {
		struct duo d;
		struct end *early, *late;
		uint64_t began;

		duo_open(&d, &o);
		send_bytes(d.cli, 5000);
		send_bytes(d.srv, 5000);
		began = sim_now_ms(d.w);
		assert_true(sim_late_random(d.w, 2000));
		assert_false(sim_late_random(d.w, 2000)); /* it was the only one */
		sim_run_for(d.w, 0);
		assert_true(d.srv->over != d.cli->over);
		early = d.srv->over ? d.srv : d.cli;
		late = d.srv->over ? d.cli : d.srv;
		server_first += d.srv->over;
		send_bytes(late, 100); /* which nobody gets */
		sim_run_for(d.w, 1000);
		assert_false(late->over);
		assert_int_equal(late->n, 0);
		sim_run_for(d.w, 2000);
		assert_true(late->over && is_intact(late));
		assert_int_equal(late->n, 5000);
		assert_in_range(late->at_ms - began, 2010, 2050);
		assert_int_equal(early->n, 0);
		duo_end(&d);
	}
	assert_in_range(server_first, 10, 30);
}

/* A cut loses the end of what was sent, never the middle. */
static void
t_cut_by_chance(void **state)
{
	struct sim_options o = { .latency_max_ms = 20, .cut_per_million = 20000 };
	int whole = 0, partial = 0;

	(void)state;
	for (o.seed = 1; o.seed <= 60; o.seed++) {
		struct duo d;

		duo_open(&d, &o);
		send_bytes(d.cli, 50000);
		sim_run_for(d.w, 500);
		assert_true(is_intact(d.srv));
		whole += d.srv->n == 50000;
		partial += d.srv->n < 50000 && d.srv->n > 0;
		assert_int_equal(d.srv->n < 50000, d.srv->over);
		duo_end(&d);
	}
	assert_true(whole > 5 && partial > 5);
}

static void
t_partition(void **state)
{
	struct sim_options o = { .seed = 8, .latency_min_ms = 3 };
	struct duo d;

	(void)state;
	duo_open(&d, &o);
	sim_partition(d.w, "beta", "alpha", true);
	sim_run_for(d.w, 10);
	assert_true(d.srv->over && d.cli->over);
	duo_dial(&d);
	assert_int_equal(d.conn_err, ERR_REFUSED);
	sim_partition(d.w, "alpha", "beta", false);
	duo_dial(&d);
	assert_int_equal(d.conn_err, 0);
	duo_end(&d);
}

static void
never(void *arg)
{
	(void)arg;
	fail_msg("a callback on a dead host");
}

static void
never_connected(void *arg, struct ev_stream *s, int err, const char *why)
{
	(void)s, (void)err, (void)why;
	never(arg);
}

static void
never_exits(void *arg, int status, int signum)
{
	(void)status, (void)signum;
	never(arg);
}

static void
t_crash(void **state)
{
	static const char *const argv[] = { "/bin/none", NULL };
	const struct ev_spawn sp = { .argv = argv, .pty = true };
	struct sim_options o = { .seed = 9, .latency_min_ms = 3, .latency_max_ms = 30 };
	struct ev_timer t = { 0 };
	struct ev_connect *c;
	struct ev_child *kid;
	struct duo d;
	size_t n;

	(void)state;
	duo_open(&d, &o);
	ev_timer_set(d.a, &t, 5, never, NULL);
	ev_defer(d.a, never, NULL);
	c = ev_connect(d.a, "beta", 1, 50, never_connected, NULL);
	assert_int_equal(ev_child_start(&kid, d.a, &sp, never_exits, NULL, NULL), 0);
	send_bytes(d.cli, 5000);
	sim_crash(d.a);
	ev_timer_set(d.a, &t, 5, never, NULL); /* calls on it do nothing any more */
	assert_false(ev_timer_is_set(&t));
	ev_defer(d.a, never, NULL);
	assert_int_equal(ev_write(d.srv->s, "x", 1, &n), ERR_CLOSED);
	sim_run_for(d.w, 100);
	assert_false(d.srv->over);
	assert_true(d.cli->over);
	duo_dial(&d);
	assert_int_equal(d.conn_err, ERR_REFUSED);
	ev_connect_cancel(c);
	ev_child_close(kid);
	ev_close(d.srv->s);
	ev_listener_close(d.ln);
	ev_loop_free(d.a);
	d.a = sim_host(d.w, "alpha");
	assert_int_equal(ev_listen(&d.ln, d.a, "", 443, duo_accept, &d, NULL), 0);
	duo_dial(&d);
	assert_int_equal(d.conn_err, 0);
	duo_end(&d);
}

static void
t_addresses(void **state)
{
	static const struct {
		const char *what, *listen, *host;
		bool from_alpha;
		int err;
		const char *peer;
	} t[] = {
		{ "by address", "", "10.0.0.1", false, 0, "10.0.0.2" },
		{ "loopback", "127.0.0.1", "localhost", true, 0, "127.0.0.1" },
		{ "loopback from elsewhere", "127.0.0.1", "alpha", false, ERR_REFUSED,
		    NULL },
		{ "unix socket", "/run/x", "/run/x", true, 0, "" },
		{ "unix socket from elsewhere", "/run/x", "/run/x", false, ERR_NOTFOUND,
		    NULL },
		{ "unknown", "", "gamma", false, ERR_RESOLVE, NULL },
		{ "too slow", "", "alpha", false, ERR_TIMEOUT, NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct sim_options o = { .seed = i, .latency_min_ms = 10 };
		struct ev_listener *ln;
		struct duo d;

		print_message("  %s\n", t[i].what);
		duo_open(&d, &o);
		assert_int_equal(
		    ev_listen(&ln, d.a, t[i].listen, 80, duo_accept, &d, NULL), 0);
		d.told = false;
		ev_connect(t[i].from_alpha ? d.a : d.b, t[i].host, 80,
		    t[i].err == ERR_TIMEOUT ? 19 : 1000, duo_connected, &d);
		assert_true(sim_run_until(d.w, &d.told, 2000));
		assert_int_equal(d.conn_err, t[i].err);
		if (t[i].peer != NULL)
			assert_string_equal(ev_peer_ip(d.srv->s), t[i].peer);
		duo_end(&d);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_split_and_order),
		cmocka_unit_test(t_slow),
		cmocka_unit_test(t_cut),
		cmocka_unit_test(t_late),
		cmocka_unit_test(t_cut_by_chance),
		cmocka_unit_test(t_partition),
		cmocka_unit_test(t_crash),
		cmocka_unit_test(t_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
