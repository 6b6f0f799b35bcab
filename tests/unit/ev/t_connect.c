/* SPDX-License-Identifier: Apache-2.0 */
/* Connects and listeners: one suite for both backends. */
#include "stream_bench.h"

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
		ev_connect(e->client, t[i].host, port, 5000, pair_connected, &p);
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
		    p.e->client, host, ev_listener_port(p.ln), 1000, pair_connected, &p));
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
	    p->e->client, p->e->host, ev_listener_port(p->ln), 1000, pair_connected, p);
	ev_connect(
	    p->e->client, "localhost", ev_listener_port(p->ln), 1000, pair_connected, p);
	side_say(&p->cli, "never read");
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
	    p.e->client, p.e->host, ev_listener_port(p.ln), 5000, pair_connected, &p);
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
	    ev_listen(&second, p.e->server, "", port, pair_accept, &p, &f), ERR_EXISTS);
	assert_non_null(strstr(f.text, "cannot listen on *:"));
	assert_null(second);
	ev_listener_close(p.ln);
	assert_int_equal(ev_listen(&p.ln, p.e->server, "", port, pair_accept, &p, &f), 0);
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
		    pair_connected, &p);
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
