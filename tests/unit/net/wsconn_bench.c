/* SPDX-License-Identifier: Apache-2.0 */
/* See wsconn_bench.h. */
#include "wsconn_bench.h"

static void
on_message(void *arg, uint8_t op, struct span body)
{
	struct end *e = arg;

	e->messages++;
	e->bytes += body.n;
	if (e->log.len < 100000) {
		buf_addf(&e->log, "%c", op == WS_TEXT ? 'T' : 'B');
		if (body.n <= 20) {
			buf_add_str(&e->log, ":");
			buf_add(&e->log, body);
		} else {
			buf_addf(&e->log, "#%zu", body.n);
		}
		buf_add_str(&e->log, ";");
	}
	if (e->echo)
		(void)!wsconn_send(e->c, op, body);
	if (e->pause_every != 0 && e->messages % e->pause_every == 0)
		wsconn_pause(e->c, true);
	if (e->close_on_message != 0) {
		wsconn_close(e->c, e->close_on_message);
		e->c = NULL;
	}
}

static void
on_drain(void *arg)
{
	struct end *e = arg;

	e->drains++;
}

static void
on_close(void *arg, int err, uint16_t code)
{
	struct end *e = arg;

	assert_false(e->closed);
	e->closed = true;
	e->err = err;
	e->code = code;
}

static void
on_pong(void *arg, uint64_t rtt_us)
{
	struct end *e = arg;

	e->pongs++;
	e->rtt_us = rtt_us;
}

const struct wsconn_handler bench_handler = { on_message, on_drain, on_close, on_pong };

static void
on_accept(void *arg, struct ev_stream *s)
{
	struct bench *f = arg;
	struct end *e = &f->server;

	e->st = stream_new(s, NULL, NULL, NULL, NULL);
	e->c = wsconn_new(e->st, f->server_is_client, SPAN_NONE, &f->server_o,
	    f->late_handler ? NULL : &bench_handler, e);
	e->up = true;
}

static void
on_connect(void *arg, struct ev_stream *s, int err, const char *why)
{
	struct bench *f = arg;
	struct end *e = &f->client;

	(void)why;
	assert_int_equal(err, 0);
	e->st = stream_new(s, NULL, NULL, NULL, NULL);
	e->c = wsconn_new(e->st, true, SPAN_NONE, &f->client_o, &bench_handler, e);
	e->up = true;
}

void
bench_up(struct bench *f, const struct sim_options *o)
{
	*f = (struct bench){ 0 };
	world_sim(&f->w, o);
	buf_init(&f->server.log, 1 << 20);
	buf_init(&f->client.log, 1 << 20);
	f->server_o.message_max = f->client_o.message_max = MESSAGE_MAX;
	assert_int_equal(ev_listen(&f->ln, f->w.server, "", 9, on_accept, f, NULL), 0);
}

void
bench_connect(struct bench *f)
{
	ev_connect(f->w.client, "server", 9, 1000, on_connect, f);
}

void
bench_dial(struct bench *f)
{
	bench_connect(f);
	assert_true(world_until(&f->w, &f->client.up, 1000));
	assert_true(world_until(&f->w, &f->server.up, 1000));
}

void
bench_down(struct bench *f)
{
	wsconn_close(f->server.c, 0);
	wsconn_close(f->client.c, 0);
	ev_listener_close(f->ln);
	world_run(&f->w, 10000); /* finishing streams end by themselves */
	buf_fini(&f->server.log);
	buf_fini(&f->client.log);
	world_fini(&f->w);
}

void
add_frame(struct buf *b, uint8_t first, const char *body, size_t n, bool masked)
{
	static const uint8_t key[4] = { 0x37, 0xfa, 0x21, 0x3d };
	uint8_t head[WS_HEAD_MAX], *p;
	size_t hl = ws_encode_head(head, 0, true, n, masked ? key : NULL);

	head[0] = first;
	buf_add(b, span_of(head, hl));
	p = buf_grow(b, n);
	assert_non_null(p);
	if (n > 0)
		memcpy(p, body, n);
	if (masked)
		ws_mask(p, n, key, 0);
}
