/* SPDX-License-Identifier: Apache-2.0 */
/*
 * With what a client of ours comes back: the secret that the server gave it, as long as
 * there is one (proto/own.h), else whatever ResumeSession answers.
 *
 *	no secret, or refused last time ----> ResumeSession
 *	secret --------------------------> shown in the opening frame
 *
 * A refusal by policy leaves the secret good: it and ResumeSession, which the person's
 * credentials may open, are then tried in turn.  A secret that the server does not know is
 * forgotten.
 *
 * Owner: the client_session that embeds it.
 */
#pragma once

#include "ev/ev.h"
#include "proto/own.h"

enum { COMEBACK_SECRET_MAX = 64 };

struct comeback {
	char secret[COMEBACK_SECRET_MAX]; /* "": none */
	bool shown;   /* the connection that is open, or opening, begins with it */
	bool refused; /* the last time it was shown */
	bool told;    /* and the person knows why */
};

/* Another attempt begins: true when it is to show the secret. */
bool comeback_show(struct comeback *c);
/* ResumeSession gave a token (true), or failed. */
void comeback_resumed(struct comeback *c, bool token);
/*
 * The server let us in, and gave a secret, or none: the one there is stays good.  answer:
 * what to tell it, or empty; if that gets lost the older secret just lasts a little longer.
 */
void comeback_keep(
    struct comeback *c, const struct own_words *w, struct ev_loop *l, struct buf *answer);
/* It did not let us in; true: the person has heard of that already. */
bool comeback_refused(struct comeback *c);
/* The connection ended before the server accepted; code: of its close frame. */
void comeback_failed(struct comeback *c, uint16_t code);
void comeback_fini(struct comeback *c);
