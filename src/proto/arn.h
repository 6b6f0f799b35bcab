/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Amazon resource names: arn:partition:service:region:account:resource.
 *
 * Building puts the text into an arena; the parts are names that were checked before
 * (proto/ids.h).  Parsing gives pieces that point into the input; wildcards are the
 * policy engine's business, here they are ordinary characters.
 */
#pragma once

#include "base/arena.h"
#include "base/err.h"

enum { ARN_MAX = 2048 }; /* bytes: arnType of IAM's model */

struct arn {
	struct span partition;
	struct span service;
	struct span region;   /* may be empty */
	struct span account;  /* may be empty */
	struct span resource; /* all that follows; may hold ':' and '/' */
};

/* ERR_INVALID: not six parts, an empty partition, service or resource, control
 * characters. */
int arn_parse(struct arn *a, struct span s) MUST_USE;
/* "instance/i-1" of type "instance" is "i-1"; ':' serves as '/'.  False when of another
 * type. */
bool arn_resource_id(const struct arn *a, const char *type, struct span *id);

/* Any ARN of partition aws; region and account may be "". */
char *arn_make(struct arena *mem, const char *service, const char *region,
    const char *account, const char *resource) __attribute__((returns_nonnull));

/* i-...: an EC2 instance; all others: a managed instance of ssm. */
char *arn_node(struct arena *mem, const char *region, const char *account, const char *id)
    __attribute__((returns_nonnull));
/* Documents that AWS owns (AWS-...) have no account. */
char *arn_document(struct arena *mem, const char *region, const char *account,
    const char *name) __attribute__((returns_nonnull));
char *arn_session(struct arena *mem, const char *region, const char *account,
    const char *id) __attribute__((returns_nonnull));
/* kind: user, role, group, policy, instance-profile; path begins and ends with '/'. */
char *arn_iam(struct arena *mem, const char *account, const char *kind, const char *path,
    const char *name) __attribute__((returns_nonnull));
char *arn_assumed_role(struct arena *mem, const char *account, const char *role,
    const char *session) __attribute__((returns_nonnull));

/* Whether a document name is one of those that AWS ships. */
bool arn_document_is_aws(struct span name);
/* The node id in "mi-..." or in the ARN of a node; ERR_INVALID otherwise. */
int arn_node_id(struct span *id, struct span id_or_arn) MUST_USE;
/* The document name in "Name" or in the ARN of a document; ERR_INVALID otherwise. */
int arn_document_name(struct span *name, struct span name_or_arn) MUST_USE;
