/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An HTTP server in a simulated world that notes what it is asked, with tight limits and
 * paths that answer late, never or much.
 */
#pragma once

#include "net_test.h"

#include "net/wsconn.h"

struct site {
	struct world w;
	struct http_server *s;
	struct http_req *kept; /* a request that /keep holds back */
	struct wsconn *ws;
	struct ev_timer later;
	struct buf log; /* "GET /path body;" */
	uint32_t aborted, ws_messages, ws_closed;
	uint32_t requests;
};

/* segment: bytes that arrive at once, 0: all. */
void site_up(struct site *site, uint32_t segment);
void site_up_in(struct site *site, const struct sim_options *o);
void site_down(struct site *site);
/* The statuses of all answers in order: "200 400 ". */
void statuses(struct buf *out, const struct buf *in);
