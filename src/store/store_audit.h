/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The audit trail in the store: events in the order of their commits, each hashed together
 * with the one before, and the newest one signed once for each transaction.
 *
 * What the writer last signed is kept in memory while the server runs and is the truth: an
 * event that somebody removed or added in the file is not built upon.
 */
#pragma once

#include "proto/audit.h"
#include "proto/audit_event.h"
#include "store/store.h"

enum {
	STORE_AUDIT_CHECKPOINT_EVENTS = 1000, /* a checkpoint is kept after so many, */
	STORE_AUDIT_CHECKPOINT_MS = 10 * 60 * 1000, /* or when so much time has passed */
};

struct store_audit_key {
	const struct ed25519_key *key; /* private; outlives the store */
	const char *account;
	bool is_new; /* it has signed nothing yet */
	int64_t now_ms;
};

/*
 * Before the first event.  Looks whether the trail ends where its key signed; when not, it
 * goes on all the same, and damage[] holds what is wrong ("" otherwise): verifying names the
 * place for ever.
 */
int store_audit_start(struct store *s, const struct store_audit_key *k, char damage[200],
    struct fault *f) MUST_USE;

/*
 * In a change: one more event, of JSON text.  It becomes part of the trail with the commit.
 * ERR_STORE also before store_audit_start().
 */
int store_audit_append(struct store_tx *tx, const char *event,
    const struct audit_resource *resources, size_t nresources, int64_t now_ms) MUST_USE;

/*
 * In a change: forgets the events up to the oldest checkpoint that was signed before then, and
 * leaves a signed base.  *removed is their number; 0: there is nothing more to do.
 */
int store_audit_prune(
    struct store_tx *tx, int64_t before_ms, int64_t now_ms, int64_t *removed) MUST_USE;

struct store_audit_event {
	int64_t seq, time_s;
	const char *event;
	uint8_t hash[SHA256_LEN];
};
/* Strings are good during the call; false ends the walk. */
typedef bool store_audit_fn(void *arg, const struct store_audit_event *e);

/* By number, those behind after and up to last. */
int store_audit_events(struct store_tx *tx, int64_t after, int64_t last,
    store_audit_fn *fn, void *arg) MUST_USE;
/* Do the columns by which events are found agree with the text of this one? */
int store_audit_is_findable(struct store_tx *tx, int64_t seq, bool *findable) MUST_USE;
int store_audit_has_resource(struct store_tx *tx, int64_t seq,
    const struct audit_resource *r, bool *has) MUST_USE;
/* The number of the last event from before then; 0: none. */
int store_audit_last_before(struct store_tx *tx, int64_t time_s, int64_t *seq) MUST_USE;
/* One place in the chain; ERR_NOTFOUND. */
int store_audit_at(struct store_tx *tx, int64_t seq, struct audit_chain *out) MUST_USE;

/* The head or the base; ERR_NOTFOUND.  account is left to the caller. */
int store_audit_mark(
    struct store_tx *tx, enum audit_mark_kind kind, struct audit_mark *out) MUST_USE;
typedef bool store_audit_mark_fn(void *arg, const struct audit_mark *m);
/* Checkpoints behind after and up to last. */
int store_audit_checkpoints(struct store_tx *tx, int64_t after, int64_t last,
    store_audit_mark_fn *fn, void *arg) MUST_USE;

enum store_audit_by {
	STORE_AUDIT_ALL,
	STORE_AUDIT_EVENT_ID,
	STORE_AUDIT_EVENT_NAME,
	STORE_AUDIT_READ_ONLY, /* value "1" or "0" */
	STORE_AUDIT_USERNAME,
	STORE_AUDIT_RESOURCE_TYPE,
	STORE_AUDIT_RESOURCE_NAME,
	STORE_AUDIT_EVENT_SOURCE,
	STORE_AUDIT_ACCESS_KEY,
};
struct store_audit_query {
	enum store_audit_by by;
	const char *value;
	int64_t from_s, to_s; /* both included */
	/* Resume behind this event; INT64_MAX, INT64_MAX: from the newest. */
	int64_t before_s, before_seq;
};
/* Newest first; events of the same second by their number. */
int store_audit_lookup(struct store_tx *tx, const struct store_audit_query *q,
    store_audit_fn *fn, void *arg) MUST_USE;
