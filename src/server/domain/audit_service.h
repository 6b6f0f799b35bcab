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
 * SessionEnded of a row whose session nobody knows any more: begun on the loop, and completed
 * in the change that finds the row still live.
 */
struct audit_event audit_session_losing(struct audit *a);
void audit_session_lost(struct audit_record *out, struct arena *mem, struct audit_event e,
    const struct store_session *row);
/*
 * Behind SessionOpened of a port session whose agent does not report: PortOpened, as far as its
 * document says.
 */
bool audit_session_port(struct audit *a, struct audit_record *out, struct arena *mem,
    const struct session *se);
/*
 * The owner of a session was not let back in: done is told when that is on disk.  False: there
 * were too many, it is not recorded, and done stays silent.
 */
bool audit_resume_denied(struct audit *a, const struct session *se, const char *why,
    const char *source_ip, audit_done_fn *done, void *arg) MUST_USE;

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

/* A request of the message gateway, and why it was refused. */
struct audit_refusal {
	const char *action; /* "ssmmessages:OpenDataChannel" */
	const char *arn, *source_ip, *user_agent, *region; /* arn, region may be NULL */
	struct audit_identity who;
	struct audit_tls tls;
	const char *error, *message;
};
/* As audit_resume_denied(). */
bool audit_refused(struct audit *a, const struct audit_refusal *r, audit_done_fn *done,
    void *arg) MUST_USE;
