/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fifty simulated hosts that echo for one another while connections are cut, hosts crash,
 * slow down and lose sight of each other: no byte is out of place, and a seed replays.
 */
#include "env.h"

#include "base/list.h"

enum { FLEET = 50, PORT = 7 };

struct fleet;

/* A connection with an echo at the other end; what comes back must be what was sent. */
struct link {
	struct list link;
	struct node *node;
	struct ev_stream *s;
	bool is_echo;
	uint32_t sent, back;
	uint8_t salt;
	uint8_t queue[256]; /* of the echo */
	size_t nqueue;
};

struct node {
	struct fleet *f;
	struct ev_loop *l;
	struct ev_listener *ln;
	char name[16];
	struct list links;
	struct ev_timer dial, talk;
	struct ev_connect *conn;
};

struct fleet {
	struct sim_world *w;
	struct node node[FLEET];
	uint64_t bytes, connects, failures, ends, crashes;
	bool intact;
};

static void
link_end(struct link *k)
{
	k->node->f->ends++;
	ev_close(k->s);
	list_del(&k->link);
	free(k);
}

static void
link_readable(void *arg)
{
	struct link *k = arg;
	uint8_t p[256];
	size_t n = 0, room = k->is_echo ? sizeof(k->queue) - k->nqueue : sizeof(p);
	int r = ev_read(k->s, k->is_echo ? k->queue + k->nqueue : p, room, &n);

	if (r != 0 && r != ERR_AGAIN) {
		link_end(k);
		return;
	}
	k->node->f->bytes += n;
	if (k->is_echo) {
		k->nqueue += n;
		ev_stream_want(k->s, k->nqueue<sizeof(k->queue), k->nqueue> 0);
		return;
	}
	for (size_t i = 0; i < n; i++)
		if (p[i] != (uint8_t)(k->back++ * 5 + k->salt))
			k->node->f->intact = false;
}

static void
link_writable(void *arg)
{
	struct link *k = arg;
	size_t n = 0;
	int r = ev_write(k->s, k->queue, k->nqueue, &n);

	if (r != 0 && r != ERR_AGAIN) {
		link_end(k);
		return;
	}
	k->nqueue -= n;
	memmove(k->queue, k->queue + n, k->nqueue);
	ev_stream_want(k->s, k->nqueue<sizeof(k->queue), k->nqueue> 0);
}

static const struct ev_stream_ops link_ops = { link_readable, link_writable };

static void
link_new(struct node *nd, struct ev_stream *s, bool is_echo)
{
	struct link *k = xcalloc(1, sizeof(*k));

	k->node = nd;
	k->s = s;
	k->is_echo = is_echo;
	k->salt = (uint8_t)ev_random_below(nd->l, 256);
	list_init(&k->link);
	list_add_tail(&nd->links, &k->link);
	ev_stream_set(s, &link_ops, k);
	ev_stream_want(s, true, false);
}

static void
node_accept(void *arg, struct ev_stream *s)
{
	link_new(arg, s, true);
}

static void
node_connected(void *arg, struct ev_stream *s, int err, const char *why)
{
	struct node *nd = arg;

	(void)err, (void)why;
	nd->conn = NULL;
	if (s == NULL) {
		nd->f->failures++;
		return;
	}
	nd->f->connects++;
	link_new(nd, s, false);
}

static void
node_dial(void *arg)
{
	struct node *nd = arg;
	const char *to = nd->f->node[ev_random_below(nd->l, FLEET)].name;

	if (nd->conn == NULL)
		nd->conn = ev_connect(nd->l, to, PORT, 500, node_connected, nd);
	ev_timer_set(nd->l, &nd->dial, ev_random_below(nd->l, 3000), node_dial, nd);
}

static void
node_talk(void *arg)
{
	struct node *nd = arg;

	LIST_EACH(k, &nd->links, struct link, link)
	{
		uint8_t p[400];
		size_t n = ev_random_below(nd->l, sizeof(p)), put = 0;

		if (k->is_echo || ev_random_below(nd->l, 2) == 0)
			continue;
		for (size_t i = 0; i < n; i++)
			p[i] = (uint8_t)((k->sent + i) * 5 + k->salt);
		if (ev_random_below(nd->l, 20) == 0) {
			link_end(k);
			continue;
		}
		if (ev_write(k->s, p, n, &put) == 0)
			k->sent += (uint32_t)put;
	}
	ev_timer_set(nd->l, &nd->talk, 20 + ev_random_below(nd->l, 200), node_talk, nd);
}

static void
node_start(struct fleet *f, int i)
{
	struct node *nd = &f->node[i];

	*nd = (struct node){ .f = f };
	snprintf(nd->name, sizeof(nd->name), "node-%d", i);
	list_init(&nd->links);
	nd->l = sim_host(f->w, nd->name);
	if (ev_listen(&nd->ln, nd->l, "", PORT, node_accept, nd, NULL) != 0)
		fail();
	ev_timer_set(nd->l, &nd->dial, ev_random_below(nd->l, 1000), node_dial, nd);
	ev_timer_set(nd->l, &nd->talk, 100, node_talk, nd);
}

static void
node_end(struct node *nd)
{
	LIST_EACH(k, &nd->links, struct link, link)
	link_end(k);
	ev_connect_cancel(nd->conn);
	ev_listener_close(nd->ln);
	ev_loop_free(nd->l);
}

/* One thing that goes wrong. */
static void
disturb(struct fleet *f)
{
	int i = (int)sim_random_below(f->w, FLEET),
	    k = (int)sim_random_below(f->w, FLEET);

	switch (sim_random_below(f->w, 4)) {
	case 0:
		sim_crash(f->node[i].l);
		node_end(&f->node[i]);
		node_start(f, i);
		f->crashes++;
		break;
	case 1:
		sim_partition(
		    f->w, f->node[i].name, f->node[k].name, sim_random_below(f->w, 2));
		break;
	case 2:
		sim_slow(f->node[i].l, sim_random_below(f->w, 20000));
		break;
	default:
		(void)sim_cut_random(f->w);
		break;
	}
}

static uint64_t
fleet_run(uint64_t seed, struct fleet *out)
{
	struct sim_options o = { .seed = seed,
		.latency_min_ms = 1,
		.latency_max_ms = 150,
		.segment_max = 100,
		.buffer = 2000,
		.cut_per_million = 100 };
	struct fleet *f = xcalloc(1, sizeof(*f));
	uint64_t digest;

	f->w = sim_new(&o);
	f->intact = true;
	for (int i = 0; i < FLEET; i++)
		node_start(f, i);
	for (int i = 0; i < 200; i++) {
		sim_run_for(f->w, 300);
		disturb(f);
	}
	digest = sim_digest(f->w);
	for (int i = 0; i < FLEET; i++)
		node_end(&f->node[i]);
	sim_free(f->w);
	*out = *f;
	free(f);
	return digest;
}

static void
t_fleet(void **state)
{
	static struct fleet a, b;
	uint64_t first = fleet_run(1, &a), again = fleet_run(1, &b), other;

	(void)state;
	print_message(
	    "  a minute of 50 hosts: %llu connections, %llu bytes, %llu crashes\n",
	    (unsigned long long)a.connects, (unsigned long long)a.bytes,
	    (unsigned long long)a.crashes);
	assert_true(a.intact);
	assert_true(
	    a.connects > 500 && a.bytes > 100000 && a.crashes > 10 && a.failures > 10);
	assert_true(first == again);
	assert_true(a.bytes == b.bytes && a.connects == b.connects && a.ends == b.ends);
	for (uint64_t seed = 2; seed < 5; seed++) {
		other = fleet_run(seed, &b);
		assert_true(b.intact);
		assert_true(other != first);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_fleet),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
