/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Resume secrets: 256 random bits with which our client comes back without credentials.
 * Only the SHA-256 is kept, in memory and in the row.
 *
 *	memory and row		the client holds	then
 *	prev=-   cur=A		A			A is shown
 *	prev=A   cur=B		A			B is told after the commit
 *	prev=A   cur=B		B			it says so, or shows B
 *	prev=-   cur=B		B
 *
 * Whichever step a crash of the server or a cut of the connection falls into, what the
 * client holds is either cur or prev.  prev is void as soon as cur was seen: a secret that
 * was used and then stolen opens nothing.
 *
 * Memory changes at once and the row behind it.  Should the commit fail, cur is never told
 * and the client goes on with prev, which the row has as well.
 */
#include "base/log.h"
#include "crypto/crypto.h"
#include "proto/ids.h"
#include "proto/own.h"
#include "server/domain/session_priv.h"

_Static_assert((int)SESSION_TOKEN_LEN == (int)ID_TOKEN_LEN, "one form of secrets");

/* On its way to the store, and the secret itself, which leaves after the commit. */
struct secret_write {
	struct sessions *owner;
	char id[ID_SESSION_MAX + 1];
	char cur[65], prev[65];
	uint64_t no;
	char secret[SESSION_TOKEN_LEN + 1]; /* "": nothing to tell */
};

static int
write_run(struct store_tx *tx, void *arg, struct fault *f)
{
	struct secret_write *w = arg;

	(void)f;
	return store_session_set_resume(tx, w->id, w->cur, w->prev);
}

/* Tells the client, if it is still the one for whom the secret was made. */
static void
tell(struct secret_write *w, bool stored)
{
	struct session *se = session_find(w->owner, w->id);

	if (w->secret[0] == '\0' || se == NULL || session_is_over(se) ||
	    se->secret_no != w->no || se->channel == NULL || !se->joined[SESSION_CLIENT])
		return;
	se->secret_told = stored;
	se->channel->tell(se->channel, MSG_OWN_RESUME,
	    &(struct own_words){
		.session_id = w->id, .secret = stored ? w->secret : "" });
}

static void
write_done(void *arg, int r, const struct fault *f)
{
	struct secret_write *w = arg;

	if (r != 0)
		log_error("resume secret not written", "id=%s reason=%s", w->id,
		    log_q(f->code != 0 ? fault_text(f) : err_text(r)));
	tell(w, r == 0);
	secret_wipe(w, sizeof(*w));
	free(w);
}

/* secret: to be told, or "". */
static void
write_behind(struct session *se, const char *secret)
{
	struct secret_write *w = xcalloc(1, sizeof(*w));

	w->owner = se->owner;
	w->no = se->secret_no;
	memcpy(w->cur, se->resume_sha256, sizeof(w->cur));
	memcpy(w->prev, se->resume_prev_sha256, sizeof(w->prev));
	snprintf(w->id, sizeof(w->id), "%s", se->row.id);
	snprintf(w->secret, sizeof(w->secret), "%s", secret);
	store_submit(se->owner->store, write_run, write_done, w);
}

bool
session_secret_matches(const struct store_session *row, struct span secret)
{
	char hex[65];
	bool cur, prev;

	if (secret.n != SESSION_TOKEN_LEN)
		return false;
	session_token_hash(hex, secret);
	/* Both are compared, whatever comes of the first.  "" is like no digest. */
	cur = secret_eq(span_str(hex), span_str(row->resume_sha256));
	prev = secret_eq(span_str(hex), span_str(row->resume_prev_sha256));
	return cur || prev;
}

int
session_secret_check(const struct session *se, struct span secret)
{
	return session_secret_matches(&se->row, secret) ? 0 : ERR_DENIED;
}

void
session_secret_renew(struct session *se, struct span shown)
{
	char secret[SESSION_TOKEN_LEN + 1];

	se->resume_prev_sha256[0] = '\0';
	if (shown.n > 0)
		session_token_hash(se->resume_prev_sha256, shown);
	session_token_make(se->owner->loop, secret, se->resume_sha256);
	se->secret_no++;
	se->secret_told = false;
	write_behind(se, secret);
	secret_wipe(secret, sizeof(secret));
}

void
session_secret_arrived(struct session *se)
{
	if (!se->secret_told || se->resume_prev_sha256[0] == '\0')
		return;
	se->resume_prev_sha256[0] = '\0';
	write_behind(se, "");
}

void
session_secret_void(struct session *se)
{
	se->secret_no++;
	if (se->resume_sha256[0] == '\0' && se->resume_prev_sha256[0] == '\0')
		return;
	se->resume_sha256[0] = se->resume_prev_sha256[0] = '\0';
	write_behind(se, "");
}
