/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The libuv backend: children, watched through a pidfd.
 *
 *	RUNNING --exit--> EXITED --ev_child_close()--> reaped, freed
 *	   \__ev_child_close()__> HUP, wait, KILL ________^
 *
 * A child that has exited is not reaped before its owner closes it: until then its
 * number, which is also that of its group, cannot be given to anybody else, and a signal
 * to the group hits nobody but the group.
 */
#include "ev/backend.h"

#include <errno.h>
#include <signal.h>
#include <sys/pidfd.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "base/log.h"
#include "ev/uv_backend.h"

struct evu_child {
	struct ev_child base;
	struct list link;
	uv_poll_t poll;
	int pidfd;
	pid_t pid;
	struct evu_stream *s[3]; /* not taken yet */
	struct evu_stream *pty;  /* whoever has it, as long as it is open */
	bool exited, closing;
	struct ev_timer grace;
	pid_t foreground; /* when it was closed; 0: none but pid */
};

static void
on_closed(uv_handle_t *h)
{
	free(h->data);
}

/* --- signals ---------------------------------------------------------------- */

/* What runs in the terminal's foreground, if it is not the child's own group. */
static pid_t
foreground(const struct evu_child *c)
{
	pid_t fg = c->pty != NULL ? tcgetpgrp(c->pty->fd) : -1;

	return fg > 1 && fg != c->pid ? fg : 0;
}

/* Until its setsid() the child has no group of its own yet. */
static void
signal_group(const struct evu_child *c, int signum)
{
	if (kill(-c->pid, signum) == -1 && errno == ESRCH && !c->exited)
		(void)kill(c->pid, signum);
}

void
evu_child_signal(struct ev_child *base, int signum)
{
	struct evu_child *c = CONTAINER_OF(base, struct evu_child, base);
	pid_t fg = foreground(c);

	signal_group(c, signum);
	if (fg != 0)
		(void)kill(-fg, signum);
}

/* --- the end ---------------------------------------------------------------- */

static void
reap(struct evu_child *c)
{
	siginfo_t si;
	int r;

	do {
		r = waitid(P_PID, (id_t)c->pid, &si, WEXITED);
	} while (r == -1 && errno == EINTR);
}

static void
forget(struct evu_child *c)
{
	for (int i = 0; i < 3; i++)
		if (c->s[i] != NULL)
			ev_close(&c->s[i]->base);
	if (c->pty != NULL)
		c->pty->child = NULL;
	ev_timer_clear(&c->grace);
	list_del(&c->link);
	uv_close((uv_handle_t *)&c->poll, on_closed);
	close(c->pidfd);
}

/* The rest of the group had its time. */
static void
on_grace(void *arg)
{
	struct evu_child *c = arg;

	(void)kill(-c->pid, SIGKILL);
	if (c->foreground != 0 && getsid(c->foreground) == c->pid)
		(void)kill(-c->foreground, SIGKILL);
	if (c->exited)
		forget(c);
	/* else its exit follows */
}

/*
 * The leader is dead and the owner has let go.  With the leader reaped, the group exists
 * only as long as others are in it, and holds the number as long.
 */
static void
finish(struct evu_child *c)
{
	bool others;

	reap(c);
	others = kill(-c->pid, 0) == 0 || errno == EPERM;
	others = others || (c->foreground != 0 && getsid(c->foreground) == c->pid);
	if (!others || !ev_timer_is_set(&c->grace))
		forget(c);
}

static void
on_exit_event(uv_poll_t *h, int status, int events)
{
	struct evu_child *c = h->data;
	siginfo_t si = { 0 };
	int r;

	(void)status, (void)events;
	r = waitid(P_PIDFD, (id_t)c->pidfd, &si, WEXITED | WNOHANG | WNOWAIT);
	if (r == 0 && si.si_pid == 0)
		return; /* not yet */
	uv_poll_stop(&c->poll);
	c->exited = true;
	if (c->closing) {
		finish(c);
		return;
	}
	if (r == -1) {
		log_error("exit status of a child is lost", "pid=%d reason=%s",
		    (int)c->pid, log_q(strerror(errno)));
		c->base.cb(c->base.arg, -1, SIGKILL);
	} else if (si.si_code == CLD_EXITED) {
		c->base.cb(c->base.arg, si.si_status, 0);
	} else {
		c->base.cb(c->base.arg, -1, si.si_status);
	}
}

void
evu_child_close(struct ev_child *base)
{
	struct evu_child *c = CONTAINER_OF(base, struct evu_child, base);

	assert(!c->closing);
	c->closing = true;
	c->foreground = foreground(c);
	signal_group(c, SIGHUP);
	signal_group(c, SIGCONT); /* a stopped one could not obey */
	if (c->foreground != 0) {
		(void)kill(-c->foreground, SIGHUP);
		(void)kill(-c->foreground, SIGCONT);
	}
	for (int i = 0; i < 3; i++) {
		if (c->s[i] != NULL)
			ev_close(&c->s[i]->base);
		c->s[i] = NULL;
	}
	ev_timer_set(base->loop, &c->grace, EVU_CHILD_GRACE_MS, on_grace, c);
	if (c->exited)
		finish(c);
}

/* The loop ends and nobody will be there after a grace period: kill and wait at once. */
void
evu_children_kill_all(struct evu_loop *l)
{
	while (!list_empty(&l->children)) {
		struct evu_child *c = LIST_FIRST(&l->children, struct evu_child, link);
		pid_t fg = c->closing ? c->foreground : foreground(c);

		signal_group(c, SIGKILL);
		if (fg != 0 && getsid(fg) == c->pid)
			(void)kill(-fg, SIGKILL);
		if (!(c->closing && c->exited)) /* else reaped before */
			reap(c);
		forget(c);
	}
}

/* --- the beginning ---------------------------------------------------------- */

/* The child runs already; without a watch for its exit it is of no use. */
static int
give_up(
    struct evu_child *c, struct evu_spawned *sp, struct fault *f, int r, const char *why)
{
	for (int i = 0; i < 3; i++)
		if (sp->fd[i] != -1)
			close(sp->fd[i]);
	signal_group(c, SIGKILL);
	reap(c);
	if (c->pidfd != -1)
		close(c->pidfd);
	free(c);
	return fault_set(f, r, "cannot watch a process: %s", why);
}

static int
open_streams(struct evu_child *c, struct evu_spawned *sp, bool pty)
{
	struct evu_loop *l = evu_loop_of(c->base.loop);

	for (int i = 0; i < 3; i++) {
		int fd = sp->fd[i];

		sp->fd[i] = -1;
		if (fd == -1)
			continue;
		c->s[i] = evu_stream_new(l, fd, pty ? EVU_PTY : EVU_FILE);
		if (c->s[i] == NULL)
			return ERR_LIMIT;
	}
	if (pty) {
		c->pty = c->s[0];
		c->pty->child = c;
	}
	return 0;
}

int
evu_child_start(struct ev_child **out, struct ev_loop *l, const struct ev_spawn *sp,
    ev_exit_cb *cb, void *arg, struct fault *f)
{
	struct evu_loop *ul = evu_loop_of(l);
	struct evu_spawned sd;
	struct evu_child *c;
	int r;

	if ((r = evu_spawn(&sd, sp, f)) != 0)
		return r;
	c = xcalloc(1, sizeof(*c));
	c->base = (struct ev_child){ l, cb, arg };
	c->pid = sd.pid;
	list_init(&c->link);
	if ((c->pidfd = pidfd_open(c->pid, 0)) == -1) /* close-on-exec by itself */
		return give_up(c, &sd, f, err_from_errno(errno), strerror(errno));
	if ((r = uv_poll_init(&ul->uv, &c->poll, c->pidfd)) != 0)
		return give_up(c, &sd, f, ERR_LIMIT, uv_strerror(r));
	c->poll.data = c;
	list_add_tail(&ul->children, &c->link);
	if (uv_poll_start(&c->poll, UV_READABLE, on_exit_event) != 0)
		abort(); /* the descriptor is ours and is watched once */
	if (open_streams(c, &sd, sp->pty) != 0) {
		for (int i = 0; i < 3; i++)
			if (sd.fd[i] != -1)
				close(sd.fd[i]);
		evu_child_close(&c->base);
		return fault_set(f, ERR_LIMIT, "cannot watch the streams of a process");
	}
	*out = &c->base;
	return 0;
}

struct ev_stream *
evu_child_take(struct ev_child *base, int which)
{
	struct evu_child *c = CONTAINER_OF(base, struct evu_child, base);
	struct evu_stream *s = c->s[which];

	assert(s != NULL); /* each may be taken once */
	c->s[which] = NULL;
	return &s->base;
}

int64_t
evu_child_pid(const struct ev_child *base)
{
	return ((const struct evu_child *)base)->pid;
}

void
evu_child_stream_gone(struct evu_child *c)
{
	c->pty = NULL;
}
