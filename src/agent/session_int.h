/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of a session share.  Not for others: they include session.h. */
#pragma once

#include "agent/backoff.h"
#include "agent/forward.h"
#include "agent/launch.h"
#include "agent/report.h"
#include "agent/session.h"
#include "agent/shell.h"
#include "net/wsconn.h"
#include "proto/channel.h"
#include "proto/document.h"
#include "proto/handshake.h"
#include "proto/ids.h"

enum {
	SIZE_WAIT_MS = 300,           /* for the first Size of a client */
	HANDSHAKE_MAX_MS = 60 * 1000, /* stock agents wait 15 s from their start on */
	DRAIN_STEP_MS = 60 * 1000, /* without an acknowledgement: no stock client is there */
	LINK_GRACE_MS = 10 * 60 * 1000, /* a session without a server ends */
	LIMIT_SLACK_MS = 60 * 1000, /* idle and maximum time are the server's to watch */
	NEVER_RAN_MS = 3000,        /* an exit in that time may mean no program ran */
};

enum session_phase {
	SESSION_OPENING,
	SESSION_ASKED,
	SESSION_SIZING,
	SESSION_RUNNING,
	SESSION_DRAINING,
	SESSION_OVER,
};

/* Between the session and its server. */
struct session_link {
	char *path;  /* owned */
	char *token; /* of the attempt under way; owned */
	struct agent_call *create;
	struct http_call *upgrade;
	struct wsconn *ws;
	struct agent_backoff backoff;
	struct ev_timer retry;
	uint64_t up_ms, down_ms; /* since when; loop clock */
	bool told_connected;
};

struct agent_session {
	struct list ending;
	struct agent_session_env *env;
	char id[ID_SESSION_MAX + 1];
	char user[64];
	enum session_phase phase;
	struct arena mem; /* the document's texts */
	struct session_document doc;
	struct session_link link;
	struct channel *ch;
	struct agent_report report;
	struct ev_timer tick;          /* of the channel */
	struct ev_timer step;          /* of the phase */
	struct ev_timer limit;         /* idle, maximum, grace */
	struct agent_shell *shell;     /* or */
	struct agent_forward *forward; /* type Port */
	struct term_size size;
	uint64_t started_ms, active_ms; /* loop clock */
	uint64_t asked_us;
	bool own_client;         /* showed our extension */
	char client_version[64]; /* as it said; "" when it is too long to be one */
	bool input; /* is a stream that ends by itself: a pipe's or a connection's */
	bool tell_status; /* the client understands exit statuses, and has none yet */
	bool said_something;
	int status;           /* of the program, DRAINING */
	uint64_t drain_acked; /* acknowledgements when the step began */
};

/* Something happened on the channel: resume, drain, set the timer.  May end the session.
 */
void session_turn(struct agent_session *s);
void session_arm(struct agent_session *s);   /* only the channel's timer */
void session_drain(struct agent_session *s); /* the program has ended */
void session_over(struct agent_session *s, const char *status, const char *output);

/* The longest payload worth sending now; 0: none. */
size_t session_room(const struct agent_session *s);

/* session_link.c */
void session_link_init(struct agent_session *s);
void session_link_start(struct agent_session *s);
void session_link_fini(struct agent_session *s);
/* Tells the server that the program has ended. */
void session_link_terminating(struct agent_session *s);
bool session_link_is_up(const struct agent_session *s);

/* session_talk.c: the channel's callbacks and the handshake. */
extern const struct channel_ops session_channel_ops;
extern const struct agent_shell_ops session_shell_ops;
void session_ask(struct agent_session *s); /* sends the HandshakeRequest */
/* Ways that a shell and a port have in common; arg: the session. */
size_t session_output_room(void *arg);
void session_output(void *arg, uint32_t type, struct span payload);
void session_input_ready(void *arg);
bool session_may_report(void *arg);

/* session_port.c */
void session_port_start(struct agent_session *s);
int session_port_flag(struct agent_session *s, uint32_t flag) MUST_USE;
