/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Managed policies, AWS's and the account's own, as the operations of IAM see them; and what
 * else several of those operations write.
 */
#pragma once

#include "policy/managed.h"
#include "server/api/iam/iam.h"

#define IAM_POLICY_PATH "string{1..512 /((/[A-Za-z0-9\\.,\\+@=_-]+)*)//}"

/* One that exists; what it points at lives in the call's arena, or for ever. */
struct iam_policy {
	const char *arn, *name, *path, *id, *description;
	const char *version; /* "v2": the default */
	int64_t created_ms, updated_ms;
	const struct policy_managed *aws; /* NULL: the account's own */
};

void iam_policy_of_entity(
    struct api_call *c, const struct store_entity *e, struct iam_policy *p);
void iam_policy_of_aws(
    struct api_call *c, const struct policy_managed *m, struct iam_policy *p);
/* By ARN; NoSuchEntity. */
int iam_policy_find(struct store_tx *tx, struct api_call *c, const char *arn,
    struct iam_policy *p) MUST_USE;

/* How often it is in use. */
struct iam_usage {
	int64_t attached, bounding;
};
int iam_policy_usage(struct store_tx *tx, const char *arn, struct iam_usage *u) MUST_USE;

/* How many versions one of the account's own has. */
int iam_policy_versions(struct store_tx *tx, const char *name, int *n) MUST_USE;

/* The members that all answers show. */
void iam_write_policy(
    struct api_call *c, const struct iam_policy *p, const struct iam_usage *u);
/* Document (unless NULL), VersionId, IsDefaultVersion, CreateDate. */
void iam_write_version(struct api_call *c, const char *document, const char *version,
    bool is_default, int64_t created_ms);

/* "vN" of one of the account's own; 0 for what cannot be one. */
int64_t iam_version_number(const char *version);

/* "alice" of the owner "User/alice". */
const char *iam_owner_name(const char *owner);
/* "AmazonSSMFullAccess" of its ARN. */
const char *iam_policy_name(const char *arn);

/* AttachedPolicies of an owner, not as a page. */
int iam_write_attached(struct api_call *c, const char *list, const char *owner) MUST_USE;
/* The members of an instance profile with its roles (iam/profile.c). */
int iam_write_profile(struct api_call *c, const struct store_entity *e) MUST_USE;
