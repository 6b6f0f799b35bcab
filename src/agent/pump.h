/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One direction of a session's output: a terminal or pipe that is read as fast as the
 * channel takes it, in payloads that end between characters.
 *
 * Bytes are never changed.  An incomplete character at the end of what is there waits for
 * its rest, for at most PUMP_HOLD_MS, unless it is no text at all.
 *
 * Owner: the shell.  The pump owns the stream.
 */
#pragma once

#include "ev/ev.h"

enum {
	PUMP_HOLD_MS = 40,
	PUMP_CHUNK = 64 * 1024, /* most that one payload carries */
	PUMP_TURN = 4,          /* payloads in one turn of the loop */
};

struct pump_ops {
	/* The longest payload that can be sent now; 0: none, agent_pump_go() comes later.
	 */
	size_t (*room)(void *arg);
	void (*send)(void *arg, uint32_t payload_type, struct span payload);
	void (*ended)(void *arg);    /* end of file, after the last payload */
	void (*writable)(void *arg); /* a terminal's other direction; may be NULL */
};

struct agent_pump {
	struct ev_stream *s; /* NULL: ended or not started */
	uint32_t type;
	bool bytes;         /* not text: nothing is held back */
	const char *prefix; /* put before each payload that begins a line; "" : none */
	const struct pump_ops *ops;
	void *arg;
	struct ev_timer hold;
	uint8_t tail[4]; /* the beginning of a character */
	uint8_t ntail;
	bool mid_line; /* what was sent last did not end a line */
	bool stalled;  /* not reading, because there was no room */
	bool flush;    /* the tail waited long enough */
	bool wants_write;
};

/* Takes s. */
void agent_pump_start(struct agent_pump *p, struct ev_stream *s, uint32_t type,
    const char *prefix, const struct pump_ops *ops, void *arg);
/* Asks for ops->writable while p->s is there. */
void agent_pump_want_write(struct agent_pump *p, bool write);
/* There may be room again. */
void agent_pump_go(struct agent_pump *p);
/* Reads what is there now, up to what a pipe holds; its end is seen later. */
void agent_pump_catch_up(struct agent_pump *p);
/* Reads what is there now and ends, whatever else may come. */
void agent_pump_finish(struct agent_pump *p);
void agent_pump_close(struct agent_pump *p); /* no callback afterwards */
