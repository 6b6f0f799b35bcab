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
#include "store/store.h"

#define IDENTITY_NODE_ROLE "SallyportNode" /* of nodes whose activation names no role */

enum identity_kind { IDENTITY_USER, IDENTITY_NODE };

/* All strings live in the arena and are never NULL. */
struct identity {
	enum identity_kind kind;
	char *account;      /* twelve digits */
	char *name;         /* user name, or node id */
	char *arn;          /* as GetCallerIdentity shows it */
	char *user_id;      /* aws:userid: AIDA..., or AROA...:<node id> */
	char *access_key;   /* "" for the lookups by name */
	char *session_name; /* what session ids begin with; see id_session_format() */
	char *run_as;       /* OS user of its sessions, tag SSMSessionRunAs, or "" */
	char *node_id;      /* "" for a user */
};

/*
 * Whose key is this?  *key (with the secret, for checking a signature) may be NULL.
 * ERR_NOTFOUND: no such key, or its owner is gone.  ERR_DENIED: inactive.  ERR_EXPIRED.
 */
int identity_of_key(struct store_tx *tx, struct arena *mem, const char *access_key,
    int64_t now_ms, struct identity *out, struct store_key *key) MUST_USE;
int identity_of_user(struct store_tx *tx, struct arena *mem, const char *name,
    struct identity *out) MUST_USE;
/*
 * Who once started something with this key: the same user, as it is now.  Temporary keys may
 * have expired and be forgotten.  ERR_NOTFOUND: the user is gone, or another one has the name
 * now.  ERR_DENIED: the key was deactivated, or a long-term one deleted.
 */
int identity_of_owner(struct store_tx *tx, struct arena *mem, const char *access_key,
    const char *arn, const char *user_id, struct identity *out) MUST_USE;
int identity_of_node(struct store_tx *tx, struct arena *mem, const char *node_id,
    struct identity *out) MUST_USE;

/* The tag SSMSessionRunAs of a user: the OS user of its sessions, or "". */
int identity_run_as(
    struct store_tx *tx, struct arena *mem, const char *user, char **run_as) MUST_USE;

/* AIDA (or another four letters) and 17 base-32 characters. */
enum { IDENTITY_ID_LEN = 21 };
void identity_id_format(
    char out[IDENTITY_ID_LEN + 1], const char prefix[4], const uint8_t raw[11]);

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
 * First start: stores the account id and the user "admin" with the access key.  Waits for
 * the commit.  ERR_EXISTS when the store has an account already.
 */
int account_init(struct store *st, struct ev_loop *l, struct account_made *made,
    struct fault *f) MUST_USE;
