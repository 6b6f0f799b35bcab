/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the operations of STS share: a session that is about to be given, from its parameters
 * to the keys in the answer.
 *
 *	struct sts_grant *g = sts_grant_new(c);          c->user
 *	sts_find_role(), sts_read_*()                    the parameters, each with its errors
 *	sts_ask()                                        may the caller?
 *	sts_give(c, g, life_ms, write)                   keys, after the commit
 */
#pragma once

#include "policy/context.h"
#include "server/api/call.h"
#include "server/domain/key_session.h"
#include "server/domain/temp_key.h"
#include "store/iam.h"

enum {
	STS_ROLE_LIFE_S = 3600, /* when nothing is asked for */
	STS_CHAINED_LIFE_MAX_S =
	    3600, /* of a role session that a role session asked for */
};

#define STS_ROLE_ARN     "string{20..2048}"
#define STS_SESSION_NAME "string{2..64 /[\\w+=,.@-]*/}"
#define STS_POLICY_ARNS  "list{..10}[struct { arn: string{20..2048} }]"
#define STS_POLICY       "string{1.. /[\\x{09}\\x{0A}\\x{0D}\\x{20}-\\x{FF}]+/}"

/* Owner: the call's arena. */
struct sts_grant {
	enum store_key_kind kind;
	const char *owner; /* name of the user or role */
	struct store_entity role;
	const char *role_arn;
	struct key_session session;
	struct policy_context more; /* condition keys of the request */
	bool tagged;                /* it takes sts:TagSession */
	bool packed;                /* policies or tags were given */
	int packed_percent;
	const char *serial, *code; /* a second factor, or NULL */
	int mfa;                   /* what mfa_check() said of it */
	struct temp_key key;
	api_handler *write;
};

struct sts_grant *sts_grant_new(struct api_call *c) __attribute__((returns_nonnull));

/*
 * The role of RoleArn and its trust policy; the ARN is the call's resource.  ValidationError
 * when that is no ARN.  ERR_NOTFOUND without an error of the call: there is no such role.
 */
int sts_find_role(struct api_call *c, struct sts_grant *g) MUST_USE;
/* DurationSeconds against the role's maximum and the limit of chains; in ms. */
int sts_read_life(struct api_call *c, struct sts_grant *g, int64_t *life_ms) MUST_USE;
/* Policy and PolicyArns. */
int sts_read_policies(struct api_call *c, struct sts_grant *g) MUST_USE;
/*
 * One session tag, of the request or of a token.  Errors: reserved, too many, given twice, or
 * passed on by the caller's own session.
 */
int sts_add_tag(struct api_call *c, struct sts_grant *g, const char *key,
    const char *value, bool transitive) MUST_USE;
/* How much room policies and tags take; PackedPolicyTooLarge. */
int sts_pack(struct api_call *c, struct sts_grant *g) MUST_USE;
/* SerialNumber and TokenCode: both or none. */
int sts_read_mfa(struct api_call *c, struct sts_grant *g) MUST_USE;

/*
 * May the caller do this to the role, as its policies and the role's trust policy say?
 * provider: ARN of the identity provider that vouches for it, or NULL.  The denial is in
 * *message.
 */
int sts_ask(struct api_call *c, struct sts_grant *g, const char *action,
    const char *provider, const char **message) MUST_USE;

/* For the rows' .response: what they all answer. */
api_recorder sts_record;
/* Checks the second factor, if there is one, and stores the keys; then write() answers. */
int sts_give(
    struct api_call *c, struct sts_grant *g, int64_t life_ms, api_handler *write);
void sts_write_credentials(struct api_call *c, const struct sts_grant *g);
void sts_write_role_user(struct api_call *c, const struct sts_grant *g);
void sts_write_packed(
    struct api_call *c, const struct sts_grant *g); /* if there is any */
