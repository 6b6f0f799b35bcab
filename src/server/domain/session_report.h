/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the agent of a session reports about it: ports that it opened, files that it copied.
 * They are appended to the audit trail in one transaction, together with the number up to
 * which the trail has them, so what is repeated is not recorded twice, whoever died in between.
 *
 * Of the report nothing is believed but what happened: whose session it is, on which node and
 * when is the server's own knowledge.
 */
#pragma once

#include "proto/own_event.h"
#include "server/domain/session.h"

/* On the loop.  r 0: everything up to number is in the trail. */
typedef void session_reported_fn(void *arg, int r, int64_t number);

/*
 * Takes mem, in which events lie.  The session need not live any more; its row has to.
 * ERR_CONFLICT for done: the events before these are not in the trail.
 */
void session_report(struct sessions *s, const struct own_events *events,
    struct arena *mem_take, session_reported_fn *done, void *arg);
