/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Condition element: { operator: { key: value or list, ... }, ... }.
 */
#include "policy/parse_int.h"

static size_t
count_conditions(const struct tree_node *n)
{
	size_t count = 0;

	for (const struct tree_node *op = n->first; op != NULL; op = op->next)
		for (const struct tree_node *key = op->first; key != NULL; key = key->next)
			count++;
	return count;
}

/* Numbers and booleans may stand without quotes. */
static bool
value_allowed(const struct tree_node *n)
{
	return n->kind == NODE_STRING || n->kind == NODE_NUMBER || n->kind == NODE_BOOL;
}

static void
parse_value(struct parser *ps, struct condition *c, const struct tree_node *n)
{
	struct condition_value *v = &c->values[c->nvalues];
	struct fault f = { 0 };

	if (!value_allowed(n)) {
		complain_syntax(ps, n, "a string, or a list of strings, is wanted");
		return;
	}
	if (condition_value_compile(v, c->op, &ps->p->mem, n->text, ps->variables, &f) !=
	    0) {
		complain_syntax(ps, n, f.text);
		return;
	}
	if (!v->readable && c->op->class == OPERATOR_DATE)
		complain(ps, RANK_LEGACY, n,
		    "a date in ISO 8601, or seconds since 1970, is wanted",
		    "The policy failed legacy parsing");
	c->nvalues++;
}

static void
parse_key(struct parser *ps, struct condition *c, const struct tree_node *n)
{
	c->key = arena_copy(&ps->p->mem, n->name);
	c->hash = policy_key_hash(c->key);
	c->values = arena_alloc(&ps->p->mem, items_count(n) * sizeof(*c->values));
	for (const struct tree_node *i = items_first(n); i != NULL; i = items_next(n, i))
		parse_value(ps, c, i);
}

void
parse_conditions(struct parser *ps, struct statement *s, const struct tree_node *n)
{
	struct condition proto = { 0 };

	if (n->kind != NODE_OBJECT) {
		complain_syntax(ps, n, "a Condition is a JSON object");
		return;
	}
	s->conditions =
	    arena_alloc(&ps->p->mem, count_conditions(n) * sizeof(*s->conditions));
	for (const struct tree_node *op = n->first; op != NULL; op = op->next) {
		if (op->kind != NODE_OBJECT) {
			complain_syntax(ps, op, "an operator holds an object of keys");
			continue;
		}
		if (op->first != NULL && condition_operator(&proto, op->name) != 0) {
			complain_syntax(ps, op, "there is no such condition operator");
			continue;
		}
		for (const struct tree_node *key = op->first; key != NULL; key = key->next) {
			s->conditions[s->nconditions] = proto;
			parse_key(ps, &s->conditions[s->nconditions++], key);
		}
	}
}
