/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tokens: 256 random bits that open one data channel once.  Only the SHA-256 is kept, in
 * memory and in the row, so that neither a dump nor a backup opens anything.
 */
#include "base/log.h"
#include "base/text.h"
#include "crypto/crypto.h"
#include "proto/ids.h"
#include "server/domain/session_priv.h"

_Static_assert((int)SESSION_TOKEN_LEN == (int)ID_TOKEN_LEN, "one form of tokens");

void
session_token_hash(char hex[65], struct span token)
{
	uint8_t sum[SHA256_LEN];

	sha256(sum, token);
	hex_encode(hex, sum, sizeof(sum));
}

void
session_token_make(struct ev_loop *l, char token[SESSION_TOKEN_LEN + 1], char hex[65])
{
	uint8_t raw[32];

	ev_random(l, raw, sizeof(raw));
	id_token_format(token, raw);
	session_token_hash(hex, span_of(token, SESSION_TOKEN_LEN));
	secret_wipe(raw, sizeof(raw));
}

/* Compares, and uses the token up when it is right.  kept "" matches nothing. */
static int
redeem(char kept[65], int64_t expires_ms, int64_t now_ms, struct span token)
{
	char hex[65];

	session_token_hash(hex, token);
	if (!secret_eq(span_str(hex), span_str(kept)))
		return ERR_DENIED;
	kept[0] = '\0';
	return now_ms < expires_ms ? 0 : ERR_DENIED;
}

int
session_redeem_client(struct sessions *s, const char *id, struct span token)
{
	struct session *se = session_find(s, id);
	int r;

	if (se == NULL || session_is_over(se))
		return ERR_NOTFOUND;
	r = redeem(
	    se->token_sha256, se->row.token_expires_ms, ev_wall_ms(s->loop), token);
	if (se->token_sha256[0] == '\0' && se->row.token_expires_ms != 0) {
		se->row.token_expires_ms = 0;
		session_write_token(se);
	}
	return r;
}

/* Whether a client that comes after the end has a right to hear why. */
static bool
has_proof(const struct store_session *row, struct span token, bool resumes, int64_t now)
{
	char hex[65];

	if (resumes)
		return now - row->end_ms < SESSION_GRACE_MS &&
		    session_secret_matches(row, token);
	session_token_hash(hex, token);
	return secret_eq(span_str(hex), span_str(row->token_sha256)) &&
	    now < row->token_expires_ms;
}

int
session_last_words(struct sessions *s, struct arena *mem, const char *id,
    struct span token, bool resumes, struct session_last *out)
{
	const struct session *se = session_find(s, id);
	int64_t now = ev_wall_ms(s->loop);
	struct store_session row;
	bool failed;
	int r;

	if (se == NULL) /* the row may not know of the end yet */
		se = map_get(&s->ended, span_str(id));
	if (se != NULL && !session_is_over(se))
		return ERR_DENIED;
	if (se == NULL &&
	    (r = store_session_get(store_reader(s->store), mem, id, &row)) != 0)
		return r == ERR_NOTFOUND ? ERR_DENIED : r;
	if (se != NULL)
		row = se->row;
	if (row.end_ms == 0) /* on its way */
		row.end_ms = now;
	if (!has_proof(&row, token, resumes, now))
		return ERR_DENIED;
	failed = strcmp(row.status, session_state_name(SESSION_FAILED)) == 0;
	*out = (struct session_last){
		.target = arena_strdup(mem, row.target),
		.owner_arn = arena_strdup(mem, row.owner_arn),
		.words = failed || resumes ? arena_strdup(mem, row.details) : "",
	};
	return 0;
}

int
session_make_agent_token(struct sessions *s, const char *id, const char *node_id,
    char out[SESSION_TOKEN_LEN + 1])
{
	struct session *se = session_find(s, id);

	if (se != NULL && strcmp(se->row.target, node_id) != 0)
		return ERR_DENIED;
	if (se == NULL || session_is_over(se)) {
		/*
		 * A stock agent that is refused here keeps the shell for ever, until it
		 * is told so on its control channel.
		 */
		if (session_tell_closed(s, node_id, id) == 0)
			log_info("agent told of an ended session", "id=%s node=%s",
			    log_q(id), log_q(node_id));
		return ERR_NOTFOUND;
	}
	session_token_make(s->loop, out, se->agent_token_sha256);
	se->agent_token_expires_ms = ev_wall_ms(s->loop) + SESSION_TOKEN_MS;
	return 0;
}

int
session_redeem_agent(struct sessions *s, const char *id, struct span token)
{
	struct session *se = session_find(s, id);

	if (se == NULL || session_is_over(se))
		return ERR_NOTFOUND;
	return redeem(se->agent_token_sha256, se->agent_token_expires_ms,
	    ev_wall_ms(s->loop), token);
}
