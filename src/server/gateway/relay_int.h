/* SPDX-License-Identifier: Apache-2.0 */
/* What relay.c and relay_say.c share.  Not for others: they include relay.h. */
#pragma once

#include "proto/control.h"
#include "proto/own.h"
#include "server/gateway/relay.h"
#include "server/gateway/relay_queue.h"
#include "server/gateway/relay_record.h"

/* One socket and what is known of the peer behind it. */
struct relay_end {
	struct relay *relay;
	enum session_end which;
	struct wsconn *conn; /* NULL while away; owned */
	bool own;    /* our own program: needs no protection from fast acknowledgements */
	bool hears;  /* understands what is ours: proto/own.h, proto/own_event.h */
	bool paused; /* not read, because the other end is slow or away */
	bool ends;   /* client: it sent TerminateSession */
	struct relay_queue out; /* towards this end */
	struct ackbook *acked;  /* of what this end sent; stock peers only; owned */
	int64_t last_seq;       /* newest data message from this end, -1: none */
	uint64_t last_us;       /* when it came */
	int64_t response_seq;   /* client: its HandshakeResponse, -1: not seen */
	bool response_acked;
	/* A stock client that came back, and whether it has something already. */
	bool came_back;
	int64_t suspect_seq;   /* sent again by the agent, not acknowledged; -1: none */
	unsigned pongs;        /* since it was forwarded */
	int64_t duplicate_seq; /* everything up to here it has, -1: not known */
};

struct relay {
	struct session_channel channel; /* what the domain closes */
	struct ev_loop *loop;
	struct sessions *sessions;
	size_t queue_max; /* towards an end that is away */
	struct relay_counters *counters;
	relay_gone_fn *gone;
	void *gone_arg;
	struct relay_end ends[2];   /* by enum session_end */
	struct relay_record record; /* of the agent's end */
	struct ev_timer closing;    /* the last words leave, or RELAY_LEFT_MS */
	bool agent_paused; /* a stock agent was told to stop reading its terminal */
	bool never_pause;  /* it would take that for the end of the session */
	bool closed;       /* channel_closed was sent: nothing is relayed any more */
	bool late;         /* made after a restart, for a session under way */
	char session_id[97];
};

static inline struct relay_end *
relay_far_end(struct relay_end *e)
{
	return &e->relay->ends[!e->which];
}

/* relay_say.c: what the relay says by itself. */

/* Queues channel_closed behind all that is on its way. */
void relay_say_closed(struct relay_end *e, const char *output);
/* To a client of ours, as session_channel.tell. */
void relay_say_own(
    struct session_channel *c, const char *type, const struct own_words *w);
/* To an agent of ours: up to this number its events are in the trail. */
void relay_say_recorded(struct relay *r, int64_t number);
/*
 * To a stock agent: stop reading the terminal while nobody listens, or go on; any later
 * message undoes it.
 */
void relay_say_pause(struct relay *r, bool pause);
/* In the place of a receiver that has acknowledged m before. */
void relay_say_ack(struct relay_end *to, const struct agentmsg *m);
