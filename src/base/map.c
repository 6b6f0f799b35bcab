/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Open addressing with linear probing over a power of two.  A removed entry leaves a
 * tombstone (or nothing, when the slot after it is free), so removal never moves other
 * entries and is safe while iterating.  Only map_put() rebuilds the table.
 */
#include "base/map.h"

#include "base/siphash.h"

enum { CAP_FIRST = 8 };

struct map_entry {
	uint8_t *key; /* owned; NULL: free slot, &tomb: removed */
	size_t n;
	uint64_t hash;
	void *value;
};

static uint8_t tomb; /* only its address counts */

static bool
in_use(const struct map_entry *e)
{
	return e->key != NULL && e->key != &tomb;
}

void
map_init(struct map *m, uint64_t k0, uint64_t k1)
{
	*m = (struct map){ .key = { k0, k1 } };
}

void
map_fini(struct map *m)
{
	for (size_t i = 0; i < m->cap; i++)
		if (in_use(&m->slots[i]))
			free(m->slots[i].key);
	free(m->slots);
	map_init(m, m->key[0], m->key[1]);
}

size_t
map_len(const struct map *m)
{
	return m->len;
}

/* The entry of a key, or NULL. */
static struct map_entry *
lookup(const struct map *m, struct span key, uint64_t hash)
{
	if (m->cap == 0)
		return NULL;
	for (size_t i = hash & (m->cap - 1);; i = (i + 1) & (m->cap - 1)) {
		struct map_entry *e = &m->slots[i];

		if (e->key == NULL)
			return NULL;
		if (e->key != &tomb && e->hash == hash &&
		    span_eq(span_of(e->key, e->n), key))
			return e;
	}
}

/* The first slot without an entry on the path of a hash; there always is one. */
static struct map_entry *
vacancy(const struct map *m, uint64_t hash)
{
	size_t i = hash & (m->cap - 1);

	while (in_use(&m->slots[i]))
		i = (i + 1) & (m->cap - 1);
	return &m->slots[i];
}

/* Moves all entries to a table that is at most half full after one more. */
static void
rebuild(struct map *m)
{
	struct map_entry *old = m->slots;
	size_t old_cap = m->cap;

	m->cap = CAP_FIRST;
	while (m->cap < (m->len + 1) * 2)
		m->cap *= 2;
	m->slots = xcalloc(m->cap, sizeof(*m->slots));
	m->tombs = 0;
	for (size_t i = 0; i < old_cap; i++)
		if (in_use(&old[i]))
			*vacancy(m, old[i].hash) = old[i];
	free(old);
}

void *
map_get(const struct map *m, struct span key)
{
	const struct map_entry *e = lookup(m, key, siphash13(m->key, key));

	return e != NULL ? e->value : NULL;
}

void *
map_put(struct map *m, struct span key, void *value)
{
	uint64_t hash = siphash13(m->key, key);
	struct map_entry *e = lookup(m, key, hash);

	assert(value != NULL);
	if (e != NULL) {
		void *was = e->value;

		e->value = value;
		return was;
	}
	if ((m->len + m->tombs + 1) * 4 > m->cap * 3)
		rebuild(m);
	e = vacancy(m, hash);
	if (e->key == &tomb)
		m->tombs--;
	*e = (struct map_entry){
		.key = (uint8_t *)span_dup(key),
		.n = key.n,
		.hash = hash,
		.value = value,
	};
	m->len++;
	return NULL;
}

void *
map_del(struct map *m, struct span key)
{
	struct map_entry *e = lookup(m, key, siphash13(m->key, key));
	size_t next;
	void *was;

	if (e == NULL)
		return NULL;
	was = e->value;
	free(e->key);
	*e = (struct map_entry){ 0 };
	next = ((size_t)(e - m->slots) + 1) & (m->cap - 1);
	if (m->slots[next].key != NULL) {
		e->key = &tomb;
		m->tombs++;
	}
	m->len--;
	return was;
}

bool
map_next(const struct map *m, size_t *it, struct span *key, void **value)
{
	for (; *it < m->cap; (*it)++) {
		const struct map_entry *e = &m->slots[*it];

		if (!in_use(e))
			continue;
		if (key != NULL)
			*key = span_of(e->key, e->n);
		if (value != NULL)
			*value = e->value;
		(*it)++;
		return true;
	}
	return false;
}
