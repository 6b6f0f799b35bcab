/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the EC2 operations share: nodes as instances, filters with wildcards, instance ids
 * and page sizes with EC2's own errors.
 */
#pragma once

#include "server/api/ssm/node_view.h"

/* AWS's limits, and its codes of instance states. */
enum { EC2_FILTERS_MAX = 200, EC2_VALUES_MAX = 200, EC2_PAGE_MAX = 1000 };
enum { EC2_RUNNING = 16, EC2_STOPPED = 80 };
int ec2_state_code(const struct api_call *c, const struct store_node *n);
const char *ec2_state_name(int code);
const char *ec2_zone(struct api_call *c, const struct store_node *n);

/*
 * The value of a filter key for one resource; NULL: it has none.  Without get() no node has
 * one, or the operation looks at the filter itself.
 */
struct ec2_filter_key {
	const char *name;
	const char *(*get)(
	    struct api_call *c, const struct store_node *n, struct arena *scratch);
};

struct ec2_filter {
	const char *name;
	const struct ec2_filter_key *key; /* NULL: about tags */
	const char **values;
	size_t n;
};

struct ec2_filters {
	struct ec2_filter *v;
	size_t n;
	bool tags;
};

/* keys: known names, ended by a NULL name.  Tag filters are always known. */
int ec2_filters_read(struct api_call *c, const struct ec2_filter_key *keys,
    struct ec2_filters *f) MUST_USE;
bool ec2_filters_match(struct api_call *c, const struct ec2_filters *f,
    const struct store_node *n, struct arena *scratch);
bool ec2_values_match(const struct ec2_filter *f, const char *have);
/* Looks up a filter key by name; NULL when unknown. */
const struct ec2_filter_key *ec2_key(const struct ec2_filter_key *keys, const char *name);

/* The ids of InstanceIds, sorted and distinct, each registered; *ids NULL when not given.
 */
int ec2_ids_read(struct api_call *c, const char ***ids, size_t *n) MUST_USE;
/* One id: EC2's error when it is malformed or unknown. */
int ec2_id_check(struct store_tx *tx, struct api_call *c, const char *id) MUST_USE;
/* MaxResults, 5..1000; not together with ids. */
int ec2_limit(struct api_call *c, bool with_ids, int64_t *limit) MUST_USE;
