/* SPDX-License-Identifier: Apache-2.0 */
/* One end of a connection through a forwarded port; see flow.h. */
#include "flow.h"

enum {
	PIECE = 4096,
	HEAD = 16, /* salt, bytes up, bytes down */
	RIGHT = 'y',
	WRONG = 'n',
};

static uint32_t
total_out(const struct flow *f)
{
	return f->is_service ? f->down : f->up;
}

static uint32_t
total_in(const struct flow *f)
{
	return f->is_service ? f->up : f->down;
}

static uint8_t
byte_at(uint64_t salt, bool up, uint32_t pos)
{
	uint64_t z = salt + up + pos / 8 * 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	return (uint8_t)(z >> 8 * (pos % 8));
}

/* --- the end ------------------------------------------------------------------------ */

static void
settle(struct flow *f, enum flow_state state)
{
	ev_timer_clear(&f->rest);
	ev_close(STEAL(f->s));
	f->state = state;
	f->over(f->arg);
}

void
flow_close(struct flow *f)
{
	ev_timer_clear(&f->rest);
	if (f->s != NULL)
		ev_close(STEAL(f->s));
	if (f->state == FLOW_RUNS)
		f->state = FLOW_BROKEN;
}

/* --- writing -------------------------------------------------------------------------- */

/* The next piece of what this end has to say: head, stream, verdict.  0: nothing now. */
static size_t
next_piece(const struct flow *f, uint8_t out[PIECE])
{
	uint32_t stream = f->sent, n;

	if (!f->is_service) {
		uint8_t head[HEAD];

		put_be64(head, f->salt);
		put_be32(head + 8, f->up);
		put_be32(head + 12, f->down);
		if (f->sent < HEAD) {
			memcpy(out, head + f->sent, HEAD - f->sent);
			return HEAD - f->sent;
		}
		stream -= HEAD;
	} else if (f->head_n < HEAD) {
		return 0;
	}
	n = MIN(total_out(f) - MIN(stream, total_out(f)), (uint32_t)PIECE);
	for (uint32_t i = 0; i < n; i++)
		out[i] = byte_at(f->salt, !f->is_service, stream + i);
	if (n == 0 && f->is_service && f->eof && !f->told) {
		out[n++] = f->differs || f->got != f->up ? WRONG : RIGHT;
	}
	return n;
}

static bool
said_all(const struct flow *f)
{
	if (f->is_service)
		return f->head_n == HEAD && f->sent == f->down + 1;
	return f->sent == HEAD + f->up;
}

/* 0; ERR_AGAIN; anything else: the connection is gone. */
static int
write_some(struct flow *f)
{
	uint8_t piece[PIECE];
	size_t n, put;
	int r = 0;

	while (r == 0 && (n = next_piece(f, piece)) > 0) {
		if ((r = ev_write(f->s, piece, n, &put)) == 0)
			f->sent += (uint32_t)put;
		f->told = f->is_service && said_all(f);
	}
	if (r == 0 && said_all(f) && !f->shut) {
		f->shut = true;
		ev_shutdown_write(f->s);
	}
	return r;
}

/* --- reading --------------------------------------------------------------------------- */

static void
take(struct flow *f, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (f->is_service && f->head_n < HEAD) {
			f->head[f->head_n++] = p[i];
			f->salt = get_be64(f->head);
			f->up = get_be32(f->head + 8);
			f->down = get_be32(f->head + 12);
		} else if (f->got < total_in(f)) {
			f->differs |= p[i] != byte_at(f->salt, f->is_service, f->got++);
		} else if (!f->is_service && !f->told) {
			f->told = true;
			f->differs |= p[i] != RIGHT;
		} else {
			f->differs = true; /* more than there is */
		}
	}
}

static void
on_rested(void *arg)
{
	struct flow *f = arg;

	f->resting = false;
	ev_stream_want(f->s, !f->eof, true);
}

/* Somebody who does not read for a while. */
static void
rest(struct flow *f)
{
	f->resting = true;
	ev_timer_set(f->loop, &f->rest, ev_random_below(f->loop, 3000), on_rested, f);
}

static int
read_some(struct flow *f)
{
	uint8_t piece[PIECE];
	size_t got;
	int r = 0;

	while (!f->resting && (r = ev_read(f->s, piece, sizeof(piece), &got)) == 0) {
		take(f, piece, got);
		if (ev_random_below(f->loop, 200) == 0)
			rest(f);
	}
	if (r == ERR_CLOSED)
		f->eof = true;
	return r == ERR_CLOSED || r == ERR_AGAIN ? 0 : r;
}

static void
on_ready(void *arg)
{
	struct flow *f = arg;
	int r = read_some(f), w = f->shut ? 0 : write_some(f);
	bool complete = f->got == total_in(f) && f->told && f->shut;

	if (r != 0 || (w != 0 && w != ERR_AGAIN))
		settle(f, f->differs ? FLOW_WRONG : FLOW_BROKEN);
	else if (f->eof && complete)
		settle(f, f->differs ? FLOW_WRONG : FLOW_RIGHT);
	else if (f->eof && !f->is_service) /* cut short */
		settle(f, f->differs ? FLOW_WRONG : FLOW_BROKEN);
	else
		ev_stream_want(f->s, !f->eof && !f->resting, w == ERR_AGAIN);
}

void
flow_start(struct flow *f, struct ev_stream *s)
{
	static const struct ev_stream_ops ops = { .readable = on_ready,
		.writable = on_ready };

	f->s = s;
	f->loop = ev_stream_loop(s);
	f->state = FLOW_RUNS;
	ev_stream_set(s, &ops, f);
	ev_stream_want(s, true, true);
}
