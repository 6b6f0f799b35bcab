/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many people with a session each, who type: the client's library, as sallyport runs it, against
 * nodes whose shells return what they are given (load_fleet).
 *
 *	load_people COUNT KEYS_A_MINUTE SECONDS NODE...
 *
 * The service is found as by every client, in the environment.  Prints "ready SECONDS" when all
 * sessions are open, then types into each of them for SECONDS, and waits up to GRACE_MS until
 * everything is back.  Then, in microseconds over all keys:
 *
 *	keys N p50 US p99 US max US ended N wrong N missing N
 *
 * ended: sessions that were over before their time; wrong: echoes that were not what was typed;
 * missing: keys that never came back.
 */
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/log.h"
#include "base/text.h"
#include "client/session/live.h"
#include "crypto/crypto.h"

enum {
	COUNT_MAX = 20000,
	AT_ONCE = 16,       /* sessions that are being opened */
	UNDERWAY_MAX = 512, /* keys of one session whose echo is awaited */
	GRACE_MS = 30 * 1000,
	GRACE_LOOK_MS = 100,
	LIMIT_S = 900,
};

struct crowd {
	struct ev_loop *loop;
	struct aws_settings settings;
	struct aws_api *api;
	struct person *people;
	char **nodes;
	size_t nnodes, count, begun, ready;
	uint64_t pause_us, seconds, began_ms, over_ms;
	uint32_t *us; /* of each key that came back */
	size_t nus, us_size, underway, ended, wrong;
	struct ev_timer timer;
};

struct person {
	struct crowd *c;
	struct live *live;
	struct ev_timer key;
	uint64_t *typed_us; /* ring of UNDERWAY_MAX */
	uint32_t typed, seen;
};

static void open_more(struct crowd *c);

static _Noreturn void
die(const char *what, const char *why)
{
	fprintf(stderr, "load_people: %s: %s\n", what, why);
	exit(1);
}

/* --- keys --------------------------------------------------------------------------- */

static uint8_t
nth_key(uint32_t n)
{
	return (uint8_t)('a' + n % 26);
}

static void
type(void *arg)
{
	struct person *p = arg;
	struct crowd *c = p->c;
	uint8_t key = nth_key(p->typed);

	if (ev_now_ms(c->loop) >= c->over_ms)
		return;
	if (p->typed - p->seen < UNDERWAY_MAX &&
	    client_session_send(
		live_session(p->live), PAYLOAD_OUTPUT, span_of(&key, 1)) == 0) {
		p->typed_us[p->typed++ % UNDERWAY_MAX] = ev_now_us(c->loop);
		c->underway++;
	}
	/* Between half and one and a half times the pause. */
	ev_timer_set(c->loop, &p->key,
	    (c->pause_us / 2 + ev_random_below(c->loop, (uint32_t)c->pause_us)) / 1000,
	    type, p);
}

static void
note(struct crowd *c, uint64_t us)
{
	if (c->nus == c->us_size) {
		c->us_size = MAX(c->us_size * 2, (size_t)1 << 16);
		c->us = xrealloc(c->us, c->us_size * sizeof(*c->us));
	}
	c->us[c->nus++] = (uint32_t)MIN(us, UINT32_MAX);
	c->underway--;
}

static int
on_data(void *arg, uint32_t payload_type, struct span data)
{
	struct person *p = arg;
	uint64_t now = ev_now_us(p->c->loop);

	if (payload_type != PAYLOAD_OUTPUT)
		return 0;
	for (size_t i = 0; i < data.n; i++) {
		if (p->seen == p->typed || data.p[i] != nth_key(p->seen)) {
			p->c->wrong++;
			return 0;
		}
		note(p->c, now - p->typed_us[p->seen++ % UNDERWAY_MAX]);
	}
	return 0;
}

/* --- the end ------------------------------------------------------------------------ */

static int
by_size(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static void
report(const struct crowd *c)
{
	size_t last = c->nus > 0 ? c->nus - 1 : 0;
	uint32_t none = 0, *us = c->nus > 0 ? c->us : &none;

	qsort(us, MAX(c->nus, (size_t)1), sizeof(*us), by_size);
	printf("keys %zu p50 %u p99 %u max %u ended %zu wrong %zu missing %zu\n", c->nus,
	    us[c->nus / 2], us[c->nus * 99 / 100], us[last], c->ended, c->wrong,
	    c->underway);
	exit(0);
}

static void
on_grace(void *arg)
{
	struct crowd *c = arg;

	if (c->underway == 0 || ev_now_ms(c->loop) >= c->over_ms + GRACE_MS)
		report(c);
	ev_timer_set(c->loop, &c->timer, GRACE_LOOK_MS, on_grace, c);
}

/* --- sessions ----------------------------------------------------------------------- */

static void
all_ready(struct crowd *c)
{
	uint64_t now = ev_now_ms(c->loop);

	printf("ready %.1f\n", (double)(now - c->began_ms) / 1000);
	fflush(stdout);
	c->over_ms = now + c->seconds * 1000;
	for (size_t i = 0; i < c->count; i++)
		ev_timer_set(c->loop, &c->people[i].key,
		    ev_random_below(c->loop, (uint32_t)(c->pause_us / 1000) + 1), type,
		    &c->people[i]);
	ev_timer_set(c->loop, &c->timer, c->seconds * 1000, on_grace, c);
}

static void
on_ready(void *arg, const struct session_info *info)
{
	struct person *p = arg;

	(void)info;
	if (++p->c->ready == p->c->count)
		all_ready(p->c);
	else
		open_more(p->c);
}

static void
on_end(void *arg, const char *text)
{
	struct person *p = arg;

	if (p->c->ready < p->c->count)
		die("a session could not be opened", text);
	if (p->c->ended++ == 0)
		fprintf(stderr, "load_people: the first session that ended: %s\n", text);
	ev_timer_clear(&p->key);
	live_free(STEAL(p->live));
}

static void
on_writable(void *arg)
{
	(void)arg; /* the next key tries again */
}

static void
on_lost(void *arg, bool lost, const char *why)
{
	(void)arg, (void)lost, (void)why;
}

static void
on_notice(void *arg, const char *text)
{
	(void)arg, (void)text;
}

static const struct live_ops live_ops = {
	.on_ready = on_ready,
	.on_data = on_data,
	.on_writable = on_writable,
	.on_lost = on_lost,
	.on_notice = on_notice,
	.on_end = on_end,
};

static void
open_more(struct crowd *c)
{
	while (c->begun < c->count && c->begun - c->ready < AT_ONCE) {
		struct person *p = &c->people[c->begun];
		auto_buf body = { .max = 1024 };

		buf_addf(&body, "{\"Target\":\"%s\"}", c->nodes[c->begun++ % c->nnodes]);
		p->c = c;
		p->typed_us = xcalloc(UNDERWAY_MAX, sizeof(*p->typed_us));
		p->live = live_start(
		    c->loop, c->api, &c->settings, buf_span(&body), &live_ops, p);
	}
}

/* --- life --------------------------------------------------------------------------- */

static void
run(struct crowd *c)
{
	struct fault f = { 0 };

	if (aws_settings_load(&c->settings, &(struct aws_overrides){ 0 }, &f) != 0 ||
	    aws_settings_keys(&c->settings, &f) != 0)
		die("settings", fault_text(&f));
	c->loop = ev_loop_new();
	if (aws_api_new(&c->api, c->loop, &c->settings, &f) != 0)
		die("settings", fault_text(&f));
	c->people = xcalloc(c->count, sizeof(*c->people));
	c->began_ms = ev_now_ms(c->loop);
	open_more(c);
	ev_run(c->loop);
}

int
main(int argc, char **argv)
{
	struct crowd c = { 0 };
	struct rlimit lim;
	int64_t count, keys, seconds;

	if (argc < 5 || num_parse(span_str(argv[1]), 1, COUNT_MAX, &count) != 0 ||
	    num_parse(span_str(argv[2]), 1, 6000, &keys) != 0 ||
	    num_parse(span_str(argv[3]), 1, 600, &seconds) != 0) {
		fprintf(
		    stderr, "usage: load_people COUNT KEYS_A_MINUTE SECONDS NODE...\n");
		return 2;
	}
	if (getrlimit(RLIMIT_NOFILE, &lim) == 0) {
		lim.rlim_cur = lim.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &lim);
	}
	signal(SIGPIPE, SIG_IGN);
	alarm(LIMIT_S);
	crypto_init();
	log_setup(LOG_ERROR, LOG_FORMAT_TEXT, "load_people");
	c.count = (size_t)count;
	c.pause_us = 60 * 1000000 / (uint64_t)keys;
	c.seconds = (uint64_t)seconds;
	c.nodes = argv + 4;
	c.nnodes = (size_t)argc - 4;
	run(&c);
	return 1;
}
