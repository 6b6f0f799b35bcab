/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tags of a resource, loaded at once: lists, filters and answers read them from here.
 *
 * A resource is "ManagedInstance/<node id>" for nodes of either kind, "Activation/<id>",
 * "Document/<name>" or "User/<name>".
 */
#pragma once

#include <jansson.h>

#include "codec/jsonw.h"
#include "store/store.h"

enum { TAGS_MAX = 50 }; /* AWS's limit for one resource */

struct tag {
	const char *key, *value;
};

struct tags {
	struct tag v[TAGS_MAX + 1];
	size_t n;
};

char *tags_resource(struct arena *mem, const char *type, const char *id);
int tags_load(struct store_tx *tx, struct arena *mem, const char *resource,
    struct tags *t) MUST_USE;
const char *tags_get(const struct tags *t, const char *key); /* NULL when absent */
/*
 * Adds or replaces tags of a resource.  ERR_LIMIT when it would have more than TAGS_MAX;
 * nothing is written then.
 */
int tags_put(struct store_tx *tx, struct arena *mem, const char *resource,
    const struct tag *add, size_t n) MUST_USE;
/* The same of a list of Key and Value, as SSM and IAM are given it. */
int tags_put_list(struct store_tx *tx, struct arena *mem, const char *resource,
    const json_t *list) MUST_USE;
/* And as SSM answers it: name is the member that holds the list. */
void tags_write(struct jsonw *w, const char *name, const struct tags *t);

/* "web-*", with '?' for one character; the rest is literal and case matters. */
bool wildcard_match(const char *pattern, const char *text);
