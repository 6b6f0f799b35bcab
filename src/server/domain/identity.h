/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The account and who is in it: names, ARNs and user ids of users and nodes, and what a
 * session takes over from the one who starts it.
 *
 * These are point queries through the reader (or inside a transaction); whether a request
 * was really signed by them is server/authn.h, what they may do is server/authorise.h.
 */
#pragma once

#include "base/arena.h"
#include "proto/ids.h"
#include "server/domain/key_session.h"
#include "store/iam.h"

#define IDENTITY_NODE_ROLE "SallyportNode" /* of nodes whose activation names no role */
#define IDENTITY_ADMIN_POLICY "arn:aws:iam::aws:policy/AdministratorAccess"

enum principal_kind {
	PRINCIPAL_NONE, /* an unsigned request */
	PRINCIPAL_USER,
	PRINCIPAL_ROLE, /* a role session */
	PRINCIPAL_NODE, /* an agent, which is a session of its node's role */
};

/* All strings live in the arena and are never NULL. */
struct principal {
	enum principal_kind kind;
	const char *name; /* of the user or role, or node id */
	const char *role; /* of a role session or node; "" */
	const char *arn;  /* as GetCallerIdentity shows it; "" for PRINCIPAL_NONE */
	const char *role_arn;     /* aws:PrincipalArn, which has the path; "" for a user */
	const char *role_id;      /* "" for a user, and when the role is gone */
	const char *user_id;      /* aws:userid: AIDA..., or AROA...:<session name> */
	const char *access_key;   /* "" for the lookups by name */
	const char *session_name; /* what session ids begin with; see id_session_format() */
	const char *run_as; /* OS user of its sessions, tag SSMSessionRunAs, or "" */
	const struct key_session *session; /* NULL with long-term keys, and for nodes */
};

/* Everybody is somebody: an anonymous one with all strings "". */
void principal_init(struct principal *who);
/* "User/alice" or "Role/ops": whose policies and tags it has. */
char *principal_owner(struct arena *mem, const struct principal *who)
    __attribute__((returns_nonnull));

/*
 * Whose key is this?  *key (with the secret, for checking a signature) may be NULL.
 * ERR_NOTFOUND: no such key, or its owner is gone.  ERR_DENIED: inactive.  ERR_EXPIRED.
 */
int identity_of_key(struct store_tx *tx, struct arena *mem, const char *access_key,
    int64_t now_ms, struct principal *out, struct store_key *key) MUST_USE;
/* The same for a key that was read already: whoever owns it. */
int identity_of_key_row(struct store_tx *tx, struct arena *mem, const struct store_key *k,
    struct principal *out) MUST_USE;
int identity_of_user(struct store_tx *tx, struct arena *mem, const char *name,
    struct principal *out) MUST_USE;
/*
 * Who once started something with this key: the same user or role session, as it is now.
 * The keys of a role session are kept while a session of it lives, those of a user may have
 * expired and be forgotten.  ERR_NOTFOUND: the user or role is gone, or another one has the
 * name now.  ERR_DENIED: the key was deactivated, or a long-term one deleted.
 */
int identity_of_owner(struct store_tx *tx, struct arena *mem, const char *access_key,
    const char *arn, const char *user_id, struct principal *out) MUST_USE;
int identity_of_node(struct store_tx *tx, struct arena *mem, const char *node_id,
    struct principal *out) MUST_USE;

/* AIDA (or another four letters) and 17 base-32 characters. */
enum { IDENTITY_ID_LEN = 21 };
void identity_id_format(
    char out[IDENTITY_ID_LEN + 1], const char prefix[4], const uint8_t raw[11]);
/* The id of a role that nobody made by hand: it follows from the name. */
void identity_role_id(char out[IDENTITY_ID_LEN + 1], const char *role);

/* The account id of this installation; ERR_NOTFOUND before account_init(). */
int account_id(struct store_tx *tx, struct arena *mem, char **id) MUST_USE;

/* A new account.  The secret is shown once; wipe it after use. */
struct account_made {
	char account[ID_ACCOUNT_LEN + 1];
	char user[16]; /* "admin" */
	char user_id[IDENTITY_ID_LEN + 1];
	char access_key[ID_ACCESS_KEY_LEN + 1];
	char secret[ID_SECRET_KEY_LEN + 1];
};

/* Draws what account_init() stores, so that the secret can be kept safe before that. */
void account_draw(struct ev_loop *l, struct account_made *out);
/*
 * First start: stores the account id and the user "admin" with the access key and all
 * permissions.  Waits for the commit.  ERR_EXISTS when the store has an account already.
 */
int account_init(struct store *st, struct ev_loop *l, struct account_made *made,
    struct fault *f) MUST_USE;
