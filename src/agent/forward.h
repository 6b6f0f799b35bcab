/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The port plugin: what a session of type Port does on the node.
 *
 *	mux    many connections as streams (net/tunnel.h); type LocalPortForwarding and
 *	       a client that can
 *	basic  one connection, raw bytes.  LocalPortForwarding with an old client:
 *	       the connection comes and goes, the session stays.  No type (SSH): its
 *	       end is the end of the session
 *
 * Bytes are taken as fast as the other side takes them and never piled up: what a socket
 * does not take is one payload, or stays in the streams' windows.
 *
 * Owner: the session.  After ended or failed the forward makes no callback.
 */
#pragma once

#include "agent/dial.h"
#include "proto/document.h"
#include "proto/own_event.h"

struct agent_forward;

struct agent_forward_ops {
	size_t (*room)(void *arg); /* the longest payload that send() takes now */
	void (*send)(void *arg, uint32_t payload_type, struct span payload);
	/* Around several of them, as in net/tunnel.h.  May be NULL. */
	bool (*cork)(void *arg);
	void (*uncork)(void *arg);
	void (*input_ready)(void *arg); /* after ERR_AGAIN: offer it again */
	/*
	 * For the audit trail: each connection, before its client can know of it; and whether
	 * another may be made now (when not, agent_forward_go() comes later).  NULL: nobody
	 * wants to know.
	 */
	void (*report)(void *arg, const struct own_event *e);
	bool (*may_open)(void *arg);
	void (*ended)(void *arg);       /* in order: all that came was sent */
	void (*failed)(void *arg, const char *why);
};

struct agent_forward_options {
	const struct session_document *doc; /* borrowed */
	const struct dial_policy *policy;   /* borrowed */
	/* Who connects to a unix socket, and on whose behalf; all borrowed. */
	struct spawner *spawner;
	const char *user, *session_id;
	const char *client_version;
	bool own; /* the client showed our extension */
};

/* What can be said about the document before anything starts.  ERR_INVALID. */
int agent_forward_check(const struct session_document *doc, struct fault *f) MUST_USE;

/* The document was checked.  May not call back before it returns. */
struct agent_forward *agent_forward_start(struct ev_loop *l,
    const struct agent_forward_options *o, const struct agent_forward_ops *ops,
    void *arg);
/* Output of the client.  ERR_AGAIN: not now, input_ready() tells when. */
int agent_forward_input(struct agent_forward *w, struct span in) MUST_USE;
/*
 * A Flag of the client.  TerminateSession: 0 when the session may end now.  ERR_AGAIN as
 * above.
 */
int agent_forward_flag(struct agent_forward *w, uint32_t flag) MUST_USE;
/* There may be room for output again. */
void agent_forward_go(struct agent_forward *w);
/* Closes all connections.  NULL is fine. */
void agent_forward_close(struct agent_forward *w);
