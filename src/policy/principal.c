/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Principals: reading them when a trust policy is written, and comparing them.
 */
#include "policy/parse_int.h"

#include "proto/arn.h"
#include "proto/ids.h"

enum { ID_LEN = 21 };

/* --- reading ---------------------------------------------------------------------- */

static bool
has_wildcard(struct span s)
{
	return span_find(s, '*') >= 0 || span_find(s, '?') >= 0;
}

/* AIDA..., AROA... or AROA...:session, 17 characters behind the first four. */
static bool
is_id(struct span s)
{
	struct span id = span_sub(s, 0, ID_LEN);
	bool role = span_starts(s, "AROA");

	if (id.n != ID_LEN || (!role && !span_starts(s, "AIDA")))
		return false;
	for (size_t i = 0; i < id.n; i++)
		if (!((id.p[i] >= 'A' && id.p[i] <= 'Z') ||
			(id.p[i] >= '0' && id.p[i] <= '9')))
			return false;
	return s.n == ID_LEN || (role && s.n > ID_LEN + 1 && s.p[ID_LEN] == ':');
}

/* A principal of kind "AWS". */
static bool
read_aws(struct policy_principal *out, struct span s)
{
	struct arn a;

	*out = (struct policy_principal){ POLICY_PRINCIPAL_ARN, s };
	if (span_eq_str(s, "*")) {
		out->kind = POLICY_PRINCIPAL_ANYONE;
		return true;
	}
	if (id_account_valid(s)) {
		out->kind = POLICY_PRINCIPAL_ACCOUNT;
		return true;
	}
	if (is_id(s)) {
		out->kind = POLICY_PRINCIPAL_ID;
		return true;
	}
	if (has_wildcard(s) || arn_parse(&a, s) != 0 || a.region.n > 0 ||
	    !span_eq_str(a.partition, "aws") || !id_account_valid(a.account))
		return false;
	if (span_eq_str(a.service, "sts"))
		return span_starts(a.resource, "assumed-role/") ||
		    span_starts(a.resource, "federated-user/");
	if (!span_eq_str(a.service, "iam"))
		return false;
	if (span_eq_str(a.resource, "root")) {
		out->kind = POLICY_PRINCIPAL_ACCOUNT;
		out->text = a.account;
		return true;
	}
	return span_starts(a.resource, "user/") || span_starts(a.resource, "role/");
}

static bool
read_principal(struct policy_principal *out, struct span type, struct span s)
{
	*out = (struct policy_principal){ .text = s };
	if (span_eq_str(type, "AWS"))
		return read_aws(out, s);
	out->kind =
	    span_eq_str(type, "Service") ? POLICY_PRINCIPAL_SERVICE : POLICY_PRINCIPAL_FEDERATED;
	return s.n > 0 && !has_wildcard(s);
}

static size_t
count_principals(const struct tree_node *v)
{
	size_t n = 1;

	for (const struct tree_node *type = v->first; type != NULL; type = type->next)
		n += items_count(type);
	return n;
}

/* {"AWS": ...}: one kind with its values. */
static void
read_type(struct parser *ps, struct principals *who, const struct tree_node *v)
{
	if (!span_eq_str(v->name, "AWS") && !span_eq_str(v->name, "Service") &&
	    !span_eq_str(v->name, "Federated")) {
		complain(ps, RANK_PRINCIPAL, v,
		    "the kinds are AWS, Service and Federated",
		    "Invalid principal in policy: \"" SPAN_FMT "\"", SPAN_ARG(v->name));
		return;
	}
	if (!items_are_strings(ps, v))
		return;
	for (const struct tree_node *i = items_first(v); i != NULL; i = items_next(v, i)) {
		struct policy_principal *p = &who->list[who->n++];

		if (!read_principal(p, v->name, i->text))
			complain(ps, RANK_PRINCIPAL, i, NULL,
			    "Invalid principal in policy: \"" SPAN_FMT "\":\"" SPAN_FMT
			    "\"",
			    SPAN_ARG(v->name), SPAN_ARG(i->text));
		p->text = arena_copy(&ps->p->mem, p->text);
	}
}

static void
read_principals(struct parser *ps, struct principals *who, const struct tree_node *v)
{
	who->list = arena_alloc(&ps->p->mem, count_principals(v) * sizeof(*who->list));
	if (v->kind == NODE_STRING && span_eq_str(v->text, "*")) {
		who->list[who->n++] = (struct policy_principal){ POLICY_PRINCIPAL_ANYONE, SPAN("*") };
		return;
	}
	if (v->kind != NODE_OBJECT) {
		complain(ps, RANK_PRINCIPAL, v, "a principal is \"*\" or {\"AWS\": ...}",
		    "Invalid principal in policy.");
		return;
	}
	for (const struct tree_node *type = v->first; type != NULL; type = type->next)
		read_type(ps, who, type);
	if (who->n == 0)
		complain(ps, RANK_PRINCIPAL, v, NULL,
		    "Missing required field Principal cannot be empty!");
}

void
parse_principals(struct parser *ps, struct statement *s, const struct tree_node *n)
{
	const struct tree_node *v = node_get(n, "Principal"),
			  *others = node_get(n, "NotPrincipal");

	if (ps->p->kind != POLICY_TRUST) {
		if (v != NULL || others != NULL)
			complain(ps, RANK_PRINCIPAL, v != NULL ? v : others, NULL,
			    "Policy document should not specify a principal.");
		return;
	}
	if (v != NULL && others != NULL)
		complain_syntax(
		    ps, others, "an element and its opposite exclude each other");
	s->who.not_principal = v == NULL && others != NULL;
	if (v == NULL && others == NULL)
		complain(ps, RANK_PRINCIPAL, n, NULL, "Missing required field Principal");
	else if (s->who.not_principal && !s->deny)
		complain(ps, RANK_PRINCIPAL, others,
		    "it is for Deny only, or it lets in strangers",
		    "Has prohibited field NotPrincipal");
	else
		read_principals(ps, &s->who, v != NULL ? v : others);
}

/* --- comparing -------------------------------------------------------------------- */

static bool
same(struct span a, struct span b)
{
	return a.n > 0 && span_eq(a, b);
}

static enum principal_match
match_one(const struct policy_principal *p, const struct policy_caller *c)
{
	switch (p->kind) {
	case POLICY_PRINCIPAL_ANYONE:
		return CALLER_ACCOUNT;
	case POLICY_PRINCIPAL_ACCOUNT:
		return same(p->text, c->account) ? CALLER_ACCOUNT : CALLER_NONE;
	case POLICY_PRINCIPAL_ARN:
		return same(p->text, c->arn) ? CALLER_EXACT
		    : same(p->text, c->role) ? CALLER_ROLE
					     : CALLER_NONE;
	case POLICY_PRINCIPAL_ID:
		return same(p->text, c->id) ? CALLER_EXACT
		    : same(p->text, c->role_id) ? CALLER_ROLE
						: CALLER_NONE;
	case POLICY_PRINCIPAL_SERVICE:
		return same(p->text, c->service) ? CALLER_EXACT : CALLER_NONE;
	case POLICY_PRINCIPAL_FEDERATED:
		return same(p->text, c->provider) ? CALLER_EXACT : CALLER_NONE;
	}
	return CALLER_NONE;
}

enum principal_match
principals_match(const struct principals *who, const struct policy_caller *caller)
{
	enum principal_match best = CALLER_NONE;

	for (size_t i = 0; i < who->n; i++)
		best = MAX(best, match_one(&who->list[i], caller));
	if (who->not_principal)
		return best == CALLER_NONE ? CALLER_ACCOUNT : CALLER_NONE;
	return best;
}
