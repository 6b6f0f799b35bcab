/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Wrong signatures are answered later and later; right ones at once.
 */
#include "world.h"

#include "server/domain/throttle.h"

#define SECRET "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

/* How long the answer to one call takes. */
static uint64_t
timed(struct world *w, const struct signer *s)
{
	uint64_t began = ev_now_ms(w->client_loop);

	call_as(w, s, "AmazonSSM.DescribeSessions", "{\"State\":\"Active\"}");
	return ev_now_ms(w->client_loop) - began;
}

static void
t_slower(void **state)
{
	static const uint64_t want_ms[] = { 0, 0, 0, 0, 0, 250, 500, 1000, 2000, 4000,
		4000 };
	struct signer wrong = { .secret = SECRET };
	struct world w;
	(void)state;

	world_up(&w);
	wrong.access_key = w.admin.access_key;
	for (size_t i = 0; i < ARRAY_LEN(want_ms); i++) {
		uint64_t ms = timed(&w, &wrong);

		row(arena_printf(
		    &w.mem, "wrong one %zu: %llu ms", i + 1, (unsigned long long)ms));
		expect_error(&w, "InvalidSignatureException", NULL);
		assert_in_range(ms, want_ms[i], want_ms[i] + 100);
	}
	row("the right one is answered at once, from the same place");
	assert_true(timed(&w, &w.admin) < 100);
	expect_ok(&w);
	row("another key from there waits all the same");
	wrong.access_key = "AKIAIOSFODNN7EXAMPLE";
	assert_in_range(timed(&w, &wrong), 4000, 4100);
	expect_error(&w, "UnrecognizedClientException", NULL);
	row("and all is forgotten after some quiet minutes");
	sim_run_for(w.sim, 15 * THROTTLE_FADE_MS);
	assert_true(timed(&w, &wrong) < 100);
	world_down(&w);
}

/* Somebody else's connection: a second client host. */
struct other {
	struct ev_loop *loop;
	struct http_client *http;
};

static void
other_up(struct world *w, struct other *o, const char *name)
{
	o->loop = sim_host(w->sim, name);
	o->http = http_client_new(o->loop, NULL, NULL, NULL);
}

static void
other_down(struct other *o)
{
	http_client_free(o->http);
	ev_loop_free(o->loop);
}

static void
on_any_answer(void *arg, const struct http_response *r, int err, const char *why)
{
	(void)why;
	*(int *)arg = err != 0 ? -1 : r->status;
}

/* One more call on a connection of its own, without waiting; *status is its answer. */
static void
start_call(struct world *w, struct other *o, const struct signer *s, int *status)
{
	struct raw q = {
		.method = "POST", .target = "/", .body = "{\"State\":\"Active\"}"
	};

	raw_header(&q, "Content-Type", "application/x-amz-json-1.1");
	raw_header(&q, "X-Amz-Target", "AmazonSSM.DescribeSessions");
	sign(w, &q, s, "ssm");
	*status = 0;
	http_call(o->http,
	    &(struct http_request){ .method = q.method,
		.url = "http://" HOST "/",
		.headers = q.headers,
		.nheaders = q.nheaders,
		.body = span_str(q.body),
		.timeout_ms = 60000 },
	    on_any_answer, status);
}

static void
t_in_parallel(void **state)
{
	enum { TRIES = 40 };
	int status[TRIES], good = 0, answered = 0;
	struct signer wrong = { .secret = SECRET };
	struct other attacker[TRIES], friend;
	struct world w;
	(void)state;

	world_up(&w);
	wrong.access_key = w.admin.access_key;
	for (int i = 0; i < 12; i++)
		(void)timed(&w, &wrong);
	row("forty at once: sixteen wait, nobody looks at the others");
	for (int i = 0; i < TRIES; i++) {
		attacker[i].loop = w.client_loop;
		attacker[i].http = http_client_new(w.client_loop, NULL, NULL, NULL);
		start_call(&w, &attacker[i], &wrong, &status[i]);
	}
	other_up(&w, &friend, "friend");
	sim_run_for(w.sim, 500);
	for (int i = 0; i < TRIES; i++)
		answered += status[i] != 0;
	assert_int_equal(answered, TRIES - THROTTLE_HELD_MAX);
	row("the same key from elsewhere works meanwhile");
	start_call(&w, &friend, &w.admin, &good);
	sim_run_for(w.sim, 100);
	assert_int_equal(good, 200);
	row("from the same place it is not even looked at until they have been answered");
	(void)timed(&w, &w.admin);
	expect_error(&w, "ThrottlingException", "Rate exceeded");
	sim_run_for(w.sim, THROTTLE_MAX_MS);
	for (int i = 0; i < TRIES; i++) {
		assert_int_equal(status[i], 400);
		http_client_free(attacker[i].http);
	}
	assert_true(timed(&w, &w.admin) < 100);
	expect_ok(&w);
	other_down(&friend);
	world_down(&w);
}

/* Hanging up does not make the next attempt any faster. */
static void
t_hanging_up(void **state)
{
	int status[THROTTLE_HELD_MAX];
	struct signer wrong = { .secret = SECRET };
	struct other o;
	struct world w;
	(void)state;

	world_up(&w);
	wrong.access_key = w.admin.access_key;
	for (int i = 0; i < 12; i++)
		(void)timed(&w, &wrong);
	for (int i = 0; i < THROTTLE_HELD_MAX; i++) {
		o = (struct other){ w.client_loop,
			http_client_new(w.client_loop, NULL, NULL, NULL) };
		start_call(&w, &o, &wrong, &status[i]);
		sim_run_for(w.sim, 20);
		http_client_free(o.http);
	}
	sim_run_for(w.sim, 20);
	(void)timed(&w, &wrong);
	expect_error(&w, "ThrottlingException", "Rate exceeded");
	row("a server that stops does not wait for them");
	world_down(&w);
}

/* Channels are refused as slowly as calls, and count together with them. */
static void
t_channels(void **state)
{
	static const struct signer wrong = { .access_key = "AKIAIOSFODNN7EXAMPLE",
		.secret = SECRET };
	uint64_t began;
	struct world w;
	(void)state;

	world_up(&w);
	for (int i = 0; i < THROTTLE_FREE + 2; i++)
		(void)timed(&w, &wrong);
	began = ev_now_ms(w.client_loop);
	{
		struct raw q = { .method = "POST",
			.target = "/v1/control-channel/mi-0123456789abcdef0",
			.body = "{}" };

		sign(&w, &q, &wrong, "ssmmessages");
		send_raw(&w, &q);
	}
	assert_int_equal(w.status, 403);
	assert_true(body_has(&w, "<UnrecognizedClientException>"));
	assert_in_range(ev_now_ms(w.client_loop) - began, 1000, 1100);
	world_down(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_slower),
		cmocka_unit_test(t_in_parallel),
		cmocka_unit_test(t_hanging_up),
		cmocka_unit_test(t_channels),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
