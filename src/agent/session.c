/* SPDX-License-Identifier: Apache-2.0 */
/* See session.h.  The life of a session; what it says is in session_talk.c. */
#include "agent/session.h"

#include "agent/session_int.h"
#include "base/log.h"
#include "codec/json.h"

static uint64_t
now_ms(const struct agent_session *s)
{
	return ev_now_ms(s->env->loop);
}

const char *
agent_session_id(const struct agent_session *s)
{
	return s->id;
}

uint64_t
agent_session_active_ms(const struct agent_session *s)
{
	return s->active_ms;
}

/* --- the end ------------------------------------------------------------ */

static void
stop_timers(struct agent_session *s)
{
	ev_timer_clear(&s->tick);
	ev_timer_clear(&s->step);
	ev_timer_clear(&s->limit);
}

/* While there is a connection: the server takes it also when the session is over. */
static void
last_report(struct agent_session *s)
{
	agent_shell_last_report(s->shell);
	agent_report_send(&s->report, s->link.ws);
}

void
agent_session_free(struct agent_session *s)
{
	list_del(&s->ending);
	stop_timers(s);
	if (s->phase != SESSION_OVER)
		last_report(s);
	session_link_fini(s);
	agent_report_fini(&s->report);
	agent_shell_close(s->shell);
	agent_forward_close(s->forward);
	channel_free(s->ch);
	arena_fini(&s->mem);
	free(s);
}

static void
on_free(void *arg)
{
	agent_session_free(arg);
}

void
agent_session_free_ending(struct agent_session_env *env)
{
	LIST_EACH(s, &env->ending, struct agent_session, ending)
	agent_session_free(s);
}

/*
 * May run inside any callback of the session's parts, so they are only silenced here and
 * given back from the loop.
 */
void
session_over(struct agent_session *s, const char *status, const char *output)
{
	if (s->phase == SESSION_OVER)
		return;
	s->phase = SESSION_OVER;
	log_info(
	    "session over", "session=%s status=%s why=%s", s->id, status, log_q(output));
	stop_timers(s);
	last_report(s);
	channel_down(s->ch);
	session_link_fini(s);
	list_add_tail(&s->env->ending, &s->ending);
	ev_timer_set(s->env->loop, &s->step, 0, on_free, s);
	s->env->over(s->env->arg, s, status, output);
}

void
agent_session_terminate(struct agent_session *s)
{
	session_over(s, "Success", "");
}

/* --- limits ------------------------------------------------------------- */

static uint64_t
idle_due(const struct agent_session *s)
{
	return s->active_ms + (uint64_t)s->doc.idle_min * 60000 + LIMIT_SLACK_MS;
}

static uint64_t
maximum_due(const struct agent_session *s)
{
	if (s->doc.max_min == 0)
		return UINT64_MAX;
	return s->started_ms + (uint64_t)s->doc.max_min * 60000 + LIMIT_SLACK_MS;
}

static uint64_t
grace_due(const struct agent_session *s)
{
	return session_link_is_up(s) ? UINT64_MAX : s->link.down_ms + LINK_GRACE_MS;
}

/* The server ends sessions; this is for one that does not, or cannot. */
static void
on_limit(void *arg)
{
	struct agent_session *s = arg;
	uint64_t now = now_ms(s), due;

	if (now >= grace_due(s)) {
		session_over(
		    s, "Failed", "The node could not reach the server for ten minutes.");
		return;
	}
	if (now >= idle_due(s)) {
		session_over(s, "TimedOut", "The session was idle for too long.");
		return;
	}
	if (now >= maximum_due(s)) {
		session_over(s, "TimedOut", "The session reached its maximum duration.");
		return;
	}
	due = MIN(idle_due(s), maximum_due(s));
	/* The link may go down at any time: look at least as often as grace lasts. */
	due = MIN(due, MIN(grace_due(s), now + LINK_GRACE_MS / 2));
	ev_timer_set(s->env->loop, &s->limit, due - now, on_limit, s);
}

/* --- the channel's turn ------------------------------------------------- */

static void
on_tick(void *arg)
{
	struct agent_session *s = arg;

	channel_tick(s->ch, now_ms(s));
	session_turn(s);
}

/*
 * Above the mark a stock client is not read, unless our own output waits for
 * acknowledgements that come the same way.
 */
static void
hold_back(struct agent_session *s)
{
	bool high = channel_recv_queued(s->ch) > CHANNEL_RECV_HIGH;

	if (s->link.ws != NULL)
		wsconn_pause(s->link.ws, high && session_room(s) > 0);
}

void
session_arm(struct agent_session *s)
{
	uint64_t due = channel_next_ms(s->ch), now = now_ms(s);

	if (s->phase == SESSION_OVER)
		return;
	hold_back(s);
	if (due == CHANNEL_NO_TIMER)
		ev_timer_clear(&s->tick);
	else
		ev_timer_set(
		    s->env->loop, &s->tick, due > now ? due - now : 0, on_tick, s);
}

/* Everything was said and heard. */
static void
farewell(struct agent_session *s)
{
	session_link_terminating(s);
	session_over(s, "Success", "");
}

static bool
link_was_up(const struct agent_session *s, uint64_t ms)
{
	return session_link_is_up(s) && now_ms(s) - s->link.up_ms >= ms;
}

/* A stock client that takes nothing any more does not keep the session from ending. */
static void
on_drain_step(void *arg)
{
	struct agent_session *s = arg;
	struct channel_stats st;

	channel_stats(s->ch, &st);
	if (link_was_up(s, DRAIN_STEP_MS) && st.acked == s->drain_acked) {
		log_warn("last output not acknowledged", "session=%s", s->id);
		farewell(s);
		return;
	}
	s->drain_acked = st.acked;
	ev_timer_set(s->env->loop, &s->step, DRAIN_STEP_MS, on_drain_step, s);
}

static void
drain_turn(struct agent_session *s)
{
	auto_buf text = { 0 };

	if (s->tell_status) {
		buf_init(&text, 64);
		exit_code_build(&text, s->status);
		if (channel_send(s->ch, now_ms(s), PAYLOAD_EXIT_CODE, buf_span(&text)) !=
		    0)
			return; /* no room yet */
		s->tell_status = false;
	}
	if (channel_drained(s->ch) && session_link_is_up(s))
		farewell(s);
}

/*
 * One of our clients comes back for the rest, and for the status, or reads on after a long
 * while; when it does not, the clocks of the server end the session.
 */
void
session_drain(struct agent_session *s)
{
	struct channel_stats st;

	agent_report_send(&s->report, s->link.ws); /* before the last words */
	channel_stats(s->ch, &st);
	s->drain_acked = st.acked;
	s->phase = SESSION_DRAINING;
	ev_timer_clear(&s->step);
	if (!s->own_client)
		ev_timer_set(s->env->loop, &s->step, DRAIN_STEP_MS, on_drain_step, s);
	session_turn(s);
}

void
session_turn(struct agent_session *s)
{
	if (s->phase == SESSION_RUNNING && s->shell != NULL)
		agent_shell_go(s->shell);
	if (s->phase == SESSION_RUNNING && s->forward != NULL)
		agent_forward_go(s->forward);
	if (s->phase == SESSION_DRAINING)
		drain_turn(s);
	if (s->phase == SESSION_OVER)
		return;
	session_arm(s);
}

/* --- the beginning ------------------------------------------------------ */

static int
read_document(struct agent_session *s, const struct control_shell *order, struct fault *f)
{
	auto_json *parameters = NULL;
	int r;

	if (order->parameters.n > 0 &&
	    (r = json_read(&parameters, order->parameters, f)) != 0)
		return r;
	if (json_is_object(parameters) && json_object_size(parameters) == 0) {
		json_decref(parameters);
		parameters = NULL;
	}
	r = document_resolve(
	    &s->doc, NULL, &s->mem, order->document_content, parameters, f);
	if (r != 0)
		return r;
	if (*s->doc.kms_key_id != '\0')
		return fault_set(f, ERR_UNSUPPORTED,
		    "this agent cannot encrypt sessions with a KMS key; take kmsKeyId "
		    "out "
		    "of the session preferences");
	return 0;
}

/* Whatever can fail for a reason that a person should read, before anything starts. */
static int
check(struct agent_session *s, const struct control_shell *order, struct fault *f)
{
	const struct agent_user_policy *p = &s->env->policy;
	struct agent_user u;
	int r;

	if ((r = read_document(s, order, f)) != 0)
		return r;
	if (s->doc.type == DOCUMENT_PORT) {
		if ((r = agent_forward_check(&s->doc, f)) != 0 ||
		    *s->doc.remote_socket == '\0')
			return r; /* nothing is done as a user */
		if (s->env->dial.no_sockets)
			return fault_set(
			    f, ERR_DENIED, "Forwarding to sockets is forbidden.");
	}
	r = agent_user_choose(
	    s->user, sizeof(s->user), p, &s->doc, order->run_as_user, f);
	if (r != 0 || !p->is_root)
		return r;
	return agent_user_allowed(p, s->user, &u, f);
}

int
agent_session_new(struct agent_session **out, struct agent_session_env *env,
    const struct control_shell *order, struct fault *f)
{
	struct agent_session *s = xcalloc(1, sizeof(*s));
	int r;

	s->env = env;
	list_init(&s->ending);
	arena_init(&s->mem);
	if ((r = str_copy(s->id, sizeof(s->id), order->session_id)) != 0 ||
	    (r = check(s, order, f)) != 0) {
		arena_fini(&s->mem);
		free(s);
		return r;
	}
	s->ch = channel_new(
	    &(struct channel_config){
		.role = CHANNEL_AGENT,
		.ack_hold_ms = CHANNEL_ACK_HOLD_MS,
	    },
	    &session_channel_ops, s);
	agent_report_init(&s->report, env->loop, s->id);
	s->started_ms = s->active_ms = now_ms(s);
	log_info("session ordered", "session=%s type=%s user=%s owner=%s", s->id,
	    document_type_name(s->doc.type), *s->user != '\0' ? s->user : "-",
	    log_q(order->session_owner));
	session_link_init(s);
	session_link_start(s);
	on_limit(s);
	*out = s;
	return 0;
}
