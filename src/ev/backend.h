/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private to src/ev: what the two backends have in common.
 *
 * ev.c is the front door.  It owns the timer heap and the list of deferred calls, and
 * passes everything else to the backend's table.  A backend embeds these structs as the
 * first member of its own.
 */
#pragma once

#include "ev/ev.h"

struct ev_call {
	ev_cb *cb;
	void *arg;
};

struct ev_loop {
	const struct ev_backend *ops;
	bool dead; /* simulated crash: nothing starts and nothing is called any more */

	struct ev_timer **heap; /* heap[0] is due first */
	uint32_t ntimers, timers_cap;
	uint32_t timer_seq;

	struct ev_call *defer;
	uint32_t ndefer, defer_cap;
};

struct ev_stream {
	struct ev_loop *loop;
	const struct ev_stream_ops *ops; /* NULL: nobody listens yet */
	void *arg;
	char *peer; /* "ip", NUL, "ip:port"; made when first asked for */
	bool want_read, want_write;
	bool closed; /* given back; memory stays until the end of the turn */
};

struct ev_listener {
	struct ev_loop *loop;
	ev_accept_cb *cb;
	void *arg;
};

struct ev_connect {
	struct ev_loop *loop;
	ev_connect_cb *cb;
	void *arg;
	ev_allow_cb *allow; /* NULL: any address */
};

struct ev_child {
	struct ev_loop *loop;
	ev_exit_cb *cb;
	void *arg;
};

struct ev_backend {
	void (*loop_free)(struct ev_loop *l);
	void (*run)(struct ev_loop *l);
	void (*stop)(struct ev_loop *l);
	uint64_t (*now_ms)(struct ev_loop *l);
	uint64_t (*now_us)(struct ev_loop *l);
	int64_t (*wall_ms)(struct ev_loop *l);
	void (*random)(struct ev_loop *l, void *p, size_t n);
	void (*post)(struct ev_loop *l, ev_cb *cb, void *arg);
	void (*work)(struct ev_loop *l, ev_cb *work, ev_cb *done, void *arg);
	void (*on_signal)(struct ev_loop *l, int signum, ev_cb *cb, void *arg);
	void (*timers_changed)(struct ev_loop *l); /* heap[0] is another one, or none */
	void (*defer_added)(struct ev_loop *l);    /* the list was empty before */

	void (*want)(struct ev_stream *s); /* want_read or want_write changed */
	int (*read)(struct ev_stream *s, void *p, size_t n, size_t *got);
	int (*write)(struct ev_stream *s, const void *p, size_t n, size_t *put);
	void (*shutdown_write)(struct ev_stream *s);
	void (*close)(struct ev_stream *s);
	/* ip is left empty for a stream without an address. */
	void (*peer)(const struct ev_stream *s, char *ip, size_t size, uint16_t *port);
	size_t (*unacked)(const struct ev_stream *s);
	struct ev_stream *(*adopt)(struct ev_loop *l, int fd);
	void (*pty_resize)(struct ev_stream *s, uint16_t rows, uint16_t cols);

	struct ev_connect *(*connect)(struct ev_loop *l, const char *host, uint16_t port,
	    uint64_t timeout_ms, ev_allow_cb *allow, ev_connect_cb *cb, void *arg);
	void (*connect_cancel)(struct ev_connect *c);

	int (*listen)(struct ev_listener **out, struct ev_loop *l, const char *host,
	    uint16_t port, ev_accept_cb *cb, void *arg, struct fault *f);
	uint16_t (*listener_port)(const struct ev_listener *ln);
	void (*listener_pause)(struct ev_listener *ln, bool pause);
	void (*listener_close)(struct ev_listener *ln);

	int (*child_start)(struct ev_child **out, struct ev_loop *l,
	    const struct ev_spawn *sp, ev_exit_cb *cb, void *arg, struct fault *f);
	struct ev_stream *(*child_take)(struct ev_child *c, int which);
	int64_t (*child_pid)(const struct ev_child *c);
	void (*child_signal)(struct ev_child *c, int signum);
	void (*child_close)(struct ev_child *c);
};

/* For backends. */
void ev_loop_init(struct ev_loop *l, const struct ev_backend *ops);
void ev_loop_fini(struct ev_loop *l);  /* forgets timers and deferred calls */
void ev_loop_clear(struct ev_loop *l); /* the same, but the loop may go on */
/* Calls what is due at now_ms; timers set meanwhile wait for the next turn. */
void ev_timers_run(struct ev_loop *l, uint64_t now_ms);
/* Runs what was deferred until now; calls deferred meanwhile wait for the next turn. */
void ev_defer_run(struct ev_loop *l);
/* Tells the stream's user, if the user is there and wants to know. */
void ev_tell_readable(struct ev_stream *s);
void ev_tell_writable(struct ev_stream *s);
