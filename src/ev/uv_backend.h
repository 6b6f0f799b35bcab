/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private to the libuv backend: its objects and what its files need from one another.
 *
 * Everything that has a descriptor is an evu_stream or embeds a uv_poll_t; libuv's own
 * stream handles are not used.  A closed object gives its descriptor back at once and its
 * memory in the close callback of its handle, which is the end of the turn.
 */
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>
#include <uv.h>

#include "ev/backend.h"

enum { EVU_RANDOM_POOL = 256, EVU_CHILD_GRACE_MS = 1000 };

/*
 * Random bytes for small draws, in a page that the kernel hands to a child wiped: there it
 * is empty, and what the parent will draw is not drawn twice.
 */
struct evu_pool {
	uint32_t left; /* of bytes, the first ones */
	uint8_t bytes[EVU_RANDOM_POOL];
};

struct evu_loop {
	struct ev_loop base;
	uv_loop_t uv;
	uv_timer_t timer;   /* the one timer of the heap */
	uint64_t timer_due; /* what it is set to; 0: not set */
	uv_async_t wake;
	bool running, stopping;

	struct list streams; /* interest as libuv knows it */
	struct list dirty;   /* interest to be told to libuv before the next wait */
	struct list ready;   /* want something and cannot be polled: plain files */
	struct list
	    garbage; /* closed ones without a handle; freed at the end of the turn */
	struct list listeners, connects, children, signals;

	uv_mutex_t lock; /* guards the posts */
	struct ev_call *posts;
	uint32_t nposts, posts_cap;
	uint32_t nworks;
	struct evu_resolver *resolver; /* NULL before the first name */

	struct evu_pool *pool; /* a mapping; NULL: the kernel is asked each time */
};

enum evu_kind { EVU_SOCKET, EVU_PTY, EVU_FILE };

struct evu_child;

/* Ten thousand of them lie idle in a server: keep it small (tests/unit/ev checks). */
struct evu_stream {
	struct ev_stream base;
	struct list link; /* loop->streams, dirty, ready or garbage */
	uv_poll_t poll;
	int fd;
	uint8_t kind;
	uint8_t armed; /* UV_READABLE | UV_WRITABLE as libuv knows it */
	bool strict;   /* an unwanted event came: narrow the interest now */
	bool pollable;
	bool was_blocking; /* adopted: the mode is restored at the end */
	uint16_t port;
	sa_family_t family; /* AF_UNSPEC: no address */
	union {
		uint8_t ip[16];
		struct evu_child *child; /* EVU_PTY: its child, while there is one */
	};
};

static inline struct evu_loop *
evu_loop_of(struct ev_loop *l)
{
	return CONTAINER_OF(l, struct evu_loop, base);
}

static inline struct evu_stream *
evu_stream_of(const struct ev_stream *s)
{
	return (struct evu_stream *)(uintptr_t)s;
}

/* uv_stream.c */
/* Takes fd, which is non-blocking.  NULL, and fd closed, when the kernel refuses to watch
 * it. */
struct evu_stream *evu_stream_new(struct evu_loop *l, int fd, enum evu_kind kind);
void evu_stream_set_peer(struct evu_stream *s, const struct sockaddr *sa);
struct ev_stream *evu_adopt(struct ev_loop *l, int fd);
void evu_want(struct ev_stream *s);
int evu_read(struct ev_stream *s, void *p, size_t n, size_t *got);
int evu_write(struct ev_stream *s, const void *p, size_t n, size_t *put);
void evu_shutdown_write(struct ev_stream *s);
void evu_close(struct ev_stream *s);
void evu_peer(const struct ev_stream *s, char *ip, size_t size, uint16_t *port);
size_t evu_unacked(const struct ev_stream *s);
void evu_pty_resize(struct ev_stream *s, uint16_t rows, uint16_t cols);
void evu_streams_apply(struct evu_loop *l); /* tells libuv the changed interests */
void evu_streams_ready(struct evu_loop *l); /* calls those that cannot be polled */
void evu_streams_sweep(struct evu_loop *l); /* frees the garbage */

/* uv_addr.c */
/* "ip:port", "[ip]:port" or a path, cut to fit. */
void evu_addr_text(char *out, size_t size, const struct sockaddr *sa, socklen_t len);
/* ip: 4 or 16 bytes, as the family says; nothing for another family. */
void evu_addr_ip(char *out, size_t size, sa_family_t family, const void *ip);
/* ERR_LIMIT when the path does not fit into a sockaddr_un. */
int evu_addr_unix(struct sockaddr_un *sun, const char *path) MUST_USE;
/* Close-on-exec, non-blocking, and for TCP without delay and with keep-alive. -1 and
 * errno. */
int evu_socket(int family);
void evu_tcp_options(int fd);

/* uv_listen.c */
int evu_listen(struct ev_listener **out, struct ev_loop *l, const char *host,
    uint16_t port, ev_accept_cb *cb, void *arg, struct fault *f);
uint16_t evu_listener_port(const struct ev_listener *ln);
void evu_listener_pause(struct ev_listener *ln, bool pause);
void evu_listener_close(struct ev_listener *ln);
void evu_listeners_close_all(struct evu_loop *l);

/* uv_lookup.c */
/* Shared by all who asked at the same time: for reading.  Each drops it once. */
struct evu_names {
	struct addrinfo *ai;
	uint32_t refs;
};
void evu_names_drop(struct evu_names *n); /* NULL is fine */
/* n, or NULL and why: "" when the name is known to be none. */
typedef void evu_lookup_cb(void *arg, struct evu_names *n, const char *why);
/* Who asks.  Embedded in its owner, which sets cb and arg. */
struct evu_ask {
	struct list link;
	struct lookup *lookup; /* NULL: not asking */
	evu_lookup_cb *cb;
	void *arg;
};
/* Calls back from the loop, not before it returns. */
void evu_lookup(
    struct evu_loop *l, struct evu_ask *a, const char *host, const char *service);
void evu_lookup_cancel(struct evu_ask *a); /* harmless when not asking */
void evu_lookups_end(struct evu_loop *l);

/* uv_connect.c */
struct ev_connect *evu_connect(struct ev_loop *l, const char *host, uint16_t port,
    uint64_t timeout_ms, ev_allow_cb *allow, ev_connect_cb *cb, void *arg);
void evu_connect_cancel(struct ev_connect *c);
void evu_connects_cancel_all(struct evu_loop *l);

/* uv_child.c */
int evu_child_start(struct ev_child **out, struct ev_loop *l, const struct ev_spawn *sp,
    ev_exit_cb *cb, void *arg, struct fault *f);
struct ev_stream *evu_child_take(struct ev_child *c, int which);
int64_t evu_child_pid(const struct ev_child *c);
void evu_child_signal(struct ev_child *c, int signum);
void evu_child_close(struct ev_child *c);
void evu_child_stream_gone(struct evu_child *c); /* its pty was closed */
void evu_children_kill_all(
    struct evu_loop *l); /* at the end of the loop; waits for them */

/* uv_limits.c */
void evu_descriptors_restore(void); /* in a child */

/* uv_spawn.c */
struct evu_spawned {
	pid_t pid;
	int fd[3]; /* our ends: the pty master, -1, -1; or the three pipes */
};
/* Forks and runs sp in the child; 0 or ERR_*, and nothing is left open. */
int evu_spawn(
    struct evu_spawned *out, const struct ev_spawn *sp, struct fault *f) MUST_USE;
