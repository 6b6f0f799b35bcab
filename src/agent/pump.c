/* SPDX-License-Identifier: Apache-2.0 */
/* See pump.h. */
#include "agent/pump.h"

#include "base/text.h"

enum { SHORT_READ = 1024 }; /* a terminal that has more gives at least so much */

static void on_readable(void *arg);
static void on_writable(void *arg);

static const struct ev_stream_ops pump_stream = {
	.readable = on_readable,
	.writable = on_writable,
};

static void
want(struct agent_pump *p, bool read)
{
	p->stalled = !read;
	ev_stream_want(p->s, read, p->wants_write);
}

static void
end(struct agent_pump *p)
{
	ev_timer_clear(&p->hold);
	ev_close(STEAL(p->s));
	p->ops->ended(p->arg);
}

static void
on_hold(void *arg)
{
	struct agent_pump *p = arg;

	p->flush = true;
	on_readable(p);
}

/* Keeps the first bytes of a character for the next payload. */
static size_t
hold_back(struct agent_pump *p, struct span text, bool may_hold)
{
	size_t n = may_hold && !p->bytes ? utf8_incomplete_tail(text) : 0;

	p->ntail = (uint8_t)n;
	if (n == 0) {
		ev_timer_clear(&p->hold);
		return text.n;
	}
	memcpy(p->tail, text.p + text.n - n, n);
	if (!ev_timer_is_set(&p->hold))
		ev_timer_set(ev_stream_loop(p->s), &p->hold, PUMP_HOLD_MS, on_hold, p);
	return text.n - n;
}

/*
 * Fills b from the stream.  Returns what ended the filling: 0 when it is full.  A short read
 * ends it, too, unless all is wanted: an echo does not wait for the answer that nothing
 * follows it.
 */
static int
fill(struct agent_pump *p, uint8_t *b, size_t size, size_t *len, bool all)
{
	int r = 0;

	while (r == 0 && *len < size) {
		size_t got = 0;

		r = ev_read(p->s, b + *len, size - *len, &got);
		*len += r == 0 ? got : 0;
		if (r == 0 && got < SHORT_READ && !all)
			return ERR_AGAIN;
	}
	return r;
}

/* One payload.  ERR_AGAIN: nothing more to read now; ERR_LIMIT: no room. */
static int
move(struct agent_pump *p, bool all)
{
	uint8_t b[PUMP_CHUNK];
	size_t room = MIN(p->ops->room(p->arg), sizeof(b));
	size_t skip = p->mid_line ? 0 : strlen(p->prefix), len, old = p->ntail, n;
	bool flush = p->flush;
	int r;

	if (room <= skip + sizeof(p->tail))
		return ERR_LIMIT;
	memcpy(b, p->prefix, skip);
	memcpy(b + skip, p->tail, p->ntail);
	len = skip + p->ntail;
	p->flush = false;
	r = fill(p, b, room, &len, all);
	if (len == skip + old && r == ERR_AGAIN && !flush)
		return r;
	if (len > skip + old || flush) /* the wait for the old tail is over */
		ev_timer_clear(&p->hold);
	n = skip +
	    hold_back(
		p, span_of(b + skip, len - skip), r == 0 || (r == ERR_AGAIN && !flush));
	if (n > skip) {
		p->mid_line = b[n - 1] != '\n';
		p->ops->send(p->arg, p->type, span_of(b, n));
	}
	return r;
}

static void
on_readable(void *arg)
{
	struct agent_pump *p = arg;

	for (int i = 0; i < PUMP_TURN; i++) {
		int r = move(p, false);

		if (r == ERR_LIMIT) {
			want(p, false);
			return;
		}
		if (r == ERR_AGAIN)
			return;
		if (r != 0) {
			end(p);
			return;
		}
	}
}

static void
on_writable(void *arg)
{
	struct agent_pump *p = arg;

	if (p->ops->writable != NULL)
		p->ops->writable(p->arg);
}

void
agent_pump_want_write(struct agent_pump *p, bool write)
{
	p->wants_write = write;
	if (p->s != NULL)
		ev_stream_want(p->s, !p->stalled, write);
}

void
agent_pump_start(struct agent_pump *p, struct ev_stream *s, uint32_t type,
    const char *prefix, const struct pump_ops *ops, void *arg)
{
	*p = (struct agent_pump){
		.s = s, .type = type, .prefix = prefix, .ops = ops, .arg = arg
	};
	ev_stream_set(s, &pump_stream, p);
	want(p, true);
}

void
agent_pump_go(struct agent_pump *p)
{
	if (p->s == NULL || !p->stalled || p->ops->room(p->arg) == 0)
		return;
	want(p, true);
	if (p->flush)
		on_readable(p);
}

void
agent_pump_catch_up(struct agent_pump *p)
{
	for (int i = 0; p->s != NULL && i < PUMP_TURN && move(p, true) == 0; i++)
		;
}

void
agent_pump_finish(struct agent_pump *p)
{
	int r = 0;

	while (p->s != NULL && r == 0)
		r = move(p, true);
	if (p->s == NULL)
		return;
	p->flush = true;
	(void)move(p, true);
	end(p);
}

void
agent_pump_close(struct agent_pump *p)
{
	ev_timer_clear(&p->hold);
	if (p->s != NULL)
		ev_close(STEAL(p->s));
}
