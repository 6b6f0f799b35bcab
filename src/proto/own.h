/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What our server and our client say to each other on a data channel besides the stream.
 * Nobody else hears it: the server says it to clients whose upgrade carried
 *
 *	Sallyport-Session: 1
 *
 * Messages are AgentMessages of types that stock peers do not have, PayloadType 0:
 *
 *	sallyport_resume   server   {"SessionId":..,"Secret":..}    comes back with this
 *	sallyport_kept     client   {"SessionId":..}                the secret has arrived
 *	sallyport_refused  server   {"SessionId":..,"Message":..}   proven, but not allowed
 *	sallyport_notice   server   {"SessionId":..,"Message":..}   for the person
 *
 * A sallyport_resume without Secret says that the client is accepted and that the secret it
 * showed stays good.  What it means is in docs/protocol.md, "Reconnect and resume".
 *
 * What our server and our agent say to each other, behind the same header, is in own_event.h.
 */
#pragma once

#include "proto/control.h"

#define OWN_HEADER       "Sallyport-Session"
#define OWN_HEADER_VALUE "1"

#define MSG_OWN_RESUME  "sallyport_resume"
#define MSG_OWN_KEPT    "sallyport_kept"
#define MSG_OWN_REFUSED "sallyport_refused"
#define MSG_OWN_NOTICE  "sallyport_notice"

enum { OWN_WORDS_MAX = 1024, OWN_MESSAGE_MAX = 8 * 1024 };

struct own_words {
	const char *session_id;
	const char *secret;  /* "" when absent */
	const char *message; /* "" when absent; no control characters */
};

/* type: one of the four.  ERR_LIMIT in the buffer when something is too long. */
void own_build(struct buf *out, const char *type, const struct control_head *h,
    const struct own_words *w);
/* Text in mem, which should be wiped after use.  ERR_INVALID, ERR_LIMIT. */
int own_parse(struct own_words *w, struct arena *mem, struct span payload) MUST_USE;
