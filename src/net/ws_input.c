/* SPDX-License-Identifier: Apache-2.0 */
/*
 * WebSocket frames that arrive: RFC 6455 5.  A whole frame inside the read buffer is
 * unmasked where it lies and delivered without a copy; only the one frame that a read cut
 * in two is gathered in a buffer, which is freed as soon as the frame is complete.
 */
#include "base/text.h"
#include "net/wsconn_priv.h"

static void
message(struct wsconn *c, uint8_t op, struct span body)
{
	if (op == WS_TEXT && !utf8_valid(body)) {
		wsconn_fail(c, ERR_PROTOCOL, WS_CLOSE_BAD_DATA);
		return;
	}
	c->start_due_ms = 0;
	if (c->h->on_message != NULL)
		c->h->on_message(c->arg, op, body);
}

static void
data_frame(struct wsconn *c, const struct ws_frame *f, struct span body)
{
	auto_buf whole = { 0 };
	uint8_t op = c->msg_op;

	if (f->fin && f->op != WS_CONT) {
		message(c, f->op, body);
		return;
	}
	if (f->op != WS_CONT)
		c->msg_op = f->op;
	buf_add(&c->msg, body);
	if (!f->fin)
		return;
	whole = c->msg; /* so that the connection may end inside the callback */
	buf_init(&c->msg, c->o.message_max);
	c->msg_op = 0;
	message(c, op, buf_span(&whole));
}

static void
close_frame(struct wsconn *c, struct span body)
{
	uint16_t code = body.n >= 2 ? get_be16(body.p) : 0;

	if (body.n == 1 || (body.n >= 2 && !ws_close_code_valid(code))) {
		wsconn_fail(c, ERR_PROTOCOL, WS_CLOSE_PROTOCOL);
		return;
	}
	if (body.n > 2 && !utf8_valid(span_sub(body, 2, body.n))) {
		wsconn_fail(c, ERR_PROTOCOL, WS_CLOSE_BAD_DATA);
		return;
	}
	c->code = code;
	wsconn_fail(c, ERR_CLOSED, code != 0 ? code : WS_CLOSE_NORMAL);
}

static void
pong_frame(struct wsconn *c)
{
	uint64_t sent = c->ping_sent_us;

	c->ping_sent_us = 0;
	if (sent != 0 && c->h->on_pong != NULL)
		c->h->on_pong(c->arg, ev_now_us(stream_loop(c->st)) - sent);
}

static void
frame(struct wsconn *c, const struct ws_frame *f, uint8_t *p)
{
	struct span body = span_of(p, (size_t)f->body_len);

	if (f->masked)
		ws_mask(p, body.n, f->key, 0);
	switch (f->op) {
	case WS_CLOSE:
		close_frame(c, body);
		break;
	case WS_PING:
		wsconn_answer_ping(c, body);
		break;
	case WS_PONG:
		pong_frame(c);
		break;
	default:
		data_frame(c, f, body);
	}
}

/* What can be told from the head alone, before any of the body is kept. */
static int
check_head(struct wsconn *c, const struct ws_frame *f)
{
	bool control = f->op >= WS_CLOSE;

	if (f->masked == c->is_client)
		return ERR_PROTOCOL;
	if (control)
		return 0;
	if ((f->op == WS_CONT) != (c->msg_op != 0))
		return ERR_PROTOCOL;
	if (c->msg.len > c->o.message_max || f->body_len > c->o.message_max - c->msg.len)
		return ERR_LIMIT;
	return 0;
}

/* 0, ERR_AGAIN, or an error after which the connection has failed. */
static int
head(struct wsconn *c, struct ws_frame *f, struct span in)
{
	int r = ws_decode_head(f, in, MAX(c->o.message_max, (size_t)WS_CONTROL_MAX));

	if (r == 0)
		r = check_head(c, f);
	if (r == 0 || r == ERR_AGAIN)
		return r;
	if (r == ERR_LIMIT)
		wsconn_fail(c, ERR_LIMIT, WS_CLOSE_TOO_BIG);
	else
		wsconn_fail(c, ERR_PROTOCOL, WS_CLOSE_PROTOCOL);
	return r;
}

/* Adds to the frame that a read cut in two; returns how much it took. */
static size_t
feed_part(struct wsconn *c, const uint8_t *p, size_t n)
{
	struct ws_frame f;
	size_t used = 0, total, take;
	int r;

	while ((r = head(c, &f, buf_span(&c->part))) == ERR_AGAIN && used < n)
		buf_add(&c->part, span_of(p + used++, 1));
	if (r != 0)
		return used;
	total = f.head_len + (size_t)f.body_len;
	assert(c->part.len <= total);
	take = MIN(n - used, total - c->part.len);
	buf_add(&c->part, span_of(p + used, take));
	used += take;
	if (c->part.len == total) {
		auto_buf whole = c->part;

		buf_init(&c->part, whole.max);
		frame(c, &f, whole.p + f.head_len);
	}
	return used;
}

/* What begins here will be gathered: in one place from the start, if its length is known. */
static void
reserve_frame(struct wsconn *c, struct span in)
{
	struct ws_frame f;

	if (c->part.len == 0 && ws_decode_head(&f, in, c->o.message_max) == 0)
		buf_reserve(&c->part, f.head_len + (size_t)f.body_len);
}

void
wsconn_feed(struct wsconn *c, uint8_t *p, size_t n)
{
	while (n > 0 && wsconn_is_open(c) && !wsconn_blocked(c)) {
		struct ws_frame f;
		size_t used;

		if (c->part.len > 0) {
			used = feed_part(c, p, n);
		} else {
			int r = head(c, &f, span_of(p, n));

			if (r == ERR_AGAIN || (r == 0 && n - f.head_len < f.body_len))
				break;
			if (r != 0)
				return;
			used = f.head_len + (size_t)f.body_len;
			frame(c, &f, p + f.head_len);
		}
		p += used;
		n -= used;
	}
	if (n == 0 || !wsconn_is_open(c))
		return;
	reserve_frame(c, span_of(p, n));
	buf_add(&c->part, span_of(p, n));
	c->held = wsconn_blocked(c);
}

void
wsconn_feed_held(struct wsconn *c)
{
	auto_buf in = c->part;

	c->held = false;
	buf_init(&c->part, in.max);
	wsconn_feed(c, in.p, in.len);
}
