/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The receiving half of smux: frames, buffers, windows, and the end of the peer's
 * direction.
 *
 * Data goes from the pushed bytes to the application without a copy; only what it did not
 * take is buffered.  Bodies are handed on as they come, so no frame is ever assembled.
 */
#include "proto/smux_int.h"

bool
smux_recv_blocked(const struct smux *m)
{
	return m->reply_end - m->reply_first >= SMUX_REPLIES ||
	    (!m->cfg.own && m->buffered >= m->cfg.recv_max);
}

/* --- credit --------------------------------------------------------------------- */

/*
 * A stream whose consumer keeps up gets a larger window as long as the budget of the
 * session allows: with a long round trip the window is what limits it.
 */
static void
grow_window(struct smux *m, struct smux_stream *s)
{
	uint32_t more = MIN(s->window, m->cfg.window - s->window);

	if (s->rx.len > 0 || m->windows > m->cfg.recv_max ||
	    more > m->cfg.recv_max - m->windows)
		return;
	s->window += more;
	m->windows += more;
}

void
smux_credit(struct smux *m, struct smux_stream *s, size_t n)
{
	s->consumed += n;
	if (!m->cfg.own || s->fin_came || s->upd_due)
		return;
	if (s->consumed - s->told_consumed >= s->window / CREDIT) {
		grow_window(m, s);
		s->upd_due = true;
		smux_ctl(m, s);
	}
}

/* --- data ----------------------------------------------------------------------- */

/*
 * Offers data.  Returns how much was taken, or -1 when the stream is gone or reset.  The stream is
 * looked up again: the callback may have ended it, though never replaced it, because no
 * SYN is read and ids that we open are new.
 */
static ptrdiff_t
offer(struct smux *m, struct smux_stream *s, struct span data)
{
	uint32_t id = s->id;
	int n;

	s->offering = true;
	m->calls++;
	n = m->ops.on_data(m->arg, id, data);
	m->calls--;
	if ((s = smux_find(m, id)) == NULL)
		return -1;
	s->offering = false;
	if (s->reset != 0)
		return -1;
	if (n == ERR_AGAIN)
		return 0;
	if (n < 0) {
		smux_abort(m, id, n);
		return -1;
	}
	assert((size_t)n <= data.n);
	return n;
}

static void
deliver(struct smux *m, struct smux_stream *s, struct span data)
{
	if (s->rx.len == 0) {
		ptrdiff_t n = offer(m, s, data);

		if (n < 0)
			return;
		data = span_sub(data, (size_t)n, data.n - (size_t)n);
		smux_credit(m, s, (size_t)n);
	}
	smux_queue_add(&s->rx, data, &m->pool);
	m->buffered += data.n;
}

static void
take_body(struct smux *m, struct span *in)
{
	struct span part = span_sub(*in, 0, m->body_left);

	*in = span_sub(*in, part.n, in->n - part.n);
	m->body_left -= (uint32_t)part.n;
	if (m->body != NULL)
		deliver(m, m->body, part);
	else
		m->stats.skipped += part.n;
}

/* --- frames --------------------------------------------------------------------- */

static void
refuse(struct smux *m, uint32_t id, int why)
{
	m->stats.refused++;
	smux_reply(m, id, why);
}

/*
 * Stock peers open odd ids only; an even one from them, or one of ours, is refused without
 * asking, for it could be one that we open next.
 */
static int
on_syn(struct smux *m, uint32_t id)
{
	bool peers_kind = (id & 1) == (m->cfg.is_client ? 0 : 1);
	struct smux_stream *s;
	int r = ERR_UNSUPPORTED;

	if (m->cfg.own) {
		if (!peers_kind || id <= m->peer_id)
			return ERR_PROTOCOL;
		m->peer_id = id;
	} else if (smux_find(m, id) != NULL) {
		return 0;
	}
	if (!peers_kind || !smux_has_room(m)) {
		refuse(m, id, ERR_LIMIT);
		return 0;
	}
	smux_add(m, id);
	if (m->ops.on_open != NULL) {
		m->calls++;
		r = m->ops.on_open(m->arg, id);
		m->calls--;
	}
	if ((s = smux_find(m, id)) == NULL)
		return 0;
	if (r == 0) {
		m->stats.accepted++;
	} else {
		smux_drop(m, s);
		refuse(m, id, r);
	}
	return 0;
}

/* The peer takes nothing any more: what we still have for it would be discarded. */
static void
hush(struct smux *m, struct smux_stream *s)
{
	m->queued -= s->tx.len;
	smux_queue_clear(&s->tx, &m->pool);
	list_del(&s->ready);
	list_del(&s->ctl);
	s->fin_wanted = s->fin_sent = true;
	s->blocked = s->upd_due = false;
}

/* A stock peer has forgotten the stream. */
static void
answer_fin(struct smux *m, struct smux_stream *s)
{
	if (!s->fin_sent && !s->syn_due)
		smux_reply(m, s->id, 0);
	hush(m, s);
}

static int
on_fin(struct smux *m, struct smux_stream *s)
{
	if (s == NULL)
		return 0;
	if (s->fin_came)
		return m->cfg.own ? ERR_PROTOCOL : 0;
	s->fin_came = true;
	if (m->cfg.own) {
		if (s->upd_due) /* it sends no more */
			list_del(&s->ctl);
		s->upd_due = false;
	} else {
		answer_fin(m, s);
	}
	smux_finish(m, s);
	return 0;
}

void
smux_finish(struct smux *m, struct smux_stream *s)
{
	uint32_t id = s->id;

	if (s->rx.len == 0 && s->was_reset != 0) {
		smux_close(m, s, s->was_reset);
		return;
	}
	if (!s->fin_came || s->half_told || s->rx.len > 0)
		return;
	s->half_told = true;
	if (m->cfg.own && s->reset == 0 && m->ops.on_half_close != NULL) {
		m->calls++;
		m->ops.on_half_close(m->arg, id);
		m->calls--;
		if ((s = smux_find(m, id)) == NULL)
			return;
	}
	if (s->fin_sent)
		smux_close(m, s, 0);
}

static int
on_psh(struct smux *m, struct smux_stream *s, uint32_t len)
{
	m->body_left = len;
	m->stats.bytes_in += len;
	if (s != NULL && m->cfg.own) {
		uint64_t held = s->received - s->consumed;

		if (s->fin_came || held + len > s->window)
			return ERR_PROTOCOL;
		s->received += len;
		if (s->reset != 0)
			smux_credit(m, s, len);
	}
	m->body = s != NULL && !s->fin_came && s->reset == 0 ? s : NULL;
	return 0;
}

/* 32 bits of a count of 64: it is never behind what is known, nor ahead of what was sent. */
static int
on_upd(struct smux *m, struct smux_stream *s)
{
	uint32_t step;

	if (s == NULL || !m->cfg.own)
		return 0;
	step = get_le32(m->head + SMUX_HEAD) - (uint32_t)s->peer_consumed;
	if (step > s->sent - s->peer_consumed)
		return ERR_PROTOCOL;
	s->peer_consumed += step;
	s->peer_window = get_le32(m->head + SMUX_HEAD + 4);
	smux_ready(m, s);
	if (s->attached || s->reset != 0 || m->ops.on_attached == NULL)
		return 0;
	s->attached = true;
	m->calls++;
	m->ops.on_attached(m->arg, s->id);
	m->calls--;
	return 0;
}

static int
on_rst(struct smux *m, struct smux_stream *s)
{
	uint32_t code = get_le32(m->head + SMUX_HEAD);

	if (s == NULL)
		return 0;
	if (code == 0 || code > (uint32_t)-ERR_INTERNAL || code == (uint32_t)-ERR_AGAIN)
		code = (uint32_t)-ERR_CLOSED;
	m->stats.reset++;
	s->was_reset = -(int)code;
	s->fin_came = true; /* it says no more */
	hush(m, s);
	smux_finish(m, s);
	return 0;
}

/*
 * How much body belongs to the head.  Anything else than PSH has a fixed length: the stock
 * peers do not look at it, and a stream with another one would fall out of step.
 */
static int
check_head(const struct smux *m, size_t *body)
{
	uint16_t len = get_le16(m->head + 2);

	if (m->head[0] != (m->cfg.own ? VERSION_OWN : VERSION_STOCK))
		return ERR_PROTOCOL;
	*body = 0;
	switch (m->head[1]) {
	case CMD_PSH:
		return 0;
	case CMD_SYN:
	case CMD_FIN:
	case CMD_NOP:
		break;
	case CMD_UPD:
		*body = UPD_BODY;
		break;
	case CMD_RST:
		if (!m->cfg.own)
			return ERR_PROTOCOL;
		*body = RST_BODY;
		break;
	default:
		return ERR_PROTOCOL;
	}
	return len == *body ? 0 : ERR_PROTOCOL;
}

static int
dispatch(struct smux *m)
{
	uint32_t id = get_le32(m->head + 4);
	struct smux_stream *s = smux_find(m, id);

	switch (m->head[1]) {
	case CMD_SYN:
		return on_syn(m, id);
	case CMD_FIN:
		return on_fin(m, s);
	case CMD_PSH:
		return on_psh(m, s, get_le16(m->head + 2));
	case CMD_UPD:
		return on_upd(m, s);
	case CMD_RST:
		return on_rst(m, s);
	default:
		return 0;
	}
}

static int
take_head(struct smux *m, struct span *in)
{
	struct span part = span_sub(*in, 0, m->head_need - m->head_len);
	size_t body;
	int r;

	memcpy(m->head + m->head_len, part.p, part.n);
	m->head_len += (uint8_t)part.n;
	*in = span_sub(*in, part.n, in->n - part.n);
	if (m->head_len < m->head_need)
		return 0;
	if (m->head_len == SMUX_HEAD) {
		if ((r = check_head(m, &body)) != 0)
			return r;
		m->heard = true;
		m->stats.frames_in++;
		m->head_need = (uint8_t)(SMUX_HEAD + body);
		if (body > 0)
			return 0;
	}
	m->head_len = 0;
	m->head_need = SMUX_HEAD;
	return dispatch(m);
}

int
smux_push(struct smux *m, struct span in)
{
	int r = 0;

	assert(m->calls == 0);
	if (m->err != 0)
		return m->err;
	if (smux_recv_blocked(m))
		return ERR_AGAIN;
	while (in.n > 0 && r == 0) {
		if (m->body_left > 0)
			take_body(m, &in);
		else
			r = take_head(m, &in);
	}
	return m->err = r;
}

/* --- the application's side ------------------------------------------------------- */

void
smux_resume(struct smux *m, uint32_t id)
{
	struct smux_stream *s = smux_find(m, id);

	if (s == NULL || s->offering || m->err != 0)
		return;
	while (s->rx.len > 0) {
		struct span data = smux_queue_peek(&s->rx);
		ptrdiff_t n = offer(m, s, data);

		if (n < 0)
			return;
		smux_queue_consume(&s->rx, (size_t)n, &m->pool);
		m->buffered -= (size_t)n;
		smux_credit(m, s, (size_t)n);
		if ((size_t)n < data.n)
			return;
	}
	smux_finish(m, s);
}

void
smux_attached(struct smux *m, uint32_t id)
{
	struct smux_stream *s = smux_find(m, id);

	if (s == NULL || !m->cfg.own || s->fin_came || s->upd_due)
		return;
	s->upd_due = true;
	smux_ctl(m, s);
}

bool
smux_is_half_closed(const struct smux *m, uint32_t id)
{
	const struct smux_stream *s = smux_find(m, id);

	return s != NULL && s->half_told;
}

struct span
smux_peek(const struct smux *m, uint32_t id)
{
	const struct smux_stream *s = smux_find(m, id);

	return s != NULL ? smux_queue_peek(&s->rx) : SPAN_NONE;
}

void
smux_consumed(struct smux *m, uint32_t id, size_t n)
{
	struct smux_stream *s = smux_find(m, id);

	if (s == NULL || m->err != 0)
		return;
	assert(!s->offering);
	smux_queue_consume(&s->rx, n, &m->pool);
	m->buffered -= n;
	smux_credit(m, s, n);
	smux_finish(m, s);
}
