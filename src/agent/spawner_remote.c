/* SPDX-License-Identifier: Apache-2.0 */
/* The worker's side of the root monitor.  See spawner.h and monitor.h. */
#include "agent/spawner.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/monitor.h"
#include "base/log.h"

enum { SEND_WAIT_MS = 2000 };

struct remote {
	struct spawner base;
	struct ev_stream *s; /* watches and owns fd */
	int fd;
	ev_cb *lost;
	void *arg;
	uint32_t last_id;
	struct list children; /* struct remote_child, each owned by its session */
};

struct remote_child {
	struct spawned base;
	struct list link;
	uint32_t id;
	struct ev_timer failed; /* could not even ask */
};

static struct remote *
remote_of(struct spawner *sp)
{
	return CONTAINER_OF(sp, struct remote, base);
}

static int
ask(struct remote *r, struct monitor_request *q, struct span text)
{
	struct iovec iov[2] = { { q, sizeof(*q) },
		{ (void *)(uintptr_t)text.p, text.n } };
	struct msghdr mh = { .msg_iov = iov, .msg_iovlen = text.n > 0 ? 2 : 1 };

	if (text.n > SPAWN_TEXT_MAX)
		return ERR_LIMIT;
	q->text_len = (uint32_t)text.n;
	for (;;) {
		struct pollfd p = { .fd = r->fd, .events = POLLOUT };

		if (sendmsg(r->fd, &mh, MSG_NOSIGNAL | MSG_DONTWAIT) != -1)
			return 0;
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN || poll(&p, 1, SEND_WAIT_MS) <= 0)
			return ERR_IO;
	}
}

/* --- answers ------------------------------------------------------------ */

static void
on_started(struct remote_child *c, int *fds, size_t n)
{
	struct ev_stream *io[3] = { NULL, NULL, NULL };

	for (size_t i = 0; i < n; i++) {
		io[i] = ev_stream_adopt(c->base.spawner->loop, fds[i]);
		fds[i] = -1;
	}
	c->base.h->started(c->base.arg, io);
}

static void
on_reply(struct remote *r, const struct monitor_reply *a, int *fds, size_t n)
{
	LIST_EACH(c, &r->children, struct remote_child, link)
	{
		if (c->id != a->id)
			continue;
		if (a->type == MONITOR_STARTED)
			on_started(c, fds, n);
		else if (a->type == MONITOR_FAILED)
			c->base.h->failed(c->base.arg, a->status, a->why);
		else if (a->type == MONITOR_EXITED)
			c->base.h->exited(c->base.arg, a->status);
		return;
	}
	/* closed meanwhile */
}

static size_t
take_fds(struct msghdr *mh, int fds[3])
{
	struct cmsghdr *c = CMSG_FIRSTHDR(mh);
	size_t n;

	if (c == NULL || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
		return 0;
	n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
	n = MIN(n, (size_t)3);
	memcpy(fds, CMSG_DATA(c), n * sizeof(int));
	return n;
}

/* False when nothing more is there. */
static bool
read_reply(struct remote *r)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(3 * sizeof(int))];
	struct monitor_reply a;
	struct iovec iov = { &a, sizeof(a) };
	struct msghdr mh = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control) };
	int fds[3] = { -1, -1, -1 };
	ssize_t got = recvmsg(r->fd, &mh, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	size_t n;

	if (got == -1 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (got <= 0) {
		ev_stream_want(r->s, false, false);
		r->lost(r->arg);
		return false;
	}
	n = take_fds(&mh, fds);
	if (got == (ssize_t)sizeof(a)) {
		a.why[sizeof(a.why) - 1] = '\0';
		on_reply(r, &a, fds, n);
	}
	for (size_t i = 0; i < n; i++)
		if (fds[i] != -1)
			close(fds[i]);
	return true;
}

static void
on_readable(void *arg)
{
	while (read_reply(arg))
		;
}

/* --- the vtable --------------------------------------------------------- */

static void
on_failed(void *arg)
{
	struct remote_child *c = arg;

	c->base.h->failed(
	    c->base.arg, ERR_IO, "the agent's root process does not answer");
}

static struct spawned *
remote_spawn(struct spawner *sp, const struct spawn_request *q,
    const struct spawn_handler *h, void *arg)
{
	struct remote *r = remote_of(sp);
	struct remote_child *c = xcalloc(1, sizeof(*c));
	struct monitor_request m = {
		.type = MONITOR_SPAWN,
		.kind = q->kind,
		.rows = q->rows,
		.cols = q->cols,
		.merge_stderr = q->merge_stderr,
	};

	c->base = (struct spawned){ sp, h, arg };
	if (++r->last_id == 0)
		r->last_id = 1;
	m.id = c->id = r->last_id;
	list_init(&c->link);
	list_add_tail(&r->children, &c->link);
	if (str_copy(m.user, sizeof(m.user), q->user) != 0 ||
	    str_copy(m.session_id, sizeof(m.session_id), q->session_id) != 0 ||
	    ask(r, &m, q->text) != 0)
		ev_timer_set(sp->loop, &c->failed, 0, on_failed, c);
	return &c->base;
}

static void
tell(struct remote_child *c, enum monitor_type type, int signum)
{
	struct monitor_request m = { .type = type, .id = c->id, .signum = signum };

	if (ask(remote_of(c->base.spawner), &m, SPAN_NONE) != 0)
		log_error("the root process does not answer", "");
}

static void
remote_signal(struct spawned *s, int signum)
{
	tell(CONTAINER_OF(s, struct remote_child, base), MONITOR_SIGNAL, signum);
}

static void
remote_close(struct spawned *s)
{
	struct remote_child *c = CONTAINER_OF(s, struct remote_child, base);

	ev_timer_clear(&c->failed);
	tell(c, MONITOR_CLOSE, 0);
	list_del(&c->link);
	free(c);
}

static int
remote_save(struct spawner *sp, const char *name, struct span content, struct fault *f)
{
	struct monitor_request m = { .type = MONITOR_SAVE };
	int r;

	if ((r = str_copy(m.file, sizeof(m.file), name)) == 0)
		r = ask(remote_of(sp), &m, content);
	return r == 0 ? 0 : fault_set(f, r, "the root process does not take %s", name);
}

static void
remote_free(struct spawner *sp)
{
	struct remote *r = remote_of(sp);

	assert(list_empty(&r->children));
	ev_close(r->s);
	free(r);
}

static const struct spawner_ops remote_ops = {
	.spawn = remote_spawn,
	.signal = remote_signal,
	.close = remote_close,
	.save = remote_save,
	.free = remote_free,
};

struct spawner *
spawner_remote_new(struct ev_loop *l, int fd, ev_cb *lost, void *arg)
{
	static const struct ev_stream_ops stream_ops = { .readable = on_readable };
	struct remote *r = xcalloc(1, sizeof(*r));

	r->base = (struct spawner){ &remote_ops, l };
	r->fd = fd;
	r->lost = lost;
	r->arg = arg;
	list_init(&r->children);
	r->s = ev_stream_adopt(l, fd);
	assert(r->s != NULL); /* the loop's second descriptor */
	ev_stream_set(r->s, &stream_ops, r);
	ev_stream_want(r->s, true, false);
	return &r->base;
}
