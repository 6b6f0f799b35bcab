/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For the tests of smux: an application that writes down what it is told, frames made by
 * hand, and a naive reader that takes a whole conversation at once and keeps everything.
 */
#pragma once

#include "base/buf.h"
#include "proto/smux.h"

#include "unit/check.h"

struct app {
	struct smux *m;
	struct buf log;   /* "open 3;data 3 hi;half 3;close 3 0;" */
	uint32_t data_id; /* pieces of data in a row are one entry */
	int open_answer;
	int take;      /* bytes for each on_data: -1 all */
	int data_code; /* not 0: on_data answers it */
	uint32_t abort_on_open, abort_on_data, abort_on_half, shut_on_half;
};

static inline void
app_note(struct app *a, uint32_t id, const char *what)
{
	a->data_id = 0;
	buf_addf(&a->log, "%s %u;", what, id);
}

static int
app_open(void *arg, uint32_t id)
{
	struct app *a = arg;

	app_note(a, id, "open");
	if (a->abort_on_open == id)
		smux_abort(a->m, id, ERR_REFUSED);
	return a->open_answer;
}

static int
app_data(void *arg, uint32_t id, struct span data)
{
	struct app *a = arg;
	size_t n = a->take < 0 ? data.n : MIN(data.n, (size_t)a->take);

	if (a->abort_on_data == id)
		smux_abort(a->m, id, ERR_IO);
	if (a->data_code != 0)
		return a->data_code;
	if (n == 0)
		return ERR_AGAIN;
	if (a->data_id == id)
		a->log.len--; /* the ; */
	else
		buf_addf(&a->log, "data %u ", id);
	a->data_id = id;
	buf_add(&a->log, span_sub(data, 0, n));
	buf_add_str(&a->log, ";");
	return (int)n;
}

static void
app_half(void *arg, uint32_t id)
{
	struct app *a = arg;

	app_note(a, id, "half");
	if (a->abort_on_half == id)
		smux_abort(a->m, id, ERR_IO);
	if (a->shut_on_half == id)
		smux_shutdown_write(a->m, id);
}

static void
app_close(void *arg, uint32_t id, int why)
{
	struct app *a = arg;

	a->data_id = 0;
	buf_addf(&a->log, "close %u %d;", id, why);
}

static void
app_writable(void *arg, uint32_t id)
{
	app_note(arg, id, "room");
}

static const struct smux_ops app_ops = {
	.on_open = app_open,
	.on_data = app_data,
	.on_half_close = app_half,
	.on_close = app_close,
	.on_writable = app_writable,
};

static inline void
app_init(struct app *a, const struct smux_config *cfg)
{
	*a = (struct app){ .take = -1 };
	buf_init(&a->log, 8 << 20);
	a->m = smux_new(cfg, &app_ops, a);
}

static inline void
app_fini(struct app *a)
{
	smux_free(a->m);
	buf_fini(&a->log);
}

/* The log since the last look. */
static inline void
check_log_at(struct app *a, const char *want, const char *file, int line)
{
	check_span_at(buf_span(&a->log), span_str(want), file, line);
	buf_reset(&a->log);
	a->data_id = 0;
}
#define check_log(a, want) check_log_at(a, want, __FILE__, __LINE__)

/* Everything that is to be pulled, by pieces of cap. */
static inline void
pull_all(struct smux *m, struct buf *out, size_t cap)
{
	size_t n;

	while (smux_pending(m)) {
		uint8_t *p = buf_grow(out, cap);

		assert_non_null(p);
		n = smux_pull(m, p, cap);
		assert_in_range(n, 1, cap);
		out->len -= cap - n;
	}
}

/* --- by hand ---------------------------------------------------------------------- */

static inline void
add_le32(struct buf *b, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		buf_add_u8(b, (uint8_t)(v >> 8 * i));
}

/* Commands as the reference numbers them. */
enum { SYN, FIN, PSH, NOP, UPD, RST };

static inline void
add_frame(struct buf *b, uint8_t version, uint8_t cmd, uint32_t id, struct span body)
{
	buf_add_u8(b, version);
	buf_add_u8(b, cmd);
	buf_add_u8(b, (uint8_t)body.n);
	buf_add_u8(b, (uint8_t)(body.n >> 8));
	add_le32(b, id);
	buf_add(b, body);
}

static inline void
add_upd(struct buf *b, uint32_t id, uint32_t consumed, uint32_t window)
{
	add_frame(b, 2, UPD, id, SPAN_NONE);
	b->p[b->len - 6] = 8;
	add_le32(b, consumed);
	add_le32(b, window);
}

/* The next frame of *in; false at the end.  Fails the test when cut short. */
struct frame {
	uint8_t version, cmd;
	uint32_t id;
	struct span body;
};

static inline bool
next_frame(struct span *in, struct frame *f)
{
	const uint8_t *p = in->p;
	size_t len;

	if (in->n == 0)
		return false;
	assert_true(in->n >= 8);
	len = p[2] + 256u * p[3];
	assert_true(in->n >= 8 + len);
	*f = (struct frame){ p[0], p[1],
		p[4] + 256u * p[5] + 65536u * p[6] + 16777216u * p[7],
		span_of(p + 8, len) };
	*in = span_sub(*in, 8 + len, in->n - 8 - len);
	return true;
}

/* Frames as text: "SYN 3;PSH 3 hi;". */
static inline void
frames_text(struct buf *out, struct span in)
{
	static const char *const names[] = { "SYN", "FIN", "PSH", "NOP", "UPD", "RST" };
	struct frame f;

	while (next_frame(&in, &f)) {
		assert_true(f.cmd < ARRAY_LEN(names));
		buf_addf(out, "%s %u", names[f.cmd], f.id);
		if (f.cmd == UPD)
			buf_addf(out, " %u %u",
			    f.body.p[0] + 256u * f.body.p[1] + 65536u * f.body.p[2],
			    f.body.p[4] + 256u * f.body.p[5] + 65536u * f.body.p[6]);
		else if (f.cmd == RST)
			buf_addf(out, " %u", f.body.p[0]);
		else if (f.body.n > 16)
			buf_addf(out, " %zu", f.body.n);
		else if (f.body.n > 0)
			buf_addf(out, " " SPAN_FMT, SPAN_ARG(f.body));
		buf_add_str(out, ";");
	}
}

/* What would be pulled now, as text. */
static inline void
check_out_at(struct app *a, const char *want, const char *file, int line)
{
	auto_buf raw, text;

	buf_init(&raw, 64 << 20);
	buf_init(&text, 8 << 20);
	pull_all(a->m, &raw, 65536);
	frames_text(&text, buf_span(&raw));
	check_span_at(buf_span(&text), span_str(want), file, line);
}
#define check_out(a, want) check_out_at(a, want, __FILE__, __LINE__)

static inline uint32_t
must_open(struct smux *m)
{
	uint32_t id = 0;

	assert_int_equal(smux_open(m, &id), 0);
	return id;
}

static inline void
push_frame(struct smux *m, uint8_t version, uint8_t cmd, uint32_t id, struct span body)
{
	auto_buf b;

	buf_init(&b, 1 << 20);
	add_frame(&b, version, cmd, id, body);
	assert_int_equal(smux_push(m, buf_span(&b)), 0);
}
