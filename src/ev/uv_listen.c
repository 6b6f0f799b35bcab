/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The libuv backend: listeners on TCP and on unix sockets.
 *
 * At most EVU_ACCEPT_MAX connections are accepted in one turn, so that a storm of new
 * ones leaves time for the old ones.  Out of descriptors, a listener rests for a moment
 * instead of spinning: the connections wait in the kernel's queue.
 */
#include "ev/backend.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "ev/uv_backend.h"

enum { EVU_ACCEPT_MAX = 64, EVU_BACKLOG = 4096, EVU_REST_MS = 100 };

struct evu_listener {
	struct ev_listener base;
	struct list link;
	uv_poll_t poll;
	int fd;
	uint16_t port;
	bool paused, closed;
	struct ev_timer rest; /* set while out of descriptors */
	char *path;           /* unix socket, removed at the end if it is still ours */
	dev_t dev;
	ino_t ino;
};

static void on_ready(uv_poll_t *h, int status, int events);

static void
set_watch(struct evu_listener *ln)
{
	if (ln->paused || ev_timer_is_set(&ln->rest))
		uv_poll_stop(&ln->poll);
	else if (uv_poll_start(&ln->poll, UV_READABLE, on_ready) != 0)
		abort(); /* the descriptor is ours and is watched once */
}

static void
rested(void *arg)
{
	set_watch(arg);
}

static void
deliver(struct evu_listener *ln, int fd, const struct sockaddr *sa)
{
	struct evu_stream *s = evu_stream_new(evu_loop_of(ln->base.loop), fd, EVU_SOCKET);

	if (s == NULL)
		return;
	if (sa->sa_family != AF_UNIX)
		evu_tcp_options(fd);
	evu_stream_set_peer(s, sa);
	ln->base.cb(ln->base.arg, &s->base);
}

/* Errors of the connection itself (it went away while it waited) are not ours to keep. */
static bool
is_exhausted(int e)
{
	return e == EMFILE || e == ENFILE || e == ENOBUFS || e == ENOMEM;
}

static void
on_ready(uv_poll_t *h, int status, int events)
{
	struct evu_listener *ln = h->data;

	(void)events;
	if (status < 0)
		set_watch(ln); /* libuv stopped it */
	for (int i = 0; i < EVU_ACCEPT_MAX && !ln->closed && !ln->paused; i++) {
		struct sockaddr_storage ss = { 0 };
		socklen_t len = sizeof(ss);
		int fd = accept4(
		    ln->fd, (struct sockaddr *)&ss, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd != -1) {
			deliver(ln, fd, (struct sockaddr *)&ss);
			continue;
		}
		if (is_exhausted(errno)) {
			log_error("connections wait: no descriptor or memory left",
			    "port=%u reason=%s", ln->port, log_q(strerror(errno)));
			ev_timer_set(ln->base.loop, &ln->rest, EVU_REST_MS, rested, ln);
			set_watch(ln);
			return;
		}
		if (errno == EAGAIN)
			return;
	}
}

/* --- opening ---------------------------------------------------------------- */

/* A socket file that nobody answers on was left behind by a process that died. */
static int
remove_stale(const struct sockaddr_un *sun, struct fault *f)
{
	struct stat st;
	int fd, r = 0;

	if (lstat(sun->sun_path, &st) == -1)
		return 0;
	if (!S_ISSOCK(st.st_mode))
		return fault_set(
		    f, ERR_EXISTS, "%s exists and is no socket", sun->sun_path);
	if ((fd = evu_socket(AF_UNIX)) == -1)
		return fault_set(
		    f, err_from_errno(errno), "no socket: %s", strerror(errno));
	if (connect(fd, (const struct sockaddr *)sun, sizeof(*sun)) == 0 ||
	    errno == EAGAIN)
		r = fault_set(
		    f, ERR_EXISTS, "%s is in use by another process", sun->sun_path);
	else if (errno == ECONNREFUSED && unlink(sun->sun_path) == -1)
		r = fault_set(f, err_from_errno(errno), "cannot remove %s: %s",
		    sun->sun_path, strerror(errno));
	close(fd);
	return r;
}

/* fchmod() before bind() gives the file its mode from the first moment (Linux). */
static int
open_unix(int *out, const char *path, struct fault *f)
{
	struct sockaddr_un sun;
	int fd, r;

	if (evu_addr_unix(&sun, path) != 0)
		return fault_set(
		    f, ERR_LIMIT, "path of a socket is too long: %.100s", path);
	if ((r = remove_stale(&sun, f)) != 0)
		return r;
	if ((fd = evu_socket(AF_UNIX)) == -1)
		return fault_set(
		    f, err_from_errno(errno), "no socket: %s", strerror(errno));
	if (fchmod(fd, 0600) == -1 ||
	    bind(fd, (struct sockaddr *)&sun, sizeof(sun)) == -1 ||
	    chmod(path, 0600) == -1 || listen(fd, EVU_BACKLOG) == -1) {
		r = fault_set(f, err_from_errno(errno), "cannot listen on %s: %s", path,
		    strerror(errno));
		close(fd);
		return r;
	}
	*out = fd;
	return 0;
}

static int
try_bind(int *out, const struct sockaddr *sa, socklen_t len)
{
	int on = 1, off = 0, fd = evu_socket(sa->sa_family), e;

	if (fd == -1)
		return -1;
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (sa->sa_family == AF_INET6)
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	if (bind(fd, sa, len) == 0 && listen(fd, EVU_BACKLOG) == 0) {
		*out = fd;
		return 0;
	}
	e = errno;
	close(fd);
	errno = e;
	return -1;
}

/* "" is one dual-stack socket, or an IPv4 one where the kernel has no IPv6. */
static int
open_tcp(int *out, const char *host, uint16_t port, struct fault *f)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
		.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV };
	struct sockaddr_in6 any6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	struct sockaddr_in any4 = { .sin_family = AF_INET, .sin_port = htons(port) };
	struct addrinfo *ai;
	char service[8];
	int r;

	snprintf(service, sizeof(service), "%u", port);
	if (host[0] == '\0') {
		r = try_bind(out, (struct sockaddr *)&any6, sizeof(any6));
		if (r == -1 && (errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL))
			r = try_bind(out, (struct sockaddr *)&any4, sizeof(any4));
	} else {
		if (getaddrinfo(host, service, &hints, &ai) != 0)
			return fault_set(f, ERR_INVALID, "not an address: %.100s", host);
		r = try_bind(out, ai->ai_addr, ai->ai_addrlen);
		freeaddrinfo(ai);
	}
	if (r == -1)
		return fault_set(f, err_from_errno(errno),
		    "cannot listen on %.100s:%u: %s", host[0] == '\0' ? "*" : host, port,
		    strerror(errno));
	return 0;
}

static uint16_t
bound_port(int fd)
{
	struct sockaddr_storage ss = { 0 };
	socklen_t len = sizeof(ss);

	if (getsockname(fd, (struct sockaddr *)&ss, &len) == -1)
		return 0;
	if (ss.ss_family == AF_INET)
		return ntohs(((struct sockaddr_in *)&ss)->sin_port);
	if (ss.ss_family == AF_INET6)
		return ntohs(((struct sockaddr_in6 *)&ss)->sin6_port);
	return 0;
}

int
evu_listen(struct ev_listener **out, struct ev_loop *l, const char *host, uint16_t port,
    ev_accept_cb *cb, void *arg, struct fault *f)
{
	struct evu_loop *ul = evu_loop_of(l);
	bool is_path = host[0] == '/';
	struct evu_listener *ln;
	struct stat st;
	int fd = -1, r;

	r = is_path ? open_unix(&fd, host, f) : open_tcp(&fd, host, port, f);
	if (r != 0)
		return r;
	ln = xcalloc(1, sizeof(*ln));
	if ((r = uv_poll_init(&ul->uv, &ln->poll, fd)) != 0) {
		close(fd);
		free(ln);
		return fault_set(
		    f, ERR_LIMIT, "cannot watch a socket: %s", uv_strerror(r));
	}
	ln->base = (struct ev_listener){ l, cb, arg };
	ln->poll.data = ln;
	ln->fd = fd;
	ln->port = bound_port(fd);
	if (is_path && stat(host, &st) == 0) {
		ln->path = xstrdup(host);
		ln->dev = st.st_dev;
		ln->ino = st.st_ino;
	}
	list_init(&ln->link);
	list_add_tail(&ul->listeners, &ln->link);
	set_watch(ln);
	*out = &ln->base;
	return 0;
}

uint16_t
evu_listener_port(const struct ev_listener *ln)
{
	return ((const struct evu_listener *)ln)->port;
}

void
evu_listener_pause(struct ev_listener *base, bool pause)
{
	struct evu_listener *ln = CONTAINER_OF(base, struct evu_listener, base);

	if (ln->closed || ln->paused == pause)
		return;
	ln->paused = pause;
	set_watch(ln);
}

static void
on_closed(uv_handle_t *h)
{
	free(h->data);
}

void
evu_listener_close(struct ev_listener *base)
{
	struct evu_listener *ln = CONTAINER_OF(base, struct evu_listener, base);
	struct stat st;

	if (ln->closed)
		return;
	ln->closed = true;
	list_del(&ln->link);
	ev_timer_clear(&ln->rest);
	uv_close((uv_handle_t *)&ln->poll, on_closed);
	close(ln->fd);
	if (ln->path != NULL) {
		if (stat(ln->path, &st) == 0 && st.st_dev == ln->dev &&
		    st.st_ino == ln->ino)
			(void)unlink(ln->path);
		free(ln->path);
	}
}

void
evu_listeners_close_all(struct evu_loop *l)
{
	while (!list_empty(&l->listeners))
		evu_listener_close(
		    &LIST_FIRST(&l->listeners, struct evu_listener, link)->base);
}
