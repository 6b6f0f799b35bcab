/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a decision is called, in AWS's words.
 */
#include "policy/evaluate.h"

#include <strings.h>

const char *
policy_decision_name(enum policy_decision d)
{
	static const char *const names[] = {
		[POLICY_ALLOWED] = "allowed",
		[POLICY_EXPLICIT_DENY] = "explicitDeny",
		[POLICY_IMPLICIT_DENY] = "implicitDeny",
	};

	return names[d];
}

char *
policy_denial(struct arena *mem, const struct policy_result *r, const char *caller,
    const char *action, const char *resource)
{
	static const char *const allows[] = {
		[LAYER_IDENTITY] = "no identity-based policy",
		[LAYER_BOUNDARY] = "no permissions boundary",
		[LAYER_SESSION] = "no session policy",
		[LAYER_RESOURCE] = "no resource-based policy",
	};
	static const char *const denies[] = {
		[LAYER_IDENTITY] = "an identity-based policy",
		[LAYER_BOUNDARY] = "a permissions boundary",
		[LAYER_SESSION] = "a session policy",
		[LAYER_RESOURCE] = "a resource-based policy",
	};
	char *head =
	    arena_printf(mem, "User: %s is not authorized to perform: %s on resource: %s",
		caller, action, resource);
	const char *id = r->by.source != NULL ? r->by.source->id : NULL;
	bool named = id != NULL && strncmp(id, "arn:", 4) == 0;

	if (r->decision == POLICY_EXPLICIT_DENY)
		return arena_printf(mem, "%s with an explicit deny in %s%s%s", head,
		    denies[r->layer], named ? ": " : "", named ? id : "");
	return arena_printf(
	    mem, "%s because %s allows the %s action", head, allows[r->layer], action);
}

/* --- keys that are missing -------------------------------------------------------------- */

struct missing {
	struct arena *mem;
	const struct policy_context *context;
	struct span *list;
	size_t n, cap;
};

static bool
listed(const struct missing *m, struct span key)
{
	for (size_t i = 0; i < m->n; i++)
		if (m->list[i].n == key.n &&
		    strncasecmp((const char *)m->list[i].p, (const char *)key.p, key.n) ==
			0)
			return true;
	return false;
}

static void
on_key(void *arg, struct span key)
{
	struct missing *m = arg;

	if (listed(m, key) ||
	    policy_context_find(m->context, key, policy_key_hash(key)) != NULL)
		return;
	if (m->n == m->cap) {
		size_t cap = m->cap > 0 ? m->cap * 2 : 16;
		struct span *list = arena_alloc(m->mem, cap * sizeof(*list));

		if (m->n > 0)
			memcpy(list, m->list, m->n * sizeof(*list));
		m->list = list;
		m->cap = cap;
	}
	m->list[m->n++] = key;
}

const struct span *
policy_missing_keys(struct arena *mem, const struct policy_set *set,
    const struct policy_context *context, size_t *n)
{
	const struct policy_sources *layers[] = { &set->identity, &set->boundary,
		&set->session, &set->resource };
	struct missing m = { .mem = mem, .context = context };

	for (size_t i = 0; i < ARRAY_LEN(layers); i++)
		for (size_t j = 0; j < layers[i]->n; j++)
			policy_keys(layers[i]->list[j].policy, on_key, &m);
	*n = m.n;
	return m.list;
}
