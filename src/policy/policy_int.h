/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The compiled form, for the modules of this folder that make it and that ask it.
 */
#pragma once

#include "policy/operator.h"
#include "policy/policy.h"
#include "policy/principal.h"

struct templates {
	struct template *list;
	size_t n;
};

struct statement {
	struct span sid;
	bool deny;
	bool not_action, not_resource;
	struct templates actions;   /* lower case */
	struct templates resources; /* none in trust policies */
	struct condition *conditions;
	size_t nconditions;
	struct principals who; /* trust policies only */
	struct policy_place begin, end, from;
};

struct policy {
	struct arena mem; /* holds everything below */
	enum policy_kind kind;
	struct span id;
	struct statement *statements;
	size_t nstatements;
};
