/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The libuv backend: streams over a descriptor of our own and a uv_poll_t.
 *
 * Every uv_poll_start() and uv_poll_stop() costs system calls, so a change of interest
 * only marks the stream; before the loop waits again the sum of the changes is applied.
 * Reading that is no longer wanted stays armed, without keeping the loop alive, until an
 * event for it comes: pausing and resuming a peer in quick turns costs nothing.
 */
#include "ev/backend.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "ev/uv_backend.h"

static void
mark_dirty(struct evu_stream *s)
{
	struct evu_loop *l = evu_loop_of(s->base.loop);

	list_del(&s->link);
	list_add_tail(&l->dirty, &s->link);
}

/* Closed streams keep their memory until the close callback, so s stays readable here. */
static void
on_poll(uv_poll_t *h, int status, int events)
{
	struct evu_stream *s = h->data;

	if (status < 0) { /* an error: libuv stopped watching; reading will tell which */
		s->armed = 0;
		events = UV_READABLE | UV_WRITABLE;
		mark_dirty(s);
	}
	if (events & UV_READABLE)
		ev_tell_readable(&s->base);
	if (events & UV_WRITABLE)
		ev_tell_writable(&s->base);
	if (s->base.closed)
		return;
	if (((events & UV_READABLE) && !s->base.want_read) ||
	    ((events & UV_WRITABLE) && !s->base.want_write)) {
		s->strict = true;
		mark_dirty(s);
	}
}

static void
apply(struct evu_stream *s)
{
	uv_handle_t *h = (uv_handle_t *)&s->poll;
	int want = (s->base.want_read ? UV_READABLE : 0) |
	    (s->base.want_write ? UV_WRITABLE : 0);
	int extra = s->armed & ~want;
	bool fits = (want & ~s->armed) == 0 && (extra & UV_WRITABLE) == 0 &&
	    (extra == 0 || !s->strict);

	s->strict = false;
	if (!fits && want == 0)
		uv_poll_stop(&s->poll);
	else if (!fits && uv_poll_start(&s->poll, want, on_poll) != 0)
		abort(); /* the descriptor is ours and is watched once */
	if (!fits)
		s->armed = (uint8_t)want;
	if (want != 0)
		uv_ref(h);
	else
		uv_unref(h);
}

void
evu_streams_apply(struct evu_loop *l)
{
	while (!list_empty(&l->dirty)) {
		struct evu_stream *s = LIST_FIRST(&l->dirty, struct evu_stream, link);
		bool wants = s->base.want_read || s->base.want_write;

		list_del(&s->link);
		list_add_tail(wants && !s->pollable ? &l->ready : &l->streams, &s->link);
		if (s->pollable)
			apply(s);
	}
}

/* Plain files: always ready, as poll(2) would say. */
void
evu_streams_ready(struct evu_loop *l)
{
	struct list now;

	list_init(&now);
	while (!list_empty(&l->ready)) {
		struct list *n = l->ready.next;

		list_del(n);
		list_add_tail(&now, n);
	}
	while (!list_empty(&now)) {
		struct evu_stream *s = LIST_FIRST(&now, struct evu_stream, link);

		mark_dirty(s); /* back to the ready list if it still wants */
		ev_tell_readable(&s->base);
		ev_tell_writable(&s->base);
	}
}

void
evu_streams_sweep(struct evu_loop *l)
{
	while (!list_empty(&l->garbage)) {
		struct evu_stream *s = LIST_FIRST(&l->garbage, struct evu_stream, link);

		list_del(&s->link);
		free(s);
	}
}

void
evu_want(struct ev_stream *s)
{
	mark_dirty(evu_stream_of(s));
}

/* --- life ----------------------------------------------------------------- */

struct evu_stream *
evu_stream_new(struct evu_loop *l, int fd, enum evu_kind kind)
{
	struct evu_stream *s = xcalloc(1, sizeof(*s));
	int r = uv_poll_init(&l->uv, &s->poll, fd);

	if (r != 0 && r != UV_EPERM) { /* EPERM: a plain file */
		log_error("descriptor cannot be watched", "fd=%d reason=%s", fd,
		    log_q(uv_strerror(r)));
		close(fd);
		free(s);
		return NULL;
	}
	s->base.loop = &l->base;
	s->pollable = r == 0;
	s->poll.data = s;
	s->fd = fd;
	s->kind = (uint8_t)kind;
	list_init(&s->link);
	list_add_tail(&l->streams, &s->link);
	return s;
}

void
evu_stream_set_peer(struct evu_stream *s, const struct sockaddr *sa)
{
	const struct sockaddr_in *sin = (const void *)sa;
	const struct sockaddr_in6 *sin6 = (const void *)sa;
	const uint8_t *ip6 = sin6->sin6_addr.s6_addr;

	if (sa->sa_family == AF_INET) {
		s->family = AF_INET;
		s->port = ntohs(sin->sin_port);
		memcpy(s->ip, &sin->sin_addr, 4);
	} else if (sa->sa_family == AF_INET6) {
		bool mapped = IN6_IS_ADDR_V4MAPPED(&sin6->sin6_addr);

		s->family = mapped ? AF_INET : AF_INET6;
		s->port = ntohs(sin6->sin6_port);
		memcpy(s->ip, mapped ? ip6 + 12 : ip6, mapped ? 4 : 16);
	}
}

/* NULL only when the kernel is out of room for watches. */
struct ev_stream *
evu_adopt(struct ev_loop *l, int fd)
{
	struct sockaddr_storage ss = { 0 };
	socklen_t len = sizeof(ss);
	int flags = fcntl(fd, F_GETFL), fdflags = fcntl(fd, F_GETFD);
	struct evu_stream *s;
	struct stat st;
	enum evu_kind kind = EVU_FILE;

	assert(flags != -1 && fdflags != -1); /* an open descriptor */
	(void)fcntl(fd, F_SETFD, fdflags | FD_CLOEXEC);
	(void)fcntl(fd, F_SETFL, flags | O_NONBLOCK);
	if (fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode))
		kind = EVU_SOCKET;
	else if (isatty(fd))
		kind = EVU_PTY;
	if ((s = evu_stream_new(evu_loop_of(l), fd, kind)) == NULL)
		return NULL;
	s->was_blocking = kind != EVU_SOCKET && (flags & O_NONBLOCK) == 0;
	if (kind == EVU_SOCKET && getpeername(fd, (struct sockaddr *)&ss, &len) == 0)
		evu_stream_set_peer(s, (struct sockaddr *)&ss);
	return &s->base;
}

static void
on_closed(uv_handle_t *h)
{
	free(h->data);
}

/* libuv forgets the descriptor inside uv_close(), so it may be closed right after. */
void
evu_close(struct ev_stream *base)
{
	struct evu_stream *s = evu_stream_of(base);
	struct evu_loop *l = evu_loop_of(base->loop);

	if (s->kind == EVU_PTY && s->child != NULL)
		evu_child_stream_gone(s->child);
	list_del(&s->link);
	if (s->pollable)
		uv_close((uv_handle_t *)&s->poll, on_closed);
	else
		list_add_tail(&l->garbage, &s->link);
	if (s->was_blocking) /* the terminal belongs to others, too */
		(void)fcntl(s->fd, F_SETFL, fcntl(s->fd, F_GETFL) & ~O_NONBLOCK);
	close(s->fd);
	s->fd = -1;
}

/* --- bytes ---------------------------------------------------------------- */

int
evu_read(struct ev_stream *base, void *p, size_t n, size_t *got)
{
	struct evu_stream *s = evu_stream_of(base);
	ssize_t r;

	do {
		r = s->kind == EVU_SOCKET ? recv(s->fd, p, n, 0) : read(s->fd, p, n);
	} while (r == -1 && errno == EINTR);
	if (r > 0) {
		*got = (size_t)r;
		return 0;
	}
	if (r == 0)
		return ERR_CLOSED;
	if (errno == EAGAIN)
		return ERR_AGAIN;
	if (errno == EIO && s->kind == EVU_PTY) /* nobody holds the other side any more */
		return ERR_CLOSED;
	log_debug("read failed", "peer=%s reason=%s", ev_peer_name(base),
	    log_q(strerror(errno)));
	return ERR_IO;
}

int
evu_write(struct ev_stream *base, const void *p, size_t n, size_t *put)
{
	struct evu_stream *s = evu_stream_of(base);
	ssize_t r;

	do {
		r = s->kind == EVU_SOCKET ? send(s->fd, p, n, MSG_NOSIGNAL)
					  : write(s->fd, p, n);
	} while (r == -1 && errno == EINTR);
	if (r > 0) {
		*put = (size_t)r;
		return 0;
	}
	if (r == 0 || errno == EAGAIN)
		return ERR_AGAIN;
	if (errno == EPIPE || errno == ECONNRESET || (errno == EIO && s->kind == EVU_PTY))
		return ERR_CLOSED;
	log_debug("write failed", "peer=%s reason=%s", ev_peer_name(base),
	    log_q(strerror(errno)));
	return ERR_IO;
}

void
evu_shutdown_write(struct ev_stream *base)
{
	struct evu_stream *s = evu_stream_of(base);

	if (s->kind == EVU_SOCKET)
		(void)shutdown(s->fd, SHUT_WR);
}

void
evu_peer(const struct ev_stream *base, char *ip, size_t size, uint16_t *port)
{
	const struct evu_stream *s = evu_stream_of(base);

	evu_addr_ip(ip, size, s->family, s->ip);
	*port = s->port;
}

size_t
evu_unacked(const struct ev_stream *base)
{
	const struct evu_stream *s = evu_stream_of(base);
	int n = 0;

	if (s->kind != EVU_SOCKET || ioctl(s->fd, SIOCOUTQ, &n) != 0 || n < 0)
		return 0;
	return (size_t)n;
}

void
evu_pty_resize(struct ev_stream *base, uint16_t rows, uint16_t cols)
{
	struct winsize ws = { .ws_row = rows, .ws_col = cols };

	(void)ioctl(evu_stream_of(base)->fd, TIOCSWINSZ, &ws);
}
