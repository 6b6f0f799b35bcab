/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bytes a stream could not hand to the kernel yet, in chunks that are freed as they
 * leave: an empty queue holds no memory.  The stream enforces the cap; the queue does
 * not.
 */
#pragma once

#include "ev/ev.h"

struct outq_chunk;

struct outq {
	struct outq_chunk *head, *tail;
	size_t bytes;
};

void outq_add(struct outq *q, struct span s);
/* Writes until empty or ERR_AGAIN (both give 0); *moved tells of progress. */
int outq_flush(struct outq *q, struct ev_stream *s, bool *moved) MUST_USE;
void outq_clear(struct outq *q);
