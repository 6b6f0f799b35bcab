/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nodes as SSM and EC2 show them: what is derived from a row, and walking rows page by
 * page under a filter.
 */
#pragma once

#include "server/api/call.h"
#include "server/api/tags.h"

enum node_ping { NODE_ONLINE, NODE_CONNECTION_LOST, NODE_INACTIVE };

/* Online exactly while its control channel is attached; Inactive after 30 days. */
enum node_ping node_ping(const struct api_call *c, const struct store_node *n);
const char *node_ping_name(enum node_ping p);
bool node_is_managed(const struct store_node *n); /* mi- */
/* "EC2Instance" or "ManagedInstance" */
const char *node_resource_type(const struct store_node *n);
const char *node_source_type(const struct store_node *n);
/* Tags of a node; resource names are the same for both kinds. */
int node_tags(
    struct api_call *c, struct arena *mem, const char *id, struct tags *t) MUST_USE;

struct node_walk;
/* Writes one row; scratch dies after it. */
typedef void node_write_fn(
    struct node_walk *w, const struct store_node *n, struct arena *scratch);

/* One page of nodes in the order of their ids. */
struct node_walk {
	struct api_call *c;
	/* Whether a row belongs to the answer. */
	bool (*matches)(
	    struct node_walk *w, const struct store_node *n, struct arena *scratch);
	node_write_fn *write;
	void *arg;
	const char **ids; /* only these (sorted, distinct), or NULL for all */
	size_t nids;
	struct page page; /* node_walk's own */
};

/* Writes up to limit nodes under "list". */
int node_walk(struct node_walk *w, const char *list, int64_t limit) MUST_USE;
