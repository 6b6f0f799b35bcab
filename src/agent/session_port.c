/* SPDX-License-Identifier: Apache-2.0 */
/* A session of type Port: what forward.h does, and the ends of it. */
#include "agent/session_int.h"

#include "base/log.h"
#include "proto/agentmsg.h"

/* The connection of an SSH session is at its end; all that it said goes out first. */
static void
port_ended(void *arg)
{
	struct agent_session *s = arg;

	if (s->phase != SESSION_RUNNING)
		return;
	log_info("connection ended", "session=%s", s->id);
	session_drain(s);
}

static void
port_failed(void *arg, const char *why)
{
	session_over(arg, "Failed", why);
}

static bool
port_cork(void *arg)
{
	struct agent_session *s = arg;

	return s->link.ws != NULL && wsconn_cork(s->link.ws);
}

static void
port_uncork(void *arg)
{
	struct agent_session *s = arg;

	if (s->link.ws != NULL)
		wsconn_uncork(s->link.ws);
}

static void
port_report(void *arg, const struct own_event *e)
{
	struct agent_session *s = arg;

	agent_report_add(&s->report, e);
	agent_report_send(&s->report, s->link.ws);
}

static const struct agent_forward_ops port_ops = {
	.room = session_output_room,
	.send = session_output,
	.cork = port_cork,
	.uncork = port_uncork,
	.input_ready = session_input_ready,
	.report = port_report,
	.may_open = session_may_report,
	.ended = port_ended,
	.failed = port_failed,
};

void
session_port_start(struct agent_session *s)
{
	s->forward = agent_forward_start(s->env->loop,
	    &(struct agent_forward_options){
		.doc = &s->doc,
		.policy = &s->env->dial,
		.spawner = s->env->spawner,
		.user = s->user,
		.session_id = s->id,
		.client_version = s->client_version,
		.own = s->own_client,
	    },
	    &port_ops, s);
	/* A client need not wait for us: some of its input may be here already. */
	session_input_ready(s);
}

int
session_port_flag(struct agent_session *s, uint32_t flag)
{
	int r = agent_forward_flag(s->forward, flag);

	if (r == 0 && flag == FLAG_TERMINATE_SESSION)
		session_over(s, "Success", "");
	return r;
}
