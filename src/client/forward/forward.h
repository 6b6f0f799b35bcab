/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many ports of this machine to many destinations behind one node: one session for each
 * distinct destination.
 *
 *	local port  --\
 *	local port  ---+--> forward_dest --> live session --> node --> host:port
 *	SOCKS       --/     (found or made by host and port)
 *
 * What was named on the command line must stay: when its session ends, all ends.  What
 * SOCKS clients asked for comes and goes with them.
 */
#pragma once

#include "client/session/live.h"
#include "client/port/port.h"
#include "client/forward/socks.h"

enum {
	FORWARD_DESTS_MAX = 64,    /* of SOCKS clients, at once */
	FORWARD_WAITING_MAX = 256, /* connections until a session is ready, each */
	FORWARD_ASKING_MAX =
	    1024, /* SOCKS clients that have not said where to, at once */
	FORWARD_ASK_MS = 30 * 1000,
	FORWARD_IDLE_MS = 60 * 1000, /* a SOCKS destination without a connection */
	FORWARD_LOOK_MS = 5 * 1000,
};

/* One -L or -D.  Texts are owned: forward_spec_fini(). */
struct forward_spec {
	char *bind;      /* an address, "" for all, or the path of a socket */
	uint16_t port;   /* local; 0: any */
	char *host;      /* NULL: the node itself; "/..." : a socket on it */
	uint16_t remote; /* 0: a socket, or SOCKS */
	bool socks;
};
/*
 * "[bind:]port:TO" or "path:TO" with TO "[host:]port" or "/path"; socks: "[bind:]port".
 * ERR_INVALID.
 */
int forward_spec_parse(struct forward_spec *s, const char *text, bool socks) MUST_USE;
void forward_spec_fini(struct forward_spec *s);

struct forward_options {
	struct ev_loop *loop;
	struct aws_api *api;
	struct aws_settings *settings;
	const char *node_id, *node_name, *reason;
	const struct forward_spec *specs;
	size_t nspecs;
};

/* Blocks until a signal (0) or until something that was asked for is lost (255). */
int forward_run(const struct forward_options *o);

/* --- between forward.c and forward_socks.c ------------------------------------------------ */

struct forward {
	const struct forward_options *o;
	struct ev_loop *loop;
	struct list dests, locals, askers;
	size_t ndests, naskers; /* ndests: those of SOCKS */
	struct ev_timer look;
	bool stopping;
	int exit_code;
};

/*
 * Takes the connection s to a destination.  socks (may be NULL, else owned by the callee
 * from here on) is answered when the node is connected, or is not to be.
 */
void forward_connect(struct forward *f, const char *host, uint16_t port,
    struct ev_stream *s, struct socks *socks);
void forward_socks_accept(void *arg, struct ev_stream *s); /* arg: struct forward */
void forward_socks_close(struct forward *f);
/* Answers a request and frees it; NULL is fine.  why: 0 when it is connected, or an ERR_*. */
void forward_socks_answer(struct socks *socks, struct ev_stream *s, int why);
