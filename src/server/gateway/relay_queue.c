/* SPDX-License-Identifier: Apache-2.0 */
/* See relay_queue.h. */
#include "server/gateway/relay_queue.h"

#include "server/gateway/relay.h"

struct relay_msg {
	struct list link;
	enum relay_kind kind;
	int64_t ack_seq;
	uint64_t not_before_us;
	size_t n;
	uint8_t data[];
};

void
relay_queue_init(struct relay_queue *q, struct ev_loop *l, ev_cb *flushed, void *arg)
{
	*q = (struct relay_queue){ .loop = l, .flushed = flushed, .arg = arg };
	list_init(&q->msgs);
}

static void
msg_free(struct relay_queue *q, struct relay_msg *m)
{
	list_del(&m->link);
	q->bytes -= m->n;
	free(m);
}

void
relay_queue_fini(struct relay_queue *q)
{
	ev_timer_clear(&q->timer);
	LIST_EACH(m, &q->msgs, struct relay_msg, link)
	msg_free(q, m);
}

void
relay_queue_attach(struct relay_queue *q, struct wsconn *c, bool fragile)
{
	q->conn = c;
	q->fragile = fragile;
}

void
relay_queue_detach(struct relay_queue *q)
{
	q->conn = NULL;
	ev_timer_clear(&q->timer);
}

static void
on_timer(void *arg)
{
	relay_queue_flush(arg);
}

static struct relay_msg *
msg_new(struct relay_queue *q, enum relay_kind kind, int64_t ack_seq,
    uint64_t not_before_us, struct span msg)
{
	struct relay_msg *m = xmalloc(sizeof(*m) + msg.n);

	*m = (struct relay_msg){
		.kind = kind,
		.ack_seq = ack_seq,
		.not_before_us = not_before_us,
		.n = msg.n,
	};
	list_init(&m->link);
	memcpy(m->data, msg.p, msg.n);
	q->bytes += m->n;
	return m;
}

/* Whether a message may go straight to the socket. */
static bool
passes(const struct relay_queue *q, enum relay_kind kind, uint64_t not_before_us)
{
	if (q->conn == NULL || !list_empty(&q->msgs) || kind >= RELAY_COMPLETE)
		return false;
	if (wsconn_queued(q->conn) > STREAM_HIGH)
		return false;
	if (q->hurry)
		return true;
	if (q->quiet_until_us != 0)
		return false;
	return not_before_us == 0 || not_before_us <= ev_now_us(q->loop);
}

void
relay_queue_add(struct relay_queue *q, enum relay_kind kind, int64_t ack_seq,
    uint64_t not_before_us, struct span msg)
{
	struct relay_msg *m;

	if (passes(q, kind, not_before_us) && wsconn_send(q->conn, WS_BINARY, msg) == 0)
		return;
	if (kind == RELAY_COMPLETE_HELD)
		not_before_us =
		    ev_now_us(q->loop) + RELAY_COMPLETE_WAIT_MS * UINT64_C(1000);
	m = msg_new(q, kind, ack_seq, not_before_us, msg);
	list_add_tail(&q->msgs, &m->link);
}

void
relay_queue_add_before_complete(
    struct relay_queue *q, int64_t ack_seq, uint64_t not_before_us, struct span msg)
{
	LIST_EACH(held, &q->msgs, struct relay_msg, link)
	{
		struct relay_msg *ack;

		if (held->kind != RELAY_COMPLETE_HELD)
			continue;
		ack = msg_new(q, RELAY_ACK, ack_seq, not_before_us, msg);
		list_add_tail(&held->link, &ack->link); /* in front of it */
		held->kind = RELAY_COMPLETE;
		held->not_before_us = 0;
		return;
	}
	relay_queue_add(q, RELAY_ACK, ack_seq, not_before_us, msg);
}

void
relay_queue_release_acks(struct relay_queue *q, int64_t seq)
{
	bool any = false;

	LIST_EACH(m, &q->msgs, struct relay_msg, link)
	{
		if (m->kind == RELAY_ACK && m->not_before_us != 0 && m->ack_seq < seq) {
			m->not_before_us = 0;
			any = true;
		}
	}
	if (any)
		relay_queue_flush(q);
}

void
relay_queue_end_quiet(struct relay_queue *q)
{
	if (q->quiet_until_us == 0)
		return;
	q->quiet_until_us = 0;
	relay_queue_flush(q);
}

void
relay_queue_hurry(struct relay_queue *q)
{
	q->hurry = true;
	relay_queue_flush(q);
}

/* 0: may leave now; else the time at which to look again. */
static uint64_t
waits_until(struct relay_queue *q, const struct relay_msg *m, uint64_t now_us)
{
	if (q->quiet_until_us > now_us) /* even the end makes it deaf, and then it hangs */
		return q->quiet_until_us;
	q->quiet_until_us = 0;
	if (q->hurry)
		return 0;
	return m->not_before_us > now_us ? m->not_before_us : 0;
}

void
relay_queue_flush(struct relay_queue *q)
{
	size_t before = q->bytes;
	uint64_t now_us, until;

	if (q->conn == NULL || list_empty(&q->msgs))
		return;
	now_us = ev_now_us(q->loop);
	(void)wsconn_cork(q->conn);
	LIST_EACH(m, &q->msgs, struct relay_msg, link)
	{
		if ((until = waits_until(q, m, now_us)) != 0) {
			/* Rounded up: a message is never early. */
			ev_timer_set(q->loop, &q->timer, (until - now_us + 999) / 1000,
			    on_timer, q);
			break;
		}
		if (wsconn_queued(q->conn) > STREAM_HIGH ||
		    wsconn_send(q->conn, WS_BINARY, span_of(m->data, m->n)) != 0)
			break; /* on_drain or on_close goes on */
		if (m->kind >= RELAY_COMPLETE && q->fragile)
			q->quiet_until_us = now_us + RELAY_QUIET_MS * UINT64_C(1000);
		msg_free(q, m);
	}
	wsconn_uncork(q->conn);
	if (q->bytes < before && q->flushed != NULL)
		q->flushed(q->arg);
}

size_t
relay_queue_bytes(const struct relay_queue *q)
{
	return q->bytes;
}

bool
relay_queue_empty(const struct relay_queue *q)
{
	return list_empty(&q->msgs) && (q->conn == NULL || wsconn_queued(q->conn) == 0);
}
