/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Principals of trust policies: whom a statement speaks of, and whether that is the caller.
 */
#pragma once

#include "base/span.h"

enum policy_principal_kind {
	POLICY_PRINCIPAL_ANYONE,    /* "*" */
	POLICY_PRINCIPAL_ACCOUNT,   /* twelve digits, or arn:aws:iam::<account>:root */
	POLICY_PRINCIPAL_ARN,       /* a user, a role, a role session, a federated user */
	POLICY_PRINCIPAL_ID,        /* the id of a user, of a role, or "AROA...:session" */
	POLICY_PRINCIPAL_SERVICE,   /* ec2.amazonaws.com */
	POLICY_PRINCIPAL_FEDERATED, /* the ARN or name of an identity provider */
};

struct policy_principal {
	enum policy_principal_kind kind;
	struct span text; /* the account for POLICY_PRINCIPAL_ACCOUNT */
};

struct principals {
	struct policy_principal *list;
	size_t n;
	bool not_principal;
};

/* Who asks.  What does not apply is empty. */
struct policy_caller {
	struct span account;
	struct span arn;      /* of the user, or of the role session */
	struct span role;     /* ARN of the role behind a session */
	struct span id;       /* of the user, or of the role session */
	struct span role_id;  /* of the role behind a session */
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
