/* SPDX-License-Identifier: Apache-2.0 */
/* See http_bench.h. */
#include "http_bench.h"

struct script_conn {
	struct script *x;
	uint32_t i;
};

static struct script_conn conns[8];

static void
script_read(void *arg)
{
	struct script_conn *k = arg;
	struct script *x = k->x;
	uint8_t data[4096];
	size_t got, put;
	int r;

	while ((r = ev_read(x->s[k->i], data, sizeof(data), &got)) == 0) {
		buf_add(&x->heard, span_of(data, got));
		if (x->silent ||
		    memmem(x->heard.p + x->mark, x->heard.len - x->mark, "\r\n\r\n", 4) ==
			NULL)
			continue;
		x->mark = x->heard.len;
		for (size_t off = 0; off < x->say.n; off += put)
			assert_int_equal(
			    ev_write(x->s[k->i], x->say.p + off, x->say.n - off, &put),
			    0);
		if (x->close) {
			ev_close(x->s[k->i]);
			x->s[k->i] = NULL;
			return;
		}
	}
	if (r != ERR_AGAIN) {
		ev_close(x->s[k->i]);
		x->s[k->i] = NULL;
	}
}

static void
script_accept(void *arg, struct ev_stream *s)
{
	static const struct ev_stream_ops ops = { script_read, NULL };
	struct script *x = arg;
	uint32_t i = x->accepted++;

	assert_in_range(i, 0, 7);
	x->s[i] = s;
	conns[i] = (struct script_conn){ x, i };
	ev_stream_set(s, &ops, &conns[i]);
	ev_stream_want(s, true, false);
}

void
script_init(struct script *x, struct span say, bool close)
{
	*x = (struct script){ .say = say, .close = close };
	world_sim(&x->w, &(struct sim_options){ .seed = 5, .segment_max = 9 });
	buf_init(&x->heard, 1 << 20);
	assert_int_equal(
	    ev_listen(&x->ln, x->w.server, "", 80, script_accept, x, NULL), 0);
	x->c = http_client_new(x->w.client, NULL, NULL, NULL);
}

void
script_fini(struct script *x)
{
	http_client_free(x->c);
	for (uint32_t i = 0; i < x->accepted; i++)
		ev_close(x->s[i]);
	ev_listener_close(x->ln);
	buf_fini(&x->heard);
	world_fini(&x->w);
}

void
outcome_init(struct outcome *o)
{
	*o = (struct outcome){ 0 };
	buf_init(&o->body, 64 << 20);
}

void
outcome_done(void *arg, const struct http_response *r, int err, const char *why)
{
	struct outcome *o = arg;

	assert_false(o->done);
	o->done = true;
	o->err = err;
	(void)snprintf(o->why, sizeof(o->why), "%s", why != NULL ? why : "");
	assert_int_equal(r == NULL, err != 0);
	if (r != NULL) {
		o->status = r->status;
		buf_add(&o->body, r->body);
	}
	http_client_free(o->free_it);
}
