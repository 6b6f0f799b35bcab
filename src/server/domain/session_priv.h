/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private to the session files:
 *
 *	session.c        the table, the state machine, what the gateway reports
 *	session_clock.c  what ends a session in time, and warns before
 *	session_open.c   StartSession, ResumeSession, loading after a restart
 *	session_report.c ports and files that its agent tells of (session_report.h)
 *	session_token.c  tokens of client and agent
 *	session_secret.c secrets with which our client comes back
 *	session_end.c    the end, and agents that have yet to hear of it
 *	session_limits.c how many at once
 *	session_sweep.c  old history, and rows that nobody knows
 *	session_store.c  changes of rows, written behind
 */
#pragma once

#include "server/domain/session.h"

/* What is known here about one node; exists while one of its lists is not empty. */
struct session_seat {
	char node_id[24];
	struct list live; /* struct session */
	size_t nlive;
	struct list farewells; /* struct farewell */
};

struct sessions {
	struct ev_loop *loop;
	struct store *store;
	struct nodes *nodes;
	struct map live;   /* id -> struct session, owned */
	struct map seats;  /* node id -> struct session_seat, owned */
	struct map owners; /* user id -> struct session_owner, owned */
	size_t per_node_max, per_owner_max;
	uint64_t refused_node, refused_owner, swept; /* since the start */
	struct map ended; /* id -> struct session whose end is not on disk yet, owned */
	struct ev_timer purge, sweep;
	struct list farewells; /* all of them, oldest first */
	size_t nfarewells;
};

/* --- session.c --- */

/* Makes a session from a row (copied) and puts it into the table, CONNECTING. */
struct session *session_add(struct sessions *s, const struct store_session *row);
/* Out of the table; it stays among the ended ones until session_forget(). */
void session_remove(struct session *se);
/* Its row tells of the end now, or never will. */
void session_forget(struct session *se);
/* The only place where the state changes; writes the row behind, sets the timer anew. */
void session_move(struct session *se, enum session_state to);
bool session_is_over(const struct session *se); /* TERMINATING or later */
struct session_seat *session_seat(struct sessions *s, const char *node_id);
void session_seat_leave(
    struct sessions *s, struct session_seat *seat); /* frees an empty one */

/* --- session_clock.c --- */

void session_set_clock(struct session *se);
/* A line for the person, if the client is there and understands. */
void session_say(struct session *se, const char *text);

/* --- session_open.c --- */

/* interactive_shell; 0, or what node_send() said, or ERR_INVALID for a document too large.
 */
int session_send_start(struct session *se) MUST_USE;
int sessions_load(struct sessions *s, struct fault *f) MUST_USE;

/* --- session_token.c --- */

void session_token_make(
    struct ev_loop *l, char token[SESSION_TOKEN_LEN + 1], char hex[65]);
void session_token_hash(char hex[65], struct span token);

/* --- session_secret.c --- */

bool session_secret_matches(const struct store_session *row, struct span secret);

/* --- session_end.c --- */

/* As session_terminate(); output: what the client is shown. */
void session_end(
    struct session *se, enum session_state final, const char *why, const char *output);
/* TERMINATING -> TERMINATED; confirmed: the agent knows. */
void session_finish(struct session *se, bool confirmed);
void session_node_online(void *arg, const char *node_id);
/* channel_closed over the control channel. */
int session_tell_closed(
    struct sessions *s, const char *node_id, const char *session_id) MUST_USE;
int farewells_load(struct sessions *s, struct fault *f) MUST_USE;
void farewells_free(struct sessions *s);

/* --- session_limits.c --- */

void session_owner_add(struct session *se);
void session_owner_remove(struct session *se);
/* ERR_LIMIT with words, when that many more are too many for one of the two. */
int session_limits_check(struct sessions *s, const char *node_id, const char *owner_arn,
    const char *owner_user_id, size_t more, struct fault *f) MUST_USE;

/* --- session_sweep.c --- */

void sessions_sweep_start(struct sessions *s);
void sessions_sweep_stop(struct sessions *s);

/* --- session_store.c: asynchronous, failures are logged --- */

/* from: its state before, for the audit trail. */
void session_write_status(struct session *se, enum session_state from);
void session_write_token(struct session *se);
void session_write_told(struct sessions *s, const char *session_id);
void sessions_write_purge(struct sessions *s);
/* Closes a row that is still live. */
void session_write_lost(struct sessions *s, const char *session_id);
