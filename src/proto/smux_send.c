/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sending half of smux: what the application writes, and whose turn it is.
 *
 * Order of smux_pull(): keep-alive, replies, SYN and UPD, then data.  Streams that were
 * quiet and have little to say come before those with much (a keystroke does not wait for
 * a download), but SMALL_RUN times in a row at most; within both it is one frame each in
 * turn.  Control frames are one of a kind for each stream, so they cannot crowd out data.
 */
#include "proto/smux_int.h"

/* --- whose turn ----------------------------------------------------------------- */

static size_t
window_left(const struct smux *m, const struct smux_stream *s)
{
	uint64_t end = s->peer_consumed + s->peer_window;

	if (!m->cfg.own)
		return SIZE_MAX;
	return end > s->sent ? (size_t)(end - s->sent) : 0;
}

static bool
may_send(const struct smux *m, const struct smux_stream *s)
{
	if (s->tx.len > 0)
		return window_left(m, s) > 0;
	return s->fin_wanted && !s->fin_sent;
}

/* A peer that takes back its window takes back the turn: a stream that has one can speak. */
void
smux_ready(struct smux *m, struct smux_stream *s)
{
	if (!may_send(m, s))
		list_del(&s->ready);
	else if (list_empty(&s->ready))
		list_add_tail(s->tx.len <= SMALL ? &m->fresh : &m->bulk, &s->ready);
}

void
smux_ctl(struct smux *m, struct smux_stream *s)
{
	if (list_empty(&s->ctl))
		list_add_tail(&m->ctl, &s->ctl);
}

static void
make_reply_room(struct smux *m)
{
	size_t n = m->reply_end - m->reply_first;

	if (m->reply_end < m->reply_cap)
		return;
	if (m->reply_first >= n && n > 0) {
		memcpy(m->replies, m->replies + m->reply_first, n * sizeof(*m->replies));
		m->reply_first = 0;
		m->reply_end = n;
	} else {
		m->reply_cap = MAX(2 * m->reply_cap, (size_t)REPLIES_KEEP);
		m->replies = xrealloc(m->replies, m->reply_cap * sizeof(*m->replies));
	}
}

void
smux_reply(struct smux *m, uint32_t id, int why)
{
	make_reply_room(m);
	m->replies[m->reply_end++] = (struct smux_reply){
		.id = id,
		.cmd = m->cfg.own ? CMD_RST : CMD_FIN,
		.code = why < 0 && why >= ERR_INTERNAL ? (uint8_t)-why : 0,
	};
}

/* --- frames --------------------------------------------------------------------- */

static size_t
put_head(struct smux *m, uint8_t *out, enum smux_cmd cmd, uint32_t id, size_t body)
{
	out[0] = m->cfg.own ? VERSION_OWN : VERSION_STOCK;
	out[1] = (uint8_t)cmd;
	out[2] = (uint8_t)body;
	out[3] = (uint8_t)(body >> 8);
	put_le32(out + 4, id);
	m->stats.frames_out++;
	return SMUX_HEAD;
}

static size_t
put_reply(struct smux *m, uint8_t *out, size_t cap)
{
	const struct smux_reply *r = &m->replies[m->reply_first];
	size_t body = r->cmd == CMD_RST ? RST_BODY : 0;

	if (cap < SMUX_HEAD + body)
		return 0;
	put_head(m, out, r->cmd, r->id, body);
	if (body > 0)
		put_le32(out + SMUX_HEAD, r->code);
	if (++m->reply_first == m->reply_end) {
		m->reply_first = m->reply_end = 0;
		if (m->reply_cap > SMUX_REPLIES) {
			free(STEAL(m->replies));
			m->reply_cap = 0;
		}
	}
	return SMUX_HEAD + body;
}

static size_t
put_ctl(struct smux *m, uint8_t *out, size_t cap)
{
	struct smux_stream *s = LIST_FIRST(&m->ctl, struct smux_stream, ctl);

	if (cap < SMUX_HEAD + (s->syn_due ? 0 : UPD_BODY))
		return 0;
	list_del(&s->ctl);
	if (s->syn_due) {
		s->syn_due = false;
		return put_head(m, out, CMD_SYN, s->id, 0);
	}
	s->upd_due = false;
	s->told_consumed = s->consumed;
	put_head(m, out, CMD_UPD, s->id, UPD_BODY);
	put_le32(out + SMUX_HEAD, (uint32_t)s->consumed);
	put_le32(out + SMUX_HEAD + 4, s->window);
	return SMUX_HEAD + UPD_BODY;
}

static size_t
put_fin(struct smux *m, uint8_t *out, size_t cap, struct smux_stream *s)
{
	if (cap < SMUX_HEAD)
		return 0;
	list_del(&s->ready);
	s->fin_sent = true;
	if (s->half_told && list_empty(&s->wake))
		list_add_tail(&m->wake, &s->wake);
	return put_head(m, out, CMD_FIN, s->id, 0);
}

/* Room again, with some distance to the limit that was met. */
static bool
owes_writable(const struct smux *m, const struct smux_stream *s)
{
	return s->blocked &&
	    (s->tx.len <= SMUX_SHARE / 2 ||
		(s->tx.len <= m->cfg.queue / 2 && m->queued < m->cfg.send_max));
}

/* All was said that had to come before the end of a stream that we have reset. */
static void
finish_reset(struct smux *m, struct smux_stream *s)
{
	uint32_t id = s->id;
	int why = s->reset;

	smux_drop(m, s);
	m->stats.aborted++;
	smux_reply(m, id, why);
}

static size_t
put_data(struct smux *m, uint8_t *out, size_t cap, size_t body_min)
{
	bool fresh =
	    list_empty(&m->bulk) || (!list_empty(&m->fresh) && m->fresh_run < SMALL_RUN);
	struct smux_stream *s =
	    LIST_FIRST(fresh ? &m->fresh : &m->bulk, struct smux_stream, ready);
	size_t want, body;

	if (s->tx.len == 0)
		return put_fin(m, out, cap, s);
	want = MIN(s->tx.len, window_left(m, s));
	want =
	    MIN(want, (size_t)(fresh ? MIN(SMALL, m->cfg.max_frame) : m->cfg.max_frame));
	body = cap > SMUX_HEAD ? MIN(want, cap - SMUX_HEAD) : 0;
	if (body == 0 || (body < want && body < body_min))
		return 0;
	put_head(m, out, CMD_PSH, s->id, body);
	smux_queue_read(&s->tx, out + SMUX_HEAD, body, &m->pool);
	m->queued -= body;
	s->sent += body;
	m->stats.bytes_out += body;
	m->fresh_run = fresh ? m->fresh_run + 1 : 0;
	list_del(&s->ready);
	if (s->reset != 0 && s->tx.len == 0) {
		finish_reset(m, s);
		return SMUX_HEAD + body;
	}
	if (may_send(m, s)) /* its FIN at once, its next data after the others */
		list_add_tail(s->tx.len == 0 ? &m->fresh : &m->bulk, &s->ready);
	if (owes_writable(m, s) && list_empty(&s->wake))
		list_add_tail(&m->wake, &s->wake);
	return SMUX_HEAD + body;
}

/* One whole frame, or 0: nothing to send, or it does not fit. */
static size_t
put_frame(struct smux *m, uint8_t *out, size_t cap, size_t body_min)
{
	if (m->nop_due) {
		if (cap < SMUX_HEAD)
			return 0;
		m->nop_due = false;
		return put_head(m, out, CMD_NOP, 0, 0);
	}
	if (m->reply_first < m->reply_end)
		return put_reply(m, out, cap);
	if (!list_empty(&m->ctl))
		return put_ctl(m, out, cap);
	if (!list_empty(&m->fresh) || !list_empty(&m->bulk))
		return put_data(m, out, cap, body_min);
	return 0;
}

/* --- the channel's side --------------------------------------------------------- */

bool
smux_pending(const struct smux *m)
{
	return m->err == 0 &&
	    (m->stage_off < m->stage_len || m->nop_due || m->reply_first < m->reply_end ||
		!list_empty(&m->ctl) || !list_empty(&m->fresh) || !list_empty(&m->bulk));
}

static size_t
drain_stage(struct smux *m, uint8_t *out, size_t cap)
{
	size_t n = MIN(cap, (size_t)(m->stage_len - m->stage_off));

	memcpy(out, m->stage + m->stage_off, n);
	m->stage_off += (uint8_t)n;
	return n;
}

/* What became of the streams that were served: any of them may go meanwhile. */
static void
wake(struct smux *m)
{
	while (!list_empty(&m->wake)) {
		struct smux_stream *s = LIST_FIRST(&m->wake, struct smux_stream, wake);

		list_del(&s->wake);
		if (s->fin_sent && s->half_told) {
			smux_close(m, s, 0);
		} else if (owes_writable(m, s)) {
			s->blocked = false;
			if (m->ops.on_writable == NULL)
				continue;
			m->calls++;
			m->ops.on_writable(m->arg, s->id);
			m->calls--;
		}
	}
}

size_t
smux_pull(struct smux *m, uint8_t *out, size_t cap)
{
	size_t n, k;

	assert(m->calls == 0);
	if (m->err != 0 || cap == 0)
		return 0;
	n = drain_stage(m, out, cap);
	while ((k = put_frame(m, out + n, cap - n, n > 0 ? BODY_MIN : 1)) > 0)
		n += k;
	if (n == 0) {
		m->stage_len = (uint8_t)put_frame(m, m->stage, sizeof(m->stage), 1);
		m->stage_off = 0;
		n = drain_stage(m, out, cap);
	}
	wake(m);
	return n;
}

/* --- the application's side ----------------------------------------------------- */

/* What may be queued: the rest of its queue, but only its share when all are too much. */
static size_t
room(const struct smux *m, const struct smux_stream *s)
{
	size_t own = m->cfg.queue - MIN(s->tx.len, (size_t)m->cfg.queue);
	size_t share = SMUX_SHARE - MIN(s->tx.len, (size_t)SMUX_SHARE);
	size_t common = m->cfg.send_max - MIN(m->queued, m->cfg.send_max);

	return MIN(own, MAX(share, common));
}

static int
find_writable(const struct smux *m, uint32_t id, struct smux_stream **out)
{
	struct smux_stream *s = smux_find(m, id);

	*out = s;
	if (m->err != 0)
		return m->err;
	if (s == NULL)
		return ERR_NOTFOUND;
	return s->fin_wanted || (!m->cfg.own && s->fin_came) ? ERR_CLOSED : 0;
}

int
smux_write(struct smux *m, uint32_t id, struct span data)
{
	struct smux_stream *s;
	size_t n;
	int r;

	if ((r = find_writable(m, id, &s)) != 0)
		return r;
	n = MIN(data.n, room(m, s));
	if (n < data.n)
		s->blocked = true;
	smux_queue_add(&s->tx, span_sub(data, 0, n), &m->pool);
	m->queued += n;
	smux_ready(m, s);
	return (int)n;
}

uint8_t *
smux_reserve(struct smux *m, uint32_t id, size_t *n)
{
	struct smux_stream *s;

	*n = 0;
	if (find_writable(m, id, &s) != 0)
		return NULL;
	if ((*n = MIN(room(m, s), (size_t)CHUNK_MAX)) == 0) {
		s->blocked = true;
		return NULL;
	}
	if (m->spare == NULL)
		m->spare = smux_chunk_new(&m->pool, CHUNK_MAX);
	return m->spare->data;
}

/* A chunk that is mostly empty is copied: queues may occupy twice their bytes, no more. */
void
smux_commit(struct smux *m, uint32_t id, size_t n)
{
	struct smux_stream *s = smux_find(m, id);

	if (s == NULL || n == 0)
		return;
	assert(m->spare != NULL && n <= m->spare->cap);
	if (n <= CHUNK_MAX / 2) {
		smux_queue_add(&s->tx, span_of(m->spare->data, n), &m->pool);
	} else {
		m->spare->len = (uint32_t)n;
		smux_queue_link(&s->tx, STEAL(m->spare), &m->pool);
	}
	m->queued += n;
	smux_ready(m, s);
}
