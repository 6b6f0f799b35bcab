/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sessions: the table of live ones, their states, tokens and clocks.
 *
 *               start       both ends joined      an end lost
 *   (none) ---> CONNECTING ---------------> CONNECTED <---------> DISCONNECTED
 *                    |                          |                     |
 *                    |      terminate           v                     |
 *                    +-------------------> TERMINATING <--------------+
 *                    v                          v
 *                 FAILED                    TERMINATED
 *
 * FAILED and TERMINATED are final: the row moves to the history and nothing leaves them.
 * Every session has a clock for each thing that could keep it alive for ever: opening
 * (SESSION_OPEN_MS), absence of an end (SESSION_GRACE_MS), idleness, maximum duration,
 * and the agent's confirmation of the end (SESSION_CLOSE_MS).  A row that says "live" of a
 * session nobody knows is closed by a sweep (SESSION_SWEEP_MS).
 *
 * Owner: struct sessions.  Others keep the session id and look it up again with
 * session_find(); a pointer is good only until the callback returns.
 * The relay (gateway) attaches itself as the session's channel, and stays it until the
 * session ends, whether its ends are there or not.
 *
 * Taking down a server: gateway_free(), store_close() (whose last callbacks may still
 * come here), sessions_free(), nodes_free().  Sessions live on in their rows.
 */
#pragma once

#include "server/domain/node.h"

enum session_state {
	SESSION_CONNECTING,
	SESSION_CONNECTED,
	SESSION_DISCONNECTED,
	SESSION_TERMINATING,
	SESSION_TERMINATED,
	SESSION_FAILED,
};
const char *session_state_name(enum session_state s); /* as DescribeSessions shows it */

enum {
	SESSION_OPEN_MS = 60 * 1000,       /* both ends must have joined by then */
	SESSION_GRACE_MS = 10 * 60 * 1000, /* an end may stay away so long */
	/* A stock agent that is online tries for about 5 s and then never again. */
	SESSION_STOCK_GRACE_MS = 60 * 1000,
	SESSION_SAY_AWAY_MS = 3 * 1000, /* a node may be away so long before it is told */
	SESSION_WARN_MS = 60 * 1000,    /* before idleness or the maximum end it */
	SESSION_TOKEN_MS =
	    5 * 60 * 1000,             /* a client token is good for one opening within */
	SESSION_IDLE_MIN_DEFAULT = 20, /* AWS: 20 minutes, 1..60 */
	SESSION_PER_NODE_MAX = 1000,   /* unless sessions_set_limits() says otherwise */
	SESSION_PER_OWNER_MAX = 1000,  /* the same, for each principal */
	SESSION_TOKEN_LEN = 43,        /* 256 bits, base64url */
	SESSION_CLOSE_MS = 5 * 1000,   /* the agent may take so long to confirm the end */
	/* An agent that was away at the end is told when it comes back within: */
	SESSION_FAREWELL_MS = 7 * 24 * 60 * 60 * 1000,
	SESSION_FAREWELLS_MAX = 4096,      /* of all nodes; the oldest are forgotten */
	SESSION_DETAILS_MAX = 1024,        /* bytes of an agent's words kept in the row */
	SESSION_PURGE_MS = 60 * 60 * 1000, /* how often old history is forgotten */
	SESSION_SWEEP_MS =
	    5 * 60 * 1000, /* how often rows of no session are looked for */
};
#define SESSION_HISTORY_MS ((int64_t)30 * 24 * 60 * 60 * 1000)

struct own_words;

enum session_end { SESSION_CLIENT, SESSION_AGENT };

/* The relay of one session, as the domain sees it. */
struct session_channel {
	/*
	 * Ends both data channels with channel_closed; output: text for the client or "".
	 * Called once, when the session ends; the domain forgets the channel before.
	 */
	void (*close)(struct session_channel *c, const char *output);
	/* To the client, if it is there and one that understands (proto/own.h); else lost. */
	void (*tell)(
	    struct session_channel *c, const char *type, const struct own_words *w);
};

struct session {
	struct store_session row; /* strings owned by the session */
	enum session_state state;
	bool joined[2]; /* which ends have an open data channel, by enum session_end */
	bool agent_was_joined, client_was_joined;
	struct session_channel
	    *channel; /* borrowed from the gateway; NULL until an end joined */
	char agent_token_sha256[65]; /* of the last CreateDataChannel; "" once used */
	int64_t agent_token_expires_ms;
	uint64_t last_data_ms; /* loop clock; idle timeout */
	uint64_t bytes[2];     /* payload bytes from each end */
	bool reports; /* its agent says itself what it opens and copies */
	/* private to the session files follow */
	struct sessions *owner;
	struct session_seat *seat; /* its node */
	struct list at_seat;
	struct arena mem;      /* strings of the row */
	struct ev_timer timer; /* the nearest of the clocks below (loop clock, 0: none) */
	uint64_t open_by_ms, max_by_ms, close_by_ms;
	uint64_t away_since_ms[2]; /* of an end that is not joined */
	const char *away_why[2];   /* static words, or NULL */
	uint64_t warned_of_ms; /* last_data_ms when the person was warned of idleness */
	bool warned_max, said_away;
	char token_sha256[65];                          /* row.token_sha256 */
	char resume_sha256[65], resume_prev_sha256[65]; /* row.resume_... */
	uint64_t secret_no;                             /* how many secrets there were */
	bool secret_told; /* the newest one left for the client */
	bool start_sent;  /* interactive_shell was handed to a control channel */
};

struct sessions;

struct session_start {
	const char *id, *target, *document, *reason, *owner_arn, *owner_user_id,
	    *access_key;
	const char *source_ip, *region, *content_json, *run_as;
	/* What interactive_shell carries, see proto/control.h; NULL: content_json.  It is
	 * what the row keeps, so that a restarted server sends the same. */
	const char *document_content;
	const char *access_request; /* id of the one that allows it, or NULL */
	int64_t max_duration_min;   /* 0: none */
	int64_t idle_min;           /* 0: SESSION_IDLE_MIN_DEFAULT */
};

/* Loads what was live before a restart (DISCONNECTED until its ends come back). */
int sessions_new(struct sessions **out, struct ev_loop *l, struct store *st,
    struct nodes *n, struct fault *f) MUST_USE;
void sessions_free(struct sessions *s);
size_t sessions_live(const struct sessions *s);
/* At once, at least 1 each; those that are there stay. */
void sessions_set_limits(struct sessions *s, size_t per_node, size_t per_owner);

struct sessions_stats {                       /* since the start */
	uint64_t refused_node, refused_owner; /* StartSession, by whose limit */
	uint64_t swept;                       /* rows that were live without a session */
};
void sessions_stats(const struct sessions *s, struct sessions_stats *out);

struct session *session_find(struct sessions *s, const char *id); /* live ones only */
typedef void session_fn(void *arg, struct session *se);
void sessions_each(struct sessions *s, session_fn *fn, void *arg); /* fn ends none */

/*
 * StartSession.  Prepares: makes the token, checks ERR_LIMIT.  The row is written by
 * session_start_run() inside the caller's transaction; after the commit
 * session_start_commit() puts it into the table and tells the agent.
 */
struct session_pending;
int session_start_prepare(struct session_pending **out, struct sessions *s,
    struct arena *mem, const struct session_start *in, struct fault *f) MUST_USE;
int session_start_run(
    struct store_tx *tx, struct session_pending *p, struct fault *f) MUST_USE;
/*
 * Returns the client's token (in the arena).  ERR_NOTFOUND: the node left meanwhile;
 * ERR_INVALID: the document is too large to be sent; ERR_LIMIT, with words: others were
 * faster.  The session has FAILED then.
 */
int session_start_commit(
    struct session_pending *p, const char **token, struct fault *f) MUST_USE;

/* ResumeSession: a fresh token.  Same three steps; NULL token text for an ended session
 * is the caller's business (ERR_NOTFOUND from prepare). */
int session_resume_prepare(struct session_pending **out, struct sessions *s,
    struct arena *mem, const char *id, struct fault *f) MUST_USE;
int session_resume_run(
    struct store_tx *tx, struct session_pending *p, struct fault *f) MUST_USE;
int session_resume_commit(struct session_pending *p, const char **token) MUST_USE;

/*
 * Opening by token, single use, constant time.  ERR_DENIED for a wrong, used or expired
 * one; ERR_NOTFOUND for a session that is over.
 */
int session_redeem_client(struct sessions *s, const char *id, struct span token) MUST_USE;
int session_make_agent_token(struct sessions *s, const char *id, const char *node_id,
    char out[SESSION_TOKEN_LEN + 1]) MUST_USE; /* ERR_DENIED: not this node's session */
int session_redeem_agent(struct sessions *s, const char *id, struct span token) MUST_USE;

/*
 * Resume secrets of our own client, see session_secret.c.  Showing one does not use it up:
 * whoever checked it and found its owner allowed renews it.  ERR_DENIED: not the newest,
 * nor the one before while that is good.
 */
int session_secret_check(const struct session *se, struct span secret) MUST_USE;
/*
 * Makes the next secret, for the client of ours that has just joined; it is told by the
 * channel once it is on disk.  shown: the one it came with; empty: it came with a token,
 * and all earlier ones are void.
 */
void session_secret_renew(struct session *se, struct span shown);
void session_secret_arrived(struct session *se); /* the client has the newest */
void session_secret_void(struct session *se);    /* a client without secrets took over */

/*
 * For a client that comes after the end: a session can be over before it was opened, because
 * the node refused its user, say, or while the client was away.  Its unused token is the
 * proof, or (resumes) its secret, for SESSION_GRACE_MS; ERR_DENIED without.
 */
struct session_last {
	const char *target, *owner_arn; /* in the arena, as words */
	const char *words;              /* why it failed, or ended meanwhile; or "" */
};
int session_last_words(struct sessions *s, struct arena *mem, const char *id,
    struct span token, bool resumes, struct session_last *out) MUST_USE;

/* The gateway reports. */
void session_joined(struct session *se, enum session_end end, struct session_channel *ch);
/* why: static words that follow "The agent was away: ", or NULL. */
void session_left(struct session *se, enum session_end end, const char *why);
void session_active(
    struct session *se, enum session_end from, size_t bytes); /* data passed */
/* The agent says that it is over (agent_task_complete or Terminating): status in AWS's
 * words. */
void session_agent_done(struct session *se, bool failed, const char *output);

/*
 * Ends it: closes both ends, tells the agent, writes the history row.  why: in words, for
 * the row.  final: SESSION_TERMINATED; SESSION_FAILED for one that is CONNECTING, whose
 * client is then told why.  It stays in the table as TERMINATING until the agent confirms
 * or SESSION_CLOSE_MS have passed; a second call does nothing.
 */
void session_terminate(struct session *se, enum session_state final, const char *why);
/* The same, as SESSION_TERMINATED, for one that its owner may not have any more: he is told. */
void session_revoke(struct session *se, const char *why);
/* All of one node. */
void sessions_terminate_node(struct sessions *s, const char *node_id, const char *why);
