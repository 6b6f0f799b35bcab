/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See forward.h: one connection, raw bytes.
 *
 *	DIALLING --> CONNECTED --DisconnectToPort, or its end (stay)--> IDLE
 *	    ^  \                                                      |
 *	    |   \__ failed                        the next data       |
 *	    |_________________________________________________________|
 *
 * The client puts every payload into its connection, whatever its type: only Output is
 * ever sent.
 */
#include "agent/forward_int.h"
#include "base/log.h"
#include "proto/agentmsg.h"
#include "proto/handshake.h"

static void on_readable(void *arg);
static void on_writable(void *arg);
static void on_dialled(void *arg, struct ev_stream *s, int err, const char *why);

static const struct ev_stream_ops stream_ops = {
	.readable = on_readable,
	.writable = on_writable,
};

static void
want(struct forward_basic *b)
{
	ev_stream_want(b->s, !b->stalled, b->rest.len > b->done);
}

static void
dial(struct agent_forward *w)
{
	w->basic.waits = !forward_may_open(w);
	if (!w->basic.waits)
		w->basic.dial = agent_dial_start(w->loop, &w->to, on_dialled, w);
}

static void
disconnect(struct agent_forward *w)
{
	struct forward_basic *b = &w->basic;

	ev_timer_clear(&b->linger);
	agent_dial_cancel(STEAL(b->dial));
	b->waits = false;
	if (b->s != NULL)
		ev_close(STEAL(b->s));
	buf_reset(&b->rest);
	b->done = 0;
	b->lingered = b->stalled = false;
}

/* The connection is at its end by itself. */
static void
hung_up(struct agent_forward *w)
{
	disconnect(w);
	if (w->basic.stay)
		forward_input_ready(w); /* which dials again */
	else
		forward_ended(w);
}

static void
on_dialled(void *arg, struct ev_stream *s, int err, const char *why)
{
	struct agent_forward *w = arg;
	struct forward_basic *b = &w->basic;
	char text[360];

	b->dial = NULL;
	forward_report(w, s, err, why);
	if (err == ERR_DENIED) {
		forward_failed(w, why);
		return;
	}
	if (err != 0) {
		(void)snprintf(
		    text, sizeof(text), "Unable to connect to specified port: %s", why);
		forward_failed(w, text);
		return;
	}
	b->s = s;
	ev_stream_set(s, &stream_ops, w);
	want(b);
	forward_input_ready(w);
}

/* --- from the connection to the client ----------------------------------------- */

/* One payload.  ERR_LIMIT: no room. */
static int
move(struct agent_forward *w)
{
	uint8_t buf[FORWARD_CHUNK];
	size_t room = MIN(w->ops->room(w->arg), sizeof(buf)), len = 0;
	int r = room == 0 ? ERR_LIMIT : 0;

	while (r == 0 && len < room) {
		size_t got = 0;

		r = ev_read(w->basic.s, buf + len, room - len, &got);
		len += r == 0 ? got : 0;
	}
	if (len > 0)
		w->ops->send(w->arg, PAYLOAD_OUTPUT, span_of(buf, len));
	return r;
}

static void
on_readable(void *arg)
{
	struct agent_forward *w = arg;
	int r = 0;

	for (int i = 0; i < FORWARD_TURN && r == 0; i++)
		r = move(w);
	if (r == 0 || r == ERR_AGAIN)
		return;
	if (r == ERR_LIMIT) {
		w->basic.stalled = true;
		want(&w->basic);
		return;
	}
	hung_up(w);
}

void
forward_basic_go(struct agent_forward *w)
{
	struct forward_basic *b = &w->basic;

	if (b->waits)
		dial(w);
	if (b->s == NULL || !b->stalled || w->ops->room(w->arg) == 0)
		return;
	b->stalled = false;
	want(b);
}

/* --- from the client to the connection ------------------------------------------- */

/* As much as the connection takes.  Not 0 and not ERR_AGAIN: it is gone. */
static int
put(struct forward_basic *b, struct span in, size_t *done)
{
	int r = 0;

	while (r == 0 && *done < in.n) {
		size_t n = 0;

		r = ev_write(b->s, in.p + *done, in.n - *done, &n);
		*done += r == 0 ? n : 0;
	}
	return r;
}

static void
on_writable(void *arg)
{
	struct agent_forward *w = arg;
	struct forward_basic *b = &w->basic;
	int r = put(b, buf_span(&b->rest), &b->done);

	if (r == ERR_AGAIN)
		return;
	/* Or it is gone; that is noticed by reading, when all that it said was read. */
	buf_fini(&b->rest); /* connections rest for long; so may its memory */
	buf_init(&b->rest, FORWARD_PAYLOAD);
	b->done = 0;
	want(b);
	forward_input_ready(w);
}

int
forward_basic_input(struct agent_forward *w, struct span in)
{
	struct forward_basic *b = &w->basic;
	size_t done = 0;
	int r;

	if (b->s == NULL) {
		if (b->dial == NULL)
			dial(w);
		return ERR_AGAIN;
	}
	if (b->rest.len > 0)
		return ERR_AGAIN;
	r = put(b, in, &done);
	if (r == ERR_AGAIN) {
		buf_add(&b->rest, span_sub(in, done, in.n));
		if (buf_check(&b->rest) != 0)
			return ERR_LIMIT; /* longer than any message may be */
		want(b);
	}
	/* A connection that is gone is noticed by reading: it may have said why. */
	return 0;
}

static void
on_linger(void *arg)
{
	struct agent_forward *w = arg;

	w->basic.lingered = true;
	forward_input_ready(w);
}

/* The client has said all; the service may still have to answer. */
static int
end_input(struct forward_basic *b)
{
	if (b->dial != NULL || b->waits || b->rest.len > 0)
		return ERR_AGAIN;
	if (b->s != NULL)
		ev_shutdown_write(b->s);
	return 0;
}

/* All flags come behind data that the connection may not have taken yet. */
int
forward_basic_flag(struct agent_forward *w, uint32_t flag)
{
	struct forward_basic *b = &w->basic;

	if (flag == FLAG_END_OF_INPUT && !b->stay)
		return end_input(b);
	if (flag != FLAG_DISCONNECT_TO_PORT && flag != FLAG_TERMINATE_SESSION)
		return 0;
	if (b->rest.len > 0 && !b->lingered) {
		if (!ev_timer_is_set(&b->linger))
			ev_timer_set(
			    w->loop, &b->linger, FORWARD_LINGER_MS, on_linger, w);
		return ERR_AGAIN;
	}
	if (b->dial != NULL)
		forward_report(w, NULL, ERR_CANCELLED, FORWARD_GAVE_UP);
	disconnect(w);
	return 0;
}

void
forward_basic_start(struct agent_forward *w, bool stay)
{
	w->basic = (struct forward_basic){ .stay = stay };
	buf_init(&w->basic.rest, FORWARD_PAYLOAD);
	dial(w);
}

void
forward_basic_close(struct agent_forward *w)
{
	disconnect(w);
	buf_fini(&w->basic.rest);
}
