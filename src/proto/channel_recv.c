/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The receiving half of a data channel: order, duplicates, acknowledgements.
 *
 * A message that is next in order goes to deliver() straight from the caller's bytes; it
 * is copied only when deliver() is not ready or something before it is missing.
 */
#include "proto/ack.h"
#include "proto/channel_int.h"

static size_t
cost(size_t payload)
{
	return payload + CHANNEL_MESSAGE_COST;
}

static void
send_ack(struct channel *ch, const uint8_t id[16], int64_t seq)
{
	struct agentmsg m = { .seq = seq };
	uint8_t ack_id[16];
	auto_buf wire;

	buf_init(&wire, ACK_MESSAGE_MAX);
	if (!ch->up || ch->closed)
		return; /* the peer repeats the message and gets its ack then */
	snprintf(m.type, sizeof(m.type), "%s", channel_data_type(ch, false));
	memcpy(m.id, id, sizeof(m.id));
	channel_make_id(ch, ack_id);
	ack_build(&wire, &m, channel_wall_ms(ch), ack_id);
	if (buf_check(&wire) == 0)
		channel_transmit(ch, buf_span(&wire));
}

static void
got_free(struct channel *ch, struct channel_got *g)
{
	ch->recv_queued -= cost(g->n);
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
		if (g->acked)
			send_ack(ch, m->id, m->seq);
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
	ch->recv_queued += cost(g->n);
	ch->nrecv++;
	ch->stats.received++;
	ch->stats.payload_received += g->n;
	if (ack)
		send_ack(ch, m->id, m->seq);
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
			send_ack(ch, g->id, g->seq);
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
	send_ack(ch, m->id, m->seq);
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
	if (m->seq < ch->expected) {
		ch->stats.duplicates++;
		send_ack(ch, m->id, m->seq);
		return 0;
	}
	if (m->seq == ch->expected && !ch->delivering && !head_waits(ch))
		return deliver_now(ch, m);
	r = store(ch, m);
	more = channel_drain(ch);
	return r != 0 ? r : more;
}
