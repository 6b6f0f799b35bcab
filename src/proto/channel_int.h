/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the three files of a data channel share: channel.c (life, entry points),
 * channel_send.c (unacked list, resending), channel_window.c (how much may be in flight),
 * channel_recv.c (order, acks).
 * Nobody else includes it.
 */
#pragma once

#include "base/buf.h"
#include "base/list.h"
#include "proto/agentmsg.h"
#include "proto/channel.h"
#include "proto/rto.h"

/*
 * A message of ours that is not acknowledged.  The list is in sequence order; what is in
 * flight on this connection comes first, what still waits for the window after it.
 */
struct channel_sent {
	struct list link;
	int64_t seq;
	uint64_t sent_ms;  /* last transmission */
	uint64_t created;  /* CreatedDate on the wire */
	uint64_t first_no; /* number of the first transmission on this connection */
	uint64_t last_no;  /* and of the last one */
	uint64_t proof_no; /* last_no at the time of the last proof */
	uint32_t payload_type;
	uint32_t transmissions; /* ever */
	uint32_t resends;       /* by timer, on this connection */
	uint32_t proofs;        /* see channel_send.c, "passed over" */
	bool in_flight;
	struct buf wire;
};

/* A message of the peer that waits for its turn or for deliver(). */
struct channel_got {
	struct list link;
	int64_t seq;
	uint8_t id[16];
	uint32_t payload_type;
	bool acked;
	size_t n;
	uint8_t payload[];
};

/* How many bytes may be in flight, and the round trip in which that is measured. */
struct channel_window {
	size_t now, min, max; /* min <= now <= max */
	uint64_t trip_ms;     /* the shortest that was seen on this connection; 0: none */
	uint64_t since_ms;    /* when the measurement began; 0: not yet */
	size_t acked;         /* bytes since then */
};

struct channel {
	enum channel_role role;
	const struct channel_ops *ops;
	void *arg;
	bool up, paused, closed, own_peer, peer_spoke, no_digest;
	bool delivering;    /* inside deliver(): sends wait for the ack */
	bool flushing;      /* inside the transmission loop */
	bool want_writable; /* channel_send() said ERR_AGAIN */
	int64_t wall_offset_ms;
	uint64_t now_ms; /* of the current entry point */

	/* sending */
	size_t payload_max;
	struct channel_window window;
	int64_t next_seq;
	struct list sent;         /* struct channel_sent */
	struct list *next_unsent; /* first that is not in flight; &sent: none */
	struct list *cursor;      /* next to look at while resending; NULL otherwise */
	size_t queued, in_flight; /* cost, in bytes */
	uint32_t nqueued, nin_flight;
	uint64_t send_no;      /* transmissions so far */
	int64_t barrier_seq;   /* nothing later leaves before this is acked; -1: none */
	int64_t acked_max;     /* highest sequence number acked; -1: none */
	int64_t peer_received; /* our own peer has all up to here, consumed or not; -1 */
	uint64_t progress_ms;  /* when the oldest message was last acked */
	uint64_t recover_ms;   /* when to resend what was lost with the head; 0: never */
	uint64_t recover_mark; /* transmissions before it were lost */
	struct rto rto;

	/* receiving */
	size_t recv_max, recv_queued;
	size_t recv_ready; /* the part of recv_queued that has no gap before it */
	uint32_t nrecv;
	int64_t expected;
	int64_t received; /* all up to here arrived, consumed or not; -1: none */
	uint64_t latest;  /* CreatedDate of what arrived last */
	struct list got;  /* struct channel_got */
	uint32_t ack_hold_ms, nheld; /* how many acks wait for ack_due_ms */
	size_t held;                 /* and the cost of what they are for */
	uint64_t ack_due_ms;         /* 0: none */
	uint8_t ack_id[16];          /* of the message that the last of them is for */

	struct channel_stats stats;
	uint64_t moved_at_up; /* acked and received then */
};

const char *channel_data_type(const struct channel *ch, bool ours);
uint64_t channel_wall_ms(const struct channel *ch);
/* Towards our own peers only; see channel_recv.c. */
#define CHANNEL_RECEIVED_KEY "SallyportReceived"
#define CHANNEL_LATEST_KEY   "SallyportLatest"

void channel_make_id(struct channel *ch, uint8_t id[16]);
void channel_transmit(struct channel *ch, struct span msg);

/* channel_send.c */
void channel_send_up(struct channel *ch);
void channel_send_drop_all(struct channel *ch);
void channel_flush(struct channel *ch);
void channel_acked(struct channel *ch, int64_t seq);
void channel_acked_upto(
    struct channel *ch, int64_t seq, int64_t received, uint64_t latest);
void channel_resend_due(struct channel *ch);
uint64_t channel_resend_next(const struct channel *ch);
void channel_check_writable(struct channel *ch);

/* channel_window.c */
void channel_window_init(struct channel_window *w, size_t first, size_t max);
void channel_window_up(struct channel_window *w); /* a new connection: a new path */
void channel_window_trip(struct channel_window *w, uint64_t trip_ms);
void channel_window_acked(struct channel_window *w, uint64_t now_ms, size_t bytes);

/* channel_recv.c */
int channel_got_data(struct channel *ch, const struct agentmsg *m);
int channel_drain(struct channel *ch);
void channel_recv_drop_all(struct channel *ch);
void channel_ack_due(struct channel *ch);  /* sends the acks that have waited enough */
void channel_ack_drop(struct channel *ch); /* the connection is gone; the peer repeats */
