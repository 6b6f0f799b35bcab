/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Retransmission timeout of a data channel, as the stock peers compute it: smoothed round
 * trip time and its variation, floor 10 ms of variation, cap one second.
 * The caller keeps Karn's rule: no sample from a message that was sent twice.
 */
#pragma once

#include "base/base.h"

enum { RTO_FIRST_MS = 200, RTO_MAX_MS = 1000, RTO_VAR_MIN_MS = 10 };

struct rto {
	double srtt, rttvar, rto; /* milliseconds */
};

void rto_init(struct rto *r);
void rto_sample(struct rto *r, double rtt_ms); /* negative samples count as 0 */
/* The time to wait after the given number of resends: doubling, at most cap_ms. */
uint64_t rto_wait_ms(const struct rto *r, unsigned resends, uint64_t cap_ms);
