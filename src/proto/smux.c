/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The smux session: its table of streams, how they begin and end, keep-alive.  Sending is
 * in smux_send.c, receiving in smux_recv.c.
 *
 * The table has a bucket for each stream that may exist, found by the number of the
 * stream: a peer that picks its ids to collide gets chains of at most max_streams.
 */
#include "proto/smux_int.h"

/* --- the session -------------------------------------------------------------- */

static uint32_t
clamp(uint32_t v, uint32_t fallback, uint32_t min, uint32_t max)
{
	return v == 0 ? fallback : MIN(MAX(v, min), max);
}

static struct smux_config
complete(const struct smux_config *cfg)
{
	struct smux_config c = *cfg;

	c.max_frame = clamp(c.max_frame, SMUX_FRAME, 1, SMUX_FRAME_MAX);
	c.window = clamp(c.window, SMUX_WINDOW, SMUX_WINDOW, SMUX_WINDOW_MAX);
	c.max_streams = clamp(c.max_streams, SMUX_STREAMS, 1, SMUX_STREAMS_MAX);
	c.queue = clamp(c.queue, SMUX_QUEUE, SMUX_SHARE, SMUX_QUEUE_MAX);
	if (c.send_max == 0)
		c.send_max = SMUX_SEND_MAX;
	if (c.recv_max == 0)
		c.recv_max = c.own ? SMUX_RECV_OWN : SMUX_RECV_STOCK;
	if (c.own) /* one stream fits always */
		c.recv_max = MAX(c.recv_max, (size_t)SMUX_WINDOW);
	return c;
}

struct smux *
smux_new(const struct smux_config *cfg, const struct smux_ops *ops, void *arg)
{
	struct smux *m = xcalloc(1, sizeof(*m));
	uint32_t buckets = 16;

	m->cfg = complete(cfg);
	m->ops = *ops;
	m->arg = arg;
	m->next_id = m->cfg.is_client ? 3 : 2;
	m->head_need = SMUX_HEAD;
	while (buckets < m->cfg.max_streams)
		buckets *= 2;
	m->table = xcalloc(buckets, sizeof(*m->table));
	m->mask = buckets - 1;
	m->ping_ms = m->check_ms = SMUX_NO_TIMER;
	if (m->cfg.keepalive_ms > 0) {
		m->ping_ms = m->cfg.now_ms + m->cfg.keepalive_ms;
		m->check_ms =
		    m->cfg.now_ms + (uint64_t)m->cfg.keepalive_ms * SMUX_KEEPALIVE_MISSES;
	}
	list_init(&m->all);
	list_init(&m->fresh);
	list_init(&m->bulk);
	list_init(&m->ctl);
	list_init(&m->wake);
	return m;
}

void
smux_free(struct smux *m)
{
	if (m == NULL)
		return;
	assert(m->calls == 0);
	while (!list_empty(&m->all))
		smux_drop(m, LIST_FIRST(&m->all, struct smux_stream, all));
	free(m->spare);
	smux_pool_fini(&m->pool);
	free(m->replies);
	free(m->table);
	free(m);
}

void
smux_end(struct smux *m, int why)
{
	assert(m->calls == 0 && why != 0);
	if (m->err == 0)
		m->err = why;
	while (!list_empty(&m->all))
		smux_close(m, LIST_FIRST(&m->all, struct smux_stream, all), why);
}

bool
smux_is_own(const struct smux *m)
{
	return m->cfg.own;
}

void
smux_stats(const struct smux *m, struct smux_stats *out)
{
	*out = m->stats;
	out->streams = m->nstreams;
	out->buffered = m->buffered;
	out->queued = m->queued;
	out->mem = m->pool.mem;
	out->windows = m->windows;
}

/* --- keep-alive --------------------------------------------------------------- */

uint64_t
smux_next_ms(const struct smux *m)
{
	return m->err != 0 ? SMUX_NO_TIMER : MIN(m->ping_ms, m->check_ms);
}

/*
 * As xtaci/smux: the check is by its own interval and asks whether any frame came since
 * the last one; a session that is blocked by its consumers is not judged.
 */
int
smux_tick(struct smux *m, uint64_t now_ms)
{
	if (m->err != 0)
		return m->err;
	if (now_ms >= m->ping_ms) {
		m->nop_due = true;
		m->ping_ms = now_ms + m->cfg.keepalive_ms;
	}
	if (now_ms >= m->check_ms) {
		if (!m->heard && !smux_recv_blocked(m))
			return m->err = ERR_TIMEOUT;
		m->heard = false;
		m->check_ms =
		    now_ms + (uint64_t)m->cfg.keepalive_ms * SMUX_KEEPALIVE_MISSES;
	}
	return 0;
}

/* --- the table ---------------------------------------------------------------- */

static struct smux_stream **
bucket(const struct smux *m, uint32_t id)
{
	return &m->table[(id >> 1) & m->mask];
}

struct smux_stream *
smux_find(const struct smux *m, uint32_t id)
{
	struct smux_stream *s = *bucket(m, id);

	while (s != NULL && s->id != id)
		s = s->next;
	return s;
}

bool
smux_has_room(const struct smux *m)
{
	return m->nstreams < m->cfg.max_streams &&
	    (!m->cfg.own ||
		m->cfg.recv_max - MIN(m->windows, m->cfg.recv_max) >= SMUX_WINDOW);
}

struct smux_stream *
smux_add(struct smux *m, uint32_t id)
{
	struct smux_stream *s = xcalloc(1, sizeof(*s));
	struct smux_stream **b = bucket(m, id);

	s->id = id;
	s->peer_window = SMUX_WINDOW;
	if (m->cfg.own) {
		s->window = SMUX_WINDOW;
		m->windows += s->window;
	}
	s->next = *b;
	*b = s;
	m->nstreams++;
	list_init(&s->ready);
	list_init(&s->ctl);
	list_init(&s->wake);
	list_add_tail(&m->all, &s->all);
	return s;
}

void
smux_drop(struct smux *m, struct smux_stream *s)
{
	struct smux_stream **b = bucket(m, s->id);

	while (*b != s)
		b = &(*b)->next;
	*b = s->next;
	m->nstreams--;
	m->windows -= s->window;
	list_del(&s->all);
	list_del(&s->ready);
	list_del(&s->ctl);
	list_del(&s->wake);
	m->buffered -= s->rx.len;
	m->queued -= s->tx.len;
	smux_queue_clear(&s->rx, &m->pool);
	smux_queue_clear(&s->tx, &m->pool);
	if (m->body == s)
		m->body = NULL; /* the rest of its frame is skipped */
	free(s);
}

void
smux_close(struct smux *m, struct smux_stream *s, int why)
{
	uint32_t id = s->id;
	bool silent = s->reset != 0;

	smux_drop(m, s);
	if (silent)
		return;
	m->calls++;
	m->ops.on_close(m->arg, id, why);
	m->calls--;
}

/* --- begin and end of a stream -------------------------------------------------- */

int
smux_open(struct smux *m, uint32_t *id)
{
	struct smux_stream *s;

	if (m->err != 0)
		return m->err;
	if (!smux_has_room(m) || m->next_id > UINT32_MAX - 2)
		return ERR_LIMIT;
	s = smux_add(m, m->next_id);
	m->next_id += 2;
	s->syn_due = true;
	smux_ctl(m, s);
	m->stats.opened++;
	*id = s->id;
	return 0;
}

void
smux_shutdown_write(struct smux *m, uint32_t id)
{
	struct smux_stream *s = smux_find(m, id);

	if (s == NULL || s->fin_wanted)
		return;
	s->fin_wanted = true;
	s->blocked = false;
	smux_ready(m, s);
}

void
smux_abort(struct smux *m, uint32_t id, int why)
{
	struct smux_stream *s = smux_find(m, id);
	bool silent;

	if (s == NULL)
		return;
	/* Not yet known to the peer, or (stock) already said. */
	silent = s->syn_due || (!m->cfg.own && s->fin_sent);
	smux_drop(m, s);
	m->stats.aborted++;
	if (!silent)
		smux_reply(m, id, why);
}

void
smux_reset(struct smux *m, uint32_t id, int why)
{
	struct smux_stream *s = smux_find(m, id);

	assert(why != 0);
	if (s == NULL)
		return;
	if (s->tx.len == 0) {
		smux_abort(m, id, why);
		return;
	}
	s->reset = why;
	s->fin_wanted = true;
	s->blocked = false;
	m->buffered -= s->rx.len;
	smux_queue_clear(&s->rx, &m->pool);
	if (m->body == s)
		m->body = NULL;
	smux_credit(m, s, s->received - s->consumed);
}
