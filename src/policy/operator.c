/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of operators, and how a condition is decided.
 */
#include "policy/operator.h"

#include "base/text.h"

#define STRING(name, mode, negated, fold)                            \
	{                                                            \
		name, OPERATOR_STRING, ORDER_EQ, mode, negated, fold \
	}
#define ARN(name, negated)                                                 \
	{                                                                  \
		name, OPERATOR_ARN, ORDER_EQ, TEMPLATE_ARN, negated, false \
	}
#define ORDERED(name, class, order)                              \
	{                                                        \
		name, class, order, TEMPLATE_EXACT, false, false \
	}
#define EQUAL(name, class, negated)                                   \
	{                                                             \
		name, class, ORDER_EQ, TEMPLATE_EXACT, negated, false \
	}
#define SIX(name, class)                                                          \
	EQUAL(name "Equals", class, false), EQUAL(name "NotEquals", class, true), \
	    ORDERED(name "LessThan", class, ORDER_LT),                            \
	    ORDERED(name "LessThanEquals", class, ORDER_LE),                      \
	    ORDERED(name "GreaterThan", class, ORDER_GT),                         \
	    ORDERED(name "GreaterThanEquals", class, ORDER_GE)

static const struct policy_operator operators[] = {
	STRING("StringEquals", TEMPLATE_EXACT, false, false),
	STRING("StringNotEquals", TEMPLATE_EXACT, true, false),
	STRING("StringEqualsIgnoreCase", TEMPLATE_EXACT, false, true),
	STRING("StringNotEqualsIgnoreCase", TEMPLATE_EXACT, true, true),
	STRING("StringLike", TEMPLATE_LIKE, false, false),
	STRING("StringNotLike", TEMPLATE_LIKE, true, false),
	SIX("Numeric", OPERATOR_NUMERIC),
	SIX("Date", OPERATOR_DATE),
	EQUAL("Bool", OPERATOR_BOOL, false),
	EQUAL("BinaryEquals", OPERATOR_BINARY, false),
	EQUAL("IpAddress", OPERATOR_IP, false),
	EQUAL("NotIpAddress", OPERATOR_IP, true),
	ARN("ArnEquals", false),
	ARN("ArnLike", false),
	ARN("ArnNotEquals", true),
	ARN("ArnNotLike", true),
	EQUAL("Null", OPERATOR_NULL, false),
	{ 0 },
};

const struct policy_operator *
operator_list(void)
{
	return operators;
}

static bool
take_prefix(struct span *s, const char *prefix)
{
	if (!span_starts(*s, prefix))
		return false;
	*s = span_sub(*s, strlen(prefix), s->n);
	return true;
}

static bool
take_suffix(struct span *s, const char *suffix)
{
	if (!span_ends(*s, suffix))
		return false;
	*s = span_sub(*s, 0, s->n - strlen(suffix));
	return true;
}

int
condition_operator(struct condition *c, struct span name)
{
	c->set = take_prefix(&name, "ForAnyValue:") ? SET_ANY
	    : take_prefix(&name, "ForAllValues:")   ? SET_ALL
						    : SET_NONE;
	c->if_exists = take_suffix(&name, "IfExists");
	for (c->op = operators; c->op->name != NULL; c->op++)
		if (span_eq_str(name, c->op->name))
			return c->op->class == OPERATOR_NULL && c->if_exists ? ERR_INVALID
									     : 0;
	return ERR_INVALID;
}

int
condition_value_compile(struct condition_value *v, const struct policy_operator *op,
    struct arena *mem, struct span text, bool variables, struct fault *f)
{
	*v = (struct condition_value){ 0 };
	switch (op->class) {
	case OPERATOR_STRING:
	case OPERATOR_ARN:
		v->readable = true;
		return template_compile(&v->text, mem, text, op->mode, variables, f);
	case OPERATOR_NUMERIC:
		v->readable = policy_number_parse(&v->number, text) == 0;
		break;
	case OPERATOR_DATE:
		v->readable = policy_date_parse(&v->date_ms, text) == 0;
		break;
	case OPERATOR_BOOL:
	case OPERATOR_NULL:
		v->readable = policy_bool_parse(&v->truth, text) == 0;
		break;
	case OPERATOR_BINARY:
		v->readable = policy_bytes_parse(&v->bytes, mem, text) == 0;
		break;
	case OPERATOR_IP:
		v->readable = policy_net_parse(&v->net, text) == 0;
		break;
	}
	return 0;
}

/* --- one value of the request -------------------------------------------------------- */

/* A value of the request, read once for all values of the condition. */
struct operand {
	struct span text;
	struct policy_number number;
	int64_t date_ms;
	bool truth;
	struct policy_net net;
};

static int
operand_read(struct operand *o, const struct policy_operator *op, struct span text)
{
	o->text = text;
	switch (op->class) {
	case OPERATOR_NUMERIC:
		return policy_number_parse(&o->number, text);
	case OPERATOR_DATE:
		return policy_date_parse(&o->date_ms, text);
	case OPERATOR_BOOL:
		return policy_bool_parse(&o->truth, text);
	case OPERATOR_IP:
		if (policy_net_parse(&o->net, text) != 0 || o->net.bits != 128)
			return ERR_INVALID;
		return 0;
	default:
		return 0;
	}
}

static bool
in_order(enum operator_order order, int cmp)
{
	switch (order) {
	case ORDER_LT:
		return cmp < 0;
	case ORDER_LE:
		return cmp <= 0;
	case ORDER_GT:
		return cmp > 0;
	case ORDER_GE:
		return cmp >= 0;
	default:
		return cmp == 0;
	}
}

/* Both sides in base64, which has one spelling for the same bytes: decoded without memory. */
static bool
same_bytes(struct span bytes, struct span encoded)
{
	auto_buf b = { .max = encoded.n };

	return base64_decode(&b, encoded) == 0 && span_eq(buf_span(&b), bytes);
}

static bool
matches(const struct policy_operator *op, const struct condition_value *v,
    const struct policy_context *ctx, const struct operand *o)
{
	switch (op->class) {
	case OPERATOR_STRING:
	case OPERATOR_ARN:
		return template_match(&v->text, ctx, o->text, op->fold);
	case OPERATOR_NUMERIC:
		return in_order(op->order, policy_number_cmp(&o->number, &v->number));
	case OPERATOR_DATE:
		return in_order(
		    op->order, (o->date_ms > v->date_ms) - (o->date_ms < v->date_ms));
	case OPERATOR_BOOL:
		return o->truth == v->truth;
	case OPERATOR_BINARY:
		return same_bytes(v->bytes, o->text);
	case OPERATOR_IP:
		return policy_net_has(&v->net, &o->net);
	default:
		return false;
	}
}

/*
 * Whether one value of the request satisfies the operator: it matches one of the condition's
 * values, or, negated, it can be compared with all of them and matches none.
 */
static bool
satisfies(const struct condition *c, const struct policy_context *ctx, struct span text)
{
	struct operand o = { 0 };

	if (operand_read(&o, c->op, text) != 0)
		return false;
	for (size_t i = 0; i < c->nvalues; i++) {
		if (!c->values[i].readable) {
			if (c->op->negated)
				return false;
			continue;
		}
		if (matches(c->op, &c->values[i], ctx, &o))
			return !c->op->negated;
	}
	return c->op->negated;
}

/* --- conditions ------------------------------------------------------------------- */

static bool
null_holds(const struct condition *c, bool missing)
{
	for (size_t i = 0; i < c->nvalues; i++)
		if (c->values[i].readable && c->values[i].truth == missing)
			return true;
	return false;
}

/* "A null data set, such as an empty string": no value satisfies any set operator. */
static bool
all_empty(const struct policy_key *k)
{
	for (size_t i = 0; i < k->nvalues; i++)
		if (k->values[i].n > 0)
			return false;
	return true;
}

static bool
missing_holds(const struct condition *c)
{
	if (c->if_exists || c->set == SET_ALL)
		return true;
	return c->set == SET_NONE && c->op->negated;
}

bool
condition_holds(const struct condition *c, const struct policy_context *ctx)
{
	const struct policy_key *k = policy_context_find(ctx, c->key, c->hash);
	/* Without a set operator several values are any of them, or, negated, all of them. */
	bool all = c->set == SET_ALL || (c->set == SET_NONE && c->op->negated);

	if (c->op->class == OPERATOR_NULL)
		return null_holds(c, k == NULL);
	if (k == NULL)
		return missing_holds(c);
	if (c->set != SET_NONE && all_empty(k))
		return c->set == SET_ALL;
	for (size_t i = 0; i < k->nvalues; i++)
		if (satisfies(c, ctx, k->values[i]) != all)
			return !all;
	return all;
}
