/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Derived state of nodes, and the page walk.  A question about known ids is answered by
 * point queries: scripts poll for one node until it is online.
 */
#include "server/api/ssm/node_view.h"

#include "proto/ids.h"
#include "server/domain/node.h"

static const int64_t inactive_ms = 30LL * 24 * 3600 * 1000;

enum node_ping
node_ping(const struct api_call *c, const struct store_node *n)
{
	int64_t seen = node_seen_ms(n);

	if (node_online(c->env->nodes, n->id))
		return NODE_ONLINE;
	return seen == 0 || seen + inactive_ms < c->now_ms ? NODE_INACTIVE
							   : NODE_CONNECTION_LOST;
}

const char *
node_ping_name(enum node_ping p)
{
	static const char *const names[] = {
		[NODE_ONLINE] = "Online",
		[NODE_CONNECTION_LOST] = "ConnectionLost",
		[NODE_INACTIVE] = "Inactive",
	};

	return names[p];
}

bool
node_is_managed(const struct store_node *n)
{
	return id_node_is_managed(span_str(n->id));
}

const char *
node_resource_type(const struct store_node *n)
{
	return node_is_managed(n) ? "ManagedInstance" : "EC2Instance";
}

const char *
node_source_type(const struct store_node *n)
{
	return node_is_managed(n) ? "AWS::SSM::ManagedInstance" : "AWS::EC2::Instance";
}

int
node_tags(struct api_call *c, struct arena *mem, const char *id, struct tags *t)
{
	return tags_load(
	    api_reader(c), mem, tags_resource(mem, "ManagedInstance", id), t);
}

/* False when the page is full. */
static bool
visit(void *arg, const struct store_node *n)
{
	struct node_walk *w = arg;
	auto_arena scratch;

	arena_init(&scratch);
	if (!w->matches(w, n, &scratch))
		return true;
	if (!page_take(&w->page, n->id))
		return false;
	w->write(w, n, &scratch);
	return true;
}

static int
walk_ids(struct node_walk *w)
{
	for (size_t i = 0; i < w->nids; i++) {
		struct store_node n;
		auto_arena mem;
		int err;

		arena_init(&mem);
		if (strcmp(w->ids[i], w->page.after) <= 0)
			continue;
		err = store_node_get(api_reader(w->c), &mem, w->ids[i], &n);
		if (err != 0 && err != ERR_NOTFOUND)
			return err;
		if (err == 0 && !visit(w, &n))
			break;
	}
	return 0;
}

int
node_walk(struct node_walk *w, const char *list, int64_t limit)
{
	int err;

	if ((err = page_open(&w->page, w->c, list, limit)) != 0)
		return err;
	err = w->ids != NULL ? walk_ids(w)
			     : store_nodes(api_reader(w->c), w->page.after, visit, w);
	if (err != 0)
		return err;
	page_close(&w->page);
	return 0;
}
