/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two ends of a WebSocket connection in a simulated world, each of which notes what it
 * hears.
 */
#pragma once

#include "net_test.h"

#include "net/wsconn.h"

enum { MESSAGE_MAX = 1000 };

struct end {
	struct world *w;
	struct wsconn *c;
	struct stream *st;
	struct buf log; /* "T:hello;" for each message; long ones as "B#len;" */
	bool up, closed;
	int err;
	uint16_t code;
	uint32_t drains, pongs, messages;
	uint64_t bytes, rtt_us;
	uint32_t pause_every; /* pause after each n-th message */
	uint16_t close_on_message;
	bool echo;
};

struct bench {
	struct world w;
	struct ev_listener *ln;
	struct end server, client;
	struct wsconn_options server_o, client_o;
	bool server_is_client; /* the listening side plays the client role */
	bool late_handler;
};

extern const struct wsconn_handler bench_handler; /* notes what an end hears */

/* A listening server end. */
void bench_up(struct bench *f, const struct sim_options *o);
/* Connects the client end. */
void bench_connect(struct bench *f);
/* The same, and both ends are there. */
void bench_dial(struct bench *f);
void bench_down(struct bench *f);

/* One frame, its first byte as given. */
void add_frame(struct buf *b, uint8_t first, const char *body, size_t n, bool masked);
