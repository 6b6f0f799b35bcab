/* SPDX-License-Identifier: Apache-2.0 */
/* See agent.h. */
#include "agent/agent.h"

#include <unistd.h>

#include "agent/control.h"
#include "agent/files.h"
#include "agent/heartbeat.h"
#include "agent/session.h"
#include "agent/tasks.h"
#include "agent/trim.h"
#include "base/log.h"
#include "base/map.h"
#include "codec/jsonw.h"
#include "proto/control.h"
#include "proto/ids.h"

enum {
	STATUS_DELAY_MS = 300, /* several changes make one write */
	TRIM_MS = 5000,        /* without a keystroke; connections are closed by then */
	GOODBYE_MS = 700,      /* for the last words of agent_stop() */
};

struct agent {
	struct ev_loop *loop;
	struct agent_aws *aws;
	struct agent_creds *creds;
	struct agent_heartbeat *heartbeat;
	struct agent_control *control;
	struct agent_tasks *tasks;
	struct spawner *spawner;
	char *node_id;
	struct agent_session_env env; /* for the sessions */
	struct map sessions;          /* id -> struct agent_session, owned */
	int64_t since_ms, heartbeat_ms;
	char trouble[240];
	bool keep_status, trim, stopping;
	struct ev_timer status, stop, idle;
	ev_cb *stopped;
	void *stopped_arg;
};

/* --- status.json -------------------------------------------------------- */

void
agent_state_get(const struct agent *a, struct agent_state *out)
{
	*out = (struct agent_state){
		.connected = agent_control_is_open(a->control),
		.since_ms = a->since_ms,
		.heartbeat_ms = a->heartbeat_ms,
		.credentials_ms = agent_creds_expire_ms(a->creds),
		.sessions = map_len(&a->sessions),
		.untold = agent_tasks_len(a->tasks),
		.trouble =
		    *a->trouble != '\0' ? a->trouble : agent_creds_trouble(a->creds),
	};
}

static void
write_status(void *arg)
{
	struct agent *a = arg;
	struct agent_state st;
	struct fault f = { 0 };
	struct jsonw w;
	auto_buf b = { 0 };

	agent_state_get(a, &st);
	buf_init(&b, AGENT_FILE_MAX);
	jw_init(&w, &b);
	jw_open(&w, '{');
	jw_field_int(&w, "Pid", getpid());
	jw_field_str(&w, "Version", SALLYPORT_VERSION);
	jw_field_bool(&w, "Connected", st.connected);
	jw_field_int(&w, "SinceMs", st.since_ms);
	jw_field_int(&w, "HeartbeatMs", st.heartbeat_ms);
	jw_field_int(&w, "CredentialsExpireMs", st.credentials_ms);
	jw_field_int(&w, "Sessions", (int64_t)st.sessions);
	jw_field_str(&w, "Trouble", st.trouble);
	jw_close(&w, '}');
	if (buf_check(&b) != 0 ||
	    spawner_save(a->spawner, FILE_STATUS, buf_span(&b), &f) != 0)
		log_warn("status not written", "why=%s", log_q(fault_text(&f)));
}

static void
changed(struct agent *a)
{
	if (a->keep_status && !ev_timer_is_set(&a->status))
		ev_timer_set(a->loop, &a->status, STATUS_DELAY_MS, write_status, a);
}

/* --- memory ------------------------------------------------------------- */

static void trim_soon(struct agent *a);

/* Not while somebody types: the faults that follow would be felt. */
static void
on_idle(void *arg)
{
	struct agent *a = arg;
	uint64_t now = ev_now_ms(a->loop);
	struct span id;
	void *s;

	for (size_t it = 0; map_next(&a->sessions, &it, &id, &s);) {
		if (now - agent_session_active_ms(s) < TRIM_MS) {
			trim_soon(a);
			return;
		}
	}
	agent_trim();
}

/* After whatever touched much memory: handshakes, sessions that begin and end. */
static void
trim_soon(struct agent *a)
{
	if (a->trim)
		ev_timer_set(a->loop, &a->idle, TRIM_MS, on_idle, a);
}

/* --- sessions ----------------------------------------------------------- */

static void
on_session_over(
    void *arg, struct agent_session *s, const char *status, const char *output)
{
	struct agent *a = arg;

	map_del(&a->sessions, span_str(agent_session_id(s)));
	agent_tasks_add(a->tasks, agent_session_id(s), status, output);
	trim_soon(a);
	changed(a);
}

/*
 * Stock agents say nothing when they cannot start a session, and the person waits until
 * the server gives up.  We say why, at once.
 */
static void
on_shell(struct agent *a, struct span payload)
{
	struct control_shell order;
	struct agent_session *s;
	struct fault f = { 0 };
	auto_arena mem = { 0 };
	int r;

	if (control_shell_parse(&order, &mem, payload, &f) != 0) {
		log_warn("session order not understood", "why=%s", log_q(fault_text(&f)));
		return; /* no session id that could be told */
	}
	if (!id_session_valid(span_str(order.session_id))) {
		log_warn("session order refused", "why=\"not a session's id\"");
		return;
	}
	if (map_get(&a->sessions, span_str(order.session_id)) != NULL)
		return; /* repeated; it runs */
	if (map_len(&a->sessions) >= AGENT_SESSIONS_MAX)
		r = fault_set(&f, ERR_LIMIT, "this node runs %d sessions already",
		    AGENT_SESSIONS_MAX);
	else
		r = agent_session_new(&s, &a->env, &order, &f);
	if (r != 0) {
		log_warn("session refused", "session=%s why=%s", order.session_id,
		    log_q(fault_text(&f)));
		agent_tasks_add(a->tasks, order.session_id, "Failed", fault_text(&f));
		return;
	}
	map_put(&a->sessions, span_str(order.session_id), s);
	trim_soon(a);
	changed(a);
}

static void
on_closed(struct agent *a, struct span payload)
{
	struct control_closed c;
	struct agent_session *s;
	struct fault f = { 0 };
	auto_arena mem = { 0 };

	if (control_closed_parse(&c, &mem, payload, &f) != 0) {
		log_warn(
		    "channel_closed not understood", "why=%s", log_q(fault_text(&f)));
		return;
	}
	if ((s = map_get(&a->sessions, span_str(c.session_id))) != NULL)
		agent_session_terminate(s);
}

static void
on_task_ack(struct agent *a, struct span payload)
{
	struct control_task_ack t;
	auto_arena mem = { 0 };

	if (control_task_ack_parse(&t, &mem, payload, NULL) == 0)
		agent_tasks_acked(a->tasks, t.task_id);
}

/* --- the control channel ------------------------------------------------ */

static void
on_control_message(void *arg, const struct agentmsg *m)
{
	struct agent *a = arg;

	if (a->stopping && !agentmsg_is(m, MSG_TASK_ACKNOWLEDGE))
		return;
	if (agentmsg_is(m, MSG_INTERACTIVE_SHELL))
		on_shell(a, m->payload);
	else if (agentmsg_is(m, MSG_CHANNEL_CLOSED))
		on_closed(a, m->payload);
	else if (agentmsg_is(m, MSG_TASK_ACKNOWLEDGE))
		on_task_ack(a, m->payload);
	else
		log_debug("control message ignored", "type=%s", log_q(m->type));
}

static void
on_control_opened(void *arg)
{
	struct agent *a = arg;

	a->since_ms = ev_wall_ms(a->loop);
	a->trouble[0] = '\0';
	agent_tasks_connected(a->tasks);
	agent_heartbeat_connected(a->heartbeat);
	changed(a);
}

static void
on_control_lost(void *arg, const char *why, bool denied)
{
	struct agent *a = arg;

	if (strcmp(a->trouble, why) != 0) {
		(void)snprintf(a->trouble, sizeof(a->trouble), "%s", why);
		a->since_ms = ev_wall_ms(a->loop);
		changed(a);
	}
	if (denied)
		agent_creds_refused(a->creds);
}

static int
send_task(void *arg, struct span msg)
{
	struct agent *a = arg;

	return agent_control_send(a->control, msg);
}

/* --- life --------------------------------------------------------------- */

static void
on_heartbeat(void *arg, const char *why, bool denied)
{
	struct agent *a = arg;

	if (*why == '\0') {
		a->heartbeat_ms = ev_wall_ms(a->loop);
		changed(a);
	} else if (denied) {
		agent_creds_refused(a->creds);
	}
	trim_soon(a);
}

static void
on_ready(void *arg)
{
	struct agent *a = arg;

	agent_heartbeat_start(a->heartbeat);
	agent_control_start(a->control);
}

static void
make_parts(struct agent *a, const struct agent_options *o, const struct dial_policy *dial)
{
	uint64_t k[2];

	ev_random(a->loop, k, sizeof(k));
	map_init(&a->sessions, k[0], k[1]);
	a->tasks = agent_tasks_new(a->loop, a->node_id, send_task, a);
	a->heartbeat = agent_heartbeat_new(a->loop, a->aws,
	    &(struct agent_heartbeat_options){
		.node_id = a->node_id,
		.read = o->platform,
		.outcome = on_heartbeat,
		.arg = a,
	    });
	a->control = agent_control_new(a->loop, a->aws,
	    &(struct agent_control_options){
		.node_id = a->node_id,
		.opened = on_control_opened,
		.lost = on_control_lost,
		.message = on_control_message,
		.arg = a,
	    });
	a->env = (struct agent_session_env){
		.loop = a->loop,
		.aws = a->aws,
		.spawner = a->spawner,
		.node_id = a->node_id,
		.policy = o->policy,
		.dial = *dial,
		.over = on_session_over,
		.arg = a,
	};
	list_init(&a->env.ending);
}

int
agent_new(
    struct agent **out, struct ev_loop *l, const struct agent_options *o, struct fault *f)
{
	struct dial_policy dial;
	struct agent *a;
	int r;

	r = dial_policy_parse(&dial, o->deny_forward != NULL ? o->deny_forward : "", f);
	if (r != 0)
		return r;
	a = xcalloc(1, sizeof(*a));
	a->loop = l;
	a->spawner = o->spawner;
	a->node_id = xstrdup(o->node_id);
	a->keep_status = o->keep_status;
	a->trim = o->trim;
	a->since_ms = ev_wall_ms(l);
	a->aws = agent_aws_new(l,
	    &(struct agent_aws_options){
		.endpoint = o->endpoint,
		.region = o->region,
		.node_id = o->node_id,
		.tls = o->tls,
		.proxy = o->proxy,
		.no_proxy = o->no_proxy,
	    });
	r = agent_creds_new(
	    &a->creds, l, a->aws, a->spawner, &o->credentials, on_ready, a, f);
	if (r != 0) {
		agent_aws_free(a->aws);
		free(a->node_id);
		free(a);
		return r;
	}
	make_parts(a, o, &dial);
	agent_creds_start(a->creds);
	changed(a);
	*out = a;
	return 0;
}

void
agent_free(struct agent *a)
{
	struct span id;
	void *s;

	if (a == NULL)
		return;
	for (size_t it = 0; map_next(&a->sessions, &it, &id, &s);) {
		map_del(&a->sessions, id);
		agent_session_free(s);
	}
	agent_session_free_ending(&a->env);
	map_fini(&a->sessions);
	ev_timer_clear(&a->status);
	ev_timer_clear(&a->stop);
	ev_timer_clear(&a->idle);
	agent_control_free(a->control);
	agent_heartbeat_free(a->heartbeat);
	agent_tasks_free(a->tasks);
	agent_creds_free(a->creds);
	agent_aws_free(a->aws);
	free(a->node_id);
	free(a);
}

static void
on_stopped(void *arg)
{
	struct agent *a = arg;

	a->stopped(a->stopped_arg);
}

void
agent_stop(struct agent *a, ev_cb *done, void *arg)
{
	struct span id;
	void *s;
	size_t n = map_len(&a->sessions);

	if (a->stopping)
		return;
	a->stopping = true;
	a->stopped = done;
	a->stopped_arg = arg;
	for (size_t it = 0; map_next(&a->sessions, &it, &id, &s);)
		agent_session_terminate(s); /* leaves the table */
	ev_timer_set(a->loop, &a->stop, n > 0 ? GOODBYE_MS : 0, on_stopped, a);
}
