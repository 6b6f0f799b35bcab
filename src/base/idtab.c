/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ids for long-lived objects: generation in the upper half, slot number in the lower.
 * A slot that is given out again has a new generation, so an old id finds nothing.
 * Free slots form a list through next_free.
 */
#include "base/map.h"

enum { CAP_FIRST = 16 };

#define CAP_MAX (UINT32_C(1) << 30)
#define NO_SLOT UINT32_MAX

struct idtab_slot {
	void *obj; /* borrowed; NULL while free */
	uint32_t gen;
	uint32_t next_free;
};

void
idtab_init(struct idtab *t)
{
	*t = (struct idtab){ .free_head = NO_SLOT };
}

void
idtab_fini(struct idtab *t)
{
	free(t->slots);
	idtab_init(t);
}

static void
grow(struct idtab *t)
{
	uint32_t cap = t->cap == 0 ? CAP_FIRST : t->cap * 2;

	assert(cap <= CAP_MAX);
	t->slots = xrealloc(t->slots, cap * sizeof(*t->slots));
	for (uint32_t i = cap; i-- > t->cap;) {
		t->slots[i] = (struct idtab_slot){ .gen = 1, .next_free = t->free_head };
		t->free_head = i;
	}
	t->cap = cap;
}

uint64_t
idtab_add(struct idtab *t, void *obj)
{
	uint32_t i;

	assert(obj != NULL);
	if (t->cap == 0 || t->free_head == NO_SLOT)
		grow(t);
	i = t->free_head;
	t->free_head = t->slots[i].next_free;
	t->slots[i].obj = obj;
	t->len++;
	return (uint64_t)t->slots[i].gen << 32 | i;
}

static struct idtab_slot *
lookup(const struct idtab *t, uint64_t id)
{
	uint32_t i = (uint32_t)id;

	if (i >= t->cap || t->slots[i].obj == NULL || t->slots[i].gen != id >> 32)
		return NULL;
	return &t->slots[i];
}

void *
idtab_find(const struct idtab *t, uint64_t id)
{
	struct idtab_slot *s = lookup(t, id);

	return s != NULL ? s->obj : NULL;
}

void
idtab_del(struct idtab *t, uint64_t id)
{
	struct idtab_slot *s = lookup(t, id);

	if (s == NULL)
		return;
	s->obj = NULL;
	s->gen = s->gen == UINT32_MAX ? 1 : s->gen + 1;
	s->next_free = t->free_head;
	t->free_head = (uint32_t)(s - t->slots);
	t->len--;
}

bool
idtab_next(const struct idtab *t, uint32_t *it, uint64_t *id, void **obj)
{
	for (; *it < t->cap; (*it)++) {
		const struct idtab_slot *s = &t->slots[*it];

		if (s->obj == NULL)
			continue;
		if (id != NULL)
			*id = (uint64_t)s->gen << 32 | *it;
		if (obj != NULL)
			*obj = s->obj;
		(*it)++;
		return true;
	}
	return false;
}

uint32_t
idtab_len(const struct idtab *t)
{
	return t->len;
}
