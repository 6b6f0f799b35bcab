/* SPDX-License-Identifier: Apache-2.0 */
/* See stream_bench.h. */
#include "stream_bench.h"

void
side_close(struct side *x)
{
	ev_close(x->s);
	x->s = NULL;
}

static void
on_readable(void *arg)
{
	struct side *x = arg;
	size_t got;
	int r;

	x->calls++;
	if (x->close_at_call) {
		side_close(x);
		env_done(x->e);
		return;
	}
	while ((r = ev_read(x->s, x->in + x->nin, ROOM - x->nin, &got)) == 0) {
		assert_true(got > 0);
		x->nin += got;
	}
	if (r != ERR_AGAIN) {
		x->end = r;
		ev_stream_want(x->s, false, false);
		if (x->reply_at_end) {
			assert_int_equal(ev_write(x->s, "bye", 3, &got), 0);
			side_close(x);
		} else {
			env_done(x->e);
		}
	} else if (x->want != 0 && x->nin >= x->want) {
		env_done(x->e);
	}
}

static void
on_writable(void *arg)
{
	struct side *x = arg;

	env_done(x->e);
}

static const struct ev_stream_ops side_ops = { on_readable, on_writable };

static void
side_start(struct side *x, struct env *e, struct ev_stream *s)
{
	x->e = e;
	x->s = s;
	free(x->in);
	x->in = xcalloc(1, ROOM);
	ev_stream_set(s, &side_ops, x);
	ev_stream_want(s, true, false);
}

static void
pair_ready(struct pair *p)
{
	if (p->srv.s != NULL && p->cli.s != NULL)
		env_done(p->e);
}

void
pair_accept(void *arg, struct ev_stream *s)
{
	struct pair *p = arg;

	p->naccepted++;
	if (p->srv.s != NULL) {
		ev_close(s);
		return;
	}
	side_start(&p->srv, p->e, s);
	pair_ready(p);
}

void
pair_connected(void *arg, struct ev_stream *s, int err, const char *why)
{
	struct pair *p = arg;

	p->nconnected++;
	p->err = err;
	snprintf(p->why, sizeof(p->why), "%s", why);
	if (s == NULL || p->cli.s != NULL) {
		ev_close(s);
		env_done(p->e);
		return;
	}
	side_start(&p->cli, p->e, s);
	pair_ready(p);
}

void
pair_listen(struct pair *p, void *state, const char *at)
{
	struct fault f = { 0 };

	*p = (struct pair){ .e = state };
	if (ev_listen(&p->ln, p->e->server, at, 0, pair_accept, p, &f) != 0)
		fail_msg("%s", fault_text(&f));
}

void
pair_open(struct pair *p, void *state)
{
	pair_listen(p, state, "");
	ev_connect(
	    p->e->client, p->e->host, ev_listener_port(p->ln), 5000, pair_connected, p);
	env_run(p->e);
	assert_int_equal(p->err, 0);
}

void
pair_end(struct pair *p)
{
	ev_close(p->srv.s);
	ev_close(p->cli.s);
	ev_listener_close(p->ln);
	free(p->srv.in);
	free(p->cli.in);
}

void
side_say(struct side *x, const char *text)
{
	size_t put;

	assert_int_equal(ev_write(x->s, text, strlen(text), &put), 0);
	assert_int_equal(put, strlen(text));
}
