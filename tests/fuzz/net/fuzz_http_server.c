/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes from a hostile HTTP client, through a simulated network.
 * Property: how the network cuts them changes neither which requests the handler sees nor
 * whether the connection is open afterwards; bodies and heads keep their limits.
 */
#include "net/http_server.h"

#include "ev/sim.h"
#include "fuzz/fuzz.h"
#include "net/wsconn.h"

enum { HEAD_MAX = 600, BODY_MAX = 300 };

struct run {
	struct span in;
	size_t sent;
	struct ev_stream *peer;
	bool eof;
	struct buf log;
};

static void
handle(void *arg, struct http_req *r)
{
	struct run *x = arg;

	PROPERTY("body limit", r->body.n <= BODY_MAX);
	PROPERTY("head limit", r->head->target.n <= HEAD_MAX);
	buf_add_str(&x->log, r->head->method);
	buf_add(&x->log, r->head->target);
	buf_add_be32(&x->log, (uint32_t)r->body.n);
	buf_add(&x->log, r->body);
	buf_add_u8(&x->log, (uint8_t)r->head->nheaders);
	http_reply(r, 200, NULL, r->body);
}

static void
peer_write(void *arg)
{
	struct run *x = arg;
	size_t put = 0;

	while (x->sent < x->in.n &&
	    ev_write(x->peer, x->in.p + x->sent, x->in.n - x->sent, &put) == 0)
		x->sent += put;
	ev_stream_want(x->peer, true, false);
}

static void
peer_read(void *arg)
{
	struct run *x = arg;
	uint8_t data[1000];
	size_t got;
	int r;

	while ((r = ev_read(x->peer, data, sizeof(data), &got)) == 0)
		;
	if (r != ERR_AGAIN) {
		x->eof = true;
		ev_stream_want(x->peer, false, false);
	}
}

static void
on_connect(void *arg, struct ev_stream *s, int err, const char *why)
{
	static const struct ev_stream_ops ops = { peer_read, peer_write };
	struct run *x = arg;

	(void)err;
	(void)why;
	x->peer = s;
	ev_stream_set(s, &ops, x);
	ev_stream_want(s, true, true);
}

static void
play(struct run *x, uint32_t segment)
{
	static const struct http_limits lim = { HEAD_MAX, BODY_MAX, 1 << 20, 1 << 20,
		1 << 20, 0 };
	struct sim_world *w = sim_new(&(struct sim_options){
	    .seed = segment, .segment_max = segment, .buffer = 1 << 20 });
	struct ev_loop *server = sim_host(w, "s"), *client = sim_host(w, "c");
	struct http_server *s;

	buf_init(&x->log, 1 << 22);
	PROPERTY("listens",
	    http_server_new(&s, server, "", 1, NULL, &lim, handle, x, NULL) == 0);
	ev_connect(client, "s", 1, 1000, on_connect, x);
	sim_run_for(w, 5000);
	http_server_free(s);
	ev_close(x->peer);
	ev_loop_free(server);
	ev_loop_free(client);
	sim_free(w);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint32_t segments[] = { 100000, 1, 6 };
	struct run first = { 0 };

	if (size > 20000)
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(segments); i++) {
		struct run x = { .in = span_of(data, size) };

		play(&x, segments[i]);
		if (i == 0) {
			first = x;
			continue;
		}
		PROPERTY(
		    "same requests", span_eq(buf_span(&first.log), buf_span(&x.log)));
		PROPERTY("same end", first.eof == x.eof);
		buf_fini(&x.log);
	}
	buf_fini(&first.log);
	return 0;
}
