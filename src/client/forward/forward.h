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

#include "client/aws/aws.h"

enum {
	FORWARD_DESTS_MAX = 64,    /* of SOCKS clients, at once */
	FORWARD_WAITING_MAX = 256, /* connections until a session is ready, each */
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
