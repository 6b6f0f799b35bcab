/* SPDX-License-Identifier: Apache-2.0 */
/* What must be true an hour after the last misfortune. */
#include "fleet.h"

#include "server/domain/session.h"
#include "server/env.h"
#include "store/store_audit.h"

static void
check_node(struct fleet *f, struct sim_node *n, struct outcome *out)
{
	struct agent_state st;
	bool online = node_online(server_env(f->server.server)->nodes, n->id);

	agent_state_get(n->agent, &st);
	out->node_crashes += n->place.crashes;
	if (!st.connected || !online)
		fleet_fail(f, "%s: connected %d, online %d, %s", n->place.name,
		    st.connected, online, st.trouble);
	if (st.sessions != 0 || st.untold != 0)
		fleet_fail(f, "%s: %zu sessions left, %zu ends not told", n->place.name,
		    st.sessions, st.untold);
	if (*st.trouble != '\0')
		fleet_fail(f, "%s: trouble: %s", n->place.name, st.trouble);
}

/*
 * One that nothing but the network troubled must have come to its own end, with every
 * byte.  Only the farewell itself may get lost with a connection: the client asks for
 * another token then, and hears that the session is over.
 */
static void
check_stream(struct fleet *f, struct person *p, struct outcome *out)
{
	const struct sim_node *n = &f->nodes[p->node];
	bool intact = p->ready && p->node_crashes == n->place.crashes;
	bool all = p->received == p->expected.len && p->exit_status == p->want_status;

	out->bytes += p->received;
	out->losses += p->losses;
	if (p->differs)
		fleet_fail(
		    f, "person %u: wrong output behind byte %zu", p->index, p->received);
	if (p->plan != PERSON_EXITS || !intact)
		return;
	if (p->said_exit && all &&
	    (p->why == SESSION_CLOSED || p->why == SESSION_TIMED_OUT))
		out->completed++;
	else
		fleet_fail(f,
		    "person %u: %zu of %zu bytes, status %d instead of %d, said exit %d, "
		    "end %d '%s', %u losses",
		    p->index, p->received, p->expected.len, p->exit_status,
		    p->want_status, p->said_exit, p->why, p->text, p->losses);
}

struct openings {
	const char *session_id;
	unsigned n, refused;
};

static bool
on_event(void *arg, const struct store_audit_event *e)
{
	struct openings *o = arg;

	if (strstr(e->event, "\"eventName\":\"PortOpened\"") == NULL ||
	    strstr(e->event, o->session_id) == NULL)
		return true;
	if (strstr(e->event, "\"errorCode\"") != NULL)
		o->refused++;
	else
		o->n++;
	return true;
}

/* Each connection is in the audit trail, and none is twice, whoever crashed meanwhile. */
static void
check_recorded(struct fleet *f, const struct person *p, unsigned connections)
{
	struct openings o = { .session_id = p->session_id };

	if (store_audit_events(
		store_reader(f->server.store), 0, INT64_MAX, on_event, &o) != 0)
		fleet_fail(f, "the audit trail cannot be read");
	if (o.n != connections || o.refused != 0)
		fleet_fail(f, "person %u: %u connections, but %u events and %u refusals",
		    p->index, connections, o.n, o.refused);
}

/* Connections through a forwarded port: unless the node crashed, each to its last byte. */
static void
check_ports(struct fleet *f, struct person *p, struct outcome *out)
{
	bool intact = p->node_crashes == f->nodes[p->node].place.crashes;
	struct ports_count n;

	out->losses += p->losses;
	if (p->ports == NULL) {
		if (intact && p->ready)
			fleet_fail(
			    f, "person %u: a port session without ports", p->index);
		return;
	}
	ports_count(p->ports, &n);
	out->flows += n.right;
	out->bytes += n.bytes;
	if (n.wrong > 0)
		fleet_fail(
		    f, "person %u: %u connections with wrong bytes", p->index, n.wrong);
	if (!intact)
		return;
	out->completed++;
	if (n.right != n.asked)
		fleet_fail(f,
		    "person %u: %u of %u connections came to their end, end %d '%s', "
		    "%u losses",
		    p->index, n.right, n.asked, p->why, p->text, p->losses);
	else
		check_recorded(f, p, n.asked);
}

static void
check_person(struct fleet *f, struct person *p, struct outcome *out)
{
	out->started += p->session_id[0] != '\0';
	if (p->place.loop != NULL && !p->ended)
		fleet_fail(f,
		    "person %u (%s) still waits: %u starts, ready %d, %u losses",
		    p->index, person_plan_name(p->plan), p->starts, p->ready, p->losses);
	else if (p->session_id[0] != '\0' && p->plan == PERSON_FORWARDS)
		check_ports(f, p, out);
	else if (p->session_id[0] != '\0')
		check_stream(f, p, out);
}

struct rows {
	struct fleet *f;
	struct outcome *out;
};

static bool
on_active(void *arg, const struct store_session *s)
{
	struct rows *r = arg;

	fleet_fail(r->f, "session %s is still %s", s->id, s->status);
	return true;
}

static bool
on_ended(void *arg, const struct store_session *s)
{
	struct rows *r = arg;

	if (strcmp(s->status, "Terminated") == 0)
		r->out->terminated++;
	else if (strcmp(s->status, "Failed") == 0)
		r->out->failed++;
	else
		fleet_fail(r->f, "session %s ended as %s", s->id, s->status);
	if (*s->details == '\0' || s->end_ms < s->start_ms)
		fleet_fail(
		    r->f, "session %s: %s without a reason or an end", s->id, s->status);
	return true;
}

bool
fleet_is_whole(const struct fleet *f)
{
	struct agent_state st;

	for (unsigned i = 0; i < f->nnodes; i++) {
		agent_state_get(f->nodes[i].agent, &st);
		if (!st.connected || *st.trouble != '\0')
			return false;
	}
	return nodes_online(server_env(f->server.server)->nodes) == f->nnodes;
}

void
verdict(struct fleet *f, struct outcome *out)
{
	struct server_env *env = server_env(f->server.server);
	struct rows rows = { f, out };

	for (unsigned i = 0; i < f->nnodes; i++)
		check_node(f, &f->nodes[i], out);
	for (unsigned i = 0; i < f->npeople; i++)
		check_person(f, &f->people[i], out);
	if (store_sessions(
		store_reader(f->server.store), true, 0, "", on_active, &rows) != 0 ||
	    store_sessions(
		store_reader(f->server.store), false, 0, "", on_ended, &rows) != 0)
		fleet_fail(f, "the store cannot be read");
	if (sessions_live(env->sessions) != 0)
		fleet_fail(f, "%zu sessions live", sessions_live(env->sessions));
	if (nodes_online(env->nodes) != f->nnodes)
		fleet_fail(f, "%zu nodes online", nodes_online(env->nodes));
	if (out->started < f->npeople / 4 || out->completed < out->started / 8)
		fleet_fail(f, "too little happened: %u started, %u completed",
		    out->started, out->completed);
}
