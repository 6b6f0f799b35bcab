/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which nodes are connected right now, and the way to talk to one.
 *
 * The gateway attaches a link when an agent's control channel opened; the newest link of
 * a node wins and the old one is told to close, without the node going offline in
 * between. A node is online exactly while a link is attached.  Everything else about a
 * node (platform, key, last ping) is its row in the store.
 *
 * Owner: struct nodes is the server's.  A link is the gateway's; it detaches before it
 * dies.
 */
#pragma once

#include "base/arena.h"
#include "base/map.h"
#include "store/store.h"

struct audit;
struct nodes;

/* What the gateway gives for one control channel. */
struct node_link {
	/* Sends one encoded AgentMessage; ERR_CLOSED or ERR_LIMIT. */
	int (*send)(struct node_link *l, struct span msg);
	/* A newer link took over, or the node was deregistered: close, do not detach. */
	void (*drop)(struct node_link *l, const char *why);
	char node_id[24];
	bool own;             /* an agent of ours */
	uint64_t attached_ms; /* wall clock, set by node_attach() */
};

struct nodes *nodes_new(struct ev_loop *l, struct store *st);
void nodes_free(struct nodes *n);
/* Where nodes and sessions are recorded; before sessions_new().  NULL: nowhere. */
void nodes_set_audit(struct nodes *n, struct audit *a);
struct audit *nodes_audit(const struct nodes *n);

/* link->node_id is set by the caller.  The old link's drop() may free it. */
void node_attach(struct nodes *n, struct node_link *link);
/* Ignored when another link has taken over.  why: in words, kept in the node's row. */
void node_detach(struct nodes *n, struct node_link *link, const char *why);
bool node_online(const struct nodes *n, const char *node_id);
/* Connected, and not with an agent of ours. */
bool node_is_stock(const struct nodes *n, const char *node_id);
size_t nodes_online(const struct nodes *n);
typedef void node_fn(void *arg, const char *node_id);
void nodes_each(const struct nodes *n, node_fn *fn, void *arg); /* connected; fn drops none */
/* ERR_NOTFOUND when not connected. */
int node_send(struct nodes *n, const char *node_id, struct span msg) MUST_USE;
/* Deregistered: drops the link.  Leaves the row to the caller, who deletes it. */
void node_evict(struct nodes *n, const char *node_id, const char *why);

/* When it was last heard of, by a message or the end of its connection; 0: never. */
int64_t node_seen_ms(const struct store_node *n);

/*
 * Why a target is not connected, for somebody who may know: "never registered",
 * "last seen 2026-...: agent closed the connection" ...  In the arena.
 */
const char *node_offline_reason(struct nodes *n, struct arena *mem, const char *node_id);

/*
 * Called when a link was attached, also one that replaces another: what was sent over the
 * old one may be lost.  Up to four listeners, called in order, before node_attach()
 * returns.
 */
typedef void node_online_fn(void *arg, const char *node_id);
void nodes_on_online(struct nodes *n, node_online_fn *fn, void *arg);
