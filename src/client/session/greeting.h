/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The client's side of the handshake at the beginning of a session: what the agent asks for,
 * and what we answer (docs/protocol.md, "Handshake").
 *
 * Owner: whoever embeds it.  What was read lives as long as it.
 */
#pragma once

#include "client/session/session.h"

struct greeting {
	struct arena mem;
	struct handshake_request request;
	const struct handshake_action *action; /* in request; NULL before it was answered */
};

void greeting_init(struct greeting *g);
void greeting_fini(struct greeting *g);

/*
 * A HandshakeRequest; the response is appended to out, unless the request cannot be read at all.
 * A negative code: there will be no session, f says why (out may still tell the agent).
 */
int greeting_answer(struct greeting *g, struct span json, const char *client_version,
    struct buf *out, struct fault *f) MUST_USE;
/* Whether there was a request that was answered. */
bool greeting_begun(const struct greeting *g);
/* What the session is to be; without a handshake, a shell.  own_peer is not known here. */
void greeting_info(const struct greeting *g, struct session_info *info);
/* The customer's message in a HandshakeComplete; "" when there is none. */
const char *greeting_message(struct greeting *g, struct span json);
