/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nodes come and go: the newest link wins, and the row remembers why a node left.
 */
#include "world.h"

static int
put_node(struct store_tx *tx, void *arg, struct fault *f)
{
	struct store_node n = blank_node(arg);

	(void)f;
	return store_node_put(tx, &n);
}

static void
row_of(struct world *w, struct arena *mem, struct store_node *n)
{
	settle(w);
	OK(store_node_get(store_reader(w->store), mem, NODE, n));
}

static void
t_newest_wins(void **state)
{
	struct world w;
	struct fake_link second;
	auto_arena mem = { 0 };
	struct store_node n;
	(void)state;

	world_init(&w, 1);
	OK(store_apply(w.store, put_node, (void *)(uintptr_t)NODE, NULL));
	link_init(&second, NODE);
	node_attach(w.nodes, &w.link.link);
	assert_int_equal(w.link.link.attached_ms, ev_wall_ms(w.loop));
	assert_int_equal(nodes_online(w.nodes), 1);
	node_attach(w.nodes, &second.link);
	assert_non_null(w.link.drop);
	assert_int_equal(nodes_online(w.nodes), 1);
	node_detach(w.nodes, &w.link.link, "late news of the old one");
	assert_true(node_online(w.nodes, NODE));
	row_of(&w, &mem, &n);
	assert_string_equal(n.leave_reason, "");
	assert_int_equal(n.offline_ms, 0);

	second.result = ERR_LIMIT;
	assert_int_equal(node_send(w.nodes, NODE, SPAN("x")), ERR_LIMIT);
	assert_int_equal(node_send(w.nodes, "mi-other", SPAN("x")), ERR_NOTFOUND);
	node_detach(w.nodes, &second.link, "the agent closed the connection");
	assert_false(node_online(w.nodes, NODE));
	assert_int_equal(node_send(w.nodes, NODE, SPAN("x")), ERR_NOTFOUND);
	row_of(&w, &mem, &n);
	assert_string_equal(n.leave_reason, "the agent closed the connection");
	assert_int_equal(n.offline_ms, ev_wall_ms(w.loop) - 1);
	buf_fini(&second.sent);
	world_fini(&w);
}

static void
t_evict(void **state)
{
	struct world w;
	auto_arena mem = { 0 };
	struct store_node n;
	(void)state;

	world_init(&w, 1);
	OK(store_apply(w.store, put_node, (void *)(uintptr_t)NODE, NULL));
	node_attach(w.nodes, &w.link.link);
	node_evict(w.nodes, NODE, "deregistered");
	assert_string_equal(w.link.drop, "deregistered");
	assert_int_equal(nodes_online(w.nodes), 0);
	node_detach(w.nodes, &w.link.link, "late"); /* ignored */
	row_of(&w, &mem, &n);
	assert_string_equal(n.leave_reason, "deregistered");
	node_evict(w.nodes, NODE, "again");
	assert_string_equal(w.link.drop, "deregistered");
	world_fini(&w);
}

static void
count(void *arg, const char *node_id)
{
	assert_string_equal(node_id, NODE);
	++*(int *)arg;
}

static void
t_listeners(void **state)
{
	struct world w;
	struct fake_link second;
	int told[2] = { 0 };
	(void)state;

	world_init(&w, 1);
	link_init(&second, NODE);
	nodes_on_online(w.nodes, count, &told[0]);
	nodes_on_online(w.nodes, count, &told[1]);
	node_attach(w.nodes, &w.link.link);
	node_attach(w.nodes, &second.link); /* what went over the old one may be lost */
	assert_int_equal(told[0], 2);
	assert_int_equal(told[1], 2);
	buf_fini(&second.sent);
	world_fini(&w);
}

static void
t_offline_reason(void **state)
{
	struct world w;
	auto_arena mem = { 0 };
	(void)state;

	world_init(&w, 1);
	assert_string_equal(node_offline_reason(w.nodes, &mem, NODE), "never registered");
	OK(store_apply(w.store, put_node, (void *)(uintptr_t)NODE, NULL));
	assert_string_equal(
	    node_offline_reason(w.nodes, &mem, NODE), "registered, but never connected");
	node_up(&w);
	node_down(&w);
	settle(&w);
	assert_string_equal(node_offline_reason(w.nodes, &mem, NODE),
	    "last seen 2027-01-15T08:00:00.001Z: the cable was pulled");
	world_fini(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_newest_wins),
		cmocka_unit_test(t_evict),
		cmocka_unit_test(t_listeners),
		cmocka_unit_test(t_offline_reason),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
