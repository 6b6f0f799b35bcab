/* SPDX-License-Identifier: Apache-2.0 */
/*
 * After a burst: base/heap.h keeps what it left free at the top of the heap for the next one.
 * When nothing was relayed for a few seconds there is no next one, and the memory can go back.
 */
#pragma once

#include "ev/ev.h"

enum {
	REST_LOOK_MS = 3000, /* so long without work is rest */
};

/* In the storage of its user, which keeps it from rest_start() to rest_stop(). */
struct rest {
	struct ev_loop *loop;
	struct ev_timer timer;
	const uint64_t *work; /* grows while there is some */
	uint64_t seen;        /* of it, at the last look */
	bool due;             /* there was some since the last rest */
	void (*at_rest)(void);
};

/* Runs at_rest once after each time of work. */
void rest_start(
    struct rest *r, struct ev_loop *l, const uint64_t *work, void (*at_rest)(void));
void rest_stop(struct rest *r);
