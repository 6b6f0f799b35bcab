/* SPDX-License-Identifier: Apache-2.0 */
/* Two ends of a connection that keep what they hear, on either backend. */
#pragma once

#include "env.h"

enum { ROOM = 1 << 20, BULK = 16 << 20 /* more than the kernel's buffers take */ };

/* One side of a connection that keeps what it hears. */
struct side {
	struct env *e;
	struct ev_stream *s;
	uint8_t *in;
	size_t nin, want; /* env_done() once so many bytes are there, or at the end */
	int end;          /* how reading ended: ERR_*, 0 while it goes on */
	int calls;        /* of readable() */
	bool reply_at_end, close_at_call;
};

/* Listener, the accepted side and the connected side. */
struct pair {
	struct env *e;
	struct ev_listener *ln;
	struct side srv, cli;
	int err;
	char why[200];
	int naccepted, nconnected;
};

void pair_listen(struct pair *p, void *state, const char *at);
/* The same, and both ends are there. */
void pair_open(struct pair *p, void *state);
void pair_end(struct pair *p);
/* For ev_listen() and ev_connect(), with the pair as their argument. */
void pair_accept(void *arg, struct ev_stream *s);
void pair_connected(void *arg, struct ev_stream *s, int err, const char *why);

void side_say(struct side *x, const char *text);
void side_close(struct side *x);
