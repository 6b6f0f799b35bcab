/* SPDX-License-Identifier: Apache-2.0 */
/* Dialling for port sessions, by the rules of the node. */
#include "agent/dial.h"

#include "base/buf.h"
#include "ev/sim.h"
#include "unit/check.h"

/* --- dialling ----------------------------------------------------------------- */

struct result {
	bool done;
	int err;
	char why[300], peer[64];
};

static void
on_dialled(void *arg, struct ev_stream *s, int err, const char *why)
{
	struct result *r = arg;

	r->done = true;
	r->err = err;
	(void)snprintf(r->why, sizeof(r->why), "%s", why);
	if (s != NULL)
		(void)snprintf(r->peer, sizeof(r->peer), "%s", ev_peer_ip(s));
	ev_close(s);
}

static void
on_accept(void *arg, struct ev_stream *s)
{
	(void)arg;
	ev_close(s);
}

struct place {
	struct sim_world *sim;
	struct ev_loop *node, *db;
	struct ev_listener *here, *there;
	struct dial_policy policy;
};

static void
place_init(struct place *p, const char *deny)
{
	struct fault f = { 0 };

	p->sim = sim_new(
	    &(struct sim_options){ .seed = 3, .latency_min_ms = 1, .latency_max_ms = 3 });
	p->node = sim_host(p->sim, "node");
	p->db = sim_host(p->sim, "db.internal");
	assert_int_equal(
	    ev_listen(&p->here, p->node, "127.0.0.1", 80, on_accept, NULL, &f), 0);
	assert_int_equal(ev_listen(&p->there, p->db, "", 5432, on_accept, NULL, &f), 0);
	assert_int_equal(dial_policy_parse(&p->policy, deny, &f), 0);
}

static void
place_fini(struct place *p)
{
	ev_listener_close(p->here);
	ev_listener_close(p->there);
	ev_loop_free(p->node);
	ev_loop_free(p->db);
	sim_free(p->sim);
}

static void
t_dial(void **state)
{
	static const struct {
		const char *what, *deny, *host;
		uint16_t port;
		bool probe;
		int err;
		const char *why;
	} t[] = {
		{ "this node", "", "", 80, false, 0, "" },
		{ "this node, loopback denied to hosts", DIAL_LOOPBACK, "", 80, false, 0,
		    "" },
		{ "this node, nobody there", "", "", 81, false, ERR_REFUSED,
		    "connection refused by 127.0.0.1:81" },
		{ "localhost by name", "", "localhost", 80, false, 0, "" },
		{ "localhost by name, denied", DIAL_LOOPBACK, "localhost", 80, false,
		    ERR_DENIED, "Forwarding to IP address 127.0.0.1 is forbidden." },
		{ "another host", "", "db.internal", 5432, false, 0, "" },
		{ "another host, denied by its address", "0.0.0.0/0", "db.internal", 5432,
		    false, ERR_DENIED, NULL },
		{ "another host, nobody there", "", "db.internal", 1, false, ERR_REFUSED,
		    "connection refused by db.internal:1" },
		{ "metadata", "", "169.254.169.254", 80, false, ERR_DENIED,
		    "Forwarding to IP address 169.254.169.254 is forbidden." },
		{ "nobody's name", "", "nosuch", 80, false, ERR_RESOLVE,
		    "name does not resolve: nosuch" },
		{ "looking only", "", "db.internal", 1, true, 0, NULL },
		{ "looking only, denied", "0.0.0.0/0", "db.internal", 5432, true,
		    ERR_DENIED, NULL },
		{ "looking only, nobody's name", "", "nosuch", 80, true, ERR_RESOLVE,
		    NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct result r = { 0 };
		struct place p;

		row(t[i].what);
		place_init(&p, t[i].deny);
		(t[i].probe ? agent_dial_probe : agent_dial_start)(p.node,
		    &(struct dial_target){
			.host = t[i].host, .port = t[i].port, .policy = &p.policy },
		    on_dialled, &r);
		assert_false(r.done);
		assert_true(sim_run_until(p.sim, &r.done, 30000));
		assert_int_equal(r.err, t[i].err);
		if (t[i].why != NULL)
			assert_string_equal(r.why, t[i].why);
		assert_int_equal(*r.peer != '\0', t[i].err == 0 && !t[i].probe);
		place_fini(&p);
	}
}

static void
t_cancel(void **state)
{
	static const char *const hosts[] = { "", "db.internal", "nosuch" };
	struct result r = { 0 };
	struct place p;

	(void)state;
	place_init(&p, "");
	for (size_t i = 0; i < ARRAY_LEN(hosts); i++)
		for (uint64_t ms = 0; ms < 8; ms++) {
			struct agent_dial *d = agent_dial_start(p.node,
			    &(struct dial_target){
				.host = hosts[i], .port = 9, .policy = &p.policy },
			    on_dialled, &r);

			sim_run_for(p.sim, ms / 4);
			agent_dial_cancel(r.done ? NULL : d);
			sim_run_for(p.sim, 50);
			r.done = false;
		}
	agent_dial_cancel(NULL);
	place_fini(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_dial),
		cmocka_unit_test(t_cancel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
