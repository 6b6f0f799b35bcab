/* SPDX-License-Identifier: Apache-2.0 */
/* See echo_shell.h.  A session's terminal is one end of a socket pair, the shell the other. */
#include "echo_shell.h"

#include <errno.h>
#include <sys/socket.h>

enum { PENDING_MAX = 4096 };

struct echo_shell {
	struct spawned base;
	struct ev_timer start;
	struct ev_stream *shell;      /* NULL once its terminal is gone */
	struct ev_stream *terminal;   /* NULL once it was handed out */
	uint8_t pending[PENDING_MAX]; /* read and not written yet */
	size_t n;
};

static void
on_start(void *arg)
{
	struct echo_shell *e = arg;
	struct ev_stream *io[3] = { STEAL(e->terminal), NULL, NULL };

	e->base.h->started(e->base.arg, io);
}

static void
write_pending(struct echo_shell *e)
{
	size_t put = 0;

	while (e->n > 0 && ev_write(e->shell, e->pending, e->n, &put) == 0) {
		memmove(e->pending, e->pending + put, e->n - put);
		e->n -= put;
	}
	ev_stream_want(e->shell, e->n == 0, e->n > 0);
}

static void
on_readable(void *arg)
{
	struct echo_shell *e = arg;
	int r = ev_read(e->shell, e->pending, sizeof(e->pending), &e->n);

	if (r == 0)
		write_pending(e);
	else if (r != ERR_AGAIN)
		ev_close(STEAL(e->shell));
}

static void
on_writable(void *arg)
{
	write_pending(arg);
}

static struct spawned *
echo_spawn(struct spawner *sp, const struct spawn_request *r,
    const struct spawn_handler *h, void *arg)
{
	static const struct ev_stream_ops ops = { on_readable, on_writable };
	struct echo_shell *e = xcalloc(1, sizeof(*e));
	int fd[2];

	(void)r;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fd) != 0) {
		fprintf(stderr, "socketpair: %s\n", strerror(errno));
		exit(1);
	}
	e->base = (struct spawned){ .spawner = sp, .h = h, .arg = arg };
	e->terminal = ev_stream_adopt(sp->loop, fd[0]);
	e->shell = ev_stream_adopt(sp->loop, fd[1]);
	ev_stream_set(e->shell, &ops, e);
	ev_stream_want(e->shell, true, false);
	ev_timer_set(sp->loop, &e->start, 0, on_start, e);
	return &e->base;
}

static void
echo_signal(struct spawned *s, int signum)
{
	(void)s, (void)signum;
}

static void
echo_close(struct spawned *s)
{
	struct echo_shell *e = CONTAINER_OF(s, struct echo_shell, base);

	ev_timer_clear(&e->start);
	if (e->shell != NULL)
		ev_close(e->shell);
	if (e->terminal != NULL)
		ev_close(e->terminal);
	free(e);
}

/* Nothing is kept over a restart: there is none. */
static int
echo_save(struct spawner *sp, const char *name, struct span content, struct fault *f)
{
	(void)sp, (void)name, (void)content, (void)f;
	return 0;
}

static void
echo_free(struct spawner *sp)
{
	free(sp);
}

struct spawner *
echo_shell_new(struct ev_loop *l)
{
	static const struct spawner_ops ops = { .spawn = echo_spawn,
		.signal = echo_signal,
		.close = echo_close,
		.save = echo_save,
		.free = echo_free };
	struct spawner *sp = xcalloc(1, sizeof(*sp));

	*sp = (struct spawner){ .ops = &ops, .loop = l };
	return sp;
}
