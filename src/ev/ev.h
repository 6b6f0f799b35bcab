/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The event layer: time, randomness, sockets, name resolution, worker pool and child
 * processes.  Nothing above this folder reaches them in any other way, so a whole fleet
 * can run in one process under a seed.  Two backends stand behind struct ev_loop:
 *
 *	ev_loop_new()     libuv: the real world
 *	sim_host()        ev/sim.h: virtual clock, network and children, driven by a seed
 *
 * A loop belongs to one thread; every function here but ev_post() is called from it.
 * Callbacks run from ev_run(), never from inside the call that started them.
 * Objects that are closed deliver no further callback; their memory is freed at the end of
 * the loop turn, so closing from inside a callback is safe.
 *
 * Streams are readiness based: read until ERR_AGAIN, write until ERR_AGAIN, then wait.
 */
#pragma once

#include "base/err.h"
#include "base/list.h"
#include "base/span.h"

struct ev_loop;
struct ev_stream;
struct ev_listener;
struct ev_connect;
struct ev_child;

typedef void ev_cb(void *arg);

/* --- loop --------------------------------------------------------------- */

struct ev_loop *ev_loop_new(void) __attribute__((returns_nonnull));
/* Closes what is still open (streams, timers, listeners) and frees. */
void ev_loop_free(struct ev_loop *l);
void ev_run(struct ev_loop *l);  /* until ev_stop(), or nothing is left to wait for */
void ev_stop(struct ev_loop *l); /* from the loop's thread */

uint64_t ev_now_ms(struct ev_loop *l); /* monotonic; constant within a turn */
uint64_t ev_now_us(struct ev_loop *l); /* monotonic; read at the call */
int64_t ev_wall_ms(struct ev_loop *l); /* since the epoch, UTC */
void ev_random(struct ev_loop *l, void *p, size_t n);
uint32_t ev_random_below(struct ev_loop *l, uint32_t n); /* 0..n-1, n > 0 */

/* Runs at the end of this turn, in order. */
void ev_defer(struct ev_loop *l, ev_cb *cb, void *arg);
/* From any thread: runs in the loop's thread soon. */
void ev_post(struct ev_loop *l, ev_cb *cb, void *arg);
/*
 * Runs work() on a pool thread (inline in simulation) and then done() on the loop.
 * There is no cancellation: keep an id, not a pointer, to what may be gone by then.
 */
void ev_work(struct ev_loop *l, ev_cb *work, ev_cb *done, void *arg);
/* Calls cb for each arrival of the signal until the loop is freed.  No-op in simulation. */
void ev_on_signal(struct ev_loop *l, int signum, ev_cb *cb, void *arg);

/* --- timers -------------------------------------------------------------- */

/* Embedded in its owner; all zero means "not set".  One heap for each loop. */
struct ev_timer {
	struct ev_loop *loop;
	ev_cb *cb;
	void *arg;
	uint64_t due_ms;
	uint32_t heap_pos; /* 1-based; 0: not set */
	uint32_t seq;      /* equal times fire in the order set */
};

void ev_timer_set(struct ev_loop *l, struct ev_timer *t, uint64_t after_ms, ev_cb *cb, void *arg);
void ev_timer_clear(struct ev_timer *t); /* safe on a zeroed or fired timer */
bool ev_timer_is_set(const struct ev_timer *t);

/* --- streams ------------------------------------------------------------- */

/*
 * A connected byte stream: TCP, unix socket, pty master or pipe.
 * Owner: whoever received it; ev_close() gives it back.
 */
struct ev_stream_ops {
	void (*readable)(void *arg); /* data, end of file, or an error to be read */
	void (*writable)(void *arg);
};

void ev_stream_set(struct ev_stream *s, const struct ev_stream_ops *ops, void *arg);
/* Which readiness is wanted; both are off at first.  Level triggered. */
void ev_stream_want(struct ev_stream *s, bool read, bool write);
/* 0 with *got > 0; ERR_AGAIN; ERR_CLOSED at end of file; ERR_IO. */
int ev_read(struct ev_stream *s, void *p, size_t n, size_t *got) MUST_USE;
/* 0 with *put > 0 (perhaps less than n); ERR_AGAIN; ERR_CLOSED or ERR_IO. */
int ev_write(struct ev_stream *s, const void *p, size_t n, size_t *put) MUST_USE;
void ev_shutdown_write(struct ev_stream *s); /* half-close, best effort */
void ev_close(struct ev_stream *s);
/* "192.0.2.7" or "2001:db8::1"; "" for a stream that has no address.  Owned by the stream. */
const char *ev_peer_ip(const struct ev_stream *s);
/* "ip:port", as text for logs. */
const char *ev_peer_name(const struct ev_stream *s);
/* Written bytes that have not reached the other machine; 0 where nobody knows. */
size_t ev_unacked(const struct ev_stream *s);
struct ev_loop *ev_stream_loop(const struct ev_stream *s);
/* Adopts a descriptor (made non-blocking, close-on-exec).  libuv backend only. */
struct ev_stream *ev_stream_adopt(struct ev_loop *l, int fd);

/* Connected (s, 0) or failed (NULL, ERR_*, reason).  The handle is gone when this runs. */
typedef void ev_connect_cb(void *arg, struct ev_stream *s, int err, const char *why);
/*
 * Resolves and connects, trying each address in turn (TCP_NODELAY set).  timeout_ms bounds
 * the whole.  host beginning with '/' is a unix socket path and port is ignored.
 */
struct ev_connect *ev_connect(struct ev_loop *l, const char *host, uint16_t port,
    uint64_t timeout_ms, ev_connect_cb *cb, void *arg);
/*
 * The same, with every address asked about right before it is dialled; it is that very
 * address, nothing is resolved again.  ip as ev_peer_ip() writes it, "" for a unix socket.
 * When none was allowed the connect fails with ERR_DENIED.  allow may run inside
 * ev_connect_if() and must not cancel.
 */
typedef bool ev_allow_cb(void *arg, const char *ip);
struct ev_connect *ev_connect_if(struct ev_loop *l, const char *host, uint16_t port,
    uint64_t timeout_ms, ev_allow_cb *allow, ev_connect_cb *cb, void *arg);
void ev_connect_cancel(struct ev_connect *c);

typedef void ev_accept_cb(void *arg, struct ev_stream *s); /* s is the callee's */
/* host: an address, "" for all, or a path of a unix socket.  port 0: any free one. */
int ev_listen(struct ev_listener **out, struct ev_loop *l, const char *host, uint16_t port,
    ev_accept_cb *cb, void *arg, struct fault *f) MUST_USE;
uint16_t ev_listener_port(const struct ev_listener *ln);
void ev_listener_pause(struct ev_listener *ln, bool pause); /* at descriptor limits */
void ev_listener_close(struct ev_listener *ln);
/*
 * Takes as many descriptors as the system gives to this process (children get the limit
 * that it came with).  Returns how many, INT32_MAX at most; -1 when that is not known.
 */
int64_t ev_descriptors_raise(void);

/* --- child processes ------------------------------------------------------- */

/*
 * Runs in the child between fork and exec: only async-signal-safe calls.  Returns 0 to go
 * on, anything else is the child's exit status.  (Changing user, cgroup, limits.)
 */
typedef int ev_child_setup(void *arg);

struct ev_spawn {
	const char *const *argv; /* argv[0] is the path of the program */
	const char *const *envp;
	const char *argv0;       /* what the program sees as argv[0] ("-bash"); NULL: argv[0] */
	const char *dir;
	bool pty;                /* one terminal for 0, 1, 2; else three pipes */
	uint16_t rows, cols;     /* first window size; 0: 24 x 80 */
	ev_child_setup *setup;   /* may be NULL */
	void *setup_arg;
};

/* Exited with status, or killed by signal (status then -1). */
typedef void ev_exit_cb(void *arg, int status, int signal);

/* The child leads its own session and process group. */
int ev_child_start(struct ev_child **out, struct ev_loop *l, const struct ev_spawn *sp,
    ev_exit_cb *cb, void *arg, struct fault *f) MUST_USE;
/*
 * Its streams; each may be taken once and is then the caller's: the pty master is 0.
 * With pipes: 0 write side of stdin, 1 stdout, 2 stderr.
 */
struct ev_stream *ev_child_take(struct ev_child *c, int which);
int64_t ev_child_pid(const struct ev_child *c);
void ev_child_signal(struct ev_child *c, int signum);  /* the process group */
void ev_pty_resize(struct ev_stream *pty, uint16_t rows, uint16_t cols);
/* Kills what still lives (SIGHUP, then SIGKILL), reaps, forgets.  No callback afterwards. */
void ev_child_close(struct ev_child *c);
