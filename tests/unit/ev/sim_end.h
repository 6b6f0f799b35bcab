/* SPDX-License-Identifier: Apache-2.0 */
/* One end of a connection that keeps what comes, and notes how. */
#pragma once

#include "env.h"

struct end {
	struct ev_stream *s;
	size_t n, max_piece;
	uint64_t at_ms; /* of the last byte */
	int err;        /* how reading ended */
	bool over;
	uint8_t in[100000];
};

void end_set(struct end *x, struct ev_stream *s);
