/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The receiving half of a data channel: order, duplicates, acknowledgements.
 *
 * A message that is next in order goes to deliver() straight from the caller's bytes; it
 * is copied only when deliver() is not ready or something before it is missing.
 *
 * An ack to our own peer is cumulative, because it is sent on consumption, which is in
 * order.  And it says up to which number all has arrived, and the CreatedDate of the message
 * that arrived last:
 *
 *	{"AcknowledgedMessageType":..,"AcknowledgedMessageId":..,
 *	 "AcknowledgedMessageSequenceNumber":<last consumed>,"IsSequentialMessage":true,
 *	 "SallyportReceived":<all up to it arrived>,"SallyportLatest":<milliseconds>}
 *
 * One is due for each message that is consumed and each that comes again; several that are
 * due within CHANNEL_ACK_HOLD_MS leave as one.  Messages keep their order on the way; so
 * whatever was transmitted before the latest and has not arrived is lost, however slow the
 * consumer is.
 */
#include "proto/ack.h"
#include "proto/channel_int.h"

static size_t
cost(size_t payload)
{
	return payload + CHANNEL_MESSAGE_COST;
}

static void
build_own_ack(struct channel *ch, struct buf *wire, const struct agentmsg *of)
{
	struct agentmsg m = {
		.type = MSG_ACKNOWLEDGE,
		.created_ms = channel_wall_ms(ch),
		.flags = AGENTMSG_FLAG_SYN | AGENTMSG_FLAG_FIN,
	};
	char id[37], json[ACK_MESSAGE_MAX - AGENTMSG_HEAD];
	int n;

	agentmsg_id_format(id, of->id);
	n = snprintf(json, sizeof(json),
	    "{\"AcknowledgedMessageType\":\"%s\",\"AcknowledgedMessageId\":\"%s\","
	    "\"AcknowledgedMessageSequenceNumber\":%lld,\"IsSequentialMessage\":true,"
	    "\"" CHANNEL_RECEIVED_KEY "\":%lld,\"" CHANNEL_LATEST_KEY "\":%llu}",
	    of->type, id, (long long)ch->expected - 1, (long long)ch->received,
	    (unsigned long long)ch->latest);
	assert(n > 0 && (size_t)n < sizeof(json));
	channel_make_id(ch, m.id);
	m.payload = span_of(json, (size_t)n);
	agentmsg_encode(wire, &m);
}

static void
write_ack(struct channel *ch, const uint8_t id[16], int64_t seq)
{
	struct agentmsg m = { .seq = seq };
	uint8_t ack_id[16];
	auto_buf wire;

	buf_init(&wire, ACK_MESSAGE_MAX);
	snprintf(m.type, sizeof(m.type), "%s", channel_data_type(ch, false));
	memcpy(m.id, id, sizeof(m.id));
	if (ch->own_peer) {
		build_own_ack(ch, &wire, &m);
	} else {
		channel_make_id(ch, ack_id);
		ack_build(&wire, &m, channel_wall_ms(ch), ack_id);
	}
	if (buf_check(&wire) == 0)
		channel_transmit(ch, buf_span(&wire));
}

void
channel_ack_drop(struct channel *ch)
{
	ch->ack_due_ms = 0;
	ch->nheld = 0;
	ch->held = 0;
}

/* Cumulative: the last one speaks for all. */
static void
write_held(struct channel *ch)
{
	channel_ack_drop(ch);
	if (ch->up && !ch->closed)
		write_ack(ch, ch->ack_id, ch->expected - 1);
}

void
channel_ack_due(struct channel *ch)
{
	if (ch->ack_due_ms != 0 && ch->ack_due_ms <= ch->now_ms)
		write_held(ch);
}

static void
send_ack(struct channel *ch, const uint8_t id[16], int64_t seq, size_t payload)
{
	if (!ch->up || ch->closed)
		return; /* the peer repeats the message and gets its ack then */
	if (!ch->own_peer) {
		write_ack(ch, id, seq);
		return;
	}
	if (ch->expected == 0)
		return; /* nothing is consumed yet */
	memcpy(ch->ack_id, id, sizeof(ch->ack_id));
	if (ch->nheld++ == 0)
		ch->ack_due_ms = ch->now_ms + ch->ack_hold_ms;
	ch->held += cost(payload);
	if (ch->ack_hold_ms == 0 || ch->nheld >= CHANNEL_ACKS_HELD ||
	    ch->held >= CHANNEL_ACK_HELD_BYTES)
		write_held(ch);
}

/* A message arrived: how far is there no gap now?  next: the one that is stored after it. */
static void
note_received(struct channel *ch, int64_t seq, const struct list *next)
{
	if (seq != ch->received + 1)
		return;
	ch->received = seq;
	for (; next != &ch->got; next = next->next) {
		const struct channel_got *g =
		    CONTAINER_OF(next, struct channel_got, link);

		if (g->seq != ch->received + 1)
			break;
		ch->received++;
		ch->recv_ready += cost(g->n);
	}
}

static void
got_free(struct channel *ch, struct channel_got *g)
{
	ch->recv_queued -= cost(g->n);
	if (g->seq <= ch->received)
		ch->recv_ready -= cost(g->n);
	ch->nrecv--;
	list_del(&g->link);
	free(g);
}

void
channel_recv_drop_all(struct channel *ch)
{
	LIST_EACH(g, &ch->got, struct channel_got, link)
	got_free(ch, g);
}

/* The place after the last message with a lower number; *same when the number is there.
 */
static struct list *
find_place(struct channel *ch, int64_t seq, struct channel_got **same)
{
	struct list *l = ch->got.prev;

	*same = NULL;
	while (l != &ch->got) {
		struct channel_got *g = CONTAINER_OF(l, struct channel_got, link);

		if (g->seq <= seq) {
			*same = g->seq == seq ? g : NULL;
			return l;
		}
		l = l->prev;
	}
	return l;
}

/*
 * Keeps a message that cannot be delivered now.  One that is out of order is acknowledged
 * at once towards a stock peer, and only then: our own sender counts on the ack for its
 * window.
 */
static int
store(struct channel *ch, const struct agentmsg *m)
{
	struct channel_got *g;
	struct list *after = find_place(ch, m->seq, &g);
	bool ack = !ch->own_peer && m->seq > ch->expected;

	if (g != NULL) {
		ch->stats.duplicates++;
		if (g->acked || ch->own_peer)
			send_ack(ch, m->id, m->seq, m->payload.n);
		return 0;
	}
	if (ch->nrecv >= CHANNEL_QUEUE_MESSAGES ||
	    cost(m->payload.n) > ch->recv_max - ch->recv_queued) {
		ch->stats.dropped++;
		return ERR_LIMIT;
	}
	g = xmalloc(sizeof(*g) + m->payload.n);
	*g = (struct channel_got){
		.seq = m->seq,
		.payload_type = m->payload_type,
		.acked = ack,
		.n = m->payload.n,
	};
	memcpy(g->id, m->id, sizeof(g->id));
	if (g->n > 0)
		memcpy(g->payload, m->payload.p, g->n);
	list_add_head(after, &g->link);
	if (g->seq == ch->received + 1)
		ch->recv_ready += cost(g->n);
	note_received(ch, g->seq, g->link.next);
	ch->recv_queued += cost(g->n);
	ch->nrecv++;
	ch->stats.received++;
	ch->stats.payload_received += g->n;
	if (ack)
		send_ack(ch, m->id, m->seq, m->payload.n);
	return 0;
}

/* deliver(), with our own sends held back until the ack is out. */
static int
offer(struct channel *ch, uint32_t type, struct span payload)
{
	int r;

	ch->delivering = true;
	r = ch->ops->deliver(ch->arg, type, payload);
	ch->delivering = false;
	if (r != ERR_AGAIN)
		ch->expected++;
	return r;
}

int
channel_drain(struct channel *ch)
{
	struct channel_got *g;
	int err = 0, r;

	if (ch->delivering)
		return 0; /* the loop that is running goes on */
	while ((g = LIST_FIRST(&ch->got, struct channel_got, link)) != NULL) {
		if (g->seq > ch->expected)
			break;
		if (g->seq == ch->expected) {
			r = offer(ch, g->payload_type, span_of(g->payload, g->n));
			if (r == ERR_AGAIN)
				break;
			if (err == 0)
				err = r;
		}
		if (!g->acked)
			send_ack(ch, g->id, g->seq, g->n);
		got_free(ch, g);
	}
	channel_flush(ch);
	return err;
}

/* Next in order and nothing in its way: no copy. */
static int
deliver_now(struct channel *ch, const struct agentmsg *m)
{
	int r = offer(ch, m->payload_type, m->payload), more;

	if (r == ERR_AGAIN) {
		r = store(ch, m);
		channel_flush(ch);
		return r;
	}
	ch->stats.received++;
	ch->stats.payload_received += m->payload.n;
	note_received(ch, m->seq, ch->got.next);
	send_ack(ch, m->id, m->seq, m->payload.n);
	more = channel_drain(ch);
	return r != 0 ? r : more;
}

static bool
head_waits(const struct channel *ch)
{
	return !list_empty(&ch->got) &&
	    CONTAINER_OF(ch->got.next, struct channel_got, link)->seq <= ch->expected;
}

int
channel_got_data(struct channel *ch, const struct agentmsg *m)
{
	int r, more;

	if (m->seq < 0 || m->seq == INT64_MAX ||
	    m->seq - CHANNEL_AHEAD_MAX > ch->expected)
		return ERR_INVALID;
	ch->peer_spoke = true;
	ch->latest = MIN(m->created_ms, (uint64_t)INT64_MAX);
	if (m->seq < ch->expected) {
		ch->stats.duplicates++;
		send_ack(ch, m->id, m->seq, m->payload.n);
		return 0;
	}
	if (m->seq == ch->expected && !ch->delivering && !head_waits(ch))
		return deliver_now(ch, m);
	r = store(ch, m);
	more = channel_drain(ch);
	return r != 0 ? r : more;
}
