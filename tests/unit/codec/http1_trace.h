/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a byte stream through codec/http1.h and writes down the events as text:
 *
 *	HEAD BODY(abc) DONE
 *
 * Adjoining pieces of body are joined, so the trace must not depend on how the stream
 * was split.  An error ends it with INVALID, LIMIT or CLOSED.
 */
#pragma once

#include "base/buf.h"
#include "codec/http1.h"

struct trace {
	struct buf out;
	bool in_body;
};

static inline void
trace_end_body(struct trace *t)
{
	if (t->in_body)
		buf_add_str(&t->out, ")");
	t->in_body = false;
}

static inline void
trace_word(struct trace *t, const char *word)
{
	trace_end_body(t);
	buf_add_str(&t->out, t->out.len > 0 ? " " : "");
	buf_add_str(&t->out, word);
}

/* Returns false when the stream is over. */
static inline bool
trace_event(struct trace *t, int ev, struct span body)
{
	switch (ev) {
	case HTTP1_MORE:
		return true;
	case HTTP1_HEAD:
		trace_word(t, "HEAD");
		return true;
	case HTTP1_BODY:
		if (!t->in_body)
			trace_word(t, "BODY(");
		t->in_body = true;
		buf_add(&t->out, body);
		return true;
	case HTTP1_DONE:
		trace_word(t, "DONE");
		return true;
	case HTTP1_UPGRADE:
		trace_word(t, "UPGRADE");
		return false;
	case ERR_INVALID:
		trace_word(t, "INVALID");
		return false;
	case ERR_LIMIT:
		trace_word(t, "LIMIT");
		return false;
	case ERR_CLOSED:
		trace_word(t, "CLOSED");
		return false;
	default:
		trace_word(t, "?");
		return false;
	}
}

/* Feeds "in" in steps of "step" bytes, then EOF when "eof" is set. */
static inline void
trace_run(struct trace *t, struct http1 *h, struct span in, size_t step, bool eof)
{
	struct span piece, body;
	size_t used;
	int ev;

	for (size_t off = 0; off < in.n; off += step) {
		piece = span_sub(in, off, step);
		do {
			ev = http1_feed(h, piece, &used, &body);
			assert(used <= piece.n);
			piece = span_sub(piece, used, piece.n);
			if (!trace_event(t, ev, body))
				return;
		} while (ev != HTTP1_MORE || piece.n > 0);
	}
	while (eof && (ev = http1_eof(h)) != HTTP1_MORE)
		if (!trace_event(t, ev, SPAN_NONE))
			return;
	trace_end_body(t);
}
