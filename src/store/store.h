/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one door to what must survive: accounts, keys, activations, nodes, tags, documents,
 * settings, sessions.  SQLite (WAL, synchronous=FULL) stands behind it today.
 *
 * Reading: store_reader() is a read-only connection of the calling loop; its answers are
 * point queries of microseconds and see every committed change.
 *
 * Writing: store_submit() hands a change to the writer thread.  Changes that wait
 * together share one transaction (group commit), each in its own savepoint: one that
 * fails undoes only itself.  done() runs on the submitting loop after the commit, so
 * whatever an answer promises is on disk before the answer leaves.  In simulation run()
 * is called inline and done() is deferred.
 *
 * Rows: strings of a row are NUL-terminated, in the caller's arena, never NULL ("" when
 * unset); times are ms since the epoch, 0 when unset.
 * Errors: ERR_NOTFOUND, ERR_EXISTS, ERR_CONFLICT, or ERR_STORE with a fault text.
 */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "ev/ev.h"

struct store;
struct store_tx; /* a transaction, or the reader */

/*
 * path of the database file, or ":memory:" (tests and simulation: inline, no threads), or
 * "inline:<path>" (simulation of restarts: a file, still no threads).  A new file is made
 * with mode 0600.  Refuses a database that a newer program wrote.
 */
int store_open(
    struct store **out, struct ev_loop *l, const char *path, struct fault *f) MUST_USE;
/*
 * Finishes what was submitted, done() included: close the store before freeing what these
 * callbacks use.  From the loop's thread, not from within done().
 */
void store_close(struct store *s);

struct store_tx *store_reader(struct store *s);
/*
 * Between these the reader sees one state, whatever is committed meanwhile: for answers of
 * several queries that must fit together.  Within one turn of the loop; they do not nest.
 */
int store_freeze(struct store *s) MUST_USE;
void store_thaw(struct store *s);

/*
 * run() executes on the writer thread and may use tx and what arg owns, nothing else.
 * done() gets run's result, or ERR_STORE when the commit failed.
 */
typedef int store_run(struct store_tx *tx, void *arg, struct fault *f);
typedef void store_done(void *arg, int r, const struct fault *f);
void store_submit(struct store *s, store_run *run, store_done *done, void *arg);
/* For start-up and command line tools: waits for the commit. */
int store_apply(struct store *s, store_run *run, void *arg, struct fault *f) MUST_USE;

/* The last change failed because the disk is full.  From any thread. */
bool store_is_full(const struct store *s);

/* Deleting what is not there is no error below, unless a comment says so. */

/* --- account ---------------------------------------------------------------- */

/* Plain name/value pairs: "account-id", and service settings under "setting:<id>". */
int store_meta_get(
    struct store_tx *tx, struct arena *mem, const char *name, char **value) MUST_USE;
int store_meta_put(struct store_tx *tx, const char *name, const char *value) MUST_USE;
int store_meta_del(struct store_tx *tx, const char *name) MUST_USE;

/* --- access keys; users and roles are in store/iam.h ------------------------------ */

enum store_key_kind { STORE_KEY_USER = 1, STORE_KEY_NODE, STORE_KEY_ROLE };
struct store_key {
	char *access_key;
	char *secret;       /* SigV4 needs it in the clear; the arena wipes it */
	int kind;           /* enum store_key_kind */
	char *owner;        /* name of a user or role, or node id */
	char *token_sha256; /* hex; "" for long-term keys */
	char *session_json; /* temporary: what they were given for; or "" */
	bool active;
	int64_t created_ms, expires_ms; /* 0: never */
};
int store_key_put(struct store_tx *tx, const struct store_key *k) MUST_USE;
int store_key_get(struct store_tx *tx, struct arena *mem, const char *access_key,
    struct store_key *k) MUST_USE;
int store_key_set_active(
    struct store_tx *tx, const char *access_key, bool active) MUST_USE;
int store_keys_del_owner(struct store_tx *tx, int kind, const char *owner) MUST_USE;
/* Forgets expired ones, but for those that a live session was started with. */
int store_keys_expire(struct store_tx *tx, int64_t now_ms) MUST_USE;
int store_key_del(struct store_tx *tx, const char *access_key) MUST_USE; /* ERR_NOTFOUND */
typedef bool store_key_fn(void *arg, const struct store_key *k);
/* Of one owner, by access key; with owner NULL of all owners of that kind. */
int store_keys(struct store_tx *tx, int kind, const char *owner,
    const char *after_access_key, store_key_fn *fn, void *arg) MUST_USE;

/* --- activations ---------------------------------------------------------------- */

struct store_activation {
	char *id;          /* uuid */
	char *code_sha256; /* hex: the code itself is shown once and not kept */
	char *description;
	char *instance_name; /* DefaultInstanceName */
	char *iam_role;
	char *id_prefix; /* "mi-" or "i-" */
	int64_t limit, count;
	int64_t expires_ms, created_ms;
	char *tags_json; /* object of strings, copied to each node */
};
int store_activation_put(struct store_tx *tx, const struct store_activation *a) MUST_USE;
int store_activation_get(struct store_tx *tx, struct arena *mem, const char *id,
    struct store_activation *a) MUST_USE;
int store_activation_del(struct store_tx *tx, const char *id) MUST_USE; /* ERR_NOTFOUND */
/* Takes one registration: ERR_EXPIRED, ERR_LIMIT (used up), ERR_NOTFOUND. */
int store_activation_use(struct store_tx *tx, const char *id, int64_t now_ms) MUST_USE;

/* --- nodes ------------------------------------------------------------------------ */

struct store_node {
	char *id;
	char *public_key;  /* base64 SPKI; "" for a node with static credentials */
	char *fingerprint; /* bound at registration or first use */
	char *activation_id;
	char *iam_role;
	char *name; /* Name shown for mi- nodes */
	char *agent_name, *agent_version;
	char *platform_type, *platform_name, *platform_version;
	char *ip, *hostname, *zone;
	char *leave_reason; /* why it last went offline, in words; "" while online */
	int64_t registered_ms, ping_ms, offline_ms;
};
int store_node_put(
    struct store_tx *tx, const struct store_node *n) MUST_USE; /* insert or replace */
int store_node_get(struct store_tx *tx, struct arena *mem, const char *id,
    struct store_node *n) MUST_USE;
/* With its keys and tags; ERR_NOTFOUND. */
int store_node_del(struct store_tx *tx, const char *id) MUST_USE;
/* Only the two columns: why and when it left; "" and 0 when it came.  ERR_NOTFOUND. */
int store_node_set_leave(
    struct store_tx *tx, const char *id, const char *reason, int64_t offline_ms) MUST_USE;

/* --- tags (any resource: "ManagedInstance/mi-..", "Activation/..") -------------------
 */

struct store_tag {
	char *resource, *key, *value;
};
int store_tag_put(struct store_tx *tx, const char *resource, const char *key,
    const char *value) MUST_USE;
int store_tag_del(struct store_tx *tx, const char *resource, const char *key) MUST_USE;
int store_tags_del(struct store_tx *tx, const char *resource) MUST_USE;
int store_tag_get(struct store_tx *tx, struct arena *mem, const char *resource,
    const char *key, char **value) MUST_USE;

/* --- documents --------------------------------------------------------------------- */

enum { STORE_DOCUMENT_DEFAULT = -1, STORE_DOCUMENT_LATEST = 0 };

struct store_document {
	char *name, *type; /* type: "Session", "Command" */
	char *content;     /* JSON as written */
	char *version_name, *display_name, *target_type;
	int64_t version, created_ms;
	int64_t default_version, latest_version; /* of the document; read only */
	bool builtin;
};
/*
 * Adds a version; *version is it.  The first one of a name, and each of a built-in
 * document, becomes the default.  ERR_EXISTS: the version name is taken.
 */
int store_document_put(
    struct store_tx *tx, const struct store_document *d, int64_t *version) MUST_USE;
/* version: a number, or one of the two above. */
int store_document_get(struct store_tx *tx, struct arena *mem, const char *name,
    int64_t version, struct store_document *d) MUST_USE;
/* The number behind a version name. */
int store_document_named(struct store_tx *tx, const char *name, const char *version_name,
    int64_t *version) MUST_USE;
/* ERR_NOTFOUND without such a version. */
int store_document_set_default(
    struct store_tx *tx, const char *name, int64_t version) MUST_USE;
/* One version; or with its tags the whole document.  ERR_NOTFOUND. */
int store_document_del_version(
    struct store_tx *tx, const char *name, int64_t version) MUST_USE;
int store_document_del(struct store_tx *tx, const char *name) MUST_USE;
/* Documents that are not built in; versions of one document. */
int store_document_count(struct store_tx *tx, int64_t *n) MUST_USE;
int store_document_version_count(
    struct store_tx *tx, const char *name, int64_t *n) MUST_USE;

/* --- sessions -------------------------------------------------------------------------
 */

struct store_session {
	char *id, *target, *document, *reason;
	char *owner_arn;     /* who started it */
	char *owner_user_id; /* aws:userid at start */
	char *access_key;    /* of the StartSession call */
	char *source_ip, *region;
	char *status;        /* as DescribeSessions shows it: Connecting, Connected ... */
	char *details;       /* why it ended, in words */
	char *content_json;  /* the resolved document */
	char *run_as;        /* OS user for this session, or "" */
	char *token_sha256;  /* hex of the client's open token, "" once used */
	char *resume_sha256; /* hex of the secret our client comes back with, or "" */
	char *resume_prev_sha256; /* and of the one before, while it is still good */
	char *access_request;     /* id of the access request that allowed it, or "" */
	int64_t token_expires_ms;
	int64_t start_ms, end_ms;
	int64_t max_duration_min, idle_min; /* 0: none */
	bool farewell; /* it is over, but the agent has not confirmed that */
	int64_t reported; /* number of the last event of its agent in the audit trail */
};
int store_session_put(
    struct store_tx *tx, const struct store_session *s) MUST_USE; /* insert or replace */
int store_session_get(struct store_tx *tx, struct arena *mem, const char *id,
    struct store_session *s) MUST_USE;
/* Only status, details, end_ms and farewell; only the token; only the two secrets; only
 * reported.  ERR_NOTFOUND. */
int store_session_set_status(struct store_tx *tx, const struct store_session *s) MUST_USE;
int store_session_set_token(struct store_tx *tx, const char *id, const char *token_sha256,
    int64_t expires_ms) MUST_USE;
int store_session_set_resume(struct store_tx *tx, const char *id, const char *sha256,
    const char *prev_sha256) MUST_USE;
int store_session_set_reported(
    struct store_tx *tx, const char *id, int64_t number) MUST_USE;

/* --- lists
 * ------------------------------------------------------------------------------ */

/*
 * Each calls fn for every row in order until it returns false.  Strings are good during
 * the call only.  after: resume behind this key ("" from the start), as it came from the
 * row.
 */
typedef bool store_node_fn(void *arg, const struct store_node *n);
int store_nodes(
    struct store_tx *tx, const char *after_id, store_node_fn *fn, void *arg) MUST_USE;
typedef bool store_activation_fn(void *arg, const struct store_activation *a);
int store_activations(struct store_tx *tx, const char *after_id, store_activation_fn *fn,
    void *arg) MUST_USE;
typedef bool store_tag_fn(void *arg, const struct store_tag *t);
/* All tags of one resource, or with resource NULL of all, ordered by resource and key. */
int store_tags(
    struct store_tx *tx, const char *resource, store_tag_fn *fn, void *arg) MUST_USE;
typedef bool store_document_fn(void *arg, const struct store_document *d);
/* The default version of every document, by name; all versions of one, newest first
 * (before 0: from the newest). */
int store_documents(struct store_tx *tx, const char *after_name, store_document_fn *fn,
    void *arg) MUST_USE;
int store_document_versions(struct store_tx *tx, const char *name, int64_t before,
    store_document_fn *fn, void *arg) MUST_USE;
typedef bool store_session_fn(void *arg, const struct store_session *s);
/* Newest first; active: only sessions that have not ended, else only ended ones.
 * Resumes behind (start_ms, id); start_ms 0 begins at the newest. */
int store_sessions(struct store_tx *tx, bool active, int64_t before_start_ms,
    const char *before_id, store_session_fn *fn, void *arg) MUST_USE;
/* Those with farewell set that ended since then, oldest end first. */
int store_sessions_farewell(struct store_tx *tx, int64_t ended_since_ms,
    store_session_fn *fn, void *arg) MUST_USE;
/* Forgets sessions that ended before then (history is kept 30 days). */
int store_sessions_purge(struct store_tx *tx, int64_t ended_before_ms) MUST_USE;
