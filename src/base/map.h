/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hash map from a byte string (copied) to a pointer (borrowed), and a table of
 * 64-bit ids (index + generation) for long-lived objects.
 *
 * Keys may come from strangers: the hash is SipHash-1-3 under a key given at
 * map_init(), so that nobody can build collisions.
 *
 * Owner of a struct map or idtab: whoever embeds it.  Threads: none.
 */
#pragma once

#include "base/span.h"

struct map_entry;

struct map {
	struct map_entry *slots;
	size_t cap, len, tombs;
	uint64_t key[2];
};

void map_init(struct map *m, uint64_t k0, uint64_t k1);
void map_fini(struct map *m); /* frees keys, not values */
size_t map_len(const struct map *m);
void *map_get(const struct map *m, struct span key); /* NULL when absent */
/* Sets or replaces; returns the value that was there before, or NULL. value != NULL. */
void *map_put(struct map *m, struct span key, void *value);
void *map_del(struct map *m, struct span key); /* returns the removed value or NULL */
/* Iteration in no order: start with *it = 0.  Deleting the current entry is allowed. */
bool map_next(const struct map *m, size_t *it, struct span *key, void **value);

/*
 * The table of ids.  Objects are borrowed: what is still in it at idtab_fini() is the caller's.
 * An id is not given again, so one that was kept finds nothing once its object has gone.
 */
struct idtab_slot;

struct idtab {
	struct idtab_slot *slots;
	uint32_t cap, len, free_head;
};

void idtab_init(struct idtab *t);
void idtab_fini(struct idtab *t);
uint64_t idtab_add(struct idtab *t, void *obj);       /* never 0 */
void *idtab_find(const struct idtab *t, uint64_t id); /* NULL when gone */
void idtab_del(struct idtab *t, uint64_t id);
bool idtab_next(const struct idtab *t, uint32_t *it, uint64_t *id, void **obj);
uint32_t idtab_len(const struct idtab *t);
