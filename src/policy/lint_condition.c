/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conditions that do not hold what they seem to promise.
 */
#include "policy/lint_int.h"
#include "policy/parse_int.h"
#include "policy/vocabulary.h"

static bool
key_is(const struct tree_node *key, const char *name)
{
	return span_eq_ci(key->name, name);
}

static bool
all_values_are(const struct tree_node *key, const char *text)
{
	for (const struct tree_node *v = items_first(key); v != NULL; v = items_next(key, v))
		if (!span_eq_ci(v->text, text))
			return false;
	return items_count(key) > 0;
}

static void
check_mfa(struct linter *l, const struct tree_node *op, const struct tree_node *key, bool allow)
{
	if (!key_is(key, "aws:MultiFactorAuthPresent") ||
	    !span_eq_str(op->name, "BoolIfExists") || !allow ||
	    !all_values_are(key, "true"))
		return;
	lint_say(l, "mfa-if-exists", op->name_at,
	    "Requests that are signed with long-term access keys do not have "
	    "aws:MultiFactorAuthPresent at all, and ...IfExists is true for a missing "
	    "key: "
	    "whoever uses such keys is let in without a second factor. \"Bool\" lets in "
	    "only "
	    "those who showed one.");
	if (op->first->next == NULL && node_get(op->parent, "Bool") == NULL)
		lint_edit(l, op->name_at.offset,
		    op->name_at.offset + strlen("\"BoolIfExists\""), "\"Bool\"");
}

static bool
is_date(const struct condition *c)
{
	return c->op->class == OPERATOR_DATE &&
	    (c->op->order == ORDER_LT || c->op->order == ORDER_LE);
}

static void
check_hours(struct linter *l, const struct condition *c, const struct tree_node *op,
    const struct tree_node *key)
{
	if (!is_date(c) || !key_is(key, "aws:CurrentTime") || items_first(key) == NULL)
		return;
	lint_say(l, "one-span", op->name_at,
	    "This is one span of time that ends on " SPAN_FMT
	    ", nights and weekends included, not the same hours of every day: the policy "
	    "language cannot say those.",
	    SPAN_ARG(items_first(key)->text));
}

static void
check_key_name(struct linter *l, const struct tree_node *key)
{
	struct lint_nearest near = { .name = key->name };
	bool ours = false;

	for (const char *const *k = vocabulary_keys(); *k != NULL; k++) {
		size_t n = strlen(*k);
		bool tag = (*k)[n - 1] == '/';
		struct span head = tag ? span_sub(key->name, 0, n) : key->name;

		if (span_eq_ci(head, *k) && (!tag || key->name.n > n))
			return;
		lint_nearest(&near, *k);
	}
	ours = span_starts(key->name, "aws:") || span_starts(key->name, "ssm:") ||
	    span_starts(key->name, "sts:") || span_find(key->name, ':') < 0;
	if (ours)
		lint_say(l, "unknown-key", key->name_at,
		    "There is no condition key " SPAN_FMT
		    "; no request will ever have it.%s%s%s",
		    SPAN_ARG(key->name), near.best != NULL ? " Was " : "",
		    near.best != NULL ? near.best : "",
		    near.best != NULL ? " meant?" : "");
}

static void
check_value(struct linter *l, const struct condition *c, const struct tree_node *v)
{
	struct condition_value compiled;
	bool text = c->op->class == OPERATOR_STRING;

	if (text && c->op->mode == TEMPLATE_EXACT &&
	    (span_find(v->text, '*') >= 0 || span_find(v->text, '?') >= 0) &&
	    span_find(v->text, '$') < 0)
		lint_say(l, "literal-wildcard", v->begin,
		    "%s compares letter by letter: * and ? are no wildcards here. %s "
		    "takes "
		    "them.",
		    c->op->name, c->op->negated ? "StringNotLike" : "StringLike");
	if (!l->variables && (text || c->op->class == OPERATOR_ARN) &&
	    lint_overlap(l->mem, v->text, SPAN("*${*")) && span_find(v->text, '$') >= 0)
		lint_say(l, "no-variables", v->begin,
		    "Without \"Version\": \"2012-10-17\" a policy variable is ordinary "
		    "text.");
	if (condition_value_compile(
		&compiled, c->op, l->mem, v->text, l->variables, NULL) == 0 &&
	    !compiled.readable)
		lint_say(l, "unreadable-value", v->begin,
		    "%s cannot read this value: the comparison is never true.",
		    c->op->name);
}

static void
check_key(struct linter *l, const struct condition *c, const struct tree_node *op,
    const struct tree_node *key, bool allow)
{
	check_mfa(l, op, key, allow);
	check_hours(l, c, op, key);
	check_key_name(l, key);
	if (c->set == SET_ALL && allow && !c->if_exists)
		lint_say(l, "for-all-of-none", op->name_at,
		    "ForAllValues is true when the request does not have the key at all. "
		    "Add "
		    "a condition Null with \"" SPAN_FMT "\": \"false\" if it must.",
		    SPAN_ARG(key->name));
	if (items_first(key) == NULL)
		lint_say(l, "no-values", key->name_at,
		    "There is no value to compare with: the condition is always %s.",
		    c->op->negated ? "true" : "false");
	for (const struct tree_node *v = items_first(key); v != NULL; v = items_next(key, v))
		check_value(l, c, v);
}

void
lint_conditions(struct linter *l, const struct tree_node *condition, bool allow)
{
	for (const struct tree_node *op = condition->first; op != NULL; op = op->next) {
		struct condition c = { 0 };

		if (condition_operator(&c, op->name) != 0)
			continue; /* empty, or it would not have been accepted */
		for (const struct tree_node *key = op->first; key != NULL; key = key->next)
			check_key(l, &c, op, key, allow);
	}
}
