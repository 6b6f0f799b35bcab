/* SPDX-License-Identifier: Apache-2.0 */
/* What the relay says by itself, see relay_int.h. */
#include "server/gateway/relay_int.h"

#include "base/log.h"
#include "proto/ack.h"
#include "proto/own_event.h"

static struct control_head
new_head(struct relay *r)
{
	struct control_head h = { .created_ms = (uint64_t)ev_wall_ms(r->loop) };

	ev_random(r->loop, h.id, sizeof(h.id));
	return h;
}

void
relay_say_closed(struct relay_end *e, const char *output)
{
	struct relay *r = e->relay;
	const struct session *se = session_find(r->sessions, r->session_id);
	struct control_head head = new_head(r);
	auto_buf msg = { .max = CONTROL_MESSAGE_MAX };

	control_closed_build(&msg, &head,
	    &(struct control_closed){
		.session_id = r->session_id,
		.destination_id = se != NULL ? se->row.target : "",
		.output = output,
	    });
	if (buf_check(&msg) == 0)
		relay_queue_add(&e->out, RELAY_PLAIN, -1, 0, buf_span(&msg));
	relay_queue_flush(&e->out);
}

/*
 * Past the queue: what is said here is for this connection, and must not wait for the next.
 */
void
relay_say_own(struct session_channel *c, const char *type, const struct own_words *w)
{
	struct relay *r = CONTAINER_OF(c, struct relay, channel);
	struct relay_end *client = &r->ends[SESSION_CLIENT];
	struct control_head head = new_head(r);
	auto_buf msg = { .max = OWN_MESSAGE_MAX };

	if (r->closed || client->conn == NULL || !client->hears)
		return;
	own_build(&msg, type, &head, w);
	if (buf_check(&msg) != 0 ||
	    wsconn_send(client->conn, WS_BINARY, buf_span(&msg)) != 0)
		log_debug("client not told", "session=%s type=%s", r->session_id, type);
}

void
relay_say_recorded(struct relay *r, int64_t number)
{
	struct relay_end *agent = &r->ends[SESSION_AGENT];
	struct control_head head = new_head(r);
	auto_buf msg = { .max = OWN_MESSAGE_MAX };

	if (agent->conn == NULL || !agent->hears)
		return;
	own_recorded_build(&msg, &head, r->session_id, number);
	if (buf_check(&msg) != 0 ||
	    wsconn_send(agent->conn, WS_BINARY, buf_span(&msg)) != 0)
		log_debug("agent not told", "session=%s", r->session_id);
}

void
relay_say_pause(struct relay *r, bool pause)
{
	struct relay_end *agent = &r->ends[SESSION_AGENT];
	struct control_head head;
	auto_buf msg = { .max = CONTROL_MESSAGE_MAX };

	if (agent->conn == NULL || agent->own || r->never_pause ||
	    r->agent_paused == pause)
		return;
	r->agent_paused = pause;
	head = new_head(r);
	control_publication_build(&msg, &head, pause);
	if (buf_check(&msg) == 0)
		relay_queue_add(&agent->out, RELAY_PLAIN, -1, 0, buf_span(&msg));
	relay_queue_flush(&agent->out);
}

/* Not for a peer that repeats itself but does not read: it is told when it asks again. */
void
relay_say_ack(struct relay_end *to, const struct agentmsg *m)
{
	struct relay *r = to->relay;
	struct control_head head = new_head(r);
	auto_buf msg = { .max = ACK_MESSAGE_MAX };

	if (relay_queue_bytes(&to->out) > STREAM_HIGH)
		return;
	ack_build(&msg, m, head.created_ms, head.id);
	if (buf_check(&msg) != 0)
		return;
	r->counters->acks_synthesised++;
	relay_queue_add(&to->out, RELAY_PLAIN, -1, 0, buf_span(&msg));
	relay_queue_flush(&to->out);
}
