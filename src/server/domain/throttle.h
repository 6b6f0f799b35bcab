/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What guessing costs.  Failed attempts are counted by where they come from (an address; of
 * IPv6 its /64) and by whom they are about (an access key, a user).  After a few that are free
 * the answer to each further one is held back for longer and longer, and one is forgotten for
 * each minute of quiet.
 *
 * Only refusals wait.  An attempt that succeeds is answered at once, wherever the failures of
 * others come from; one is not even looked at only when as many answers to its source are held
 * back as may be, and it is about somebody on whom guesses have failed: otherwise asking in
 * parallel would undo the waiting.
 *
 * Memory is bounded: those that failed longest ago are forgotten first.
 * Owner: the server.  Threads: the loop's.
 */
#pragma once

#include "ev/ev.h"

enum {
	THROTTLE_FREE = 5,       /* failures before an answer waits */
	THROTTLE_FIRST_MS = 250, /* and twice as long each time */
	THROTTLE_MAX_MS = 4000,
	THROTTLE_FADE_MS = 60 * 1000,
	THROTTLE_SUBJECTS_MAX = 8192, /* sources and subjects that are remembered */
	THROTTLE_HELD_MAX = 16,       /* answers for one source */
	THROTTLE_HELD_ALL_MAX = 1024,
};

struct throttle;

struct throttle *throttle_new(struct ev_loop *l);
/* Ends all waiting first: every callback runs. */
void throttle_free(struct throttle *t);
void throttle_drain(struct throttle *t);

/* Whether this attempt is to be looked at now.  subject "": nobody that could be named. */
bool throttle_admits(struct throttle *t, const char *source, const char *subject);
/* Counts a failure; how long its answer has to wait. */
uint64_t throttle_failed(struct throttle *t, const char *source, const char *subject);
/* The subject has proved itself.  Its source keeps its count: it may be guessing others. */
void throttle_proved(struct throttle *t, const char *subject);

/*
 * Calls cb after ms.  False when too many wait already: nothing is called then, the answer goes
 * out at once.
 */
bool throttle_hold(
    struct throttle *t, const char *source, uint64_t ms, ev_cb *cb, void *arg) MUST_USE;
