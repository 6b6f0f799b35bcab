/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the operations of IAM share: entities and their names, paths and ARNs, AWS's sentences
 * about them, their tags, their policies as text.
 *
 * Operations that do the same to users, groups, roles, policies or instance profiles are one
 * function here.  Their subject is what the input names, and the member that names it (UserName,
 * GroupName, RoleName, PolicyArn, InstanceProfileName) says the kind.
 */
#pragma once

#include "policy/policy.h"
#include "server/api/call.h"
#include "server/api/tags.h"
#include "store/iam.h"

/* ---- inputs, in the notation of the rows ---- */

#define IAM_NAME_64  "string{1..64 /[\\w+=,.@-]+/}"
#define IAM_NAME     "string{1..128 /[\\w+=,.@-]+/}"
#define IAM_PATH     "string{1..512}" /* iam_check_path() has AWS's words for the rest */
#define IAM_PREFIX   "PathPrefix: string{1..512 /\\x{2F}[\\x{21}-\\x{7F}]*/}"
#define IAM_ARN      "string{20..2048}"
#define IAM_DOCUMENT "string{1..131072 /[\\x{09}\\x{0A}\\x{0D}\\x{20}-\\x{FF}]+/}"
/* AWS stops at 320 characters; ours carry the position and its MAC. */
#define IAM_PAGING   "Marker: string{1..2048 /[ -\\x{FF}]+/}; MaxItems: integer{1..1000}"
#define IAM_TAG_KEY  "string{1..128 /[\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]+/}"
#define IAM_TAGS                                 \
	"list{..50}[struct { Key*: " IAM_TAG_KEY \
	"; Value*: string{0..256 /[\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]*/} }]"
#define IAM_TAG_KEYS "list{..50}[" IAM_TAG_KEY "]"

/* A row without anything special; bare: AWS's answer has no Result element. */
#define IAM_ROW(rw, op, finder, members, bare, handler)                            \
	{                                                                          \
		.service = API_IAM, .access = rw, .name = op, .action = "iam:" op, \
		.find = finder, .input = "{ " members " }", .no_result = bare,     \
		.run = handler,                                                    \
	}
/* The same of an operation on users, groups and roles. */
#define IAM_OWNER_ROW(rw, op, Kind, finder, members, bare, handler) \
	IAM_ROW(rw, op, finder, Kind "Name*: " members, bare, handler)

enum { IAM_PAGE = 100 }; /* rows of a page for which nobody asked a size */

/* ---- entities ---- */

char *iam_arn(struct api_call *c, const struct store_entity *e)
    __attribute__((returns_nonnull));
/* By name.  NoSuchEntity in AWS's words. */
int iam_find(struct store_tx *tx, struct api_call *c, enum store_entity_kind kind,
    const char *name, struct store_entity *e) MUST_USE;
/* The one that the input names; without a UserName the user who calls. */
int iam_subject(struct store_tx *tx, struct api_call *c, enum store_entity_kind kind,
    struct store_entity *e) MUST_USE;
/* Its kind; for operations that require the member that names it. */
enum store_entity_kind iam_subject_kind(const struct api_call *c);
/* A customer managed policy by its ARN.  ERR_NOTFOUND. */
int iam_get_policy(struct store_tx *tx, struct api_call *c, const char *arn,
    struct store_entity *e) MUST_USE;
/*
 * A new one of this kind with an id of its own: name, path and boundary from the input, whose
 * path and tags are checked.  ValidationError, InvalidInput.  On the loop's thread.
 */
int iam_new(
    struct api_call *c, enum store_entity_kind kind, struct store_entity **e) MUST_USE;
/*
 * Stores it with the tags of the input.  EntityAlreadyExists, LimitExceeded; NoSuchEntity: the
 * boundary.
 */
int iam_create(
    struct store_tx *tx, struct api_call *c, const struct store_entity *e) MUST_USE;
/* ValidationError unless it is NULL, "/", or begins and ends with '/'. */
int iam_check_path(struct api_call *c, const char *path) MUST_USE;
/* The whole of UpdateUser and UpdateGroup: NewPath, NewUserName or NewGroupName. */
api_handler iam_update;
/* For walks over pairs that only ask whether there is any: *(bool *)arg. */
store_pair_fn iam_found;
/* DeleteConflict as long as policies are attached to the owner or in it. */
int iam_bare(struct store_tx *tx, struct api_call *c, const char *owner) MUST_USE;
int iam_conflict(struct api_call *c, const char *what); /* "must <what> first." */

/* Finders of resources: the ARN of the subject, with the path it has or is to get. */
api_resource_finder iam_user_resource;
api_resource_finder iam_group_resource;
api_resource_finder iam_role_resource;
api_resource_finder
    iam_policy_resource; /* PolicyArn as it is, or the one of a new policy */
api_resource_finder iam_profile_resource;

/* ---- answers ---- */

void iam_write_date(struct api_call *c, const char *name, int64_t ms); /* in seconds */
/* Path, <Kind>Name, <Kind>Id, Arn, CreateDate. */
void iam_write_head(struct api_call *c, const struct store_entity *e);
void iam_write_boundary(struct api_call *c, const struct store_entity *e); /* if any */
void iam_write_tags(struct api_call *c, const struct tags *t);             /* if any */
void iam_write_tag_list(struct api_call *c, const struct tags *t);         /* even none */
/* A role's trust policy: ARNs where its principals are there. */
void iam_write_trust(struct api_call *c, const struct store_entity *role);
/* The text of a policy, URL-encoded as at AWS. */
void iam_write_document(struct api_call *c, const char *name, const char *text);

/* For the row's .response: the entity c->user, made or changed, with the tags of the input. */
api_recorder iam_record_entity;

typedef void iam_write_fn(struct api_call *c, const struct store_entity *e);
/* A page of all entities of a kind under PathPrefix. */
int iam_list(struct api_call *c, enum store_entity_kind kind, const char *list,
    iam_write_fn *write) MUST_USE;

/* ---- policies ---- */

/* MalformedPolicyDocument, or LimitExceeded when it is too long. */
int iam_check_policy(
    struct api_call *c, enum policy_kind kind, const char *document) MUST_USE;
/* A trust policy as it is kept.  MalformedPolicyDocument: it names somebody who is not there. */
int iam_bind_trust(
    struct store_tx *tx, struct api_call *c, const char *document, char **bound) MUST_USE;
/* The role's trust policy is the text that is shown from now on: for the audit trail. */
int iam_show_trust(
    struct store_tx *tx, struct api_call *c, struct store_entity *role) MUST_USE;
/* NoSuchEntity unless it is a managed policy, AWS's or the account's own. */
int iam_check_managed(
    struct store_tx *tx, struct api_call *c, const char *policy_arn) MUST_USE;
/* The same, in the words for boundaries. */
int iam_check_boundary(
    struct store_tx *tx, struct api_call *c, const char *policy_arn) MUST_USE;

/* ---- tags (iam/tags.c) ---- */

/* Whether keys that differ only in case are the same key. */
bool iam_tags_fold(enum store_entity_kind kind);
/* InvalidInput: a reserved key, or one that comes twice. */
int iam_check_tags(struct api_call *c, bool fold) MUST_USE;
/* Adds those of the input.  LimitExceeded. */
int iam_put_tags(
    struct store_tx *tx, struct api_call *c, const struct store_entity *e) MUST_USE;
/* The same for what is no entity and knows keys apart by case; and a page of what is there. */
int iam_put_resource_tags(
    struct store_tx *tx, struct api_call *c, const char *resource) MUST_USE;
int iam_list_resource_tags(struct api_call *c, const char *resource) MUST_USE;
