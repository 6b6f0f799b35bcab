/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connection through a forwarded port whose bytes are known to both ends:
 *
 *	person:   salt, up, down | "up" bytes of its stream   | end
 *	service:  "down" bytes of another stream | y or n     | end
 *
 * Both directions go on at once, each ends by itself, and either reader rests at times.  The
 * service's last byte says whether what it got was right.
 *
 * Owner: whoever made it.  over() is the last callback and may free it; flow_close() before
 * that gives none.
 */
#pragma once

#include "base/buf.h"
#include "ev/ev.h"

enum flow_state {
	FLOW_RUNS,
	FLOW_RIGHT,  /* all there and all right, both ways */
	FLOW_BROKEN, /* the connection was lost, or ended early */
	FLOW_WRONG,  /* a byte was wrong, or too much */
};

struct flow {
	/* The owner's: */
	bool is_service;
	uint64_t salt; /* these three: the person's */
	uint32_t up, down;
	void (*over)(void *arg);
	void *arg;
	/* flow.c's: */
	enum flow_state state;
	struct ev_loop *loop;
	struct ev_stream *s;
	struct ev_timer rest;
	uint8_t head[16];
	uint32_t head_n, sent, got;
	bool eof, shut, told, differs, resting;
};

void flow_start(struct flow *f, struct ev_stream *s_take);
void flow_close(struct flow *f);
