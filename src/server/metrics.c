/* SPDX-License-Identifier: Apache-2.0 */
/* See metrics.h. */
#include "server/metrics.h"

#include "net/http_server.h"
#include "server/api/api.h"
#include "server/domain/audit.h"
#include "server/domain/node.h"
#include "server/domain/session.h"
#include "server/gateway/gateway.h"
#include "server/reserve.h"

static void
metric(struct buf *out, const char *name, const char *kind, const char *help, uint64_t v)
{
	buf_addf(out, "# HELP %s %s\n# TYPE %s %s\n%s %llu\n", name, help, name, kind,
	    name, (unsigned long long)v);
}

struct session_count {
	struct sessions *sessions;
	uint64_t by_state[SESSION_FAILED + 1];
};

static bool
count_session(void *arg, const struct store_session *row)
{
	struct session_count *n = arg;
	const struct session *se = session_find(n->sessions, row->id);

	if (se != NULL)
		n->by_state[se->state]++;
	return true;
}

static void
write_sessions(const struct metrics *m, struct buf *out)
{
	struct session_count n = { .sessions = m->env->sessions };

	if (store_sessions(store_reader(m->env->store), true, 0, "", count_session, &n) !=
	    0)
		return;
	buf_add_str(out,
	    "# HELP sallyport_sessions_live Sessions that have not ended.\n"
	    "# TYPE sallyport_sessions_live gauge\n");
	for (int i = SESSION_CONNECTING; i <= SESSION_TERMINATING; i++)
		buf_addf(out, "sallyport_sessions_live{state=\"%s\"} %llu\n",
		    session_state_name((enum session_state)i),
		    (unsigned long long)n.by_state[i]);
}

/* What went wrong and was mended, or hit a limit. */
static void
write_resilience(const struct metrics *m, struct buf *out, const struct gateway_stats *g)
{
	struct sessions_stats st;

	sessions_stats(m->env->sessions, &st);
	metric(out, "sallyport_sessions_resumed_total", "counter",
	    "Sessions resumed by their secret.", g->resumes);
	metric(out, "sallyport_session_resumes_denied_total", "counter",
	    "Sessions not resumed because their owner may not any more.",
	    g->resumes_denied);
	metric(out, "sallyport_dead_peers_total", "counter",
	    "Channels whose peer gave no sign of life any more.", g->dead_peers);
	metric(out, "sallyport_relay_buffered_bytes", "gauge",
	    "Bytes that wait for ends that are slow or away.", g->buffered);
	metric(out, "sallyport_sessions_swept_total", "counter",
	    "Rows that were live without a session.", st.swept);
	buf_addf(out,
	    "# HELP sallyport_session_limit_hits_total StartSession refused by a limit.\n"
	    "# TYPE sallyport_session_limit_hits_total counter\n"
	    "sallyport_session_limit_hits_total{limit=\"node\"} %llu\n"
	    "sallyport_session_limit_hits_total{limit=\"principal\"} %llu\n",
	    (unsigned long long)st.refused_node, (unsigned long long)st.refused_owner);
}

static void
write_audit(const struct metrics *m, struct buf *out)
{
	struct audit_stats st;

	audit_stats(m->env->audit, &st);
	metric(out, "sallyport_audit_failed_total", "counter",
	    "Events that could not be written.", st.failed);
	metric(out, "sallyport_audit_left_out_total", "counter",
	    "Events of strangers and nodes that were too many.", st.left_out);
	metric(out, "sallyport_audit_removed_total", "counter",
	    "Events removed by retention.", st.removed);
	metric(out, "sallyport_reserve_released", "gauge",
	    "The space kept for a full disk was given back, or could not be had.",
	    reserve_is_released(m->reserve));
}

void
metrics_write(struct buf *out, const struct metrics *m)
{
	struct gateway_stats g;

	gateway_stats(m->gateway, &g);
	metric(out, "sallyport_http_connections", "gauge", "HTTP connections open now.",
	    http_server_connections(m->http));
	metric(out, "sallyport_nodes_online", "gauge", "Nodes with a control channel.",
	    nodes_online(m->env->nodes));
	metric(out, "sallyport_control_channels", "gauge", "Control channels open now.",
	    g.control_channels);
	metric(out, "sallyport_data_channels", "gauge", "Data channels open now.",
	    g.data_channels);
	metric(out, "sallyport_control_channels_opened_total", "counter",
	    "Control channels opened since the start.", m->env->counters->control_channels);
	metric(out, "sallyport_data_channels_opened_total", "counter",
	    "Data channels opened since the start.", m->env->counters->data_channels);
	metric(out, "sallyport_relayed_messages_total", "counter",
	    "Messages relayed between clients and agents.", g.messages);
	metric(out, "sallyport_relayed_bytes_total", "counter",
	    "Bytes relayed between clients and agents.", g.bytes);
	metric(out, "sallyport_malformed_messages_total", "counter",
	    "Messages dropped because they were malformed.", g.malformed);
	write_resilience(m, out, &g);
	write_audit(m, out);
	write_sessions(m, out);
	api_metrics(m->api, out);
}
