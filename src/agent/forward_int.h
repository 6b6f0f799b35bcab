/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the port plugin share.  Not for others: they include forward.h. */
#pragma once

#include "agent/forward.h"
#include "net/tunnel.h"
#include "proto/agentmsg.h"

enum {
	FORWARD_LINGER_MS = 10 * 1000, /* a closed connection takes its last bytes */
	FORWARD_CHUNK = 64 * 1024,     /* most that one payload carries */
	FORWARD_TURN = 8,              /* payloads in one turn of the loop */
	FORWARD_PAYLOAD = AGENTMSG_PAYLOAD_MAX, /* of a client */
};

#define FORWARD_GAVE_UP "the client gave up before there was a connection"

struct forward_basic {
	struct ev_stream *s; /* NULL: not connected */
	struct agent_dial *dial;
	struct buf rest; /* of the last payload; what s did not take yet */
	size_t done;     /* of rest */
	bool stay;       /* LocalPortForwarding: the session outlives a connection */
	bool stalled;    /* not reading: no room */
	bool lingered;   /* what is left will not be taken any more */
	bool waits;      /* to be dialled as soon as that may be */
	struct ev_timer linger;
};

struct forward_mux {
	struct tunnel *t;
	struct list dials;        /* struct stream_dial */
	struct agent_dial *probe; /* of the host, when the session starts */
	bool keepalive, heard;    /* the client has spoken */
};

struct agent_forward {
	struct ev_loop *loop;
	const struct agent_forward_ops *ops;
	void *arg;
	struct dial_target to;
	bool own, is_mux;
	bool over;        /* said ended or failed */
	bool wants_input; /* said ERR_AGAIN */
	union {
		struct forward_basic basic;
		struct forward_mux mux;
	};
};

/* A connection to the target, or why there is none. */
void forward_report(
    struct agent_forward *w, const struct ev_stream *s, int err, const char *why);
bool forward_may_open(struct agent_forward *w);
void forward_failed(struct agent_forward *w, const char *why);
void forward_ended(struct agent_forward *w);
/* After ERR_AGAIN, and only then. */
void forward_input_ready(struct agent_forward *w);

void forward_basic_start(struct agent_forward *w, bool stay);
int forward_basic_input(struct agent_forward *w, struct span in) MUST_USE;
int forward_basic_flag(struct agent_forward *w, uint32_t flag) MUST_USE;
void forward_basic_go(struct agent_forward *w);
void forward_basic_close(struct agent_forward *w);

void forward_mux_start(struct agent_forward *w, bool keepalive);
int forward_mux_input(struct agent_forward *w, struct span in) MUST_USE;
void forward_mux_go(struct agent_forward *w);
void forward_mux_close(struct agent_forward *w);
