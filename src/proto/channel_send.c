/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sending half of a data channel: the list of unacknowledged messages, the window,
 * resending.
 *
 * Resending is by timer (the oldest message, with back-off) and in bulk in two cases:
 * - after a reconnect, everything (channel_send_up);
 * - when an ack shows that what was sent before a message that arrived did not arrive.  Our
 *   own peers say so (resend_lost).  A stock peer does not: when a message that was repeated
 *   is acknowledged and no ack of anything sent before its repetition follows for a while,
 *   all of that was lost with it (recover).
 *
 * Passed over: a stock peer acknowledges on arrival, so a message that stays
 * unacknowledged while later ones are acknowledged was lost, or the receiver has it
 * already and does not say so again (the stock plugin's bug), or its consumer is not
 * ready.  Such messages are resent each by its own timer.  When repetitions of two or
 * more were followed by acks of later transmissions PROOFS times, all but the last of
 * them are known to be consumed: a receiver leaves at most one message, the one it
 * expects, unacknowledged for want of a consumer.  They are then taken off the list as if
 * acknowledged.
 */
#include "proto/channel_int.h"

enum {
	RECOVER_MIN_MS = 20,
	LOST_MIN_MS = 100,
	PROOFS = 3,
	PATIENT = 3, /* resends after which a message no longer holds others back */
	BACKOFF_STOCK_MS = 1000,
	BACKOFF_OWN_MS = 10000,
	CREATED_OFFSET = 40,
};

static size_t
cost(const struct channel_sent *e)
{
	return e->wire.len - AGENTMSG_HEAD + CHANNEL_MESSAGE_COST;
}

static struct channel_sent *
first(const struct channel *ch)
{
	return LIST_FIRST(&ch->sent, struct channel_sent, link);
}

/* Handshake messages must reach a stock plugin in order, or it takes them for data. */
static bool
is_barrier(const struct channel *ch, const struct channel_sent *e)
{
	return !ch->own_peer && ch->role == CHANNEL_AGENT &&
	    (e->payload_type == PAYLOAD_HANDSHAKE_REQUEST ||
		e->payload_type == PAYLOAD_HANDSHAKE_COMPLETE ||
		e->payload_type == PAYLOAD_ENC_CHALLENGE_REQUEST);
}

/* e may be gone when this returns: the ack can come from inside transmit(). */
static void
transmit(struct channel *ch, struct channel_sent *e)
{
	e->sent_ms = ch->now_ms;
	e->last_no = ++ch->send_no;
	if (e->first_no == 0)
		e->first_no = e->last_no;
	if (e->transmissions == 0 || ch->own_peer) {
		e->created = channel_wall_ms(ch);
		put_be64(e->wire.p + CREATED_OFFSET, e->created);
	}
	if (e->transmissions++ == 0) {
		ch->stats.sent++;
	} else {
		ch->stats.resent++;
	}
	if (!e->in_flight) {
		e->in_flight = true;
		ch->next_unsent = e->link.next;
		ch->in_flight += cost(e);
		ch->nin_flight++;
		if (is_barrier(ch, e))
			ch->barrier_seq = e->seq;
	}
	channel_transmit(ch, buf_span(&e->wire));
}

/*
 * One message more than the window holds: when repetitions of the oldest go unanswered,
 * only the ack of something new can show that the rest was consumed.
 */
static size_t
probe_room(const struct channel *ch)
{
	const struct channel_sent *e = first(ch);

	return !ch->own_peer && e != NULL && e->resends >= PATIENT
	    ? ch->payload_max + CHANNEL_MESSAGE_COST
	    : 0;
}

static bool
may_send(const struct channel *ch, const struct channel_sent *e)
{
	size_t probe = probe_room(ch);

	if (ch->barrier_seq >= 0)
		return false;
	if (ch->in_flight == 0)
		return true;
	return ch->nin_flight < CHANNEL_IN_FLIGHT + (probe > 0) &&
	    ch->in_flight + cost(e) <= ch->window.now + probe;
}

static bool
can_transmit(const struct channel *ch)
{
	return ch->up && !ch->paused && !ch->closed;
}

/* Transmits what waits, as far as the window allows. */
void
channel_flush(struct channel *ch)
{
	if (ch->delivering || ch->flushing)
		return; /* the running loop, or the end of the delivery, does it */
	ch->flushing = true;
	while (can_transmit(ch) && ch->next_unsent != &ch->sent) {
		struct channel_sent *e =
		    CONTAINER_OF(ch->next_unsent, struct channel_sent, link);

		if (!may_send(ch, e))
			break;
		transmit(ch, e);
	}
	ch->flushing = false;
}

/* A new connection: nothing is in flight any more. */
void
channel_send_up(struct channel *ch)
{
	LIST_EACH(e, &ch->sent, struct channel_sent, link)
	{
		e->in_flight = false;
		e->resends = e->proofs = 0;
		e->first_no = e->proof_no = 0;
	}
	ch->next_unsent = ch->sent.next;
	ch->in_flight = 0;
	ch->nin_flight = 0;
	ch->barrier_seq = -1;
	ch->recover_ms = 0;
	channel_window_up(&ch->window);
}

static void
sent_free(struct channel *ch, struct channel_sent *e)
{
	if (e->in_flight) {
		ch->in_flight -= cost(e);
		ch->nin_flight--;
	}
	if (ch->next_unsent == &e->link)
		ch->next_unsent = e->link.next;
	if (ch->sent.next == &e->link)
		ch->progress_ms = ch->now_ms;
	if (ch->cursor == &e->link)
		ch->cursor = e->link.next;
	if (ch->barrier_seq == e->seq)
		ch->barrier_seq = -1;
	ch->queued -= cost(e);
	ch->nqueued--;
	list_del(&e->link);
	buf_fini(&e->wire);
	free(e);
}

void
channel_send_drop_all(struct channel *ch)
{
	LIST_EACH(e, &ch->sent, struct channel_sent, link)
	sent_free(ch, e);
}

size_t
channel_room(const struct channel *ch)
{
	size_t probe = probe_room(ch), limit = ch->window.now + probe;

	if (ch->closed || ch->nqueued >= CHANNEL_IN_FLIGHT + (probe > 0) ||
	    ch->queued + CHANNEL_MESSAGE_COST >= limit)
		return 0;
	return MIN(ch->payload_max, limit - ch->queued - CHANNEL_MESSAGE_COST);
}

int
channel_send(
    struct channel *ch, uint64_t now_ms, uint32_t payload_type, struct span payload)
{
	struct agentmsg m = {
		.created_ms = 1,
		.payload_type = payload_type,
		.payload = payload,
		.no_digest = ch->no_digest,
	};
	struct channel_sent *e;

	if (ch->closed)
		return ERR_CLOSED;
	if (payload.n == 0 || payload.n > ch->payload_max)
		return ERR_INVALID;
	if (payload.n > channel_room(ch)) {
		ch->want_writable = true;
		return ERR_AGAIN;
	}
	if (ch->next_seq == INT64_MAX)
		return ERR_LIMIT;
	ch->now_ms = now_ms;
	m.seq = ch->next_seq++;
	m.flags = m.seq == 0 && ch->role == CHANNEL_AGENT ? AGENTMSG_FLAG_SYN : 0;
	snprintf(m.type, sizeof(m.type), "%s", channel_data_type(ch, true));
	channel_make_id(ch, m.id);

	e = xcalloc(1, sizeof(*e));
	e->seq = m.seq;
	e->payload_type = payload_type;
	buf_init(&e->wire, AGENTMSG_HEAD + payload.n); /* no more than it needs */
	agentmsg_encode(&e->wire, &m);
	assert(buf_check(&e->wire) == 0);
	list_add_tail(&ch->sent, &e->link);
	if (ch->next_unsent == &ch->sent)
		ch->next_unsent = &e->link;
	ch->queued += cost(e);
	ch->nqueued++;
	ch->stats.payload_sent += payload.n;
	channel_flush(ch);
	return 0;
}

void
channel_check_writable(struct channel *ch)
{
	bool low = ch->queued <= ch->window.now / 4 * 3 &&
	    ch->nqueued <= CHANNEL_IN_FLIGHT / 4 * 3;

	if (!ch->want_writable || ch->closed || (!low && probe_room(ch) == 0))
		return;
	if (channel_room(ch) == 0)
		return;
	ch->want_writable = false;
	if (ch->ops->on_writable != NULL)
		ch->ops->on_writable(ch->arg);
}

/* An ack of transmission no says something about what was passed over (see the top). */
static void
note_passed_over(struct channel *ch, int64_t seq, uint64_t no)
{
	int64_t last = -1;

	LIST_EACH(e, &ch->sent, struct channel_sent, link)
	{
		if (e->seq >= seq || !e->in_flight)
			break;
		if (e->last_no < no && e->proof_no < e->last_no) {
			e->proof_no = e->last_no;
			e->proofs++;
		}
		if (e->proofs >= PROOFS)
			last = e->seq;
	}
	LIST_EACH(e, &ch->sent, struct channel_sent, link)
	{
		if (e->seq >= last || !e->in_flight)
			break;
		if (e->proofs >= PROOFS)
			sent_free(ch, e);
	}
}

/*
 * Whether what was sent before the repetition of e may be lost as e was.  An ack that
 * comes long after the repetition only means that the consumer was slow.
 */
static void
consider_recovery(struct channel *ch, const struct channel_sent *e)
{
	const struct channel_sent *next =
	    CONTAINER_OF(e->link.next, struct channel_sent, link);
	bool prompt = (double)(ch->now_ms - MIN(e->sent_ms, ch->now_ms)) <= ch->rto.rto;

	if (e->resends > 0) {
		ch->recover_mark = e->last_no;
		if (prompt && e->link.next != ch->next_unsent &&
		    next->last_no < ch->recover_mark)
			ch->recover_ms = ch->now_ms +
			    MAX((uint64_t)ch->rto.rto / 2, (uint64_t)RECOVER_MIN_MS);
	} else if (e->last_no < ch->recover_mark) {
		ch->recover_ms = 0; /* the acks were only late */
	}
}

static void
note_trip(struct channel *ch, const struct channel_sent *e)
{
	uint64_t ms = ch->now_ms - MIN(e->sent_ms, ch->now_ms);

	rto_sample(&ch->rto, (double)ms);
	channel_window_trip(&ch->window, ms);
}

void
channel_acked(struct channel *ch, int64_t seq)
{
	struct channel_sent *e = NULL;
	uint64_t no;

	LIST_EACH(it, &ch->sent, struct channel_sent, link)
	{
		if (it->seq >= seq) {
			e = it->seq == seq ? it : NULL;
			break;
		}
	}
	if (e == NULL || e->transmissions == 0)
		return; /* a second ack, or one for what was never sent */
	if (e->in_flight && e->transmissions == 1) /* Karn's rule */
		note_trip(ch, e);
	if (e->in_flight)
		consider_recovery(ch, e);
	no = e->in_flight ? e->first_no : 0;
	ch->stats.acked++;
	ch->acked_max = MAX(ch->acked_max, seq);
	sent_free(ch, e);
	if (!ch->own_peer && no > 0)
		note_passed_over(ch, seq, no);
	channel_flush(ch);
	channel_check_writable(ch);
}

/* The oldest message's time begins anew when the one before it is acknowledged. */
static uint64_t
due_ms(const struct channel *ch, const struct channel_sent *e)
{
	uint64_t cap = ch->own_peer ? BACKOFF_OWN_MS : BACKOFF_STOCK_MS;
	uint64_t from = e == first(ch) ? MAX(e->sent_ms, ch->progress_ms) : e->sent_ms;
	uint64_t wait;

	if (e->seq <= ch->peer_received)
		return from + cap; /* it is there; only its ack may have been lost */
	wait = rto_wait_ms(&ch->rto, e->resends, cap);
	return from + (ch->own_peer ? MAX(wait, (uint64_t)CHANNEL_OWN_RTO_MIN_MS) : wait);
}

static void
resend(struct channel *ch, struct channel_sent *e)
{
	e->resends++;
	if (e->resends >= PATIENT && ch->barrier_seq == e->seq)
		ch->barrier_seq = -1; /* its ack may be one that is never repeated */
	transmit(ch, e);
}

/*
 * The in-flight message at the cursor, which moves on; NULL at the end.  Messages may be
 * acknowledged, and freed, while they are transmitted.
 */
static struct channel_sent *
next_in_flight(struct channel *ch)
{
	struct list *l = ch->cursor;

	if (l == ch->next_unsent || l == &ch->sent || !can_transmit(ch))
		return NULL;
	ch->cursor = l->next;
	return CONTAINER_OF(l, struct channel_sent, link);
}

static void
recover(struct channel *ch)
{
	struct channel_sent *e;

	ch->recover_ms = 0;
	ch->cursor = ch->sent.next;
	while ((e = next_in_flight(ch)) != NULL) {
		if (e->last_no < ch->recover_mark && e->resends < PATIENT)
			resend(ch, e);
	}
}

/* What our own peer would have, had it not been lost.  No ack makes us send faster than so. */
static void
resend_lost(struct channel *ch, uint64_t latest)
{
	uint64_t age = MAX((uint64_t)ch->rto.rto, (uint64_t)LOST_MIN_MS);
	struct channel_sent *e;

	if (!can_transmit(ch) || ch->delivering || ch->flushing)
		return;
	ch->flushing = true;
	ch->cursor = ch->sent.next;
	while ((e = next_in_flight(ch)) != NULL) {
		if (e->seq > ch->peer_received && e->created < latest &&
		    e->sent_ms + age <= ch->now_ms)
			resend(ch, e);
	}
	ch->cursor = NULL;
	ch->flushing = false;
}

/*
 * An ack of our own peer: all up to seq is consumed, all up to received has arrived, and
 * the last to arrive was what we sent at time latest.
 */
void
channel_acked_upto(struct channel *ch, int64_t seq, int64_t received, uint64_t latest)
{
	const struct channel_sent *gap = NULL;
	size_t bytes = 0;

	LIST_EACH(e, &ch->sent, struct channel_sent, link)
	{
		if (e->seq > seq || e->transmissions == 0)
			break;
		if (e->seq == seq && e->in_flight && e->transmissions == 1)
			note_trip(ch, e);
		bytes += cost(e);
		ch->stats.acked++;
		ch->acked_max = e->seq;
		sent_free(ch, e);
	}
	channel_window_acked(&ch->window, ch->now_ms, bytes);
	if (received < ch->next_seq)
		ch->peer_received = MAX(ch->peer_received, received);
	LIST_EACH(e, &ch->sent, struct channel_sent, link)
	{
		if (!e->in_flight || e->seq > ch->peer_received) {
			gap = e;
			break;
		}
	}
	if (gap != NULL && gap->in_flight && gap->created < latest)
		resend_lost(ch, latest);
	channel_flush(ch);
	channel_check_writable(ch);
}

/* The oldest, and what was passed over. */
static void
resend_by_timer(struct channel *ch)
{
	struct channel_sent *e;
	bool oldest = true;

	ch->cursor = ch->sent.next;
	while ((e = next_in_flight(ch)) != NULL && (oldest || e->seq < ch->acked_max)) {
		oldest = false;
		if (due_ms(ch, e) <= ch->now_ms)
			resend(ch, e);
	}
}

void
channel_resend_due(struct channel *ch)
{
	if (!can_transmit(ch) || ch->delivering || ch->flushing)
		return;
	ch->flushing = true;
	if (ch->recover_ms != 0 && ch->now_ms >= ch->recover_ms)
		recover(ch);
	resend_by_timer(ch);
	ch->cursor = NULL;
	ch->flushing = false;
	channel_flush(ch);
	channel_check_writable(ch);
}

uint64_t
channel_resend_next(const struct channel *ch)
{
	uint64_t next = CHANNEL_NO_TIMER;

	if (!can_transmit(ch))
		return next;
	if (ch->recover_ms != 0)
		next = ch->recover_ms;
	LIST_EACH(e, &ch->sent, struct channel_sent, link)
	{
		if (!e->in_flight || (e != first(ch) && e->seq > ch->acked_max))
			break;
		next = MIN(next, due_ms(ch, e));
	}
	return next;
}
