/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where SOCKS clients come in and say where they want to go.  Who does not say it in time, or
 * not as RFC 1928 has it, is sent away.
 *
 * Owner: whoever embeds it; socks_door_close() drops those that have not asked yet.
 */
#pragma once

#include "base/list.h"
#include "client/forward/socks.h"
#include "ev/ev.h"

enum {
	SOCKS_DOOR_MAX = 1024,     /* clients that have not said where to, at once */
	SOCKS_DOOR_MS = 30 * 1000, /* for saying it */
};

/*
 * A request to socks->host and port: s and socks are the callee's now, who answers with
 * socks_door_answer() when there is a connection, or is not to be one.
 */
typedef void socks_door_cb(void *arg, struct ev_stream *s, struct socks *socks);

struct socks_door {
	struct ev_loop *loop;
	socks_door_cb *on_request;
	void *arg;
	struct list askers;
	size_t n;
	bool closed;
};

void socks_door_init(
    struct socks_door *d, struct ev_loop *l, socks_door_cb *on_request, void *arg);
void socks_door_close(struct socks_door *d);
/* For ev_listen(); arg: the struct socks_door.  Takes s. */
void socks_door_accept(void *arg, struct ev_stream *s);
/* Answers a request and frees it; NULL is fine.  why: 0 when it is connected, or an ERR_*. */
void socks_door_answer(struct socks *socks, struct ev_stream *s, int why);
