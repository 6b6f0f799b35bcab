/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A relay between two peers that are driven by hand, in a simulated world.
 */
#pragma once

#include "../domain/world.h"

#include "server/gateway/relay.h"

enum { HEARD_MAX = 4096, QUEUE_MAX = 2 * 1024 * 1024 };

/* One message as it reached a peer. */
struct heard {
	char type[33];
	int64_t seq; /* of the message, or of what it acknowledges */
	uint32_t payload_type;
	uint64_t at_ms;
	char text[80];
};

/* A peer's socket, seen from the peer. */
struct peer {
	struct test *t;
	struct wsconn *ws;
	struct heard heard[HEARD_MAX];
	size_t n;
	bool closed, mute; /* mute: does not read */
};

struct test {
	struct world w;
	struct ev_listener *ln;
	uint16_t port;
	struct wsconn *accepted; /* the server side of the newest connection */
	struct relay *relay;
	struct relay_counters counters;
	bool gone;
	struct peer client, agent;
};

extern const struct wsconn_handler bench_peer; /* notes what a peer hears */

/* For cmocka: *state is the test. */
int bench_up(void **state);
int bench_down(void **state);
/* The relay's last word. */
void bench_relay_gone(void *arg, const char *id);

void pass_ms(struct test *t, uint64_t ms);
/* Connects a peer (again) and hands its server side to the relay. */
void join(struct test *t, struct peer *p, bool own);
void join_reporting(struct test *t); /* an agent of ours that reports */
void leave_peer(struct peer *p);

void send_msg(struct peer *p, const char *type, int64_t seq, uint32_t payload_type,
    struct span payload);
void send_data(struct peer *p, int64_t seq, uint32_t payload_type);
void send_ack(struct peer *p, int64_t seq);
/* Whether such a message reached the peer. */
bool has(const struct peer *p, const char *type, int64_t seq);
