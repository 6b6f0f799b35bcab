/* SPDX-License-Identifier: Apache-2.0 */
/* Where port sessions may connect to: prefixes against addresses, and dialling by them. */
#include "agent/dial.h"

#include "base/buf.h"
#include "ev/sim.h"
#include "unit/check.h"

static void
t_always(void **state)
{
	static const struct {
		const char *what, *ip;
		bool allowed;
	} t[] = {
		{ "an address of the world", "192.0.2.7", true },
		{ "and of the next world", "2001:db8::7", true },
		{ "a private network", "10.1.2.3", true },
		{ "loopback", "127.0.0.1", true },
		{ "the rest of loopback", "127.9.9.9", true },
		{ "IPv6 loopback", "::1", true },
		{ "metadata", "169.254.169.254", false },
		{ "link-local, first", "169.254.0.0", false },
		{ "link-local, last", "169.254.255.255", false },
		{ "beside link-local", "169.253.255.255", true },
		{ "IPv6 metadata", "fd00:ec2::254", false },
		{ "its whole prefix", "fd00:ec2:ffff::1", false },
		{ "beside it", "fd00:ec3::254", true },
		{ "IPv6 link-local", "fe80::1", false },
		{ "the end of its prefix", "febf:ffff::1", false },
		{ "unspecified, which is loopback to Linux", "0.0.0.0", false },
		{ "its whole network", "0.1.2.3", false },
		{ "IPv6 unspecified", "::", false },
		{ "multicast", "224.0.0.1", false },
		{ "multicast, last", "239.255.255.255", false },
		{ "IPv6 multicast", "ff02::1", false },
		{ "broadcast", "255.255.255.255", false },
		{ "mapped metadata", "::ffff:169.254.169.254", false },
		{ "mapped metadata in hex", "::ffff:a9fe:a9fe", false },
		{ "mapped unspecified", "::ffff:0.0.0.0", false },
		{ "mapped multicast", "::ffff:224.0.0.1", false },
		{ "mapped, harmless", "::ffff:192.0.2.7", true },
		{ "compatible metadata", "::169.254.169.254", false },
		{ "metadata behind NAT64", "64:ff9b::169.254.169.254", false },
		{ "metadata in 6to4", "2002:a9fe:a9fe::1", false },
		{ "no address", "localhost", false },
		{ "an octal address", "0251.0376.0251.0376", false },
		{ "a short address", "127.1", false },
		{ "with a zone", "fe80::1%eth0", false },
		{ "with a harmless zone", "2001:db8::7%eth0", false },
		{ "nothing", "", false },
	};
	struct dial_policy p;

	(void)state;
	assert_int_equal(dial_policy_parse(&p, "", NULL), 0);
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		row(t[i].what);
		assert_int_equal(dial_policy_allows(&p, t[i].ip), t[i].allowed);
	}
}

static void
t_prefixes(void **state)
{
	static const struct {
		const char *what, *deny, *ip;
		bool allowed;
	} t[] = {
		{ "inside", "10.0.0.0/8", "10.255.0.1", false },
		{ "outside", "10.0.0.0/8", "11.0.0.1", true },
		{ "a prefix within a byte", "172.16.0.0/12", "172.31.255.255", false },
		{ "and past it", "172.16.0.0/12", "172.32.0.0", true },
		{ "an address alone", "192.0.2.7", "192.0.2.7", false },
		{ "and its neighbour", "192.0.2.7", "192.0.2.6", true },
		{ "bits of the host in a prefix", "10.1.2.3/8", "10.9.9.9", false },
		{ "everything of IPv4", "0.0.0.0/0", "192.0.2.7", false },
		{ "is nothing of IPv6", "0.0.0.0/0", "2001:db8::1", true },
		{ "everything", "::/0", "192.0.2.7", false },
		{ "IPv6", "2001:db8::/33", "2001:db8:7fff::1", false },
		{ "IPv6 past it", "2001:db8::/33", "2001:db8:8000::1", true },
		{ "the second of two", "10.0.0.0/8  192.168.0.0/16", "192.168.1.1",
		    false },
		{ "mapped", "10.0.0.0/8", "::ffff:10.0.0.1", false },
		{ "a mapped rule", "::ffff:10.0.0.0/104", "10.0.0.1", false },
		{ "no loopback", DIAL_LOOPBACK, "127.0.0.1", false },
		{ "none of it", DIAL_LOOPBACK, "127.255.0.1", false },
		{ "nor of IPv6", DIAL_LOOPBACK, "::1", false },
		{ "nor mapped", DIAL_LOOPBACK, "::ffff:127.0.0.1", false },
		{ "other hosts still", DIAL_LOOPBACK, "192.0.2.1", true },
	};
	struct dial_policy p;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		row(t[i].what);
		assert_int_equal(dial_policy_parse(&p, t[i].deny, NULL), 0);
		assert_int_equal(dial_policy_allows(&p, t[i].ip), t[i].allowed);
	}
}

static void
t_not_prefixes(void **state)
{
	static const char *const t[] = { "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1",
		"10.0.0.0/8x", "2001:db8::/129", "host", "10.0.0", "/8",
		"10.0.0.0/8,11.0.0.0/8",
		("2001:db8:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:"
		 "0000/8") };
	struct dial_policy p;
	struct fault f;
	auto_buf many = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		row(t[i]);
		assert_int_equal(dial_policy_parse(&p, t[i], &f), ERR_INVALID);
		assert_non_null(strstr(f.text, "10.0.0.0/8"));
	}
	buf_init(&many, 4096);
	for (int i = 0; i <= DIAL_DENY_MAX; i++)
		buf_add_str(&many, "10.0.0.0/8 ");
	assert_int_equal(dial_policy_parse(&p, buf_cstr(&many), &f), ERR_LIMIT);
}

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
		    &(struct dial_target){ t[i].host, t[i].port, &p.policy }, on_dialled,
		    &r);
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
			    &(struct dial_target){ hosts[i], 9, &p.policy }, on_dialled,
			    &r);

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
		cmocka_unit_test(t_always),
		cmocka_unit_test(t_prefixes),
		cmocka_unit_test(t_not_prefixes),
		cmocka_unit_test(t_dial),
		cmocka_unit_test(t_cancel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
