/* SPDX-License-Identifier: Apache-2.0 */
/* See heartbeat.h. */
#include "agent/heartbeat.h"

#include "agent/backoff.h"
#include "base/log.h"
#include "codec/jsonw.h"

enum { EVERY_MS = 5 * 60 * 1000 };

struct agent_heartbeat {
	struct ev_loop *loop;
	struct agent_aws *aws;
	struct agent_heartbeat_options o;
	char *node_id;
	struct agent_call *call;
	struct agent_backoff backoff;
	struct ev_timer timer;
	bool full; /* the empty one has arrived */
	bool connected;
};

void
agent_heartbeat_build(
    struct buf *out, const char *node_id, const struct agent_platform *p, bool connected)
{
	struct jsonw w;

	jw_init(&w, out);
	jw_open(&w, '{');
	jw_field_str(&w, "AgentName", "sallyport-agent");
	if (p != NULL)
		jw_field_str(&w, "AgentStatus", "Active");
	jw_field_str(&w, "AgentVersion", SALLYPORT_VERSION);
	if (p != NULL) {
		jw_field_str(&w, "AvailabilityZone", "");
		jw_field_str(&w, "AvailabilityZoneId", "");
		jw_field_str(&w, "ComputerName", p->computer);
		jw_field_str(&w, "IPAddress", p->ip);
	}
	jw_field_str(&w, "InstanceId", node_id);
	if (p != NULL)
		jw_field_str(&w, "PlatformName", p->name);
	jw_field_str(&w, "PlatformType", "Linux");
	if (p != NULL) {
		jw_field_str(&w, "PlatformVersion", p->version);
		jw_field_str(&w, "SSMConnectionChannel", connected ? "ssmmessages" : "");
	}
	jw_close(&w, '}');
}

static void beat(void *arg);

static void
on_answer(void *arg, const struct agent_answer *a)
{
	struct agent_heartbeat *h = arg;
	bool ok = a->err == 0 && a->status == 200, first = !h->full;
	uint64_t wait = EVERY_MS;

	h->call = NULL;
	if (!ok) {
		wait = agent_backoff_next(&h->backoff, h->loop);
		if (h->backoff.attempt < 5)
			log_warn("heartbeat failed", "why=%s", log_q(a->why));
	} else {
		agent_backoff_reset(&h->backoff);
		h->full = true;
		if (first)
			wait = 0;
	}
	ev_timer_set(h->loop, &h->timer, wait, beat, h);
	h->o.outcome(h->o.arg, ok ? "" : a->why, a->status == 400 || a->status == 403);
}

static void
beat(void *arg)
{
	struct agent_heartbeat *h = arg;
	struct agent_platform p;
	auto_buf b = { 0 };

	if (h->call != NULL)
		return;
	buf_init(&b, 16 * 1024);
	if (h->full)
		h->o.read(&p);
	agent_heartbeat_build(&b, h->node_id, h->full ? &p : NULL, h->connected);
	h->call = agent_aws_post(h->aws,
	    &(struct agent_request){
		.service = "ssm",
		.path = "/",
		.target = "AmazonSSM.UpdateInstanceInformation",
		.body = buf_span(&b),
		.auth = AGENT_AUTH_KEYS,
	    },
	    on_answer, h);
}

struct agent_heartbeat *
agent_heartbeat_new(
    struct ev_loop *l, struct agent_aws *w, const struct agent_heartbeat_options *o)
{
	struct agent_heartbeat *h = xcalloc(1, sizeof(*h));

	h->loop = l;
	h->aws = w;
	h->o = *o;
	if (h->o.read == NULL)
		h->o.read = agent_platform_read;
	h->node_id = xstrdup(o->node_id);
	h->backoff = (struct agent_backoff){ .base_ms = 2000, .cap_ms = 60 * 1000 };
	return h;
}

void
agent_heartbeat_start(struct agent_heartbeat *h)
{
	ev_timer_set(h->loop, &h->timer, 0, beat, h);
}

void
agent_heartbeat_connected(struct agent_heartbeat *h)
{
	if (h->connected)
		return;
	h->connected = true;
	if (h->full && h->call == NULL)
		ev_timer_set(h->loop, &h->timer, 1000, beat, h);
}

void
agent_heartbeat_free(struct agent_heartbeat *h)
{
	if (h == NULL)
		return;
	ev_timer_clear(&h->timer);
	agent_call_cancel(h->call);
	free(h->node_id);
	free(h);
}
