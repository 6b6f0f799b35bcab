/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes from a hostile WebSocket peer, through a simulated network.
 * Property: how the network cuts them changes neither the messages nor how it ends; what
 * was delivered is within message_max.
 *
 * First byte: bit 0 the role, bit 1 whether to pause after each message.
 */
#include "net/wsconn.h"

#include "ev/sim.h"
#include "fuzz/fuzz.h"

enum { MESSAGE_MAX = 300 };

struct run {
	struct wsconn *c;
	bool as_client, pausing, closed;
	int err;
	uint16_t code;
	struct buf log;
	struct span in;
	size_t sent;
	struct ev_stream *peer;
};

static void
on_message(void *arg, uint8_t op, struct span body)
{
	struct run *r = arg;

	PROPERTY("message limit", body.n <= MESSAGE_MAX);
	PROPERTY("opcode", op == WS_TEXT || op == WS_BINARY);
	buf_add_u8(&r->log, op);
	buf_add_be32(&r->log, (uint32_t)body.n);
	buf_add(&r->log, body);
	(void)!wsconn_send(r->c, op, body);
	if (r->pausing)
		wsconn_pause(r->c, true);
}

static void
on_close(void *arg, int err, uint16_t code)
{
	struct run *r = arg;

	PROPERTY("one close", !r->closed);
	r->closed = true;
	r->err = err;
	r->code = code;
}

static void
on_accept(void *arg, struct ev_stream *s)
{
	static const struct wsconn_handler h = { .on_message = on_message,
		.on_close = on_close };
	static const struct wsconn_options o = { .message_max = MESSAGE_MAX };
	struct run *r = arg;

	r->c = wsconn_new(
	    stream_new(s, NULL, NULL, NULL, NULL), r->as_client, SPAN_NONE, &o, &h, r);
}

static void
peer_write(void *arg)
{
	struct run *r = arg;
	size_t put = 0;

	while (r->sent < r->in.n &&
	    ev_write(r->peer, r->in.p + r->sent, r->in.n - r->sent, &put) == 0)
		r->sent += put;
	ev_stream_want(r->peer, false, false);
}

static void
on_connect(void *arg, struct ev_stream *s, int err, const char *why)
{
	static const struct ev_stream_ops ops = { NULL, peer_write };
	struct run *r = arg;

	(void)err;
	(void)why;
	r->peer = s;
	ev_stream_set(s, &ops, r);
	ev_stream_want(s, false, true);
}

static void
play(struct run *r, uint32_t segment)
{
	struct sim_world *w = sim_new(&(struct sim_options){
	    .seed = segment, .segment_max = segment, .buffer = 1 << 20 });
	struct ev_loop *server = sim_host(w, "s"), *client = sim_host(w, "c");
	struct ev_listener *ln;
	uint32_t idle = 0;

	buf_init(&r->log, 1 << 22);
	PROPERTY("listens", ev_listen(&ln, server, "", 1, on_accept, r, NULL) == 0);
	ev_connect(client, "s", 1, 1000, on_connect, r);
	while (idle < 3) {
		size_t before = r->log.len;

		sim_run_for(w, 20);
		if (r->c != NULL && !r->closed)
			wsconn_pause(r->c, false);
		idle = r->log.len == before ? idle + 1 : 0;
	}
	wsconn_close(r->c, 1000);
	sim_run_for(w, 10000);
	ev_close(r->peer);
	ev_listener_close(ln);
	ev_loop_free(server);
	ev_loop_free(client);
	sim_free(w);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint32_t segments[] = { 100000, 1, 6 };
	struct run first = { 0 };

	if (size == 0 || size > 20000)
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(segments); i++) {
		struct run r = { .as_client = data[0] & 1,
			.pausing = data[0] & 2,
			.in = span_of(data + 1, size - 1) };

		play(&r, segments[i]);
		if (i == 0) {
			first = r;
			continue;
		}
		PROPERTY(
		    "same messages", span_eq(buf_span(&first.log), buf_span(&r.log)));
		PROPERTY("same end",
		    first.closed == r.closed && first.err == r.err &&
			first.code == r.code);
		buf_fini(&r.log);
	}
	buf_fini(&first.log);
	return 0;
}
