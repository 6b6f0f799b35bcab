/* SPDX-License-Identifier: Apache-2.0 */
/*
 * WebSocket connections: sending, pings, silence, closing.  Frames that arrive are in
 * ws_input.c.
 *
 * One timer: own pings, the deadline of the first message, dead peers, and whatever must
 * not run inside the owner's call (telling of an end, feeding what a pause held back).
 */
#include "net/wsconn_priv.h"

enum {
	QUEUE_DEFAULT = 4 * 1024 * 1024,
	CONTROL_ROOM = 64 * 1024, /* above queue_max, for control frames and the close */
	PART_SLACK = 256 * 1024,  /* a pause may hold back a whole read next to a frame */
	MASK_CHUNK = 16 * 1024,
	CLOSE_MS = 3000, /* for what is queued, then for the peer to close */
	PONG_RETRY_MS = 50,
};

static void on_timer(void *arg);

/* --- life ------------------------------------------------------------------ */

static void
destroy(struct wsconn *c)
{
	ev_timer_clear(&c->timer);
	buf_fini(&c->part);
	buf_fini(&c->msg);
	free(c->pong);
	free(c);
}

static void
enter(struct wsconn *c)
{
	c->depth++;
}

static void
tell(struct wsconn *c)
{
	if (c->err == 0 || c->told || c->closed || c->h == NULL)
		return;
	c->told = true;
	ev_timer_clear(&c->timer);
	if (c->h->on_close != NULL)
		c->h->on_close(c->arg, c->err, c->code);
}

/* The end of an event: tells of what it found, and frees what was given back. */
static void
leave(struct wsconn *c)
{
	if (c->depth == 1)
		tell(c);
	if (--c->depth == 0 && c->closed)
		destroy(c);
}

/* A paused peer is not heard: whether it takes our pings is all there is to know. */
static uint64_t
silent_ms(const struct wsconn *c)
{
	return c->paused ? stream_stuck_ms(c->st) : stream_idle_ms(c->st);
}

static void
schedule(struct wsconn *c)
{
	uint64_t now = ev_now_ms(c->loop), due = UINT64_MAX, idle;

	if (c->closed || c->told)
		return;
	if (c->err != 0 || (c->held && !wsconn_blocked(c))) {
		due = now;
	} else {
		if (c->ping_due_ms != 0)
			due = MIN(due, c->ping_due_ms);
		if (c->start_due_ms != 0)
			due = MIN(due, c->start_due_ms);
		if (c->pong != NULL)
			due = MIN(due, now + PONG_RETRY_MS);
		if (c->o.dead_ms != 0) {
			idle = silent_ms(c);
			due = MIN(
			    due, now + (idle < c->o.dead_ms ? c->o.dead_ms - idle : 0));
		}
	}
	if (due == UINT64_MAX)
		ev_timer_clear(&c->timer);
	else
		ev_timer_set(c->loop, &c->timer, due > now ? due - now : 0, on_timer, c);
}

static void
sync_reading(struct wsconn *c)
{
	stream_pause(c->st, c->err != 0 || wsconn_blocked(c) || c->held);
}

void
wsconn_fail(struct wsconn *c, int err, uint16_t send_code)
{
	if (c->err != 0)
		return;
	if (send_code != 0)
		wsconn_send_close(c, send_code);
	c->err = err;
	sync_reading(c);
	schedule(c);
}

/* --- sending --------------------------------------------------------------- */

/* In pieces that stay in the processor's cache; the caller sees that they leave as one. */
static int
write_masked(struct wsconn *c, uint8_t op, struct span body)
{
	uint8_t head[WS_HEAD_MAX], key[4], chunk[MASK_CHUNK];
	struct span h;
	uint64_t off = 0;
	int r;

	ev_random(c->loop, key, sizeof(key));
	h = span_of(head, ws_encode_head(head, op, true, body.n, key));
	do {
		size_t n = MIN(body.n - (size_t)off, sizeof(chunk));

		if (n > 0)
			ws_mask_copy(chunk, body.p + off, n, key, off);
		if ((r = stream_write2(c->st, h, span_of(chunk, n))) != 0)
			return r;
		h = SPAN_NONE;
		off += n;
	} while (off < body.n);
	return 0;
}

static int
send_masked(struct wsconn *c, uint8_t op, struct span body)
{
	bool cork = body.n > MASK_CHUNK && stream_cork(c->st);
	int r = write_masked(c, op, body);

	if (cork)
		stream_uncork(c->st);
	return r;
}

static int
send_frame(struct wsconn *c, uint8_t op, struct span body)
{
	uint8_t head[WS_HEAD_MAX];
	size_t n;

	if (c->is_client)
		return send_masked(c, op, body);
	n = ws_encode_head(head, op, true, body.n, NULL);
	return stream_write2(c->st, span_of(head, n), body);
}

int
wsconn_send(struct wsconn *c, uint8_t op, struct span body)
{
	size_t max = c->o.queue_max;

	assert(op == WS_TEXT || op == WS_BINARY);
	if (!wsconn_is_open(c) || c->close_sent)
		return ERR_CLOSED;
	if (body.n + WS_HEAD_MAX > max ||
	    stream_queued(c->st) > max - body.n - WS_HEAD_MAX) {
		wsconn_fail(c, ERR_LIMIT, WS_CLOSE_TRY_LATER);
		return ERR_LIMIT;
	}
	return send_frame(c, op, body);
}

int
wsconn_control(struct wsconn *c, uint8_t op, struct span body)
{
	if (!wsconn_is_open(c) || c->close_sent)
		return ERR_CLOSED;
	assert(body.n <= WS_CONTROL_MAX);
	return send_frame(c, op, body);
}

int
wsconn_ping(struct wsconn *c, struct span body)
{
	if (body.n > WS_CONTROL_MAX)
		return ERR_LIMIT;
	c->ping_sent_us = ev_now_us(c->loop);
	return wsconn_control(c, WS_PING, body);
}

void
wsconn_send_close(struct wsconn *c, uint16_t code)
{
	uint8_t body[2] = { (uint8_t)(code >> 8), (uint8_t)code };
	int r;

	if (c->close_sent || !wsconn_is_open(c))
		return;
	r = wsconn_control(c, WS_CLOSE, span_of(body, sizeof(body)));
	c->close_sent = r == 0; /* or the stream is gone, and says so itself */
}

static void
send_held_pong(struct wsconn *c)
{
	uint8_t *pong = c->pong;

	if (pong == NULL || stream_queued(c->st) > STREAM_LOW)
		return;
	c->pong = NULL;
	(void)!wsconn_control(c, WS_PONG, span_of(pong + 1, pong[0]));
	free(pong);
}

/* With a full queue only the newest ping will be answered, which RFC 6455 5.5.3 allows.
 */
void
wsconn_answer_ping(struct wsconn *c, struct span body)
{
	assert(body.n <= WS_CONTROL_MAX);
	if (stream_queued(c->st) <= STREAM_LOW) {
		(void)!wsconn_control(c, WS_PONG, body);
		return;
	}
	if (c->pong == NULL)
		c->pong = xmalloc(1 + WS_CONTROL_MAX);
	c->pong[0] = (uint8_t)body.n;
	if (body.n > 0)
		memcpy(c->pong + 1, body.p, body.n);
	schedule(c);
}

/* --- events ---------------------------------------------------------------- */

/* The stream's read buffer is ours for the call, so the cast is sound. */
static void
on_data(void *arg, struct span in)
{
	struct wsconn *c = arg;

	enter(c);
	wsconn_feed(c, (uint8_t *)(uintptr_t)in.p, in.n);
	if (wsconn_is_open(c))
		sync_reading(c);
	leave(c);
}

static void
on_drain(void *arg)
{
	struct wsconn *c = arg;

	enter(c);
	send_held_pong(c);
	if (wsconn_is_open(c) && c->h != NULL && c->h->on_drain != NULL)
		c->h->on_drain(c->arg);
	leave(c);
}

static void
on_stream_close(void *arg, int err, const char *why)
{
	struct wsconn *c = arg;

	(void)why;
	enter(c);
	if (c->err == 0)
		c->err = err;
	leave(c);
}

static void
send_due_ping(struct wsconn *c, uint64_t now)
{
	uint64_t idle = c->paused ? c->o.ping_ms : stream_idle_ms(c->st);

	if (c->ping_due_ms == 0 || now < c->ping_due_ms)
		return;
	if (idle < c->o.ping_ms) { /* heard meanwhile */
		c->ping_due_ms = now + c->o.ping_ms - idle;
		return;
	}
	c->ping_due_ms = now + c->o.ping_ms;
	/* A peer that does not read gets no more of them. */
	if (stream_queued(c->st) <= STREAM_LOW)
		(void)!wsconn_ping(c, SPAN_NONE);
}

static void
on_timer(void *arg)
{
	struct wsconn *c = arg;
	uint64_t now = ev_now_ms(c->loop);

	enter(c);
	if (wsconn_is_open(c) && c->held && !wsconn_blocked(c)) {
		wsconn_feed_held(c);
		if (wsconn_is_open(c))
			sync_reading(c);
	}
	if (wsconn_is_open(c)) {
		stream_look(c->st);
		if (c->start_due_ms != 0 && now >= c->start_due_ms)
			wsconn_fail(c, ERR_TIMEOUT, WS_CLOSE_POLICY);
		else if (c->o.dead_ms != 0 && silent_ms(c) >= c->o.dead_ms)
			wsconn_fail(c, ERR_TIMEOUT, 0);
	}
	if (wsconn_is_open(c)) {
		send_held_pong(c);
		send_due_ping(c, now);
	}
	if (c->err == 0)
		schedule(c);
	leave(c);
}

/* --- the owner's side -------------------------------------------------------- */

static const struct stream_handler ws_stream_handler = {
	.on_data = on_data,
	.on_drain = on_drain,
	.on_close = on_stream_close,
};

struct wsconn *
wsconn_new(struct stream *st, bool is_client, struct span leftover,
    const struct wsconn_options *o, const struct wsconn_handler *h, void *arg)
{
	struct wsconn *c = xcalloc(1, sizeof(*c));
	struct ev_loop *l = stream_loop(st);
	uint64_t now = ev_now_ms(l);

	c->st = st;
	c->loop = l;
	c->is_client = is_client;
	c->h = h;
	c->arg = arg;
	c->o = *o;
	if (c->o.queue_max == 0)
		c->o.queue_max = QUEUE_DEFAULT;
	buf_init(&c->msg, o->message_max);
	buf_init(&c->part, o->message_max + PART_SLACK + leftover.n);
	if (o->start_ms != 0)
		c->start_due_ms = now + o->start_ms;
	if (o->ping_ms !=
	    0) /* the first one early and at random, so that they spread out */
		c->ping_due_ms = now + o->ping_ms / 2 +
		    ev_random_below(l, (uint32_t)MIN(o->ping_ms / 2 + 1, UINT32_MAX));
	stream_set_handler(st, &ws_stream_handler, c);
	stream_set_queue_max(st, c->o.queue_max + CONTROL_ROOM);
	if (leftover.n > 0) {
		buf_add(&c->part, leftover);
		c->held = true;
	}
	sync_reading(c);
	schedule(c);
	return c;
}

void
wsconn_set_handler(struct wsconn *c, const struct wsconn_handler *h, void *arg)
{
	c->h = h;
	c->arg = arg;
	if (c->closed)
		return;
	sync_reading(c);
	schedule(c);
}

void
wsconn_set_message_max(struct wsconn *c, size_t max)
{
	c->o.message_max = max;
	c->msg.max = MAX(max, c->msg.len);
	c->part.max = MAX(max, c->part.len) + PART_SLACK;
}

bool
wsconn_cork(struct wsconn *c)
{
	return stream_cork(c->st);
}

void
wsconn_uncork(struct wsconn *c)
{
	stream_uncork(c->st);
}

size_t
wsconn_queued(const struct wsconn *c)
{
	return stream_queued(c->st);
}

void
wsconn_pause(struct wsconn *c, bool pause)
{
	if (c->paused == pause || c->closed)
		return;
	c->paused = pause;
	sync_reading(c);
	schedule(c);
}

void
wsconn_close(struct wsconn *c, uint16_t code)
{
	if (c == NULL)
		return;
	assert(!c->closed);
	if (code != 0)
		wsconn_send_close(c, code);
	ev_timer_clear(&c->timer);
	c->closed = true;
	if (c->close_sent)
		stream_finish(c->st, CLOSE_MS);
	else
		stream_close(c->st);
	if (c->depth == 0)
		destroy(c);
}

uint64_t
wsconn_idle_ms(const struct wsconn *c)
{
	return stream_idle_ms(c->st);
}

const char *
wsconn_peer_ip(const struct wsconn *c)
{
	return stream_peer_ip(c->st);
}

struct ev_loop *
wsconn_loop(const struct wsconn *c)
{
	return stream_loop(c->st);
}
