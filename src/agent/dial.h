/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a node's port sessions may connect to, and the connecting.
 *
 * Rules are address prefixes and are compared with the very address that is dialled, after
 * names were resolved; IPv4 addresses in their IPv6 disguises count as what they are.
 */
#pragma once

#include "ev/ev.h"

enum {
	DIAL_DENY_MAX = 64, /* prefixes of the registration */
	DIAL_TIMEOUT_MS = 20 * 1000,
	DIAL_HOST_MAX = 253,
};

/* What --no-loopback-forward means. */
#define DIAL_LOOPBACK "127.0.0.0/8 ::1/128"

struct dial_prefix {
	uint8_t ip[16]; /* IPv4 as ::ffff:a.b.c.d */
	uint8_t bits;
};

struct dial_policy {
	struct dial_prefix deny[DIAL_DENY_MAX];
	size_t n;
};

/* CIDRs (or addresses) with blanks between them; "": none.  ERR_INVALID, ERR_LIMIT. */
int dial_policy_parse(struct dial_policy *p, const char *cidrs, struct fault *f) MUST_USE;
/*
 * Besides the registration's prefixes: no link-local, metadata, multicast, broadcast and
 * unspecified addresses.  What is no address is denied.
 */
bool dial_policy_allows(const struct dial_policy *p, const char *ip);

struct agent_dial;

/* s, or NULL and why in words.  The dial is gone when this runs. */
typedef void dial_cb(void *arg, struct ev_stream *s, int err, const char *why);

struct dial_target {
	const char *host; /* "": this node itself, to which the rules do not apply */
	uint16_t port;
	const struct dial_policy *policy; /* borrowed */
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
