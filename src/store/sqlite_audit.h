/* SPDX-License-Identifier: Apache-2.0 */
/* Private to src/store: the end of the audit trail's chain, which the writer carries. */
#pragma once

#include "store/sql.h"
#include "store/store_audit.h"

/*
 * What the columns of an event hold, computed from its text.  Not as generated columns: with
 * trusted_schema off, SQLite 3.40 takes its JSON functions for unsafe ones there.
 */
#define AUDIT_COLUMNS                                                               \
	"time_s, event_id, event_name, event_source, access_key, read_only, username"
#define AUDIT_TIME(e)   "coalesce(unixepoch(json_extract(" e ", '$.eventTime')), 0)"
#define AUDIT_ID(e)     "coalesce(json_extract(" e ", '$.eventID'), '')"
#define AUDIT_NAME(e)   "coalesce(json_extract(" e ", '$.eventName'), '')"
#define AUDIT_SOURCE(e) "coalesce(json_extract(" e ", '$.eventSource'), '')"
#define AUDIT_KEY(e)    "coalesce(json_extract(" e ", '$.userIdentity.accessKeyId'), '')"
#define AUDIT_READ(e)   "coalesce(json_extract(" e ", '$.readOnly'), 0)"
#define AUDIT_USER(e)                                                          \
	"coalesce(CASE json_extract(" e ", '$.userIdentity.type')"             \
	" WHEN 'Root' THEN 'root'"                                             \
	" WHEN 'AssumedRole' THEN substr("                                     \
	"json_extract(" e ", '$.userIdentity.principalId'),"                   \
	" instr(json_extract(" e ", '$.userIdentity.principalId'), ':') + 1)"  \
	" ELSE json_extract(" e ", '$.userIdentity.userName') END, '')"

/* Owned by the writer's connection; only the thread that writes touches it. */
struct store_audit {
	const struct ed25519_key *key;
	char account[AUDIT_ACCOUNT_LEN + 1];
	struct audit_chain now;       /* with the events of the open transaction */
	struct audit_chain committed; /* without */
	int64_t now_ms;               /* of the newest event */
	int64_t checkpoint_seq, checkpoint_ms;
	bool is_checkpoint; /* the transaction at hand keeps its head */
};

/* Of the columns seq, hash, time_ms, signature; account is left to the caller. */
void audit_read_mark(struct sql *q, enum audit_mark_kind kind, struct audit_mark *m);

/* For savepoints: where the chain is, and back there. */
struct audit_chain audit_place(const struct store_tx *tx);
void audit_back_to(struct store_tx *tx, const struct audit_chain *place);
/* Before COMMIT: signs the new head, when there is one. */
int audit_seal(struct store_tx *tx) MUST_USE;
void audit_committed(struct store_tx *tx);
void audit_undone(struct store_tx *tx); /* the transaction was rolled back */
