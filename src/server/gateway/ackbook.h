/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which sequence numbers of one direction were acknowledged already.
 *
 * The stock client does not acknowledge a duplicate again and the stock agent then
 * resends it for ever (docs/protocol.md, "the acknowledgement race"); the relay answers
 * from this book. Everything from "base" to "floor" is acknowledged, and a bit stands for
 * each number above it.  After a restart of the server the book is a new one in the middle
 * of a session: "late".
 */
#pragma once

#include "base/base.h"

/* The stock client buffers at most 10,000 messages out of order, so no honest gap is
 * longer. */
enum { ACKBOOK_WINDOW = 16384 };

struct ackbook {
	bool late;    /* its first entry is where it begins, not 0 */
	int64_t base; /* nothing is known of what lies below */
	int64_t floor;
	uint64_t bits[ACKBOOK_WINDOW /
	    64]; /* bit seq % WINDOW, for floor <= seq < floor + WINDOW */
};

void ackbook_add(struct ackbook *b, int64_t seq);
bool ackbook_has(const struct ackbook *b, int64_t seq);
