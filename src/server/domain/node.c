/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of connected nodes.  Its values are the gateway's links; what remains of a
 * node that left is its row: when and why.
 */
#include "server/domain/node.h"

#include "base/log.h"
#include "base/text.h"
#include "server/domain/audit_service.h"

enum { NODE_LISTENERS_MAX = 4 };

struct nodes {
	struct ev_loop *loop;
	struct store *store;
	struct audit *audit; /* or NULL */
	struct map links; /* node id -> struct node_link, borrowed */
	struct {
		node_online_fn *fn;
		void *arg;
	} listeners[NODE_LISTENERS_MAX];
	size_t nlisteners;
};

struct nodes *
nodes_new(struct ev_loop *l, struct store *st)
{
	struct nodes *n = xcalloc(1, sizeof(*n));
	uint64_t key[2];

	n->loop = l;
	n->store = st;
	ev_random(l, key, sizeof(key));
	map_init(&n->links, key[0], key[1]);
	return n;
}

void
nodes_free(struct nodes *n)
{
	if (n == NULL)
		return;
	map_fini(&n->links);
	free(n);
}

void
nodes_each(const struct nodes *n, node_fn *fn, void *arg)
{
	struct span key;
	void *v;

	for (size_t it = 0; map_next(&n->links, &it, &key, &v);)
		fn(arg, ((const struct node_link *)v)->node_id);
}

void
nodes_on_online(struct nodes *n, node_online_fn *fn, void *arg)
{
	assert(n->nlisteners < NODE_LISTENERS_MAX);
	n->listeners[n->nlisteners].fn = fn;
	n->listeners[n->nlisteners].arg = arg;
	n->nlisteners++;
}

void
nodes_set_audit(struct nodes *n, struct audit *a)
{
	n->audit = a;
}

struct audit *
nodes_audit(const struct nodes *n)
{
	return n->audit;
}

/* --- the row: why a node left ------------------------------------------------- */

struct leave {
	char node_id[24];
	char why[200];
	int64_t offline_ms;
	bool keeps_row; /* only the event */
	bool recorded;
	struct audit *audit;
	struct audit_record record;
	struct arena mem; /* of the record */
};

static int
leave_run(struct store_tx *tx, void *arg, struct fault *f)
{
	struct leave *v = arg;
	int r = 0;

	(void)f;
	if (!v->keeps_row)
		r = store_node_set_leave(tx, v->node_id, v->why, v->offline_ms);
	/* A node with static credentials has no row before its first heartbeat. */
	if ((r == 0 || r == ERR_NOTFOUND) && v->recorded)
		r = audit_record_append(tx, &v->record);
	return r == ERR_NOTFOUND ? 0 : r;
}

static void
leave_done(void *arg, int r, const struct fault *f)
{
	struct leave *v = arg;

	if (r != 0)
		log_error("node row not written", "node=%s reason=%s", v->node_id,
		    log_q(fault_text(f)));
	if (r != 0 && v->recorded)
		audit_failed(v->audit);
	arena_fini(&v->mem);
	free(v);
}

/* The row, and the event of what happened to it. */
static struct leave *
leave_new(struct nodes *n, const char *node_id, const char *event, const char *why)
{
	struct leave *v = xcalloc(1, sizeof(*v));

	snprintf(v->node_id, sizeof(v->node_id), "%s", node_id);
	snprintf(v->why, sizeof(v->why), "%s", why);
	arena_init(&v->mem);
	v->audit = n->audit;
	v->recorded = audit_node_moved(n->audit, &v->record, &v->mem, node_id, event, why);
	return v;
}

static void
write_came(struct nodes *n, const char *node_id)
{
	struct leave *v = leave_new(n, node_id, "AgentConnected", "");

	store_submit(n->store, leave_run, leave_done, v);
}

static void
write_replaced(struct nodes *n, const char *node_id)
{
	struct leave *v = leave_new(n, node_id, "AgentReplaced",
	    "a newer connection of this node took over");

	v->keeps_row = true;
	store_submit(n->store, leave_run, leave_done, v);
}

static void
write_left(struct nodes *n, const char *node_id, const char *why)
{
	struct leave *v = leave_new(n, node_id, "AgentDisconnected", why);

	v->offline_ms = ev_wall_ms(n->loop);
	store_submit(n->store, leave_run, leave_done, v);
}

/* --- links come and go ---------------------------------------------------------- */

void
node_attach(struct nodes *n, struct node_link *link)
{
	char id[sizeof(link->node_id)]; /* the link may go while listeners are told */
	struct node_link *old;

	memcpy(id, link->node_id, sizeof(id));
	link->attached_ms = (uint64_t)ev_wall_ms(n->loop);
	old = map_put(&n->links, span_str(id), link);
	assert(old != link);
	if (old != NULL) {
		old->drop(old, "a newer connection of this node took over");
		write_replaced(n, id);
	} else {
		write_came(n, id);
	}
	log_info("node online", "node=%s replaced=%s", id, old != NULL ? "yes" : "no");
	for (size_t i = 0; i < n->nlisteners; i++)
		n->listeners[i].fn(n->listeners[i].arg, id);
}

void
node_detach(struct nodes *n, struct node_link *link, const char *why)
{
	if (map_get(&n->links, span_str(link->node_id)) != link)
		return;
	map_del(&n->links, span_str(link->node_id));
	log_info("node offline", "node=%s why=%s", link->node_id, log_q(why));
	write_left(n, link->node_id, why);
}

void
node_evict(struct nodes *n, const char *node_id, const char *why)
{
	struct node_link *link = map_del(&n->links, span_str(node_id));

	if (link == NULL)
		return;
	log_info("node evicted", "node=%s why=%s", log_q(node_id), log_q(why));
	write_left(n, node_id, why);
	link->drop(link, why);
}

bool
node_online(const struct nodes *n, const char *node_id)
{
	return map_get(&n->links, span_str(node_id)) != NULL;
}

bool
node_is_stock(const struct nodes *n, const char *node_id)
{
	const struct node_link *link = map_get(&n->links, span_str(node_id));

	return link != NULL && !link->own;
}

size_t
nodes_online(const struct nodes *n)
{
	return map_len(&n->links);
}

int
node_send(struct nodes *n, const char *node_id, struct span msg)
{
	struct node_link *link = map_get(&n->links, span_str(node_id));

	return link != NULL ? link->send(link, msg) : ERR_NOTFOUND;
}

/* --- words ------------------------------------------------------------------------ */

int64_t
node_seen_ms(const struct store_node *n)
{
	return MAX(n->offline_ms, n->ping_ms);
}

const char *
node_offline_reason(struct nodes *n, struct arena *mem, const char *node_id)
{
	struct store_node row;
	char when[TIME_ISO_LEN + 1];
	int64_t seen_ms;
	int r;

	if ((r = store_node_get(store_reader(n->store), mem, node_id, &row)) ==
	    ERR_NOTFOUND)
		return "never registered";
	if (r != 0)
		return "its record could not be read";
	/* Without offline_ms it was connected when the server last stopped. */
	seen_ms = node_seen_ms(&row);
	if (seen_ms == 0 && row.leave_reason[0] == '\0')
		return "registered, but never connected";
	time_iso(when, seen_ms != 0 ? seen_ms : row.registered_ms);
	return arena_printf(mem, "last seen %s: %s", when,
	    row.leave_reason[0] != '\0'
		? row.leave_reason
		: "it has not come back since the server restarted");
}
