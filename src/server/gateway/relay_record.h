/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an agent of ours reports (proto/own_event.h) on its way to the audit trail, and its
 * messages behind that, which wait until the trail has it: nobody hears of a connection or a
 * file before it is recorded.
 *
 *	event 1, data, event 2, data, data
 *	   |       \______ held until 1 is committed
 *	   |  event 2 is submitted at once: both share a commit, if they can
 *
 * When a commit fails everything behind it is dropped and failed() ends the connection: the
 * agent comes back and says it again.  Held messages outlive their connection.
 *
 * Owner: the relay.  A report that is with the store when the relay goes is recorded all the
 * same.
 */
#pragma once

#include "base/list.h"
#include "server/domain/session_report.h"

struct relay_record_ops {
	void (*pass)(void *arg, struct span msg);    /* a held message goes on */
	void (*recorded)(void *arg, int64_t number); /* up to here the trail has it */
	void (*failed)(void *arg);
};

struct relay_record {
	struct sessions *sessions;
	const char *session_id; /* borrowed */
	const struct relay_record_ops *ops;
	void *arg;
	struct list reports;           /* struct relay_report: with the store */
	struct list held;              /* struct held_msg */
	size_t bytes;                  /* of both */
	uint64_t submitted, committed; /* reports since the last failure */
	bool waits;                    /* there is something: what comes has to be held */
};

void relay_record_init(struct relay_record *rec, struct sessions *s,
    const char *session_id, const struct relay_record_ops *ops, void *arg);
void relay_record_fini(struct relay_record *rec);

/* The payload of a sallyport_event.  ERR_*: it is not what one of ours says. */
int relay_record_take(struct relay_record *rec, struct span payload) MUST_USE;
/* While rec->waits.  Copies. */
void relay_record_hold(struct relay_record *rec, struct span msg);
