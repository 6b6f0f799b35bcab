/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The filters of DescribeInstanceInformation and DescribeInstanceProperties.  Values of
 * one filter are alternatives; filters add up.
 */
#pragma once

#include "server/api/ssm/node_view.h"

enum filter_op {
	FILTER_EQUAL,
	FILTER_NOT_EQUAL,
	FILTER_BEGIN,
	FILTER_LESS,
	FILTER_GREATER
};

struct node_filter {
	const char *key; /* "InstanceIds" ... "tag:Name", "tag-key" */
	const char **values;
	size_t n;
	enum filter_op op;
};

struct node_filters {
	struct node_filter *v;
	size_t n;
	bool tags;        /* some filter looks at tags */
	const char **ids; /* of the InstanceIds filter, sorted; NULL: none */
	size_t nids;
};

/* How a list of filters is written in the input, and what a wrong value is called. */
struct filter_style {
	const char *list, *key, *values, *op; /* op may be NULL */
	const char *bad_value;                /* error code */
};

/* Appends the filters of one list; fails with AWS's code for a wrong key or value. */
int filters_read(
    struct api_call *c, const struct filter_style *s, struct node_filters *f) MUST_USE;
bool filters_match(struct api_call *c, const struct node_filters *f,
    const struct store_node *n, struct arena *scratch);
