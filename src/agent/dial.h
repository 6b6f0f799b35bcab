/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The connecting of a node's port sessions.  The rules (proto/dial_policy.h) are asked
 * about the very address that is dialled, after names were resolved.
 */
#pragma once

#include "agent/spawner.h"
#include "ev/ev.h"
#include "proto/dial_policy.h"

enum {
	DIAL_TIMEOUT_MS = 20 * 1000,
	DIAL_HOST_MAX = 253,
};

struct agent_dial;

/* s, or NULL and why in words.  The dial is gone when this runs. */
typedef void dial_cb(void *arg, struct ev_stream *s, int err, const char *why);

struct dial_target {
	const char *host; /* "": this node itself, to which the rules do not apply */
	uint16_t port;
	const struct dial_policy *policy; /* borrowed */
	/* Instead of the two: a unix socket, with the rights of a user. */
	const char *path; /* NULL or "": none */
	struct spawner *spawner;
	const char *user, *session_id;
};

/* Names are resolved anew; all allowed addresses are tried in order. */
struct agent_dial *agent_dial_start(
    struct ev_loop *l, const struct dial_target *t, dial_cb *cb, void *arg);
/*
 * Only looks whether there is an address that may be dialled: s is NULL, err 0 when there
 * is.
 */
struct agent_dial *agent_dial_probe(
    struct ev_loop *l, const struct dial_target *t, dial_cb *cb, void *arg);
void agent_dial_cancel(struct agent_dial *d); /* NULL is fine; no callback */
