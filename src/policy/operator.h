/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conditions: an operator, a condition key and the values it is compared with.
 *
 * Missing keys, in the words of AWS's documentation: a positive operator is false, a negated
 * one true, ...IfExists true, Null "true" true, ForAllValues true, ForAnyValue false.  A value
 * that cannot be read as a number, a date, an address, ... makes its comparison false, be the
 * operator positive or negated.
 */
#pragma once

#include "policy/template.h"
#include "policy/value.h"

enum operator_class {
	OPERATOR_STRING,
	OPERATOR_NUMERIC,
	OPERATOR_DATE,
	OPERATOR_BOOL,
	OPERATOR_BINARY,
	OPERATOR_IP,
	OPERATOR_ARN,
	OPERATOR_NULL,
};

enum operator_order { ORDER_EQ, ORDER_LT, ORDER_LE, ORDER_GT, ORDER_GE };

struct policy_operator {
	const char *name;
	enum operator_class class;
	enum operator_order order;
	enum template_mode mode; /* of strings and ARNs */
	bool negated;
	bool fold;
};

enum condition_set { SET_NONE, SET_ANY, SET_ALL };

struct condition_value {
	bool readable;
	union {
		struct template text;
		struct policy_number number;
		int64_t date_ms;
		bool truth;
		struct span bytes;
		struct policy_net net;
	};
};

/* Owner: the policy it belongs to. */
struct condition {
	const struct policy_operator *op;
	enum condition_set set;
	bool if_exists;
	struct span key;
	uint32_t hash; /* of the key */
	struct condition_value *values;
	size_t nvalues;
};

/*
 * "ForAnyValue:StringLikeIfExists" to op, set and if_exists of *c.  ERR_INVALID when there is
 * no such operator.
 */
int condition_operator(struct condition *c, struct span name) MUST_USE;
/* All operators, for suggestions; ends with a NULL name. */
const struct policy_operator *operator_list(void);

/* One value as the operator reads it; ERR_INVALID only for what template_compile() refuses. */
int condition_value_compile(struct condition_value *v, const struct policy_operator *op,
    struct arena *mem, struct span text, bool variables, struct fault *f) MUST_USE;

bool condition_holds(const struct condition *c, const struct policy_context *ctx);
