/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keys of identity providers: fetched over HTTPS when a token of theirs comes, kept, and
 * fetched again when they are old or a token names one that is not among them.
 *
 * However many tokens come, an issuer is asked once at a time, and no sooner again than
 * OIDC_AGAIN_MS after it answered or OIDC_RETRY_MS after it failed.  Redirects are not
 * followed.  The address that is dialled is none of those that nobody may dial
 * (proto/dial_policy.h), nor of the prefixes in oidc_deny.
 *
 * Whether there is a provider for the issuer is for the caller to know.
 *
 * Owner: the server.  Threads: the loop's.
 */
#pragma once

#include "base/list.h"
#include "ev/ev.h"
#include "proto/jwt.h"

struct oidc;

enum {
	OIDC_ISSUERS_MAX = 128,      /* the one that was asked longest ago makes room */
	OIDC_DEADLINE_MS = 5 * 1000, /* for each of the two documents */
	OIDC_FRESH_MS = 3600 * 1000, /* then the keys are fetched again */
	OIDC_STALE_MS = 24 * 3600 * 1000, /* so long they do if the issuer is not there */
	OIDC_AGAIN_MS = 60 * 1000,
	OIDC_RETRY_MS = 5 * 1000,
};

/*
 * ca_file: whom the issuers are certified by, "" for the system's roots; deny: address prefixes
 * with blanks between them.  HTTPS_PROXY and NO_PROXY of the environment count.
 */
int oidc_new(struct oidc **out, struct ev_loop *l, const char *ca_file, const char *deny,
    struct fault *f) MUST_USE;
void oidc_free(struct oidc *o); /* waits are forgotten */

/*
 * One token that waits for the keys of its issuer.  Owner: whoever waits, who takes it off with
 * oidc_wait_end() before it goes; after fn() has run it is off.  All zero at first.
 */
struct oidc_wait {
	struct list link;
	ev_cb *fn;
	void *arg;
	bool done; /* it has waited: no second time */
};
void oidc_wait_end(struct oidc_wait *w);

/*
 * Did the issuer of this token sign it?  0; ERR_SIGNATURE; ERR_NOTFOUND: it has no such key;
 * ERR_UNSUPPORTED: an algorithm that is never trusted; ERR_AGAIN: fn() tells when to ask again;
 * ERR_IO: the issuer cannot be reached; ERR_INVALID: its documents are not as they should be.
 */
int oidc_verify(struct oidc *o, const struct jwt *t, struct oidc_wait *w) MUST_USE;
