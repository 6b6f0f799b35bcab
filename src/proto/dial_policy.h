/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where port sessions may not go: address prefixes, those of a node's registration and
 * those that are denied everywhere.  Pure: the agent compares them with the very address
 * that it dials, the server with what it sees of one.
 *
 * IPv4 addresses in their IPv6 disguises (mapped, compatible, translated, 6to4) count as
 * what they are.
 */
#pragma once

#include "base/err.h"
#include "base/span.h"

enum {
	DIAL_DENY_MAX = 64, /* prefixes of the registration */
	DIAL_IP_TEXT = 64,
};

/* What --no-loopback-forward means. */
#define DIAL_LOOPBACK "127.0.0.0/8 ::1/128"
/* What --no-socket-forward means. */
#define DIAL_SOCKETS  "sockets"

struct dial_prefix {
	uint8_t ip[16]; /* IPv4 as ::ffff:a.b.c.d */
	uint8_t bits;
};

struct dial_policy {
	struct dial_prefix deny[DIAL_DENY_MAX];
	size_t n;
	bool no_sockets; /* of the file system */
};

/*
 * CIDRs (or addresses, or DIAL_SOCKETS) with blanks between them; "": none.  ERR_INVALID,
 * ERR_LIMIT.
 */
int dial_policy_parse(struct dial_policy *p, const char *cidrs, struct fault *f) MUST_USE;
/*
 * Besides the registration's prefixes: no link-local, metadata, multicast, broadcast and
 * unspecified addresses.  What is no address is denied.
 */
bool dial_policy_allows(const struct dial_policy *p, const char *ip);
/*
 * Whether host is an address, in any notation that a resolver takes for one, that no node
 * may dial; ip is then that address.  A name is none.
 */
bool dial_host_is_forbidden(char ip[DIAL_IP_TEXT], const char *host);
