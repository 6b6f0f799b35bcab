/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The audit trail as its writer and everybody who checks it see it: events in a hash
 * chain, and signed marks.  Pure; docs/audit.md has the formats in words.
 *
 *	hash(0)   32 zero bytes
 *	hash(n)   SHA-256("sallyport audit event v1\n" hash(n-1) be64(n) be64(length) event)
 *
 * Events are numbered from 1 without a gap.  A mark is the number and the hash of one event,
 * signed with Ed25519.  Three kinds exist, and their signatures differ, so that none passes
 * for another:
 *
 *	head        the newest event, signed anew with every transaction
 *	checkpoint  a head that is kept
 *	base        the last event that retention removed
 */
#pragma once

#include "base/arena.h"
#include "codec/json.h"
#include "codec/jsonw.h"
#include "crypto/crypto.h"

enum {
	AUDIT_EVENT_MAX = 256 * 1024,              /* bytes of one event */
	AUDIT_LINE_MAX = AUDIT_EVENT_MAX + 1024,   /* of a line of an export */
	AUDIT_HEX_LEN = 2 * SHA256_LEN,
	AUDIT_ACCOUNT_LEN = 12,
};

/* A place in the chain: the event with this number and everything before it. */
struct audit_chain {
	int64_t seq; /* 0: before the first event */
	uint8_t hash[SHA256_LEN];
};
void audit_chain_add(struct audit_chain *c, struct span event);
bool audit_chain_eq(const struct audit_chain *a, const struct audit_chain *b);

enum audit_mark_kind { AUDIT_HEAD, AUDIT_CHECKPOINT, AUDIT_BASE };
const char *audit_mark_name(enum audit_mark_kind k);

struct audit_mark {
	enum audit_mark_kind kind;
	struct audit_chain at;
	int64_t time_ms; /* when it was signed */
	char account[AUDIT_ACCOUNT_LEN + 1];
	uint8_t signature[ED25519_SIG_LEN];
};
void audit_mark_sign(struct audit_mark *m, const struct ed25519_key *k);
/* ERR_SIGNATURE. */
int audit_mark_verify(const struct audit_mark *m, const struct ed25519_key *k) MUST_USE;
void audit_mark_write(struct jsonw *w, const struct audit_mark *m); /* as an object */
/* ERR_INVALID.  The signature is not checked. */
int audit_mark_read(struct audit_mark *m, const json_t *o) MUST_USE;

/*
 * The lines of an export:
 *
 *	{"begin":{"seq":0,"hash":".."},"account":"..","publicKey":".."}   the first one
 *	{"seq":1,"hash":"..","event":{..}}
 *	{"mark":{..}}
 *
 * An event stands there byte for byte, between `"event":` and the last brace.
 */
enum audit_line_kind { AUDIT_LINE_BEGIN, AUDIT_LINE_EVENT, AUDIT_LINE_MARK };
struct audit_line {
	enum audit_line_kind kind;
	struct audit_chain at; /* of a beginning or an event */
	struct span event;     /* in the line */
	struct audit_mark mark;
	const char *account, *public_key; /* of a beginning */
};
/* line: without its end.  Strings in mem.  ERR_INVALID, ERR_LIMIT. */
int audit_line_parse(struct audit_line *l, struct arena *mem, struct span line) MUST_USE;
void audit_line_begin(struct buf *out, const struct audit_chain *at, const char *account,
    const char *public_key);
void audit_line_event(struct buf *out, const struct audit_chain *at, struct span event);
void audit_line_mark(struct buf *out, const struct audit_mark *m);
