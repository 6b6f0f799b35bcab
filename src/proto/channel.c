/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Data channel: life cycle, dispatch of what arrives, the questions.
 * The sending half is in channel_send.c, the receiving half in channel_recv.c.
 */
#include "proto/channel.h"

#include "base/text.h"
#include "proto/ack.h"
#include "proto/channel_int.h"
#include "proto/control.h"
#include "proto/handshake.h"

enum { WINDOW_MIN = 16 * 1024, PAYLOAD_MIN = 1024 };

/* A window always holds one message of the greatest length. */
static void
set_limits(struct channel *ch, size_t payload_max, size_t first, size_t max)
{
	first = MAX(first, (size_t)WINDOW_MIN);
	max = MIN(MAX(max, (size_t)WINDOW_MIN), (size_t)CHANNEL_WINDOW_MAX);
	channel_window_init(&ch->window, MIN(first, max), max);
	ch->payload_max = MAX(payload_max, (size_t)PAYLOAD_MIN);
	ch->payload_max = MIN(ch->payload_max, (size_t)HANDSHAKE_EXT_PAYLOAD_MAX);
	ch->payload_max = MIN(ch->payload_max, ch->window.min - CHANNEL_MESSAGE_COST);
}

struct channel *
channel_new(const struct channel_config *cfg, const struct channel_ops *ops, void *arg)
{
	struct channel *ch = xcalloc(1, sizeof(*ch));
	size_t window = cfg->window > 0 ? cfg->window : CHANNEL_WINDOW;

	assert(ops->transmit != NULL && ops->deliver != NULL && ops->random != NULL);
	ch->role = cfg->role;
	ch->ops = ops;
	ch->arg = arg;
	set_limits(ch, cfg->payload_max > 0 ? cfg->payload_max : CHANNEL_PAYLOAD_STOCK,
	    window, window);
	ch->recv_max = cfg->recv_max > 0 ? cfg->recv_max : CHANNEL_RECV_MAX;
	list_init(&ch->sent);
	list_init(&ch->got);
	ch->next_unsent = &ch->sent;
	ch->barrier_seq = ch->acked_max = ch->peer_received = ch->received = -1;
	ch->ack_hold_ms = cfg->ack_hold_ms;
	rto_init(&ch->rto);
	return ch;
}

void
channel_free(struct channel *ch)
{
	if (ch == NULL)
		return;
	assert(!ch->delivering && !ch->flushing);
	channel_send_drop_all(ch);
	channel_recv_drop_all(ch);
	free(ch);
}

const char *
channel_data_type(const struct channel *ch, bool ours)
{
	return (ch->role == CHANNEL_AGENT) == ours ? MSG_OUTPUT_STREAM : MSG_INPUT_STREAM;
}

/* Never 0: stock peers refuse such a CreatedDate. */
uint64_t
channel_wall_ms(const struct channel *ch)
{
	int64_t ms = (int64_t)ch->now_ms + ch->wall_offset_ms;

	return ms > 0 ? (uint64_t)ms : 1;
}

/* A version 4 UUID. */
void
channel_make_id(struct channel *ch, uint8_t id[16])
{
	ch->ops->random(ch->arg, id, 16);
	id[6] = (uint8_t)((id[6] & 0x0f) | 0x40);
	id[8] = (uint8_t)((id[8] & 0x3f) | 0x80);
}

void
channel_transmit(struct channel *ch, struct span msg)
{
	if (ch->up && !ch->closed)
		ch->ops->transmit(ch->arg, msg);
}

static void
set_paused(struct channel *ch, bool paused)
{
	if (ch->role != CHANNEL_AGENT || ch->paused == paused || ch->closed)
		return;
	ch->paused = paused;
	if (ch->ops->on_pause != NULL)
		ch->ops->on_pause(ch->arg, paused);
	channel_flush(ch);
}

void
channel_up(struct channel *ch, uint64_t now_ms, int64_t wall_ms)
{
	ch->now_ms = now_ms;
	ch->wall_offset_ms = wall_ms - (int64_t)now_ms;
	ch->up = true;
	ch->moved_at_up = ch->stats.acked + ch->stats.received;
	channel_send_up(ch);
	set_paused(ch, false); /* a new connection ends a pause, as in the stock agent */
	channel_flush(ch);
}

void
channel_down(struct channel *ch)
{
	ch->up = false;
	channel_ack_drop(ch);
}

void
channel_set_own_peer(struct channel *ch, size_t payload_max, size_t window)
{
	ch->own_peer = true;
	ch->barrier_seq = -1;
	set_limits(ch, payload_max, ch->window.min, window);
	channel_flush(ch);
}

void
channel_set_no_digest(struct channel *ch)
{
	ch->no_digest = true;
}

/* A number that our own peers add to an ack (channel_recv.c); -1 when it is not there. */
static int64_t
number_after(struct span payload, const char *key)
{
	const uint8_t *at = memmem(payload.p, payload.n, key, strlen(key));
	struct span rest;
	int64_t v;
	size_t n = 0;

	if (at == NULL)
		return -1;
	rest = span_sub(payload, (size_t)(at - payload.p) + strlen(key), payload.n);
	while (n < rest.n && rest.p[n] >= '0' && rest.p[n] <= '9')
		n++;
	return num_parse(span_sub(rest, 0, n), 0, INT64_MAX, &v) == 0 ? v : -1;
}

static int
got_ack(struct channel *ch, const struct agentmsg *m)
{
	int64_t seq, received, latest;

	if (ack_parse(&seq, m->payload) != 0)
		return ERR_INVALID;
	received = number_after(m->payload, "\"" CHANNEL_RECEIVED_KEY "\":");
	latest = number_after(m->payload, "\"" CHANNEL_LATEST_KEY "\":");
	set_paused(ch, false);
	if (received >= seq && latest >= 0)
		channel_acked_upto(ch, seq, received, (uint64_t)latest);
	else
		channel_acked(ch, seq);
	return 0;
}

/* The stock plugin ends even when the text is malformed; the stock agent ignores it then.
 */
static int
got_closed(struct channel *ch, const struct agentmsg *m)
{
	struct control_closed c = { 0 };
	auto_arena mem;
	int r;

	arena_init(&mem);
	r = control_closed_parse(&c, &mem, m->payload, NULL);
	if (r != 0 && ch->role == CHANNEL_AGENT)
		return ERR_INVALID;
	ch->closed = true;
	channel_send_drop_all(ch);
	if (ch->ops->on_closed != NULL)
		ch->ops->on_closed(ch->arg, r == 0 && c.output != NULL ? c.output : "");
	return 0;
}

static int
check_digest(const struct channel *ch, const struct agentmsg *m)
{
	if (ch->no_digest && m->no_digest && agentmsg_is(m, channel_data_type(ch, false)))
		return 0;
	return agentmsg_check_digest(m);
}

static int
dispatch(struct channel *ch, const struct agentmsg *m)
{
	if (agentmsg_is(m, MSG_PAUSE) || agentmsg_is(m, MSG_START)) {
		set_paused(ch, agentmsg_is(m, MSG_PAUSE));
		return 0;
	}
	if (check_digest(ch, m) != 0)
		return ERR_INVALID;
	if (agentmsg_is(m, channel_data_type(ch, false))) {
		set_paused(ch, false);
		return channel_got_data(ch, m);
	}
	if (agentmsg_is(m, MSG_ACKNOWLEDGE))
		return got_ack(ch, m);
	if (agentmsg_is(m, MSG_CHANNEL_CLOSED))
		return got_closed(ch, m);
	if (ch->ops->on_other != NULL)
		ch->ops->on_other(ch->arg, m);
	return 0;
}

int
channel_receive(struct channel *ch, uint64_t now_ms, struct span msg)
{
	struct agentmsg m;
	int r = ERR_INVALID;

	if (ch->closed)
		return 0;
	ch->now_ms = now_ms;
	if (agentmsg_decode(&m, msg) == 0)
		r = dispatch(ch, &m);
	if (r == ERR_INVALID)
		ch->stats.invalid++;
	return r;
}

int
channel_pump(struct channel *ch, uint64_t now_ms)
{
	ch->now_ms = now_ms;
	return channel_drain(ch);
}

uint64_t
channel_next_ms(const struct channel *ch)
{
	uint64_t next = channel_resend_next(ch);

	return ch->ack_due_ms != 0 ? MIN(next, ch->ack_due_ms) : next;
}

void
channel_tick(struct channel *ch, uint64_t now_ms)
{
	ch->now_ms = now_ms;
	channel_ack_due(ch);
	channel_resend_due(ch);
}

size_t
channel_payload_max(const struct channel *ch)
{
	return ch->payload_max;
}

size_t
channel_recv_queued(const struct channel *ch)
{
	return ch->recv_ready;
}

bool
channel_drained(const struct channel *ch)
{
	return list_empty(&ch->sent);
}

bool
channel_is_paused(const struct channel *ch)
{
	return ch->paused;
}

bool
channel_is_closed(const struct channel *ch)
{
	return ch->closed;
}

bool
channel_moved(const struct channel *ch)
{
	return ch->stats.acked + ch->stats.received > ch->moved_at_up;
}

bool
channel_is_own_peer(const struct channel *ch)
{
	return ch->own_peer;
}

bool
channel_peer_spoke(const struct channel *ch)
{
	return ch->peer_spoke;
}

void
channel_stats(const struct channel *ch, struct channel_stats *out)
{
	*out = ch->stats;
	out->rto_ms = (uint32_t)ch->rto.rto;
}
