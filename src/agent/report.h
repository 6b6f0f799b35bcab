/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a session reports to the server for its audit trail (proto/own_event.h): connections
 * that were opened or refused, files that were copied.
 *
 *	report() -> waits -> left on this connection -> the server has recorded it
 *	              ^______ the connection was lost ______/
 *
 * An event leaves before whatever tells the client of it, on the same connection; the server
 * lets nothing past it that is not recorded.  When as many wait as may, agent_report_is_full(),
 * the session opens and copies nothing more.
 *
 * A server that never said that it understands (AWS's, an older one) hears nothing of this.
 *
 * Owner: the session.
 */
#pragma once

#include "base/list.h"
#include "net/wsconn.h"
#include "proto/own_event.h"

enum {
	REPORT_EVENTS = 1024, /* not recorded; then it is full */
	REPORT_BYTES = 512 * 1024,
};

struct agent_report {
	struct ev_loop *loop;
	const char *session_id; /* borrowed */
	bool heard;             /* the server understands */
	int64_t next, sent;     /* number of the next event; of the last that left */
	struct list events;     /* struct report_event, owned, in order */
	size_t n, bytes;
};

void agent_report_init(struct agent_report *p, struct ev_loop *l, const char *session_id);
void agent_report_fini(struct agent_report *p);

/* Without a server that understands nothing is kept. */
void agent_report_add(struct agent_report *p, const struct own_event *e);
bool agent_report_is_full(const struct agent_report *p);
/* Some have left and are not recorded: others may gather meanwhile. */
bool agent_report_in_flight(const struct agent_report *p);
/* What has not left yet.  A failure of ws is seen by its on_close. */
void agent_report_send(struct agent_report *p, struct wsconn *ws);
/* A new connection: all that is not recorded is to leave again. */
void agent_report_again(struct agent_report *p);
/* sallyport_recorded. */
void agent_report_recorded(struct agent_report *p, struct span payload);
