/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The audit trail: what happened here, as events of CloudTrail in a signed chain
 * (proto/audit.h), appended in the transaction of what they tell about.
 *
 *	audit_record_make()    on any thread: the text of an event
 *	audit_record_append()  in a change: it is committed together with the effect
 *	audit_note()           on the loop: an event of its own, written behind
 *	audit_commit()         the same, for who waits until it is on disk
 *
 * Owner: the server.  Threads: the loop's, but for the first two.
 */
#pragma once

#include "store/store_audit.h"

struct audit;
struct principal;

struct audit_options {
	struct ev_loop *loop;
	struct store *store;
	const char *account, *region;  /* region: of events that no call brought */
	const struct ed25519_key *key; /* borrowed; outlives the store */
	bool key_is_new;               /* it has signed nothing yet */
	int64_t retention_days;        /* 0: for ever */
};

int audit_new(
    struct audit **out, const struct audit_options *o, struct fault *f) MUST_USE;
void audit_free(struct audit *a); /* after the store was closed */

/* An event with everything that does not depend on what happened. */
struct audit_event audit_event_new(struct audit *a, const char *source, const char *name);
void audit_draw_id(struct audit *a, char out[37]);
/*
 * Who it was, as far as that is proven.  claimed: the id of the key that somebody named who
 * proved nothing, or NULL; it makes the event easy to find and is no identity.
 */
struct audit_identity audit_identity_of(const struct principal *who, const char *claimed);

/* A text and the names under which it is found; in the arena. */
struct audit_record {
	const char *text;
	struct audit_resource resources[AUDIT_RESOURCES_MAX];
	size_t nresources;
	int64_t time_ms;
};
void audit_record_make(
    struct audit_record *r, struct arena *mem, const struct audit_event *e);
int audit_record_append(struct store_tx *tx, const struct audit_record *r) MUST_USE;

/* Written behind; a failure is logged and counted. */
void audit_note(struct audit *a, const struct audit_event *e);
/* done is told on the loop when it is on disk (0), or that it will not be (ERR_*). */
typedef void audit_done_fn(void *arg, int r);
void audit_commit(
    struct audit *a, const struct audit_event *e, audit_done_fn *done, void *arg);

/*
 * Those who prove nothing, and nodes, are not trusted with the size of the trail: may an
 * event of this one be recorded?  *left_out is the number of those that were not, since the
 * last one that was.
 */
enum audit_class { AUDIT_STRANGER, AUDIT_NODE, AUDIT_REPORT };
bool audit_admit(
    struct audit *a, enum audit_class class, const char *who, uint64_t *left_out);

void audit_failed(struct audit *a); /* an event could not be written */

/* The key that verifies the trail, PEM. */
const char *audit_public_key(const struct audit *a);

struct audit_stats {
	uint64_t failed;   /* events that could not be written */
	uint64_t left_out; /* events of strangers and nodes that were too many */
	uint64_t removed;  /* by retention */
};
void audit_stats(const struct audit *a, struct audit_stats *out);
