/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Intrusive doubly linked list.  A node that is on no list points at itself, so
 * list_del() twice is harmless.  Initialise heads and nodes with list_init().
 */
#pragma once

#include "base/base.h"

struct list {
	struct list *next;
	struct list *prev;
};

static inline void
list_init(struct list *l)
{
	l->next = l->prev = l;
}

static inline bool
list_empty(const struct list *l)
{
	return l->next == l;
}

static inline void
list_add_tail(struct list *head, struct list *n)
{
	n->prev = head->prev;
	n->next = head;
	head->prev->next = n;
	head->prev = n;
}

static inline void
list_add_head(struct list *head, struct list *n)
{
	list_add_tail(head->next, n);
}

static inline void
list_del(struct list *n)
{
	n->prev->next = n->next;
	n->next->prev = n->prev;
	list_init(n);
}

#define LIST_FIRST(head, type, m) \
	(list_empty(head) ? NULL : CONTAINER_OF((head)->next, type, m))

/* Safe against removal of the current element. */
#define LIST_EACH(it, head, type, m)                              \
	for (type *it = CONTAINER_OF((head)->next, type, m),      \
		  *it##_next = CONTAINER_OF(it->m.next, type, m); \
	     &it->m != (head);                                    \
	     it = it##_next, it##_next = CONTAINER_OF(it->m.next, type, m))
