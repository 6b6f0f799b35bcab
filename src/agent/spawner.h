/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything for which the agent needs rights that its network side does not have:
 * starting a session's processes as their user, ending them, and keeping its own state.
 * Two implementations:
 *
 *	spawner_local_new()    in this process, over ev_child_*; for an agent that was
 *	                       started as a normal user, and for simulation
 *	spawner_remote_new()   asks the root monitor (agent/monitor.h) over a socketpair
 *
 * What may be started is one of five fixed kinds; no caller chooses a program.  The last
 * starts none: it is a connection that is made with a user's rights.
 */
#pragma once

#include "agent/user.h"
#include "ev/ev.h"

struct spawner;
struct spawned;

enum spawn_kind {
	SPAWN_LOGIN = 1, /* the user's login shell on a terminal */
	SPAWN_COMMAND,   /* sh -c "text" on a terminal */
	SPAWN_EXEC,      /* words, looked up in PATH, with three pipes */
	SPAWN_COPY,      /* this program as agent/copy_program.h, with three pipes */
	SPAWN_SOCKET,    /* a connection to the unix socket with this path */
};

enum {
	SPAWN_TEXT_MAX = 64 * 1024, /* command text, or all words with their NULs */
	SPAWN_WORDS_MAX = 1024,
	SPAWN_SESSIONS_MAX = 1000,
};

static inline bool
spawn_has_terminal(enum spawn_kind kind)
{
	return kind == SPAWN_LOGIN || kind == SPAWN_COMMAND;
}

struct spawn_request {
	enum spawn_kind kind;
	const char *user;  /* a name; "" : the user who runs the agent */
	struct span text;  /* COMMAND: the text; EXEC: each word with a NUL behind it;
			      SOCKET: its path */
	bool merge_stderr; /* EXEC: standard error goes where standard output goes */
	const char *session_id; /* for the environment and for logs */
	uint16_t rows, cols;    /* first size of the terminal; 0: unknown */
};

/* Each is called from the loop; after exited or failed nothing follows. */
struct spawn_handler {
	/*
	 * io[0]: the terminal or the connection (io[1], io[2] NULL), or the pipes; the
	 * callee's.
	 */
	void (*started)(void *arg, struct ev_stream *io[3]);
	void (*failed)(void *arg, int err, const char *why);
	/* The program's status; one that died of a signal has 128 and the signal. */
	void (*exited)(void *arg, int status);
};

struct spawner_ops {
	struct spawned *(*spawn)(struct spawner *sp, const struct spawn_request *r,
	    const struct spawn_handler *h, void *arg);
	void (*signal)(struct spawned *s, int signum);
	void (*close)(struct spawned *s);
	/* One of the files of agent/files.h; empty content removes it. */
	int (*save)(
	    struct spawner *sp, const char *name, struct span content, struct fault *f);
	void (*free)(struct spawner *sp);
};

/* The head of both implementations. */
struct spawner {
	const struct spawner_ops *ops;
	struct ev_loop *loop;
};
struct spawned {
	struct spawner *spawner;
	const struct spawn_handler *h;
	void *arg;
};

static inline struct spawned *
spawner_spawn(struct spawner *sp, const struct spawn_request *r,
    const struct spawn_handler *h, void *arg)
{
	return sp->ops->spawn(sp, r, h, arg);
}

/* To the session's program, as if from its terminal. */
static inline void
spawned_signal(struct spawned *s, int signum)
{
	s->spawner->ops->signal(s, signum);
}

/* Gives it back.  What still runs of the session, in whatever process, is killed. */
static inline void
spawned_close(struct spawned *s)
{
	if (s != NULL)
		s->spawner->ops->close(s);
}

static inline int
spawner_save(struct spawner *sp, const char *name, struct span content, struct fault *f)
{
	return sp->ops->save(sp, name, content, f);
}

/* Everything spawned must have been closed. */
static inline void
spawner_free(struct spawner *sp)
{
	if (sp != NULL)
		sp->ops->free(sp);
}

struct spawner_local_options {
	const char *dir; /* state folder; NULL: nothing is kept (simulation) */
	bool contain; /* find and kill what sessions leave behind; false in simulation */
	const struct agent_user *user; /* fixed user (simulation); NULL: look up */
};
struct spawner *spawner_local_new(struct ev_loop *l,
    const struct spawner_local_options *o) __attribute__((returns_nonnull));

/* Takes the descriptor.  lost: the monitor is gone, nothing can be started any more. */
struct spawner *spawner_remote_new(struct ev_loop *l, int fd, ev_cb *lost, void *arg)
    __attribute__((returns_nonnull));
