/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The libuv backend: fork and exec with a terminal or with pipes.
 *
 * The child's exit status tells the step that failed before the program ran:
 *
 *	120	no session or no controlling terminal
 *	121	standard descriptors
 *	122	other descriptors could not be closed
 *	125	no working directory, not even /
 *	126	the program cannot be executed
 *	127	the program does not exist
 *	other	what the setup callback returned
 */
#include "ev/backend.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

#include "ev/uv_backend.h"

enum { NFDS = 6 }; /* child's 0, 1, 2, then our ends */

struct plan {
	const struct ev_spawn *sp;
	const char **argv; /* as the program sees it */
	int fd[NFDS];
};

static void
close_all(int *fd, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (fd[i] != -1)
			close(fd[i]);
		fd[i] = -1;
	}
}

/* --- the child ------------------------------------------------------------ */

static void
default_signals(void)
{
	struct sigaction sa = { .sa_handler = SIG_DFL };
	sigset_t none;

	for (int i = 1; i < NSIG; i++)
		(void)sigaction(i, &sa, NULL); /* fails for a few, rightly */
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/*
 * Runs in the child between fork and exec: only async-signal-safe calls, no logging, no
 * allocation.  The order matters: the descriptors of the parent are gone before setup()
 * gives up rights, and the directory is entered with the rights of the new user.
 */
static _Noreturn void
child_main(const struct plan *pl)
{
	const struct ev_spawn *sp = pl->sp;
	static char *const none[] = { NULL };
	char *const *envp = sp->envp != NULL ? (char *const *)(uintptr_t)sp->envp : none;
	int r;

	if (setsid() == -1 || (sp->pty && ioctl(pl->fd[0], TIOCSCTTY, 0) == -1))
		_exit(120);
	for (int i = 0; i < 3; i++)
		if (dup2(pl->fd[i], i) == -1)
			_exit(121);
	if (close_range(3, ~0U, 0) == -1)
		_exit(122);
	default_signals();
	evu_descriptors_restore();
	if (sp->setup != NULL && (r = sp->setup(sp->setup_arg)) != 0)
		_exit(r);
	if ((sp->dir == NULL || chdir(sp->dir) == -1) && chdir("/") == -1)
		_exit(125);
	execve(sp->argv[0], (char *const *)(uintptr_t)pl->argv, envp);
	_exit(errno == ENOENT ? 127 : 126);
}

/* --- descriptors ------------------------------------------------------------ */

/* Above 2, so that dup2() in the child neither clobbers nor keeps close-on-exec. */
static int
lift(int *fd)
{
	int high;

	if (*fd > 2)
		return 0;
	high = fcntl(*fd, F_DUPFD_CLOEXEC, 3);
	close(*fd);
	*fd = high;
	return high == -1 ? -1 : 0;
}

static int
set_nonblock(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	return flags == -1 ? -1 : fcntl(fd, F_SETFL, flags | O_NONBLOCK);
}

static int
open_slave(int master)
{
	char name[64];
	int fd = -1;

#ifdef TIOCGPTPEER /* works without a /dev/pts of the right mount namespace */
	fd = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
#endif
	if (fd == -1 && ptsname_r(master, name, sizeof(name)) == 0)
		fd = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
	return fd;
}

/* The size is set here, before anything runs that could ask for it. */
static int
prepare_tty(int tty, const struct ev_spawn *sp)
{
	struct winsize ws = { .ws_row = sp->rows != 0 ? sp->rows : 24,
		.ws_col = sp->cols != 0 ? sp->cols : 80 };
	struct termios tio;

	if (ioctl(tty, TIOCSWINSZ, &ws) == -1 || tcgetattr(tty, &tio) == -1)
		return -1;
	tio.c_iflag |= IUTF8; /* erase removes whole characters */
	return tcsetattr(tty, TCSANOW, &tio);
}

static int
open_pty(struct plan *pl)
{
	int *fd = pl->fd;

	if ((fd[3] = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC)) == -1 ||
	    lift(&fd[3]) == -1)
		return -1;
	if (grantpt(fd[3]) == -1 || unlockpt(fd[3]) == -1)
		return -1;
	if ((fd[0] = open_slave(fd[3])) == -1 || lift(&fd[0]) == -1)
		return -1;
	if (prepare_tty(fd[0], pl->sp) == -1)
		return -1;
	for (int i = 1; i < 3; i++)
		if ((fd[i] = fcntl(fd[0], F_DUPFD_CLOEXEC, 3)) == -1)
			return -1;
	return set_nonblock(fd[3]);
}

static int
open_pipes(struct plan *pl)
{
	for (int i = 0; i < 3; i++) {
		int p[2];

		if (pipe2(p, O_CLOEXEC) == -1)
			return -1;
		pl->fd[i] = i == 0 ? p[0] : p[1];
		pl->fd[3 + i] = i == 0 ? p[1] : p[0];
		if (lift(&pl->fd[i]) == -1 || lift(&pl->fd[3 + i]) == -1 ||
		    set_nonblock(pl->fd[3 + i]) == -1)
			return -1;
	}
	return 0;
}

/* --- the parent ----------------------------------------------------------- */

/*
 * All signals are blocked around fork(): a handler of ours must not run in the child,
 * where it would write into pipes that the child shares with us.
 */
static pid_t
fork_child(const struct plan *pl)
{
	sigset_t all, old;
	pid_t pid;
	int e;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	pid = fork();
	if (pid == 0)
		child_main(pl);
	e = errno;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	errno = e;
	return pid;
}

/* argv with another name in front; what execve() opens stays the path. */
static const char **
with_argv0(const struct ev_spawn *sp)
{
	const char **v;
	size_t n = 0;

	while (sp->argv[n] != NULL)
		n++;
	v = xcalloc(n + 1, sizeof(*v));
	memcpy(v, sp->argv, (n + 1) * sizeof(*v));
	if (sp->argv0 != NULL)
		v[0] = sp->argv0;
	return v;
}

int
evu_spawn(struct evu_spawned *out, const struct ev_spawn *sp, struct fault *f)
{
	struct plan pl = { sp, NULL, { -1, -1, -1, -1, -1, -1 } };
	int r;

	if ((sp->pty ? open_pty(&pl) : open_pipes(&pl)) == -1) {
		r = fault_set(f, err_from_errno(errno), "no %s: %s",
		    sp->pty ? "terminal" : "pipe", strerror(errno));
		close_all(pl.fd, NFDS);
		return r;
	}
	pl.argv = with_argv0(sp);
	out->pid = fork_child(&pl);
	if (out->pid == -1) {
		r = errno == EAGAIN ? ERR_LIMIT : err_from_errno(errno);
		fault_set(f, r, "no process: %s", strerror(errno));
		close_all(pl.fd, NFDS);
	} else {
		r = 0;
		close_all(pl.fd, 3);
		memcpy(out->fd, pl.fd + 3, sizeof(out->fd));
	}
	free(pl.argv);
	return r;
}
