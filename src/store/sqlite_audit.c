/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Appending to the audit trail, see store_audit.h; reading it is in sqlite_audit_read.c.
 *
 * The writer's connection carries the end of the chain (struct store_audit): "now" follows
 * the appends of the open transaction, goes back with a savepoint, and becomes "committed"
 * with the transaction.  audit_seal() runs before each COMMIT that holds new events.
 */
#include "store/sqlite_audit.h"

#include <stdarg.h>

#include "base/text.h"

/* --- marks ---------------------------------------------------------------------------- */

static int
put_mark(struct store_tx *tx, enum audit_mark_kind kind, const struct audit_chain *at,
    int64_t now_ms)
{
	const struct store_audit *a = tx->audit;
	struct audit_mark m = { .kind = kind, .at = *at, .time_ms = now_ms };
	char hash[AUDIT_HEX_LEN + 1], signature[2 * ED25519_SIG_LEN + 1];
	struct sql q;

	memcpy(m.account, a->account, sizeof(m.account));
	audit_mark_sign(&m, a->key);
	hex_encode(hash, m.at.hash, sizeof(m.at.hash));
	hex_encode(signature, m.signature, sizeof(m.signature));
	sql_open(&q, tx,
	    "INSERT OR REPLACE INTO audit_marks (kind, seq, hash, time_ms, signature)"
	    " VALUES (?1, ?2, ?3, ?4, ?5)");
	sql_text(&q, audit_mark_name(kind));
	sql_int(&q, at->seq);
	sql_text(&q, hash);
	sql_int(&q, now_ms);
	sql_text(&q, signature);
	return sql_run(&q, NULL);
}

/* The head and the base are one row each. */
static int
move_mark(struct store_tx *tx, enum audit_mark_kind kind, const struct audit_chain *at,
    int64_t now_ms)
{
	struct sql q;
	int r;

	sql_open(&q, tx, "DELETE FROM audit_marks WHERE kind = ?1");
	sql_text(&q, audit_mark_name(kind));
	if ((r = sql_run(&q, NULL)) != 0)
		return r;
	return put_mark(tx, kind, at, now_ms);
}

static bool
checkpoint_due(const struct store_audit *a)
{
	return a->now.seq - a->checkpoint_seq >= STORE_AUDIT_CHECKPOINT_EVENTS ||
	    a->now_ms - a->checkpoint_ms >= STORE_AUDIT_CHECKPOINT_MS ||
	    a->now_ms < a->checkpoint_ms; /* the clock was set back */
}

struct audit_chain
audit_place(const struct store_tx *tx)
{
	return tx->audit != NULL ? tx->audit->now : (struct audit_chain){ 0 };
}

void
audit_back_to(struct store_tx *tx, const struct audit_chain *place)
{
	if (tx->audit != NULL)
		tx->audit->now = *place;
}

int
audit_seal(struct store_tx *tx)
{
	struct store_audit *a = tx->audit;
	int r;

	if (a == NULL || a->now.seq == a->committed.seq)
		return 0;
	if ((r = move_mark(tx, AUDIT_HEAD, &a->now, a->now_ms)) != 0)
		return r;
	a->is_checkpoint = checkpoint_due(a);
	return a->is_checkpoint ? put_mark(tx, AUDIT_CHECKPOINT, &a->now, a->now_ms) : 0;
}

void
audit_committed(struct store_tx *tx)
{
	struct store_audit *a = tx->audit;

	if (a == NULL)
		return;
	a->committed = a->now;
	if (a->is_checkpoint) {
		a->checkpoint_seq = a->now.seq;
		a->checkpoint_ms = a->now_ms;
		a->is_checkpoint = false;
	}
}

void
audit_undone(struct store_tx *tx)
{
	if (tx->audit == NULL)
		return;
	tx->audit->now = tx->audit->committed;
	tx->audit->is_checkpoint = false;
}

/* --- appending ------------------------------------------------------------------------ */

static int
add_resource(struct store_tx *tx, int64_t seq, const struct audit_resource *r)
{
	struct sql q;

	sql_open(&q, tx,
	    "INSERT OR REPLACE INTO audit_resources (seq, type, name, time_s)"
	    " SELECT seq, ?2, ?3, time_s FROM audit_events WHERE seq = ?1");
	sql_int(&q, seq);
	sql_text(&q, r->type);
	sql_text(&q, r->name);
	return sql_run(&q, NULL);
}

int
store_audit_append(struct store_tx *tx, const char *event,
    const struct audit_resource *resources, size_t nresources, int64_t now_ms)
{
	struct store_audit *a = tx->audit;
	struct audit_chain next;
	char hash[AUDIT_HEX_LEN + 1];
	struct sql q;
	int r;

	if (a == NULL) {
		snprintf(tx->why, sizeof(tx->why), "there is no key for the audit trail");
		return ERR_STORE;
	}
	next = a->now;
	audit_chain_add(&next, span_str(event));
	hex_encode(hash, next.hash, sizeof(next.hash));
	/* What stands there was not written by us. */
	sql_open(&q, tx,
	    "INSERT OR REPLACE INTO audit_events (seq, event, hash, " AUDIT_COLUMNS
	    ") VALUES (?1, ?2, ?3, " AUDIT_TIME("?2") ", " AUDIT_ID("?2") ", " AUDIT_NAME("?2") ", " AUDIT_SOURCE(
		"?2") ", " AUDIT_KEY("?2") ", " AUDIT_READ("?2") ", " AUDIT_USER("?2") ")");
	sql_int(&q, next.seq);
	sql_text(&q, event);
	sql_text(&q, hash);
	if ((r = sql_run(&q, NULL)) != 0)
		return r;
	for (size_t i = 0; i < nresources; i++)
		if ((r = add_resource(tx, next.seq, &resources[i])) != 0)
			return r;
	a->now = next;
	a->now_ms = now_ms;
	return 0;
}

/* --- retention ------------------------------------------------------------------------ */

/*
 * The oldest place behind the base that was signed before then.  When an event was, its text and
 * its columns say as well; but those somebody with the file can change, and whatever is removed
 * gets a good signature in its place.
 */
static int
oldest_signed(
    struct store_tx *tx, int64_t base, int64_t before_ms, struct audit_mark *out)
{
	const struct store_audit *a = tx->audit;
	bool found = false;
	struct sql q;
	int r;

	sql_open(&q, tx,
	    "SELECT seq, hash, time_ms, signature FROM audit_marks"
	    " WHERE kind = 'checkpoint' AND seq > ?1 AND seq <= ?2 AND time_ms < ?3"
	    " ORDER BY seq");
	sql_int(&q, base);
	sql_int(&q, a->committed.seq);
	sql_int(&q, before_ms);
	while (!found && sql_row(&q)) {
		audit_read_mark(&q, AUDIT_CHECKPOINT, out);
		memcpy(out->account, a->account, sizeof(out->account));
		found = audit_mark_verify(out, a->key) == 0;
	}
	r = sql_close(&q);
	return r != 0 || found ? r : ERR_NOTFOUND;
}

static int
remove_up_to(struct store_tx *tx, const char *what, int64_t seq, int64_t *removed)
{
	struct sql q;

	sql_open(&q, tx, what);
	sql_int(&q, seq);
	return sql_run(&q, removed);
}

int
store_audit_prune(
    struct store_tx *tx, int64_t before_ms, int64_t now_ms, int64_t *removed)
{
	struct audit_mark base, m;
	int r;

	*removed = 0;
	if (tx->audit == NULL)
		return ERR_STORE;
	if ((r = store_audit_mark(tx, AUDIT_BASE, &base)) == ERR_NOTFOUND)
		base.at.seq = 0;
	else if (r != 0)
		return r;
	if ((r = oldest_signed(tx, base.at.seq, before_ms, &m)) != 0)
		return r == ERR_NOTFOUND ? 0 : r;
	if ((r = remove_up_to(tx, "DELETE FROM audit_events WHERE seq <= ?1", m.at.seq,
		 removed)) != 0 ||
	    (r = remove_up_to(tx, "DELETE FROM audit_resources WHERE seq <= ?1", m.at.seq,
		 NULL)) != 0 ||
	    (r = remove_up_to(tx,
		 "DELETE FROM audit_marks WHERE kind = 'checkpoint' AND seq <= ?1",
		 m.at.seq, NULL)) != 0)
		return r;
	return move_mark(tx, AUDIT_BASE, &m.at, now_ms);
}

/* --- start ---------------------------------------------------------------------------- */

struct start {
	const struct store_audit_key *k;
	struct store_audit *audit;
	char *damage;
	size_t damage_size;
	bool fresh;
};

static void PRINTF(2, 3) damaged(struct start *s, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(s->damage, s->damage_size, fmt, ap);
	va_end(ap);
}

static int
last_row(struct store_tx *tx, struct audit_chain *out)
{
	int64_t seq = 0;
	struct sql q;
	int r;

	*out = (struct audit_chain){ 0 };
	sql_open(&q, tx, "SELECT coalesce(max(seq), 0) FROM audit_events");
	if (sql_row(&q))
		seq = sql_col_int(&q);
	if ((r = sql_close(&q)) != 0 || seq == 0)
		return r;
	return store_audit_at(tx, seq, out);
}

/*
 * Nothing signed says where the trail ended: it goes on with a hash that follows from no
 * event, so that the break can be seen for ever.
 */
static void
begin_broken(struct start *s, const struct audit_chain *last, const char *why)
{
	damaged(s, "%s; the last event is number %lld", why, (long long)last->seq);
	s->audit->now.seq = last->seq;
	sha256(s->audit->now.hash, SPAN("sallyport audit broken v1\n"));
}

static void
begin_signed(
    struct start *s, const struct audit_mark *head, const struct audit_chain *last)
{
	s->audit->now = head->at;
	if (last->seq != head->at.seq)
		damaged(s, "the signed end is event %lld, but the last one is %lld",
		    (long long)head->at.seq, (long long)last->seq);
	else if (last->seq > 0 && !audit_chain_eq(last, &head->at))
		damaged(s, "the last event, %lld, was changed", (long long)last->seq);
}

static int
load_checkpoint(struct store_tx *tx, struct store_audit *a)
{
	struct sql q;

	sql_open(&q, tx,
	    "SELECT seq, time_ms FROM audit_marks WHERE kind = 'checkpoint'"
	    " ORDER BY seq DESC LIMIT 1");
	if (sql_row(&q)) {
		a->checkpoint_seq = sql_col_int(&q);
		a->checkpoint_ms = sql_col_int(&q);
	}
	return sql_close(&q);
}

static int
find_end(struct store_tx *tx, struct start *s)
{
	struct audit_chain last;
	struct audit_mark head, base;
	int r, h = store_audit_mark(tx, AUDIT_HEAD, &head);

	if ((h != 0 && h != ERR_NOTFOUND) || (r = last_row(tx, &last)) != 0)
		return h != 0 && h != ERR_NOTFOUND ? h : r;
	if (last.seq == 0 && store_audit_mark(tx, AUDIT_BASE, &base) == 0 && h == 0 &&
	    base.at.seq == head.at.seq)
		last = base.at; /* retention has removed all of them */
	memcpy(head.account, s->audit->account, sizeof(head.account));
	if (h == 0 && audit_mark_verify(&head, s->k->key) == 0)
		begin_signed(s, &head, &last);
	else if (h == 0)
		begin_broken(s, &last, "the signature of its end is wrong");
	else if (last.seq != 0 || !s->k->is_new)
		begin_broken(s, &last, "its signed end is gone");
	else
		s->fresh = true;
	return load_checkpoint(tx, s->audit);
}

static int
start_run(struct store_tx *tx, void *arg, struct fault *f)
{
	struct start *s = arg;
	struct store_audit *a = s->audit;
	int r;

	if ((r = find_end(tx, s)) != 0)
		return fault_set(f, r, "the audit trail cannot be read: %s",
		    tx->why[0] != '\0' ? tx->why : err_text(r));
	a->committed = a->now;
	free(tx->audit);
	tx->audit = STEAL(s->audit);
	/* From now on a trail without a head is one that somebody emptied. */
	return s->fresh ? move_mark(tx, AUDIT_HEAD, &a->now, s->k->now_ms) : 0;
}

int
store_audit_start(
    struct store *st, const struct store_audit_key *k, char damage[200], struct fault *f)
{
	struct start s = { .k = k, .damage = damage, .damage_size = 200 };
	int r;

	damage[0] = '\0';
	s.audit = xcalloc(1, sizeof(*s.audit));
	s.audit->key = k->key;
	if ((r = str_copy(s.audit->account, sizeof(s.audit->account), k->account)) == 0)
		r = store_apply(st, start_run, &s, f);
	free(s.audit); /* unless the store has it */
	return r;
}
