/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values of conditions that are not text: numbers, dates, addresses, truth and bytes.
 * Policies and requests write them the same way.
 */
#pragma once

#include "base/arena.h"
#include "base/err.h"

/* Exact: up to 18 digits before the point and 18 behind it. */
struct policy_number {
	int64_t whole; /* rounded towards zero */
	int64_t parts; /* of 10^18, with the sign of the number */
};

struct policy_net {
	uint8_t addr[16]; /* IPv4 as ::ffff:a.b.c.d */
	uint8_t bits;     /* 0..128 */
};

/* [+-]digits[.digits]; no exponent. */
int policy_number_parse(struct policy_number *out, struct span s) MUST_USE;
int policy_number_cmp(const struct policy_number *a, const struct policy_number *b);

/*
 * ISO 8601, as loosely as AWS takes it ("2026-11", "2026-11-21T8:00", "01T"; without a zone it
 * is UTC), else seconds since the epoch.  Milliseconds since the epoch.
 */
int policy_date_parse(int64_t *ms, struct span s) MUST_USE;

/* "true" or "false" in any case. */
int policy_bool_parse(bool *out, struct span s) MUST_USE;

/* An address, or an address and /bits.  IPv4 and IPv4-mapped IPv6 are the same. */
int policy_net_parse(struct policy_net *out, struct span s) MUST_USE;
/* Whether the address (bits 128) lies in the net. */
bool policy_net_has(const struct policy_net *net, const struct policy_net *addr);

/* Base64; the bytes live in mem. */
int policy_bytes_parse(struct span *out, struct arena *mem, struct span s) MUST_USE;
