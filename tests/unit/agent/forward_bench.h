/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A node's port session in simulated time, between a service that is slow, silent, absent,
 * or leaves, and a client with the room for output that a test gives it.
 */
#pragma once

#include "agent/forward.h"
#include "ev/sim.h"
#include "proto/agentmsg.h"
#include "proto/handshake.h"
#include "unit/check.h"

enum {
	PEERS = 1100,
	PORT = 5432,
	SOCKET = 64 * 1024, /* what each direction of a connection holds */
	PIECE = 32 * 1024,  /* of the client */
	STEP_MS = 5,
};

/* One connection, as the service sees it. */
struct peer {
	struct ev_stream *s; /* NULL: closed by it */
	size_t say, said;    /* bytes of the pattern */
	struct buf in;
	bool deaf;    /* does not read */
	bool leaves;  /* when all is said */
	bool answers; /* six bytes at the end of its input, and leaves */
	bool eof;
};

struct service {
	struct ev_loop *loop;
	struct ev_listener *listener;
	struct peer *peers;
	size_t npeers;
	struct peer manner; /* of the next ones: say, deaf, leaves, answers */
};

void service_init(struct service *v, struct sim_world *sim); /* db.internal:5432 */
void service_fini(struct service *v);
void service_listen(struct service *v);
void peer_go(struct peer *p); /* after its manner changed */
void peer_close(struct peer *p);

void pattern(struct buf *out, size_t n);
bool is_pattern(struct span s);

struct bench {
	struct sim_world *sim;
	struct ev_loop *node;
	struct service db;
	struct dial_policy policy;
	struct session_document doc;
	struct agent_forward *w;
	/* the client */
	struct buf out, flags; /* Output; "3;" */
	size_t room;
	unsigned ready; /* calls of input_ready */
	bool shut;         /* no connection may be made */
	struct buf reports; /* "db.internal:5432 ConnectionRefused;" */
	bool ended, failed;
	char why[400];
};

void bench_init(struct bench *b);
/* version NULL: our own client.  is_ssh: a document without a type. */
void bench_start(struct bench *b, const char *version, bool is_ssh, const char *host);
void bench_fini(struct bench *b);
/* Offers a payload until it is taken, as a channel does. */
bool give(struct bench *b, struct span payload, uint64_t ms);
void check_flags(struct bench *b, const char *want);
