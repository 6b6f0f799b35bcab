/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Retransmission timeout: RFC 6298's estimator with the stock peers' constants.
 */
#include "proto/rto.h"

void
rto_init(struct rto *r)
{
	*r = (struct rto){ .srtt = 100, .rttvar = 0, .rto = RTO_FIRST_MS };
}

void
rto_sample(struct rto *r, double rtt_ms)
{
	double off;

	rtt_ms = rtt_ms > 0 ? rtt_ms : 0;
	off = r->srtt > rtt_ms ? r->srtt - rtt_ms : rtt_ms - r->srtt;
	r->rttvar = 0.75 * r->rttvar + 0.25 * off; /* with the old mean */
	r->srtt = 0.875 * r->srtt + 0.125 * rtt_ms;
	r->rto = r->srtt + MAX((double)RTO_VAR_MIN_MS, 4 * r->rttvar);
	r->rto = MIN(r->rto, (double)RTO_MAX_MS);
}

uint64_t
rto_wait_ms(const struct rto *r, unsigned resends, uint64_t cap_ms)
{
	uint64_t ms = (uint64_t)r->rto;

	ms = MAX(ms, 1);
	for (; resends > 0 && ms < cap_ms; resends--)
		ms *= 2;
	return MIN(ms, cap_ms);
}
