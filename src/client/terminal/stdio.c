/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Standard streams on the loop; see terminal.h.
 *
 * Terminals and pipes are opened a second time through /proc/self/fd, which gives a file
 * description of our own; sockets and terminals that may not be reopened are duplicated.
 * Regular files and /dev/null cannot be polled: they are read a block at a time and
 * written directly.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "client/terminal/terminal.h"

struct out {
	struct stdio *s;
	struct ev_stream *stream; /* NULL: written directly */
	struct buf queue;
	bool broken;
};

struct stdio {
	struct ev_loop *loop;
	const struct stdio_ops *ops;
	void *arg;
	struct ev_stream *in; /* NULL: cannot be waited for */
	struct ev_timer file; /* reads the next block of one */
	struct out out[2];    /* 1 and 2 */
	size_t allowed;
	bool eof, blocked;
	int flags[3]; /* to restore on a descriptor that had to be shared; -1: none */
	uint8_t buf[STDIO_READ_MAX];
};

/* --- descriptors ------------------------------------------------------------------- */

/* Everything else (regular files, /dev/null) is always ready, and epoll refuses it. */
static bool
can_wait(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 &&
	    (S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode) || isatty(fd));
}

/*
 * A descriptor that may be made non-blocking without anybody else noticing, or a
 * duplicate whose flags are put back at the end.
 */
static int
private_fd(struct stdio *s, int fd, int mode)
{
	char path[32];
	int own;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	own = open(path, mode | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (own >= 0)
		return own;
	s->flags[fd] = fcntl(fd, F_GETFL);
	return fcntl(fd, F_DUPFD_CLOEXEC, 3);
}

static struct ev_stream *
adopt(struct stdio *s, int fd, int mode)
{
	int own;

	s->flags[fd] = -1;
	if (!can_wait(fd) || (own = private_fd(s, fd, mode)) < 0)
		return NULL;
	return ev_stream_adopt(s->loop, own);
}

/* --- input ------------------------------------------------------------------------- */

static void
at_eof(struct stdio *s)
{
	if (s->eof)
		return;
	s->eof = true;
	if (s->in != NULL)
		ev_stream_want(s->in, false, false);
	s->ops->on_eof(s->arg);
}

static void
took(struct stdio *s, size_t n)
{
	s->allowed -= MIN(n, s->allowed);
	s->ops->on_input(s->arg, span_of(s->buf, n));
}

static void
on_readable(void *arg)
{
	struct stdio *s = arg;
	size_t got;
	int r;

	if (s->eof || s->allowed == 0) {
		ev_stream_want(s->in, false, false);
		return;
	}
	r = ev_read(s->in, s->buf, MIN(sizeof(s->buf), s->allowed), &got);
	if (r == 0)
		took(s, got);
	else if (r != ERR_AGAIN)
		at_eof(s);
}

static void
on_file(void *arg)
{
	struct stdio *s = arg;
	ssize_t n;

	if (s->eof || s->allowed == 0)
		return;
	n = read(STDIN_FILENO, s->buf, MIN(sizeof(s->buf), s->allowed));
	if (n <= 0) {
		at_eof(s);
		return;
	}
	took(s, (size_t)n);
	if (s->allowed > 0)
		ev_timer_set(s->loop, &s->file, 0, on_file, s);
}

void
stdio_allow(struct stdio *s, size_t bytes)
{
	s->allowed = bytes;
	if (s->eof)
		return;
	if (s->in != NULL)
		ev_stream_want(s->in, bytes > 0, false);
	else if (bytes > 0 && !ev_timer_is_set(&s->file))
		ev_timer_set(s->loop, &s->file, 0, on_file, s);
}

void
stdio_end_input(struct stdio *s)
{
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	s->eof = true;
	ev_timer_clear(&s->file);
	if (s->in != NULL)
		ev_close(STEAL(s->in));
	if (null == -1)
		return;
	(void)dup2(null, STDIN_FILENO);
	close(null);
	s->flags[STDIN_FILENO] = -1;
}

/* --- output ------------------------------------------------------------------------ */

static void
broke(struct out *o)
{
	if (o->broken)
		return;
	o->broken = true;
	if (o->stream != NULL)
		ev_stream_want(o->stream, false, false);
	buf_reset(&o->queue);
	if (o == &o->s->out[0])
		o->s->ops->on_broken(o->s->arg);
}

static void
on_writable(void *arg)
{
	struct out *o = arg;
	struct stdio *s = o->s;
	size_t put;
	int r = 0;

	while (o->queue.len > 0 &&
	    (r = ev_write(o->stream, o->queue.p, o->queue.len, &put)) == 0)
		buf_consume(&o->queue, put);
	if (r != 0 && r != ERR_AGAIN) {
		broke(o);
		return;
	}
	ev_stream_want(o->stream, false, o->queue.len > 0);
	if (s->blocked &&
	    s->out[0].queue.len + s->out[1].queue.len < STDIO_QUEUE_MAX / 2) {
		s->blocked = false;
		s->ops->on_writable(s->arg);
	}
}

/* A whole write to a descriptor that blocks. */
static int
write_all(int fd, struct span data)
{
	while (data.n > 0) {
		ssize_t n = write(fd, data.p, data.n);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN) {
			(void)poll(
			    &(struct pollfd){ .fd = fd, .events = POLLOUT }, 1, 1000);
			continue;
		}
		if (n <= 0)
			return ERR_CLOSED;
		data = span_sub(data, (size_t)n, data.n);
	}
	return 0;
}

int
stdio_write(struct stdio *s, int which, struct span data)
{
	struct out *o = &s->out[which == 2];

	if (o->broken)
		return ERR_CLOSED;
	if (o->stream == NULL) {
		if (write_all(which, data) == 0)
			return 0;
		broke(o);
		return ERR_CLOSED;
	}
	if (o->queue.len > STDIO_QUEUE_MAX) {
		s->blocked = true;
		return ERR_AGAIN;
	}
	buf_add(&o->queue, data);
	on_writable(o);
	return o->broken ? ERR_CLOSED : 0;
}

void
stdio_flush(struct stdio *s)
{
	for (int i = 0; i < 2; i++) {
		struct out *o = &s->out[i];

		if (!o->broken && o->queue.len > 0)
			(void)write_all(i + 1, buf_span(&o->queue));
		buf_reset(&o->queue);
	}
}

/* --- life cycle -------------------------------------------------------------------- */

struct stdio *
stdio_new(struct ev_loop *l, const struct stdio_ops *ops, void *arg)
{
	static const struct ev_stream_ops in_ops = { .readable = on_readable };
	static const struct ev_stream_ops out_ops = { .writable = on_writable };
	struct stdio *s = xcalloc(1, sizeof(*s));

	s->loop = l;
	s->ops = ops;
	s->arg = arg;
	if ((s->in = adopt(s, STDIN_FILENO, O_RDONLY)) != NULL)
		ev_stream_set(s->in, &in_ops, s);
	for (int i = 0; i < 2; i++) {
		struct out *o = &s->out[i];

		o->s = s;
		/* One payload may come on top of a queue that is just below the mark. */
		buf_init(&o->queue, STDIO_QUEUE_MAX + 2 * 1024 * 1024);
		if ((o->stream = adopt(s, i + 1, O_WRONLY)) != NULL)
			ev_stream_set(o->stream, &out_ops, o);
	}
	return s;
}

void
stdio_free(struct stdio *s)
{
	if (s == NULL)
		return;
	stdio_flush(s);
	ev_timer_clear(&s->file);
	if (s->in != NULL)
		ev_close(s->in);
	for (int i = 0; i < 2; i++) {
		if (s->out[i].stream != NULL)
			ev_close(s->out[i].stream);
		buf_fini(&s->out[i].queue);
	}
	for (int fd = 0; fd < 3; fd++)
		if (s->flags[fd] != -1)
			(void)fcntl(fd, F_SETFL, s->flags[fd]);
	free(s);
}
