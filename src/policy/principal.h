/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Principals of trust policies: whom a statement speaks of, and whether that is the caller.
 */
#pragma once

#include "base/span.h"

enum principal_kind {
	PRINCIPAL_ANYONE,    /* "*" */
	PRINCIPAL_ACCOUNT,   /* twelve digits, or arn:aws:iam::<account>:root */
	PRINCIPAL_ARN,       /* a user, a role, a role session, a federated user */
	PRINCIPAL_SERVICE,   /* ec2.amazonaws.com */
	PRINCIPAL_FEDERATED, /* the ARN or name of an identity provider */
};

struct principal {
	enum principal_kind kind;
	struct span text; /* the account for PRINCIPAL_ACCOUNT */
};

struct principals {
	struct principal *list;
	size_t n;
	bool not_principal;
};

/* Who asks.  What does not apply is empty. */
struct policy_caller {
	struct span account;
	struct span arn;      /* of the user, or of the role session */
	struct span role;     /* ARN of the role behind a session */
	struct span service;  /* "ec2.amazonaws.com" */
	struct span provider; /* identity provider of a web identity */
};

/*
 * How closely a statement names the caller.  An account hands the decision on to the
 * caller's own policies; a user or a role session named by its ARN needs none.
 */
enum principal_match { CALLER_NONE, CALLER_ACCOUNT, CALLER_ROLE, CALLER_EXACT };

enum principal_match principals_match(
    const struct principals *who, const struct policy_caller *caller);
