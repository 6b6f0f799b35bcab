/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Condition keys of a request.  There are some dozens, tags included, and each is asked for a
 * few times: a scan over hashes that lie side by side is quicker than building a table.
 */
#include "policy/context.h"

#include <strings.h>

void
policy_context_init(struct policy_context *c, struct arena *mem)
{
	*c = (struct policy_context){ .mem = mem };
}

static uint8_t
fold(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c;
}

/* FNV-1a.  Equal hashes are compared in full, so collisions only cost time. */
uint32_t
policy_key_hash(struct span name)
{
	uint32_t h = 2166136261U;

	for (size_t i = 0; i < name.n; i++)
		h = (h ^ fold(name.p[i])) * 16777619U;
	return h;
}

static struct policy_key *
find(const struct policy_context *c, struct span name, uint32_t hash)
{
	for (size_t i = 0; i < c->n; i++)
		if (c->hashes[i] == hash && c->keys[i].name.n == name.n &&
		    strncasecmp((const char *)c->keys[i].name.p, (const char *)name.p,
			name.n) == 0)
			return &c->keys[i];
	return NULL;
}

const struct policy_key *
policy_context_find(const struct policy_context *c, struct span name, uint32_t hash)
{
	const struct policy_key *k = find(c, name, hash);

	return k != NULL && k->nvalues > 0 ? k : NULL;
}

static void
grow(struct policy_context *c)
{
	size_t cap = c->cap > 0 ? c->cap * 2 : 32;
	struct policy_key *keys = arena_alloc(c->mem, cap * sizeof(*keys));
	uint32_t *hashes = arena_alloc(c->mem, cap * sizeof(*hashes));

	if (c->n > 0) {
		memcpy(keys, c->keys, c->n * sizeof(*keys));
		memcpy(hashes, c->hashes, c->n * sizeof(*hashes));
	}
	c->keys = keys;
	c->hashes = hashes;
	c->cap = cap;
}

static void
put(struct policy_context *c, const struct policy_key *k)
{
	uint32_t hash = policy_key_hash(k->name);
	struct policy_key *old = find(c, k->name, hash);

	if (old != NULL) {
		*old = *k;
		return;
	}
	if (c->n == c->cap)
		grow(c);
	c->hashes[c->n] = hash;
	c->keys[c->n++] = *k;
}

static void
put_one(struct policy_context *c, struct span name, struct span value)
{
	struct span *copy = arena_alloc(c->mem, sizeof(*copy));

	*copy = value;
	put(c, &(struct policy_key){ .name = name, .values = copy, .nvalues = 1 });
}

void
policy_context_add(struct policy_context *c, const char *name, struct span value)
{
	put_one(c, span_str(name), value);
}

void
policy_context_add_set(
    struct policy_context *c, const char *name, const struct span *values, size_t n)
{
	put(c,
	    &(struct policy_key){
		.name = span_str(name), .values = values, .nvalues = n, .many = true });
}

void
policy_context_add_all(struct policy_context *c, const struct policy_context *from)
{
	for (size_t i = 0; i < from->n; i++)
		put(c, &from->keys[i]);
}

void
policy_context_add_tag(
    struct policy_context *c, const char *prefix, struct span tag, struct span value)
{
	put_one(c, span_str(arena_printf(c->mem, "%s" SPAN_FMT, prefix, SPAN_ARG(tag))),
	    value);
}
