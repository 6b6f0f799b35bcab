/* SPDX-License-Identifier: Apache-2.0 */
/*
 * StartSession and ResumeSession, in three steps around a transaction, and loading what
 * was live before a restart.
 *
 *	prepare   on the loop: checks, draws the token, copies everything into the arena
 *	run       on the writer thread: touches only the pending object and the transaction
 *	commit    on the loop, after the commit: table, agent, token
 */
#include "base/log.h"
#include "proto/control.h"
#include "server/domain/session_priv.h"

struct session_pending {
	struct sessions *owner;
	struct store_session row; /* resume: id and token only */
	char token[SESSION_TOKEN_LEN + 1];
	char hex[65];
};

int
session_send_start(struct session *se)
{
	struct sessions *s = se->owner;
	struct control_head head = { .created_ms = (uint64_t)ev_wall_ms(s->loop) };
	struct control_shell body = {
		.document_name = se->row.document,
		.document_content = span_str(se->row.content_json),
		.session_id = se->row.id,
		.run_as_user = se->row.run_as,
		.session_owner = se->row.owner_arn,
	};
	auto_buf msg = { .max = CONTROL_MESSAGE_MAX };
	int r;

	ev_random(s->loop, head.id, sizeof(head.id));
	control_shell_build(&msg, &head, &body);
	if (buf_check(&msg) != 0)
		return ERR_INVALID;
	if ((r = node_send(s->nodes, se->row.target, buf_span(&msg))) != 0)
		return r == ERR_LIMIT ? ERR_AGAIN : r; /* its queue is full */
	se->start_sent = true;
	return 0;
}

static struct session_pending *
pending_new(struct sessions *s, struct arena *mem, const char *id)
{
	struct session_pending *p = arena_alloc(mem, sizeof(*p));

	p->owner = s;
	session_token_make(s->loop, p->token, p->hex);
	p->row.id = arena_strdup(mem, id);
	p->row.token_sha256 = p->hex;
	p->row.token_expires_ms = ev_wall_ms(s->loop) + SESSION_TOKEN_MS;
	return p;
}

static char *
copy(struct arena *mem, const char *s)
{
	return arena_strdup(mem, s != NULL ? s : "");
}

/* --- start ------------------------------------------------------------------------ */

static void
fill_row(struct store_session *row, struct arena *mem, const struct session_start *in)
{
	const char *content =
	    in->document_content != NULL ? in->document_content : in->content_json;

	row->target = copy(mem, in->target);
	row->document = copy(mem, in->document);
	row->reason = copy(mem, in->reason);
	row->owner_arn = copy(mem, in->owner_arn);
	row->owner_user_id = copy(mem, in->owner_user_id);
	row->access_key = copy(mem, in->access_key);
	row->source_ip = copy(mem, in->source_ip);
	row->access_request =
	    copy(mem, in->access_request != NULL ? in->access_request : "");
	row->region = copy(mem, in->region);
	row->status = copy(mem, session_state_name(SESSION_CONNECTING));
	row->details = copy(mem, "");
	row->content_json = copy(mem, content);
	row->resume_sha256 = row->resume_prev_sha256 = copy(mem, "");
	row->run_as = copy(mem, in->run_as);
	row->max_duration_min = in->max_duration_min;
	row->idle_min = in->idle_min > 0 ? in->idle_min : SESSION_IDLE_MIN_DEFAULT;
}

int
session_start_prepare(struct session_pending **out, struct sessions *s, struct arena *mem,
    const struct session_start *in, struct fault *f)
{
	struct session_pending *p;
	int r =
	    session_limits_check(s, in->target, in->owner_arn, in->owner_user_id, 1, f);

	*out = NULL;
	if (r != 0)
		return r;
	p = pending_new(s, mem, in->id);
	fill_row(&p->row, mem, in);
	p->row.start_ms = ev_wall_ms(s->loop);
	*out = p;
	return 0;
}

int
session_start_run(struct store_tx *tx, struct session_pending *p, struct fault *f)
{
	(void)f;
	return store_session_put(tx, &p->row);
}

/* Whatever makes it impossible is also the end of the row. */
static int
fail_start(struct session *se, int r, struct fault *f)
{
	const char *why = r == ERR_LIMIT ? fault_text(f)
	    : r == ERR_INVALID           ? "The session document is too large to be sent."
			       : "The node disconnected before the session could start.";

	session_end(se, SESSION_FAILED, why, why);
	return r;
}

int
session_start_commit(struct session_pending *p, const char **token, struct fault *f)
{
	struct sessions *s = p->owner;
	struct session *se = session_add(s, &p->row);
	int r;

	*token = NULL;
	log_info("session starts", "id=%s target=%s by=%s", se->row.id, se->row.target,
	    log_q(se->row.owner_arn));
	r = session_limits_check(
	    s, se->row.target, se->row.owner_arn, se->row.owner_user_id, 0, f);
	if (r == 0)
		r = session_send_start(se);
	if (r == ERR_NOTFOUND || r == ERR_INVALID || r == ERR_LIMIT)
		return fail_start(se, r, f);
	if (r != 0) /* the link is going down: the next one gets it */
		log_warn("session not started yet", "id=%s reason=%s", se->row.id,
		    err_text(r));
	*token = p->token;
	return 0;
}

/* --- resume ------------------------------------------------------------------------ */

static struct session *
find_going_on(struct sessions *s, const char *id)
{
	struct session *se = session_find(s, id);

	return se != NULL && !session_is_over(se) ? se : NULL;
}

int
session_resume_prepare(struct session_pending **out, struct sessions *s,
    struct arena *mem, const char *id, struct fault *f)
{
	*out = NULL;
	if (find_going_on(s, id) == NULL)
		return fault_set(f, ERR_NOTFOUND, "the session is over");
	*out = pending_new(s, mem, id);
	return 0;
}

int
session_resume_run(struct store_tx *tx, struct session_pending *p, struct fault *f)
{
	(void)f;
	return store_session_set_token(
	    tx, p->row.id, p->row.token_sha256, p->row.token_expires_ms);
}

int
session_resume_commit(struct session_pending *p, const char **token)
{
	struct session *se = find_going_on(p->owner, p->row.id);

	*token = NULL;
	if (se == NULL)
		return ERR_NOTFOUND;
	memcpy(se->token_sha256, p->hex, sizeof(se->token_sha256));
	se->row.token_expires_ms = p->row.token_expires_ms;
	*token = p->token;
	return 0;
}

/* --- after a restart ------------------------------------------------------------------
 */

/* No channel survives the server: who was CONNECTED is DISCONNECTED now. */
static bool
load_one(void *arg, const struct store_session *row)
{
	struct session *se = session_add(arg, row);

	if (strcmp(row->status, session_state_name(SESSION_CONNECTING)) == 0)
		return true; /* start_sent stays false: agents ignore a second start */
	se->start_sent = se->agent_was_joined = se->client_was_joined = true;
	se->state = strcmp(row->status, session_state_name(SESSION_TERMINATING)) == 0
	    ? SESSION_TERMINATING
	    : SESSION_DISCONNECTED;
	return true;
}

int
sessions_load(struct sessions *s, struct fault *f)
{
	struct span key;
	void *v;
	int r;

	r = store_sessions(store_reader(s->store), true, 0, "", load_one, s);
	if (r != 0)
		return fault_set(f, r, "live sessions could not be read");
	for (size_t it = 0; map_next(&s->live, &it, &key, &v);) {
		struct session *se = v;

		se->row.status = (char *)(uintptr_t)session_state_name(se->state);
		if (se->state == SESSION_TERMINATING)
			session_finish(se, false); /* deletes the current entry */
		else if (se->state == SESSION_DISCONNECTED) {
			session_write_status(se, se->state);
			session_set_clock(se);
		}
	}
	if (sessions_live(s) > 0)
		log_info("sessions found again", "live=%zu", sessions_live(s));
	return 0;
}
