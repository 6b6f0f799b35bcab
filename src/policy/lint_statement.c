/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Actions and resources that do not go together.
 *
 * An action is authorised on resources of certain types, or on no resource in particular; a
 * statement whose Resource covers none of them gives nothing, and AWS does not say so.
 */
#include "policy/lint_int.h"
#include "policy/parse_int.h"
#include "policy/vocabulary.h"
#include "proto/ids.h"

#define OWN_SESSIONS "arn:aws:ssm:*:*:session/${aws:username}-*"

/* What becomes of one action of a statement. */
enum fate { FATE_WORKS, FATE_NEEDS_STAR, FATE_NEEDS_SESSION, FATE_NEEDS_OTHER };

static bool
resource_covers(struct linter *l, const struct tree_node *resources, const char *arn)
{
	for (const struct tree_node *r = items_first(resources); r != NULL;
	     r = items_next(resources, r))
		if (lint_overlap(l->mem, r->text, span_str(arn)))
			return true;
	return false;
}

/* "*", or an ARN of the service whose last field is "*": what such actions are asked on. */
static bool
names_all(struct span arn, struct span vendor)
{
	struct span field;

	if (span_eq_str(arn, "*"))
		return true;
	for (int i = 0; i < 5; i++) {
		if (!span_cut(&arn, ':', &field))
			return true; /* fields that are missing count as * */
		if (i == 2 && !span_eq(field, vendor))
			return false;
	}
	return arn.p == NULL || span_eq_str(arn, "*");
}

static bool
covers_everything(const struct tree_node *resources, struct span vendor)
{
	for (const struct tree_node *r = items_first(resources); r != NULL;
	     r = items_next(resources, r))
		if (names_all(r->text, vendor))
			return true;
	return false;
}

static bool
has_type(const char *types, const char *type)
{
	struct span rest = span_str(types), one;

	while (span_cut(&rest, ' ', &one))
		if (span_eq_str(one, type))
			return true;
	return false;
}

static enum fate
fate_of(struct linter *l, const struct vocabulary_action *a, struct span vendor,
    const struct tree_node *resources)
{
	struct span rest, type;

	if (a->types == NULL || covers_everything(resources, vendor))
		return FATE_WORKS;
	if (a->types[0] == '\0')
		return FATE_NEEDS_STAR;
	rest = span_str(a->types);
	while (span_cut(&rest, ' ', &type)) {
		const char *arn = vocabulary_type_arn(type);

		if (arn == NULL || resource_covers(l, resources, arn))
			return FATE_WORKS;
	}
	/* Documents of AWS have an empty account, which the pattern's star matches, too. */
	return has_type(a->types, "session") ? FATE_NEEDS_SESSION : FATE_NEEDS_OTHER;
}

/* --- names ------------------------------------------------------------------------ */

/* What stands before the colon, in lower case as in ARNs. */
static struct span
vendor_of(struct linter *l, struct span action)
{
	ptrdiff_t colon = span_find(action, ':');

	return arena_lower(l->mem, span_sub(action, 0, colon < 0 ? 0 : (size_t)colon));
}

/* The first action that the pattern matches; NULL: none, which is said. */
static const struct vocabulary_action *
find_action(
    struct linter *l, const struct tree_node *n, const struct vocabulary_service *service)
{
	ptrdiff_t colon = span_find(n->text, ':');
	struct span name = span_sub(n->text, (size_t)colon + 1, n->text.n);
	struct lint_nearest near = { .name = name };

	for (const struct vocabulary_action *a = service->actions; a->name != NULL; a++) {
		if (lint_overlap(
			l->mem, arena_lower(l->mem, name), arena_lower(l->mem, span_str(a->name))))
			return a;
		lint_nearest(&near, a->name);
	}
	lint_say(l, "unknown-action", n->begin, "There is no action " SPAN_FMT ".%s%s%s",
	    SPAN_ARG(n->text), near.best != NULL ? " Was " : "",
	    near.best != NULL ? near.best : "", near.best != NULL ? " meant?" : "");
	return NULL;
}

static const struct vocabulary_action *
known_action(struct linter *l, const struct tree_node *n)
{
	ptrdiff_t colon = span_find(n->text, ':');
	const struct vocabulary_service *service;

	if (colon < 0)
		return NULL;
	service = vocabulary_service_find(span_sub(n->text, 0, (size_t)colon));
	return service != NULL ? find_action(l, n, service) : NULL;
}

/* --- actions that give nothing ------------------------------------------------------------- */

/* The actions of a statement, sorted by fate, as JSON lists without brackets. */
struct sorted {
	struct buf list[FATE_NEEDS_OTHER + 1];
	size_t n[FATE_NEEDS_OTHER + 1];
};

static void
say_dead(struct linter *l, const struct tree_node *n, enum fate fate)
{
	if (fate == FATE_NEEDS_STAR)
		lint_say(l, "needs-star", n->begin,
		    SPAN_FMT " is not authorised on single resources: only \"Resource\": "
			     "\"*\" grants "
			     "it. With this Resource it gives nothing.",
		    SPAN_ARG(n->text));
	else if (fate == FATE_NEEDS_SESSION)
		lint_say(l, "needs-session", n->begin,
		    SPAN_FMT
		    " is authorised on sessions (" OWN_SESSIONS
		    " are the caller's own), not on nodes. With this Resource it gives "
		    "nothing.",
		    SPAN_ARG(n->text));
	else
		lint_say(l, "matches-nothing", n->begin,
		    SPAN_FMT " is not authorised on any resource of this statement.",
		    SPAN_ARG(n->text));
}

static void
sort_actions(struct linter *l, struct sorted *s, const struct tree_node *actions,
    const struct tree_node *resources)
{
	for (const struct tree_node *n = items_first(actions); n != NULL;
	     n = items_next(actions, n)) {
		const struct vocabulary_action *a = known_action(l, n);
		bool wild = span_find(n->text, '*') >= 0 || span_find(n->text, '?') >= 0;
		enum fate fate = a != NULL && !wild && resources != NULL
		    ? fate_of(l, a, vendor_of(l, n->text), resources)
		    : FATE_WORKS;

		if (fate != FATE_WORKS)
			say_dead(l, n, fate);
		if (fate == FATE_NEEDS_OTHER) /* what was meant cannot be guessed */
			fate = FATE_WORKS;
		buf_add_str(&s->list[fate], s->n[fate]++ > 0 ? ", " : "");
		buf_add(&s->list[fate], lint_raw(l, n));
	}
}

/* The conditions stay: what was not meant without them is not granted without them. */
static char *
new_statement(struct linter *l, struct sorted *s, enum fate fate, const char *resource,
    const struct tree_node *condition)
{
	struct span raw = condition != NULL ? lint_raw(l, condition) : SPAN_NONE;

	if (s->n[fate] == 0)
		return arena_strdup(l->mem, "");
	return arena_printf(l->mem,
	    ",\n{\n  \"Effect\": \"Allow\",\n  \"Action\": [%s],\n  \"Resource\": "
	    "\"%s\"%s" SPAN_FMT "\n}",
	    buf_cstr(&s->list[fate]), resource,
	    condition != NULL ? ",\n  \"Condition\": " : "", SPAN_ARG(raw));
}

/* Moves dead actions to statements of their own, behind this one. */
static void
mend_actions(
    struct linter *l, struct sorted *s, const struct tree_node *n, const struct tree_node *actions)
{
	const struct tree_node *condition = node_get(n, "Condition");
	bool alone = n->parent != NULL && n->parent->kind == NODE_OBJECT;
	char *more = arena_printf(l->mem, "%s%s%s",
	    new_statement(l, s, FATE_NEEDS_SESSION, OWN_SESSIONS, condition),
	    new_statement(l, s, FATE_NEEDS_STAR, "*", condition), alone ? "]" : "");

	if (alone)
		lint_edit(l, n->begin.offset, n->begin.offset, "[");
	if (s->n[FATE_WORKS] > 0) {
		lint_edit(l, actions->begin.offset, actions->end.offset,
		    arena_printf(l->mem, "[%s]", buf_cstr(&s->list[FATE_WORKS])));
		lint_edit(l, n->end.offset, n->end.offset, more);
	} else { /* nothing is left of it: the new ones take its place */
		lint_edit(l, n->begin.offset, n->end.offset, more + 2);
	}
}

static void
check_actions(struct linter *l, const struct tree_node *n, const struct tree_node *actions,
    const struct tree_node *resources, bool allow)
{
	struct sorted s = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(s.list); i++)
		buf_init(&s.list[i], POLICY_TEXT_MAX);
	sort_actions(l, &s, actions, resources);
	if (allow && s.n[FATE_NEEDS_STAR] + s.n[FATE_NEEDS_SESSION] > 0)
		mend_actions(l, &s, n, actions);
	for (size_t i = 0; i < ARRAY_LEN(s.list); i++)
		buf_fini(&s.list[i]);
}

/* --- resources -------------------------------------------------------------------- */

/* The region of an ARN, when it can be put into another one as it is. */
static struct span
region_of(struct span arn)
{
	struct span region = SPAN_NONE,
		    rest = span_sub(arn, strlen("arn:aws:ec2:"), arn.n);

	if (!span_cut(&rest, ':', &region) || !id_region_valid(region))
		return SPAN("*");
	return region;
}

/* Instances without managed nodes: what was written for EC2 does not speak of mi-. */
static void
check_nodes(struct linter *l, const struct tree_node *resources)
{
	const struct tree_node *found = NULL;
	const char *managed;

	if (resource_covers(l, resources, "arn:aws:ssm:*:*:managed-instance/*"))
		return;
	for (const struct tree_node *r = items_first(resources); r != NULL && found == NULL;
	     r = items_next(resources, r))
		if (span_starts(r->text, "arn:aws:ec2:") &&
		    lint_overlap(l->mem, r->text, SPAN("arn:aws:ec2:*:*:instance/i-*")))
			found = r;
	if (found == NULL)
		return;
	lint_say(l, "no-managed-nodes", found->begin,
	    "This covers EC2 instances (i-...). Nodes that were registered with an "
	    "activation "
	    "(mi-...) are arn:aws:ssm:*:*:managed-instance/*, which it does not match.");
	if (!span_ends(found->text, ":instance/*"))
		return; /* single instances were meant */
	managed =
	    arena_printf(l->mem, ", \"arn:aws:ssm:" SPAN_FMT ":*:managed-instance/*\"%s",
		SPAN_ARG(region_of(found->text)), found == resources ? "]" : "");
	if (found == resources)
		lint_edit(l, found->begin.offset, found->begin.offset, "[");
	lint_edit(l, found->end.offset, found->end.offset, managed);
}

static void
check_fields(struct linter *l, const struct tree_node *resources)
{
	for (const struct tree_node *r = items_first(resources); r != NULL;
	     r = items_next(resources, r)) {
		size_t colons = 0;

		for (size_t i = 0; i < r->text.n; i++)
			colons += r->text.p[i] == ':';
		if (!span_eq_str(r->text, "*") && colons < 5)
			lint_say(l, "short-arn", r->begin,
			    "An ARN has six fields; what is missing here counts as *.");
		if (!l->variables && span_find(r->text, '$') >= 0)
			lint_say(l, "no-variables", r->begin,
			    "Without \"Version\": \"2012-10-17\" a policy variable is "
			    "ordinary text.");
	}
}

static bool
starts_sessions(const struct tree_node *actions)
{
	for (const struct tree_node *a = actions != NULL ? items_first(actions) : NULL;
	     a != NULL; a = items_next(actions, a))
		if (span_eq_ci(a->text, "ssm:StartSession") ||
		    span_eq_ci(a->text, "ssm:SendCommand"))
			return true;
	return false;
}

void
lint_statement(struct linter *l, const struct tree_node *n)
{
	const struct tree_node *effect = node_get(n, "Effect"),
			  *actions = node_get(n, "Action"),
			  *others = node_get(n, "NotAction"),
			  *resources = node_get(n, "Resource"),
			  *spared = node_get(n, "NotResource"),
			  *condition = node_get(n, "Condition");
	bool allow = span_eq_str(effect->text, "Allow");

	if (others != NULL && allow)
		lint_say(l, "allow-not-action", others->name_at,
		    "Allow with NotAction allows every action of every service but "
		    "these, "
		    "also those that AWS adds tomorrow. To forbid some, use Deny with "
		    "Action.");
	if (spared != NULL && allow)
		lint_say(l, "allow-not-resource", spared->name_at,
		    "Allow with NotResource allows all resources but these. To keep some "
		    "out, "
		    "use Deny with Resource.");
	if (actions != NULL)
		check_actions(l, n, actions, resources, allow);
	if (resources != NULL)
		check_fields(l, resources);
	if (resources != NULL && starts_sessions(actions))
		check_nodes(l, resources);
	if (condition != NULL)
		lint_conditions(l, condition, allow);
}
