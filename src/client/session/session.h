/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One session from the person's side: the WebSocket, the data channel on it, the
 * handshake, and coming back after the network was lost.
 *
 *	CONNECTING --open--> WAITING --handshake or first output--> READY
 *	     ^                  |                                     |
 *	     +----- resume <-- LOST <---------------------------------+
 *	                        |
 *	                        +--> ENDED (channel_closed, no token any more, or gave up)
 *
 * A server of ours gives a secret with which the session is resumed (comeback.h); without
 * one, or when it is refused, resume() is asked for a token.
 *
 * Owner: whoever made it; on_end is the last callback, free it afterwards (not inside).
 * What is sent while the connection is away waits in the window and is not lost.
 */
#pragma once

#include "net/http_client.h"
#include "proto/agentmsg.h"
#include "proto/document.h"
#include "proto/handshake.h"

enum {
	SESSION_RETRY_MIN_MS = 200,
	SESSION_RETRY_MAX_MS = 5000,
	SESSION_FIRST_TRIES = 6, /* of the very first connection, as the stock plugin */
	SESSION_LASTED_MS =
	    5000, /* a connection this old, or one that moved data, was good */
	SESSION_GIVE_UP_MS =
	    10 * 60 * 1000, /* without a connection: the server forgets us then */
	SESSION_BULK_MIN = 4 * 1024,
	SESSION_CLIENT_PING_MS = 12 * 1000, /* our server is first */
	SESSION_CLIENT_DEAD_MS =
	    25 * 1000, /* no byte from the server for so long: reconnect */
};

enum session_why {
	SESSION_CLOSED,    /* channel_closed: text is the reason, or "" */
	SESSION_TIMED_OUT, /* ResumeSession gave no token: the session is over */
	SESSION_GAVE_UP,   /* text: the last error */
	SESSION_UNUSABLE,  /* the handshake failed: text says why */
};

struct session_info {
	enum document_type type;
	struct span properties; /* JSON of SessionType, or empty; for the callback only */
	const char *agent_version;    /* "" without a handshake */
	const char *customer_message; /* "" when none */
	bool own_peer;                /* our extensions are on */
	bool tells_attached;          /* of each stream of many: tunnel_ask() */
	bool takes_input; /* FLAG_END_OF_INPUT ends it; a command reads it from a pipe */
};

struct client_session;

struct client_session_ops {
	void (*on_ready)(void *arg, const struct session_info *info); /* once */
	/* Output, StdErr, Flag and the like.  0, or ERR_AGAIN until
	 * client_session_pump(). */
	int (*on_data)(void *arg, uint32_t payload_type, struct span data);
	void (*on_writable)(void *arg);
	/* true: the connection was lost and is being restored; false: it is back. */
	void (*on_lost)(void *arg, bool lost, const char *why);
	void (*on_end)(void *arg, enum session_why why, const char *text);
	/* A line of the server's for the person; or why it does not let us back.  May be
	 * NULL. */
	void (*on_notice)(void *arg, const char *text);
	/* Asks for a new token; answer with client_session_resumed(). */
	void (*resume)(void *arg);
};

struct client_session_options {
	const char *session_id;
	const char *stream_url;
	const char *token;
	const char *client_id;      /* a UUID, the same for the life of the process */
	const char *client_version; /* HANDSHAKE_CLIENT_VERSION */
};

struct client_session *client_session_new(struct ev_loop *l, struct http_client *http,
    const struct client_session_options *o, const struct client_session_ops *ops,
    void *arg);
void client_session_free(struct client_session *s);

/*
 * The outcome of resume().  token NULL with err 0: the session is over.  err: try again
 * later. stream_url may be NULL: the one used before.
 */
void client_session_resumed(struct client_session *s, const char *token,
    const char *stream_url, int err, const char *why);

/* 0; ERR_AGAIN: the window is full, on_writable comes; ERR_CLOSED. */
int client_session_send(
    struct client_session *s, uint32_t payload_type, struct span data) MUST_USE;
size_t client_session_room(const struct client_session *s);
/* The same for what comes in bulk: 0 instead of less than SESSION_BULK_MIN, and on_writable comes. */
size_t client_session_bulk_room(struct client_session *s);
void client_session_pump(struct client_session *s); /* on_data is ready again */
bool client_session_drained(const struct client_session *s);
bool client_session_is_ready(const struct client_session *s);
