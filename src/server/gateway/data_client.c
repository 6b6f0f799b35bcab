/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client's data channel between its upgrade and its place in the relay: it shows a token,
 * or, when it is ours and comes back, the secret of the session (docs/protocol.md,
 * "Reconnect and resume").
 */
#include "server/gateway/data.h"

#include "base/log.h"
#include "proto/own.h"
#include "server/domain/audit_service.h"
#include "server/reauthorise.h"

/* A signed client must be who started the session: a stolen token alone is not enough
 * then. */
static bool
signed_by_other(const struct data_open *d, const char *owner_arn)
{
	return d->signer != PRINCIPAL_NONE && strcmp(d->signer_arn, owner_arn) != 0;
}

static struct control_head
new_head(struct data_open *d)
{
	struct ev_loop *l = d->g->env->loop;
	struct control_head h = { .created_ms = (uint64_t)ev_wall_ms(l) };

	ev_random(l, h.id, sizeof(h.id));
	return h;
}

/* One message, and the end of the connection. */
static void
leave_with(struct data_open *d, const struct buf *msg, uint16_t code)
{
	if (buf_check(msg) != 0 || wsconn_send(d->ws, WS_BINARY, buf_span(msg)) != 0)
		log_debug("client not told", "session=%s", d->session_id);
	wsconn_close(d->ws, code);
	data_open_free(d);
}

/* The session ended before the client came: whoever holds the proof hears why. */
static void
open_late(struct data_open *d, const struct control_open_data *o)
{
	struct control_head head = new_head(d);
	auto_buf msg = { .max = CONTROL_MESSAGE_MAX };
	auto_arena mem = { 0 };
	struct session_last last;

	if (session_last_words(d->g->env->sessions, &mem, d->session_id,
		span_str(o->token), o->resumes, &last) != 0 ||
	    signed_by_other(d, last.owner_arn)) {
		data_refuse(d, "no such session");
		return;
	}
	control_closed_build(&msg, &head,
	    &(struct control_closed){
		.session_id = d->session_id,
		.destination_id = last.target,
		.output = last.words,
	    });
	leave_with(d, &msg, WS_CLOSE_NORMAL);
}

/* The secret is right and stays so; its owner may not come back, today. */
static void
deny(struct data_open *d, const struct session *se, const char *why)
{
	struct control_head head = new_head(d);
	auto_buf msg = { .max = CONTROL_MESSAGE_MAX };
	const char *peer = wsconn_peer_ip(d->ws);
	struct farewell *f;

	log_warn("session not resumed", "session=%s peer=%s why=%s", d->session_id, peer,
	    log_q(why));
	d->g->counters.resumes_denied++;
	own_build(&msg, MSG_OWN_REFUSED, &head,
	    &(struct own_words){ .session_id = d->session_id, .message = why });
	f = farewell_new(d->g, d->ws, WS_CLOSE_POLICY, buf_span(&msg));
	if (!audit_resume_denied(d->g->env->audit, se, why, peer, farewell_say, f))
		farewell_say(f, 0);
	data_open_free(d);
}

static void
open_resumed(struct data_open *d, const struct control_open_data *o, struct session *se)
{
	struct sessions *sessions = d->g->env->sessions;
	char id[sizeof(d->session_id)];
	auto_arena mem = { 0 };
	const char *why = "";

	if (!d->hears || session_secret_check(se, span_str(o->token)) != 0) {
		data_refuse(d, "secret not valid");
		return;
	}
	if (reauthorise_resume(d->g->env, se, &mem, &why) != 0) {
		deny(d, se, why);
		return;
	}
	memcpy(id, d->session_id, sizeof(id));
	d->g->counters.resumes++;
	data_join(d, SESSION_CLIENT);
	if ((se = session_find(sessions, id)) != NULL)
		session_secret_renew(se, span_str(o->token));
}

static void
open_with_token(struct data_open *d, const struct control_open_data *o)
{
	struct sessions *sessions = d->g->env->sessions;
	bool hears = d->hears;
	char id[sizeof(d->session_id)];
	struct session *se;
	int r = session_redeem_client(sessions, d->session_id, span_str(o->token));

	if (r == ERR_NOTFOUND) {
		open_late(d, o);
		return;
	}
	if (r != 0) {
		data_refuse(d, "token not valid");
		return;
	}
	memcpy(id, d->session_id, sizeof(id));
	data_join(d, SESSION_CLIENT);
	if ((se = session_find(sessions, id)) == NULL)
		return;
	if (hears)
		session_secret_renew(se, SPAN_NONE);
	else
		session_secret_void(se);
}

void
data_open_client(struct data_open *d, const struct control_open_data *o)
{
	struct session *se = session_find(d->g->env->sessions, d->session_id);

	if (se == NULL || se->state >= SESSION_TERMINATING)
		open_late(d, o);
	else if (signed_by_other(d, se->row.owner_arn))
		data_refuse(d, "signed by somebody else than who started the session");
	else if (o->resumes)
		open_resumed(d, o, se);
	else
		open_with_token(d, o);
}
