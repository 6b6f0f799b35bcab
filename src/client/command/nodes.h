/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fleet as a person names it.  A node here is one entry of DescribeInstanceInformation
 * (a JSON object) whose Name is the tag Name where there is one.
 */
#pragma once

#include "client/cli/cli.h"

/* Which nodes: tags are matched by EC2 DescribeInstances (wildcards * and ?), other keys
 * by DescribeInstanceInformation. */
struct node_query {
	const struct cli_list *filters; /* see nodes_filter(); NULL: all */
	bool online;                    /* only those that are connected */
};

/* An array, sorted by what node_name() says; the caller's. */
int nodes_list(
    struct cli *c, const struct node_query *q, json_t **out, struct fault *f) MUST_USE;

/* The name, else the host's name, else "". */
const char *node_name(const json_t *node);
const char *node_id(const json_t *node);
bool node_is_online(const json_t *node);

/*
 * Reads "Key=tag:Environment,Values=prod,test" or "tag:Environment=prod,test".  key and
 * values are the caller's.  ERR_INVALID.
 */
int nodes_filter(char **key, json_t **values, const char *text) MUST_USE;

/*
 * The nodes that a word means: an id, else a name, else the name of a host, else the
 * beginning of a name or id.  Of several with the very same name the only one that is
 * online wins.  Returns a new array of 0, 1 or more.
 */
json_t *nodes_pick(const json_t *nodes, const char *word);

/*
 * The id for "web-1", "mi-...", "tag:Key=Value"; an id is taken as it is.  CLI_GO and *id
 * (the caller's), or the exit status after saying why not.
 */
int nodes_resolve(struct cli *c, const char *word, char **id) MUST_USE;

/* For each instance with a tag Name in the XML of DescribeInstances: id and name ("" when
 * it has none). */
typedef void nodes_tag_cb(void *arg, const char *id, const char *name);
void nodes_each_tag(struct span xml, nodes_tag_cb *cb, void *arg);
