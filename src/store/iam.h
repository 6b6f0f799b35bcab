/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rows of IAM: users, groups, roles, policies, and what ties them together.
 *
 * Part of the store's one door; the rules for rows, errors and lists are those of
 * store/store.h.  An owner is "User/alice", "Group/ops" or "Role/deploy", as in tags.
 */
#pragma once

#include "store/store.h"

/* --- entities: whatever has a name, an id and a path ---------------------------- */

enum store_entity_kind {
	STORE_USER = 1,
	STORE_GROUP,
	STORE_ROLE,
	STORE_POLICY, /* customer managed; its text is in its versions */
	STORE_PROFILE,
	STORE_ENTITY_KINDS,
};

struct store_entity {
	int kind;      /* enum store_entity_kind */
	char *name;    /* unique in its kind, whatever the case */
	char *id;      /* AIDA..., AGPA..., AROA..., ANPA..., AIPA... */
	char *path;    /* "/" or "/ops/" */
	char *description;
	char *boundary; /* users, roles: ARN of the permissions boundary, or "" */
	char *trust;    /* roles: the trust policy, with ids; see server/domain/trust.h */
	int64_t max_session_s;                 /* roles */
	int64_t default_version, last_version; /* policies; a number is given once */
	int64_t created_ms, updated_ms;
};

/* "User", "Group", "Role", "Policy", "InstanceProfile" */
const char *store_kind_name(enum store_entity_kind kind);
/* "User/alice": the owner, as tags and policies name it. */
char *store_owner(struct arena *mem, enum store_entity_kind kind, const char *name)
    __attribute__((returns_nonnull));

/* NULL strings are stored as "".  ERR_EXISTS: the name, in any case, or the id. */
int store_entity_put(struct store_tx *tx, const struct store_entity *e) MUST_USE;
int store_entity_get(struct store_tx *tx, struct arena *mem, enum store_entity_kind kind,
    const char *name, struct store_entity *e) MUST_USE;
int store_entity_by_id(struct store_tx *tx, struct arena *mem, const char *id,
    struct store_entity *e) MUST_USE;
/* Everything but kind, name, id and created_ms.  ERR_NOTFOUND. */
int store_entity_set(struct store_tx *tx, const struct store_entity *e) MUST_USE;
/*
 * The name, wherever it stands: policies, tags, memberships, keys, devices, login.
 * ERR_EXISTS, ERR_NOTFOUND.
 */
int store_entity_rename(struct store_tx *tx, enum store_entity_kind kind, const char *name,
    const char *new_name) MUST_USE;
/*
 * With all that it owns, as far as AWS lets it own something at its end (tags; the versions of
 * a policy).  The caller has checked the rest.  ERR_NOTFOUND.
 */
int store_entity_del(
    struct store_tx *tx, enum store_entity_kind kind, const char *name) MUST_USE;
typedef bool store_entity_fn(void *arg, const struct store_entity *e);
/* By name; after "" from the first. */
int store_entities(struct store_tx *tx, enum store_entity_kind kind,
    const char *after_name, store_entity_fn *fn, void *arg) MUST_USE;
int store_entity_count(
    struct store_tx *tx, enum store_entity_kind kind, int64_t *n) MUST_USE;

/* --- policies -------------------------------------------------------------------- */

struct store_policy_version {
	char *policy; /* name */
	int64_t version;
	char *document; /* as it was written */
	int64_t created_ms;
};
int store_policy_version_put(
    struct store_tx *tx, const struct store_policy_version *v) MUST_USE;
int store_policy_version_get(struct store_tx *tx, struct arena *mem, const char *policy,
    int64_t version, struct store_policy_version *v) MUST_USE;
int store_policy_version_del(
    struct store_tx *tx, const char *policy, int64_t version) MUST_USE; /* ERR_NOTFOUND */
typedef bool store_policy_version_fn(void *arg, const struct store_policy_version *v);
/* Newest first; before 0: from the newest. */
int store_policy_versions(struct store_tx *tx, const char *policy, int64_t before,
    store_policy_version_fn *fn, void *arg) MUST_USE;

/* Two texts of one row; good during the call. */
typedef bool store_pair_fn(void *arg, const char *a, const char *b);

/* Twice is once. */
int store_attach(struct store_tx *tx, const char *owner, const char *policy_arn) MUST_USE;
int store_detach(
    struct store_tx *tx, const char *owner, const char *policy_arn) MUST_USE; /* ERR_NOTFOUND */
/* (owner, ARN) of one owner by ARN, or of one policy by owner. */
int store_attached(struct store_tx *tx, const char *owner, const char *after_arn,
    store_pair_fn *fn, void *arg) MUST_USE;
int store_attached_to(struct store_tx *tx, const char *policy_arn, const char *after_owner,
    store_pair_fn *fn, void *arg) MUST_USE;
/* Users and roles whose boundary this is. */
int store_bounded_count(struct store_tx *tx, const char *policy_arn, int64_t *n) MUST_USE;

/* Insert or replace. */
int store_inline_put(struct store_tx *tx, const char *owner, const char *name,
    const char *document) MUST_USE;
int store_inline_get(struct store_tx *tx, struct arena *mem, const char *owner,
    const char *name, char **document) MUST_USE;
int store_inline_del(
    struct store_tx *tx, const char *owner, const char *name) MUST_USE; /* ERR_NOTFOUND */
/* (name, document) by name. */
int store_inlines(struct store_tx *tx, const char *owner, const char *after_name,
    store_pair_fn *fn, void *arg) MUST_USE;

/* Users in groups, roles in instance profiles: both are owners.  Twice is once. */
int store_member_put(
    struct store_tx *tx, const char *holder, const char *member) MUST_USE;
int store_member_del(
    struct store_tx *tx, const char *holder, const char *member) MUST_USE; /* ERR_NOTFOUND */
/* (holder, member) of one holder by member, or of one member by holder. */
int store_members(struct store_tx *tx, const char *holder, const char *after_member,
    store_pair_fn *fn, void *arg) MUST_USE;
int store_member_of(struct store_tx *tx, const char *member, const char *after_holder,
    store_pair_fn *fn, void *arg) MUST_USE;

/* --- second factors, passwords, identity providers --------------------------------- */

struct store_mfa {
	char *name, *path; /* of arn:aws:iam::<account>:mfa/<path><name> */
	char *user;        /* "" until it is enabled */
	char *seed;        /* base 32; a secret */
	int64_t created_ms, enabled_ms;
	int64_t last_step; /* of the last code taken */
	int64_t failures;  /* in a row */
	int64_t blocked_until_ms;
};
int store_mfa_put(struct store_tx *tx, const struct store_mfa *m) MUST_USE; /* new only */
int store_mfa_get(struct store_tx *tx, struct arena *mem, const char *name,
    struct store_mfa *m) MUST_USE;
/* user, enabled_ms, last_step, failures, blocked_until_ms.  ERR_NOTFOUND. */
int store_mfa_set(struct store_tx *tx, const struct store_mfa *m) MUST_USE;
int store_mfa_del(struct store_tx *tx, const char *name) MUST_USE; /* ERR_NOTFOUND */
typedef bool store_mfa_fn(void *arg, const struct store_mfa *m);
/* By name; of one user, or with user NULL all. */
int store_mfas(struct store_tx *tx, const char *user, const char *after_name,
    store_mfa_fn *fn, void *arg) MUST_USE;

struct store_login {
	char *user;
	char *hash; /* a record of domain/login: argon2id, the newest first */
	bool reset; /* must be changed at the next login */
	int64_t created_ms, used_ms;
};
int store_login_put(
    struct store_tx *tx, const struct store_login *l) MUST_USE; /* insert or replace */
int store_login_get(struct store_tx *tx, struct arena *mem, const char *user,
    struct store_login *l) MUST_USE;
int store_login_del(struct store_tx *tx, const char *user) MUST_USE; /* ERR_NOTFOUND */

struct store_oidc {
	char *url;              /* without "https://" */
	char *clients_json;     /* array of strings */
	char *thumbprints_json; /* the same */
	int64_t created_ms;
};
int store_oidc_put(
    struct store_tx *tx, const struct store_oidc *o) MUST_USE; /* insert or replace */
int store_oidc_get(struct store_tx *tx, struct arena *mem, const char *url,
    struct store_oidc *o) MUST_USE;
int store_oidc_del(struct store_tx *tx, const char *url) MUST_USE; /* ERR_NOTFOUND */
typedef bool store_oidc_fn(void *arg, const struct store_oidc *o);
int store_oidcs(
    struct store_tx *tx, const char *after_url, store_oidc_fn *fn, void *arg) MUST_USE;

/* --- locks: principals that are cut off ---------------------------------------------- */

struct store_lock {
	char *id;  /* of a user, a role, a role session ("AROA...:name") or a node */
	char *arn; /* its name when it was locked */
	char *reason, *by_arn;
	int64_t created_ms;
};
int store_lock_put(
    struct store_tx *tx, const struct store_lock *l) MUST_USE; /* insert or replace */
int store_lock_get(struct store_tx *tx, struct arena *mem, const char *id,
    struct store_lock *l) MUST_USE;
int store_lock_del(struct store_tx *tx, const char *id) MUST_USE; /* ERR_NOTFOUND */
typedef bool store_lock_fn(void *arg, const struct store_lock *l);
int store_locks(
    struct store_tx *tx, const char *after_id, store_lock_fn *fn, void *arg) MUST_USE;
