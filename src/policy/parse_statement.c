/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One statement: its elements, actions and resources.
 */
#include "policy/parse_int.h"

static const char legacy[] = "The policy failed legacy parsing";

/* --- actions ---------------------------------------------------------------------- */

static bool
vendor_valid(struct span s)
{
	for (size_t i = 0; i < s.n; i++) {
		uint8_t c = s.p[i];

		if (!((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
			(c >= 'a' && c <= 'z') || c == '-' || c == '.'))
			return false;
	}
	return true;
}

/* AWS knows by name what can be done to a role; patterns may match any of it. */
static bool
trust_action_valid(struct span s)
{
	static const char *const names[] = { "sts:AssumeRole", "sts:AssumeRoleWithSAML",
		"sts:AssumeRoleWithWebIdentity", "sts:SetContext", "sts:SetSourceIdentity",
		"sts:TagSession" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (span_eq_ci(s, names[i]))
			return true;
	return s.n > 4 && span_eq_ci(span_sub(s, 0, 4), "sts:") &&
	    (span_find(s, '*') >= 0 || span_find(s, '?') >= 0);
}

static void
check_action(struct parser *ps, const struct tree_node *n)
{
	ptrdiff_t colon = span_find(n->text, ':');
	struct span vendor = span_sub(n->text, 0, colon < 0 ? n->text.n : (size_t)colon);

	if (colon < 0 && !span_eq_str(n->text, "*"))
		complain(ps, RANK_ACTION, n, NULL,
		    "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, "
		    "ec2, "
		    "etc.");
	else if (colon >= 0 &&
	    span_find(span_sub(n->text, (size_t)colon + 1, n->text.n), ':') >= 0)
		complain(ps, RANK_ACTION, n, NULL,
		    "Actions/Condition can contain only one colon.");
	else if (!span_eq_str(vendor, "*") && !vendor_valid(vendor))
		complain(ps, RANK_ACTION, n, NULL, "Vendor " SPAN_FMT " is not valid",
		    SPAN_ARG(vendor));
	if (ps->p->kind == POLICY_TRUST && !trust_action_valid(n->text))
		complain(ps, RANK_PRINCIPAL, n, NULL,
		    "AssumeRole policy may only specify STS AssumeRole actions.");
}

static void
parse_actions(struct parser *ps, struct statement *s, const struct tree_node *v)
{
	struct arena *mem = &ps->p->mem;

	if (!items_are_strings(ps, v))
		return;
	s->actions.list = arena_alloc(mem, items_count(v) * sizeof(*s->actions.list));
	for (const struct tree_node *i = items_first(v); i != NULL; i = items_next(v, i)) {
		check_action(ps, i);
		/* Without variables nothing in a pattern can be wrong. */
		if (template_compile(&s->actions.list[s->actions.n], mem,
			arena_lower(mem, i->text), TEMPLATE_LIKE, false, NULL) == 0)
			s->actions.n++;
	}
	if (s->actions.n == 0)
		complain(ps, RANK_NO_ACTION, v, NULL,
		    "Policy statement must contain actions.");
}

/* --- resources -------------------------------------------------------------------- */

#define IAM_TYPES                                                                  \
	"user/, federated-user/, role/, group/, instance-profile/, mfa/, "         \
	"server-certificate/, policy/, sms-mfa/, saml-provider/, oidc-provider/, " \
	"report/, "                                                                \
	"access-report/"

static bool
iam_type_valid(struct span resource)
{
	struct span rest = SPAN(IAM_TYPES), type;

	if (span_starts(resource, "*"))
		return true;
	while (span_cut(&rest, ',', &type)) {
		type = span_trim(type);
		if (resource.n >= type.n && memcmp(resource.p, type.p, type.n) == 0)
			return true;
	}
	return false;
}

/* Buckets are in no region; access points, jobs and the like are: they have a type. */
static bool
s3_has_region(struct span rest)
{
	struct span account;

	return span_cut(&rest, ':', &account) && span_find(rest, '/') > 0 &&
	    account.n > 0;
}

/* What AWS wants of the fields behind the service. */
static void
check_service(
    struct parser *ps, const struct tree_node *n, struct span service, struct span rest)
{
	struct span region, account;
	bool given = span_cut(&rest, ':', &region);

	if (!span_eq_str(service, "iam") && !span_eq_str(service, "s3"))
		return;
	if (span_eq_str(service, "s3") && given && s3_has_region(rest))
		return;
	if (!given || region.n > 0)
		complain(ps, RANK_RESOURCE, n, NULL,
		    span_eq_str(service, "iam")
			? "IAM resource " SPAN_FMT " cannot contain region information."
			: "Resource " SPAN_FMT " can not contain region information.",
		    SPAN_ARG(n->text));
	else if (span_eq_str(service, "iam") &&
	    (!span_cut(&rest, ':', &account) || !iam_type_valid(rest)))
		complain(ps, RANK_RESOURCE, n, NULL,
		    "IAM resource path must either be \"*\" or start with " IAM_TYPES
		    ".");
}

static size_t
colons(struct span s)
{
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++)
		n += s.p[i] == ':';
	return n;
}

static bool
has_empty_field(struct span s)
{
	for (size_t i = 1; i < s.n; i++)
		if (s.p[i] == ':' && s.p[i - 1] == ':')
			return true;
	return false;
}

static void
complain_partition(
    struct parser *ps, const struct tree_node *n, struct span partition, struct span rest)
{
	struct span field[3];

	for (size_t i = 0; i < ARRAY_LEN(field); i++)
		if (!span_cut(&rest, ':', &field[i]))
			field[i] = SPAN("*");
	if (rest.p == NULL)
		rest = SPAN("*");
	complain(ps, RANK_RESOURCE, n, NULL,
	    "Partition \"" SPAN_FMT "\" is not valid for resource \"arn:" SPAN_FMT
	    ":" SPAN_FMT ":" SPAN_FMT ":" SPAN_FMT ":" SPAN_FMT "\".",
	    SPAN_ARG(partition), SPAN_ARG(partition), SPAN_ARG(field[0]),
	    SPAN_ARG(field[1]), SPAN_ARG(field[2]), SPAN_ARG(rest));
}

static void
complain_format(struct parser *ps, const struct tree_node *n)
{
	complain(ps, RANK_RESOURCE, n, NULL,
	    "Resource " SPAN_FMT " must be in ARN format or \"*\".", SPAN_ARG(n->text));
}

static void
check_resource(struct parser *ps, const struct tree_node *n)
{
	struct span rest = n->text, arn, partition, service;

	if (span_eq_str(n->text, "*"))
		return;
	if (!span_cut(&rest, ':', &arn) || rest.p == NULL) {
		complain_format(ps, n);
		return;
	}
	if (!span_cut(&rest, ':', &partition) || !span_eq_str(partition, "aws")) {
		complain_partition(ps, n, partition, rest); /* whatever stands before it */
		return;
	}
	if (!span_eq_str(arn, "arn")) {
		complain_format(ps, n);
		return;
	}
	if (!span_cut(&rest, ':', &service) || span_find(service, '*') >= 0 ||
	    span_find(service, '?') >= 0 || span_find(service, '$') >= 0)
		complain(ps, RANK_RESOURCE, n, NULL,
		    "Resource vendor must be fully qualified and cannot contain "
		    "regexes.");
	else if (service.n == 0 || (colons(n->text) < 5 && has_empty_field(n->text)))
		complain(ps, RANK_LEGACY, n, NULL, legacy);
	else
		check_service(ps, n, service, rest);
}

static void
parse_resources(struct parser *ps, struct statement *s, const struct tree_node *v)
{
	struct arena *mem = &ps->p->mem;
	struct fault f = { 0 };

	if (!items_are_strings(ps, v))
		return;
	s->resources.list = arena_alloc(mem, items_count(v) * sizeof(*s->resources.list));
	for (const struct tree_node *i = items_first(v); i != NULL; i = items_next(v, i)) {
		check_resource(ps, i);
		if (template_compile(&s->resources.list[s->resources.n], mem, i->text,
			TEMPLATE_RESOURCE, ps->variables, &f) != 0)
			complain_syntax(ps, i, f.text);
		else
			s->resources.n++;
	}
	if (s->resources.n == 0)
		complain(ps, RANK_NO_RESOURCE, v, NULL,
		    "Policy statement must contain resources.");
}

/* --- the statement ------------------------------------------------------------------ */

static void
parse_effect(struct parser *ps, struct statement *s, const struct tree_node *n)
{
	const struct tree_node *v = node_get(n, "Effect");

	if (v == NULL) {
		complain_syntax(ps, n, "the element \"Effect\" is missing");
		return;
	}
	s->deny = span_eq_str(v->text, "Deny");
	if (v->kind != NODE_STRING ||
	    (!span_eq_ci(v->text, "Allow") && !span_eq_ci(v->text, "Deny")))
		complain_syntax(ps, v, "the Effect is \"Allow\" or \"Deny\"");
	else if (!s->deny && !span_eq_str(v->text, "Allow"))
		complain(ps, RANK_LEGACY, v, "the case of \"Allow\" and \"Deny\" counts",
		    legacy);
}

static bool
alphanumeric(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] == '-' || s.p[i] == '.' || !vendor_valid(span_sub(s, i, 1)))
			return false;
	return true;
}

static void
parse_sid(struct parser *ps, struct statement *s, const struct tree_node *n)
{
	const struct tree_node *v = node_get(n, "Sid");

	if (v == NULL)
		return;
	if (v->kind != NODE_STRING)
		complain_syntax(ps, v, "the Sid is a string");
	else if (ps->p->kind == POLICY_MANAGED && !alphanumeric(v->text))
		complain(ps, RANK_SID, v, NULL,
		    "Statement IDs (SID) must be alpha-numeric. Check that your input "
		    "satisfies the regular expression [0-9A-Za-z]*");
	else
		s->sid = arena_copy(&ps->p->mem, v->text);
}

static void
check_elements(struct parser *ps, const struct tree_node *n)
{
	static const char *const known[] = { "Sid", "Effect", "Action", "NotAction",
		"Resource", "NotResource", "Principal", "NotPrincipal", "Condition" };

	for (const struct tree_node *m = n->first; m != NULL; m = m->next) {
		bool found = false;

		for (size_t i = 0; i < ARRAY_LEN(known); i++)
			found = found || span_eq_str(m->name, known[i]);
		if (!found)
			complain_syntax(ps, m, "a statement has no such element");
	}
}

/* Action or NotAction, Resource or NotResource: one of them; NULL when neither is there. */
static const struct tree_node *
one_of(struct parser *ps, const struct tree_node *n, const char *name, const char *negated,
    bool *negative)
{
	const struct tree_node *a = node_get(n, name), *b = node_get(n, negated);

	if (a != NULL && b != NULL)
		complain_syntax(ps, b, "an element and its opposite exclude each other");
	*negative = a == NULL && b != NULL;
	return a != NULL ? a : b;
}

static void
parse_target(struct parser *ps, struct statement *s, const struct tree_node *n)
{
	const struct tree_node *v = one_of(ps, n, "Resource", "NotResource", &s->not_resource);

	if (ps->p->kind == POLICY_TRUST) {
		if (v != NULL)
			complain(ps, RANK_PRINCIPAL, v, "the resource is the role itself",
			    "Has prohibited field " SPAN_FMT, SPAN_ARG(v->name));
		return;
	}
	if (v != NULL)
		parse_resources(ps, s, v);
	else
		complain(ps, RANK_NO_RESOURCE, n, NULL,
		    "Policy statement must contain resources.");
}

void
parse_statement(struct parser *ps, struct statement *s, const struct tree_node *n)
{
	const struct tree_node *v;

	s->begin = n->begin;
	s->end = n->end;
	if (n->kind != NODE_OBJECT) {
		complain_syntax(ps, n, "a statement is a JSON object");
		return;
	}
	check_elements(ps, n);
	parse_effect(ps, s, n);
	parse_sid(ps, s, n);
	v = one_of(ps, n, "Action", "NotAction", &s->not_action);
	if (v != NULL)
		parse_actions(ps, s, v);
	else
		complain(ps, RANK_NO_ACTION, n, NULL,
		    "Policy statement must contain actions.");
	parse_target(ps, s, n);
	parse_principals(ps, s, n);
	if ((v = node_get(n, "Condition")) != NULL)
		parse_conditions(ps, s, v);
}
