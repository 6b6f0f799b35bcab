/* SPDX-License-Identifier: Apache-2.0 */
/* See ackbook.h. */
#include "server/gateway/ackbook.h"

static uint64_t *
word_of(struct ackbook *b, int64_t seq)
{
	return &b->bits[(seq % ACKBOOK_WINDOW) / 64];
}

static uint64_t
bit_of(int64_t seq)
{
	return UINT64_C(1) << (seq % 64);
}

void
ackbook_add(struct ackbook *b, int64_t seq)
{
	if (b->late && seq >= 0 && seq < INT64_MAX - ACKBOOK_WINDOW) {
		b->late = false;
		b->base = b->floor = seq;
	}
	/* Written as a difference: seq comes from a peer and may be near INT64_MAX. */
	if (seq < b->floor || seq - b->floor >= ACKBOOK_WINDOW)
		return;
	*word_of(b, seq) |= bit_of(seq);
	while (*word_of(b, b->floor) & bit_of(b->floor)) {
		*word_of(b, b->floor) &= ~bit_of(b->floor);
		b->floor++;
	}
}

bool
ackbook_has(const struct ackbook *b, int64_t seq)
{
	if (seq < 0 || seq - b->floor >= ACKBOOK_WINDOW)
		return false;
	if (seq < b->floor)
		return seq >= b->base;
	return b->bits[(seq % ACKBOOK_WINDOW) / 64] & bit_of(seq);
}
