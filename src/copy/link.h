/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages of proto/copy.h over two descriptors, for code that blocks: the program at the end of a copy
 * session, or a thread of the client.
 *
 * What is sent is gathered until there is enough of it, or until an answer is waited for.
 * While a sender writes, it also reads: the results of small files come back meanwhile, and
 * with both ends only writing nothing would move.
 *
 * Owner: whoever called copy_link_init(); the descriptors stay the caller's and are made
 * non-blocking.  One thread.
 */
#pragma once

#include "proto/copy.h"

struct copy_link {
	int in, out;
	uint8_t *buf; /* what was read; one message fits */
	size_t len, off;
	struct buf queue; /* to be written */
	uint64_t said_ms; /* something was written last */
	/*
	 * A message that came while we were writing; not 0 ends the link.  NULL: nothing is
	 * read then.
	 */
	int (*on_msg)(void *arg, const struct copy_msg *m);
	void *arg;
	/* Before anything is written, and before it waits for the other end.  May be NULL. */
	void (*before)(void *arg);
	void *before_arg;
};

void copy_link_init(struct copy_link *k, int in, int out);
void copy_link_fini(struct copy_link *k);

/* ERR_CLOSED, ERR_PROTOCOL, ERR_IO: the link is of no use any more. */
int copy_link_send(struct copy_link *k, const struct copy_msg *m) MUST_USE;
/* Words as text of a message that has nothing else. */
int copy_link_say(struct copy_link *k, enum copy_type type, const char *words) MUST_USE;
/* DATA: bytes points COPY_HEAD behind the beginning of a buffer; the head goes there. */
int copy_link_send_data(struct copy_link *k, uint8_t *bytes, size_t n) MUST_USE;
int copy_link_flush(struct copy_link *k) MUST_USE;
/* Work that takes long and says nothing: now and then a NOP, so that nobody gives us up. */
int copy_link_alive(struct copy_link *k) MUST_USE;
/* The next message but NOP; its text is good until the next call.  Waits. */
int copy_link_next(struct copy_link *k, struct copy_msg *m) MUST_USE;

uint64_t copy_clock_ms(void); /* monotonic */
