/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looking up names with a resolver that is slow: it holds back nobody but those who asked
 * for its name, and not the end of the loop either.  getaddrinfo() is this file's own.
 */
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>

#include "ev/ev.h"
#include "unit/check.h"

/* --- a resolver of which a test decides when it answers --------------------------- */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static bool held;              /* names that begin with "slow" are not answered */
static unsigned calls, inside; /* in all, and now */

static void
hold(bool on)
{
	pthread_mutex_lock(&lock);
	held = on;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
}

static unsigned
read_count(const unsigned *n)
{
	unsigned v;

	pthread_mutex_lock(&lock);
	v = *n;
	pthread_mutex_unlock(&lock);
	return v;
}

static void
wait_inside(unsigned n)
{
	pthread_mutex_lock(&lock);
	while (inside != n)
		pthread_cond_wait(&changed, &lock);
	pthread_mutex_unlock(&lock);
}

/* Every name is this machine. */
static struct addrinfo *
answer(const char *service)
{
	struct addrinfo *ai = xcalloc(1, sizeof(*ai));
	struct sockaddr_in *sin = xcalloc(1, sizeof(*sin));

	sin->sin_family = AF_INET;
	sin->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	sin->sin_port = htons((uint16_t)strtoul(service, NULL, 10));
	ai->ai_family = AF_INET;
	ai->ai_socktype = SOCK_STREAM;
	ai->ai_addr = (struct sockaddr *)sin;
	ai->ai_addrlen = sizeof(*sin);
	return ai;
}

int
getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
    struct addrinfo **out)
{
	bool unknown = strncmp(host, "no", 2) == 0;

	if (hints->ai_flags & AI_NUMERICHOST) {
		if (strcmp(host, "127.0.0.1") != 0)
			return EAI_NONAME;
		*out = answer(service);
		return 0;
	}
	pthread_mutex_lock(&lock);
	calls++;
	inside++;
	pthread_cond_broadcast(&changed);
	while (held && strncmp(host, "slow", 4) == 0)
		pthread_cond_wait(&changed, &lock);
	inside--;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
	if (unknown)
		return EAI_NONAME;
	*out = answer(service);
	return 0;
}

void
freeaddrinfo(struct addrinfo *ai)
{
	free(ai->ai_addr);
	free(ai);
}

/* --- who asks ---------------------------------------------------------------------- */

enum { ASKS = 64, AT_ONCE = 16, PATIENCE_MS = 20 * 1000 };

struct scene {
	struct ev_loop *loop;
	struct ev_listener *listener;
	uint16_t port;
	struct ev_connect *connect[ASKS];
	unsigned good, bad, goal;
	int err;
	char why[200];
};

struct ask {
	struct scene *sc;
	size_t i;
};

static void
on_accept(void *arg, struct ev_stream *s)
{
	(void)arg;
	ev_close(s);
}

static void
on_connected(void *arg, struct ev_stream *s, int err, const char *why)
{
	struct ask *a = arg;
	struct scene *sc = a->sc;

	sc->connect[a->i] = NULL;
	free(a);
	sc->good += err == 0;
	sc->bad += err != 0;
	sc->err = err;
	(void)snprintf(sc->why, sizeof(sc->why), "%s", why);
	if (s != NULL)
		ev_close(s);
	if (sc->good + sc->bad == sc->goal)
		ev_stop(sc->loop);
}

static void
ask(struct scene *sc, size_t i, const char *host, uint64_t patience_ms)
{
	struct ask *a = xcalloc(1, sizeof(*a));

	a->sc = sc;
	a->i = i;
	sc->connect[i] =
	    ev_connect(sc->loop, host, sc->port, patience_ms, on_connected, a);
}

static void
on_late(void *arg)
{
	(void)arg;
	assert_false("a lookup was not answered in time");
}

static void
run(struct scene *sc, unsigned goal)
{
	struct ev_timer late = { 0 };

	sc->good = sc->bad = 0;
	sc->goal = goal;
	ev_timer_set(sc->loop, &late, PATIENCE_MS, on_late, NULL);
	ev_run(sc->loop);
	ev_timer_clear(&late);
}

static void
scene_init(struct scene *sc)
{
	struct fault f = { 0 };

	*sc = (struct scene){ .loop = ev_loop_new() };
	assert_int_equal(
	    ev_listen(&sc->listener, sc->loop, "127.0.0.1", 0, on_accept, sc, &f), 0);
	sc->port = ev_listener_port(sc->listener);
	calls = 0;
	hold(true);
}

static void
scene_fini(struct scene *sc)
{
	ev_loop_free(sc->loop);
	hold(false);
	wait_inside(0);
}

static void
ask_slow(struct scene *sc, size_t n, uint64_t patience_ms)
{
	char name[20];

	for (size_t i = 0; i < n; i++) {
		(void)snprintf(name, sizeof(name), "slow%zu", i);
		ask(sc, i, name, patience_ms);
	}
}

static void
t_others_go_on(void **state)
{
	struct scene sc;

	(void)state;
	scene_init(&sc);
	ask_slow(&sc, AT_ONCE - 1, PATIENCE_MS);
	ask(&sc, ASKS - 1, "quick", PATIENCE_MS);
	run(&sc, 1);
	assert_int_equal(sc.good, 1);
	row("a name that is none, too");
	ask(&sc, ASKS - 1, "nosuch", PATIENCE_MS);
	run(&sc, 1);
	assert_int_equal(sc.err, ERR_RESOLVE);
	assert_string_equal(sc.why, "name does not resolve: nosuch");
	row("and the slow ones when they are answered");
	hold(false);
	run(&sc, AT_ONCE - 1);
	assert_int_equal(sc.good, AT_ONCE - 1);
	scene_fini(&sc);
}

/* Many connections to one host ask once. */
static void
t_same_name(void **state)
{
	struct scene sc;

	(void)state;
	scene_init(&sc);
	for (size_t i = 0; i < ASKS; i++)
		ask(&sc, i, "slow", PATIENCE_MS);
	hold(false);
	run(&sc, ASKS);
	assert_int_equal(sc.good, ASKS);
	assert_int_equal(read_count(&calls), 1);
	row("none of them is remembered");
	ask(&sc, 0, "slow", PATIENCE_MS);
	run(&sc, 1);
	assert_int_equal(read_count(&calls), 2);
	scene_fini(&sc);
}

static void
t_at_once(void **state)
{
	struct scene sc;

	(void)state;
	scene_init(&sc);
	ask_slow(&sc, AT_ONCE, 100);
	ask(&sc, AT_ONCE, "quick", PATIENCE_MS);
	row("who asked for slow ones gives up, who waits behind them does not");
	run(&sc, AT_ONCE);
	assert_int_equal(sc.bad, AT_ONCE);
	assert_int_equal(sc.err, ERR_TIMEOUT);
	assert_int_equal(read_count(&calls), AT_ONCE);
	hold(false);
	run(&sc, 1);
	assert_int_equal(sc.good, 1);
	scene_fini(&sc);
}

static void
t_cancel(void **state)
{
	struct scene sc;
	struct ask *a[AT_ONCE + 4];

	(void)state;
	scene_init(&sc);
	for (size_t i = 0; i < ARRAY_LEN(a); i++) {
		char name[20];

		(void)snprintf(name, sizeof(name), "slow%zu", i);
		a[i] = xcalloc(1, sizeof(*a[i]));
		*a[i] = (struct ask){ &sc, i };
		sc.connect[i] =
		    ev_connect(sc.loop, name, sc.port, PATIENCE_MS, on_connected, a[i]);
	}
	ask(&sc, ASKS - 1, "slow0", PATIENCE_MS); /* shares what is cancelled */
	for (size_t i = 0; i < ARRAY_LEN(a); i++) {
		ev_connect_cancel(sc.connect[i]);
		free(a[i]);
	}
	hold(false);
	run(&sc, 1);
	assert_int_equal(sc.good, 1);
	scene_fini(&sc);
}

/* A name server that is silent does not keep a program from ending. */
static void
t_end_of_the_loop(void **state)
{
	struct scene sc;
	struct ask *a = xcalloc(1, sizeof(*a));

	(void)state;
	scene_init(&sc);
	*a = (struct ask){ &sc, 0 };
	(void)ev_connect(sc.loop, "slow", sc.port, 50, on_connected, a);
	run(&sc, 1);
	assert_int_equal(sc.err, ERR_TIMEOUT);
	assert_string_equal(sc.why, "looking up slow took more than 50 ms");
	scene_fini(&sc);
	row("nor one that has just answered");
	scene_init(&sc);
	hold(false);
	a = xcalloc(1, sizeof(*a));
	*a = (struct ask){ &sc, 0 };
	(void)ev_connect(sc.loop, "slow", sc.port, 0, on_connected, a);
	run(&sc, 1);
	wait_inside(0);
	scene_fini(&sc);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_others_go_on),
		cmocka_unit_test(t_same_name),
		cmocka_unit_test(t_at_once),
		cmocka_unit_test(t_cancel),
		cmocka_unit_test(t_end_of_the_loop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
