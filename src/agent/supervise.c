/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See supervise.h.  What runs in the supervisor makes system calls only: no allocation,
 * no stdio, no locks.
 */
#include "agent/supervise.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "agent/procs.h"

/* --- the program's side ------------------------------------------------- */

/* Only a leader without a terminal can get one, so the new one makes its own session. */
static int
own_session(const struct supervise *s)
{
	return setsid() != -1 && (!s->pty || ioctl(0, TIOCSCTTY, 0) != -1) ? 0 : 120;
}

/* Groups before gid before uid, and proof that there is no way back. */
int
supervise_become(const struct agent_user *u)
{
	if (setgroups((size_t)u->ngroups, u->groups) == -1 ||
	    setresgid(u->gid, u->gid, u->gid) == -1 ||
	    setresuid(u->uid, u->uid, u->uid) == -1)
		return SUPERVISE_NO_USER;
	if (u->uid != 0 && (setuid(0) != -1 || setgid(0) != -1))
		return SUPERVISE_NO_USER;
	return 0;
}

static void
write_file(const char *dir, const char *name, const char *text)
{
	char path[320];
	size_t n = strlen(dir), m = strlen(name);
	int fd;

	if (n + m + 2 > sizeof(path))
		return;
	memcpy(path, dir, n);
	path[n] = '/';
	memcpy(path + n + 1, name, m + 1);
	if ((fd = open(path, O_WRONLY | O_CLOEXEC)) == -1)
		return;
	(void)!write(fd, text, strlen(text));
	close(fd);
}

static int
program_side(const struct supervise *s)
{
	sigset_t none;
	int r;

	if ((r = own_session(s)) != 0)
		return r;
	if (s->cgroup[0] != '\0')
		write_file(s->cgroup, "cgroup.procs", "0");
	if (s->drop && s->pty) /* as login programs do; devpts has set group and mode */
		(void)!fchown(0, s->user.uid, (gid_t)-1);
	if (s->drop && (r = supervise_become(&s->user)) != 0)
		return r;
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	return 0;
}

/* --- the supervisor's side ---------------------------------------------- */

struct watch {
	const struct supervise *s;
	pid_t program;
	int status;     /* of the program, as an exit status */
	bool has_ended; /* the program */
};

static uint64_t
clock_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

/* True when no child is left. */
static bool
reap(struct watch *w)
{
	int st;
	pid_t pid;

	while ((pid = waitpid(-1, &st, WNOHANG)) > 0 || (pid == -1 && errno == EINTR)) {
		if (pid != w->program)
			continue;
		w->has_ended = true;
		w->status = WIFEXITED(st) ? WEXITSTATUS(st) : 128 + WTERMSIG(st);
	}
	return pid == -1;
}

/* Waits until all children are gone; false when the time is over first. */
static bool
wait_for_all(struct watch *w, uint64_t ms, int signum)
{
	uint64_t end = clock_ms() + ms, now;
	sigset_t chld;

	sigemptyset(&chld);
	sigaddset(&chld, SIGCHLD);
	while (!reap(w)) {
		struct timespec ts = { .tv_nsec = 10 * 1000 * 1000 };

		if ((now = clock_ms()) >= end)
			return false;
		if (sigtimedwait(&chld, NULL, &ts) == -1 && signum != 0)
			procs_signal_below(getpid(), signum);
	}
	return true;
}

static void
end_all(struct watch *w)
{
	pid_t self = getpid();

	if (reap(w))
		return;
	procs_signal_below(self, SIGHUP);
	procs_signal_below(self, SIGCONT);
	if (wait_for_all(w, SUPERVISE_HUP_MS, 0))
		return;
	if (w->s->cgroup[0] != '\0')
		write_file(w->s->cgroup, "cgroup.kill", "1");
	procs_signal_below(self, SIGKILL);
	(void)wait_for_all(w, SUPERVISE_KILL_MS, SIGKILL);
}

/* To the program's group, or to it alone while it has not made one: it waits there. */
static void
pass_on(const struct watch *w, int signum)
{
	if (kill(-w->program, signum) == -1 && errno == ESRCH)
		(void)kill(w->program, signum);
}

/* Does not hold the session's terminal or pipes open, and waits. */
static _Noreturn void
watch_over(struct watch *w)
{
	sigset_t all;

	(void)close_range(0, ~0U, 0);
	(void)prctl(PR_SET_NAME, "sallyport-sess");
	sigfillset(&all);
	while (!w->has_ended) {
		int signum = sigwaitinfo(&all, NULL);

		if (signum == SIGHUP || signum == SIGTERM)
			break;
		if (signum == SIGCHLD)
			(void)reap(w);
		else if (signum > 0)
			pass_on(w, signum);
	}
	end_all(w);
	if (w->s->cgroup[0] != '\0')
		(void)rmdir(w->s->cgroup);
	_exit(w->has_ended ? w->status : SUPERVISE_HUNG_UP);
}

/*
 * The new process leads a session whose terminal is meant for the program.  Letting go
 * of it sends SIGHUP to the terminal's foreground, which is this process.
 */
static void
let_go_of_terminal(void)
{
	(void)signal(SIGHUP, SIG_IGN);
	(void)ioctl(0, TIOCNOTTY);
	(void)signal(SIGHUP, SIG_DFL);
}

int
supervise_setup(void *arg)
{
	const struct supervise *s = arg;
	struct watch w = { .s = s };
	sigset_t all;

	if (prctl(PR_SET_CHILD_SUBREAPER, 1) == -1 ||
	    prctl(PR_SET_PDEATHSIG, SIGHUP) == -1 || getppid() != s->parent)
		return SUPERVISE_FAILED;
	if (s->pty)
		let_go_of_terminal();
	sigfillset(&all);
	(void)sigprocmask(SIG_SETMASK, &all, NULL);
	w.program = _Fork();
	if (w.program == -1)
		return SUPERVISE_FAILED;
	if (w.program == 0)
		return program_side(s);
	watch_over(&w);
}

/* --- in the agent or the monitor ---------------------------------------- */

struct strays {
	const pid_t *known;
	size_t n, found;
};

static bool
is_known(const struct strays *k, pid_t pid)
{
	for (size_t i = 0; i < k->n; i++)
		if (k->known[i] == pid)
			return true;
	return false;
}

static void
kill_stray(void *arg, pid_t pid, pid_t ppid)
{
	struct strays *k = arg;

	if (ppid != getpid() || is_known(k, pid))
		return;
	k->found++;
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
}

/* What a stray had below it becomes a stray in turn. */
size_t
supervise_kill_strays(const pid_t *known, size_t n)
{
	size_t found = 0;

	for (int round = 0; round < 100; round++) {
		struct strays k = { known, n, 0 };

		procs_each(kill_stray, &k);
		found += k.found;
		if (k.found == 0)
			break;
	}
	return found;
}

void
supervise_kill_all(void)
{
	for (int round = 0; round < 100; round++)
		if (procs_signal_below(getpid(), SIGKILL) == 0)
			break;
}

/* The unified hierarchy, whether or not old ones are mounted beside it. */
static bool
own_cgroup(char *out, size_t size)
{
	char text[4096], *line;
	ssize_t n;
	int fd = open("/proc/self/cgroup", O_RDONLY | O_CLOEXEC);

	if (fd == -1)
		return false;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return false;
	text[n] = '\0';
	line = strncmp(text, "0::/", 4) == 0 ? text : strstr(text, "\n0::/");
	if (line == NULL || access("/sys/fs/cgroup/cgroup.procs", F_OK) == -1)
		return false;
	line += *line == '\n';
	line[strcspn(line, "\n")] = '\0';
	n = snprintf(out, size, "/sys/fs/cgroup%s", line + 3);
	return n > 0 && (size_t)n < size;
}

void
supervise_cgroup(char *out, size_t size, const char *session_id)
{
	char own[200];
	int n;

	out[0] = '\0';
	if (!own_cgroup(own, sizeof(own)))
		return;
	n = snprintf(out, size, "%s/session-%s", own, session_id);
	if (n < 0 || (size_t)n >= size || (mkdir(out, 0755) == -1 && errno != EEXIST))
		out[0] = '\0';
}
