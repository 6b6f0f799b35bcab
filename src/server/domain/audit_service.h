/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events that no call brings: what becomes of sessions and nodes, and channels that were
 * refused.  Without an audit trail (NULL, in tests of the domain alone) nothing is done.
 */
#pragma once

#include "proto/own_event.h"
#include "server/domain/audit.h"
#include "server/domain/identity.h"
#include "server/domain/session.h"

/*
 * What the move of this session to its state means for the trail: SessionOpened,
 * SessionResumed, SessionEnded, or nothing (false).  from: its state before.  In the arena.
 */
bool audit_session_moved(struct audit *a, struct audit_record *out, struct arena *mem,
    const struct session *se, enum session_state from);
/*
 * Behind SessionOpened of a port session whose agent does not report: PortOpened, as far as its
 * document says.
 */
bool audit_session_port(struct audit *a, struct audit_record *out, struct arena *mem,
    const struct session *se);
/* The owner of a session was not let back in. */
void audit_resume_denied(struct audit *a, const struct session *se, const char *why,
    const char *source_ip);

/*
 * PortOpened and FileCopied, as the session's agent reported them.  Begun on the loop (false:
 * too many of this node); made on any thread, from the session's row.
 */
bool audit_report_begin(struct audit *a, struct audit_event *out, const char *node_id);
void audit_report_make(struct audit_record *out, struct arena *mem,
    const struct audit_event *begun, const struct store_session *row,
    const struct own_event *what);

/* AgentConnected (also over an older channel) and AgentDisconnected; false: too many. */
bool audit_node_moved(struct audit *a, struct audit_record *out, struct arena *mem,
    const char *node_id, const char *event, const char *why);

/* A request of the message gateway that was refused. */
struct audit_refusal {
	const char *action; /* "ssmmessages:OpenDataChannel" */
	const char *arn, *source_ip, *user_agent, *region;
	const struct principal *who; /* as far as it is proven */
	const char *claimed;         /* see audit_identity_of() */
	struct audit_tls tls;
	const char *error, *message;
};
void audit_refused(struct audit *a, const struct audit_refusal *r);
