/* SPDX-License-Identifier: Apache-2.0 */
/* Children: terminal and pipes, exit, signals, the group, and nothing left behind. */
#include "env.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *const env_vars[] = { "PATH=/usr/bin:/bin", "LC_ALL=C", "MARK=here",
	NULL };

struct kid {
	struct env *e;
	struct ev_child *c;
	struct ev_stream *in, *out; /* one and the same on a terminal */
	char text[65536];
	size_t n;
	int status, signum, exits;
	bool at_end;      /* of the output */
	const char *mark; /* env_done() once it is in the output */
};

static void
check(struct kid *k)
{
	if (k->mark != NULL ? strstr(k->text, k->mark) != NULL
			    : k->at_end && k->exits > 0)
		env_done(k->e);
}

static void
on_readable(void *arg)
{
	struct kid *k = arg;
	size_t got;
	int r;

	while (
	    (r = ev_read(k->out, k->text + k->n, sizeof(k->text) - 1 - k->n, &got)) == 0)
		k->n += got;
	if (r != ERR_AGAIN) {
		assert_int_equal(r, ERR_CLOSED);
		k->at_end = true;
		ev_stream_want(k->out, false, false);
	}
	check(k);
}

static const struct ev_stream_ops kid_ops = { on_readable, NULL };

static void
on_exit_cb(void *arg, int status, int signum)
{
	struct kid *k = arg;

	k->exits++;
	k->status = status;
	k->signum = signum;
	check(k);
}

static void
start(struct kid *k, void *state, const struct ev_spawn *how, const char *script)
{
	const char *const argv[] = { "/bin/sh", "-c", script, NULL };
	struct ev_spawn sp = *how;
	struct fault f = { 0 };

	*k = (struct kid){ .e = state };
	if (sp.argv == NULL)
		sp.argv = argv;
	sp.envp = env_vars;
	if (ev_child_start(&k->c, k->e->server, &sp, on_exit_cb, k, &f) != 0)
		fail_msg("%s", fault_text(&f));
	k->in = ev_child_take(k->c, 0);
	k->out = sp.pty ? k->in : ev_child_take(k->c, 1);
	ev_stream_set(k->out, &kid_ops, k);
	ev_stream_want(k->out, true, false);
}

static void
end(struct kid *k)
{
	if (k->out != k->in)
		ev_close(k->out);
	ev_close(k->in);
	ev_child_close(k->c);
}

static void
run(struct kid *k, void *state, const struct ev_spawn *how, const char *script)
{
	start(k, state, how, script);
	env_run(k->e);
	end(k);
}

static const struct ev_spawn on_tty = {
	.pty = true, .rows = 33, .cols = 101, .dir = "/usr"
};
static const struct ev_spawn on_pipes = { .dir = "/usr" };

static void
t_scripts(void **state)
{
	static const struct {
		const char *what;
		const struct ev_spawn *how;
		const char *script, *text;
		int status, signum;
	} t[] = {
		{ "exit status", &on_pipes, "exit 7", "", 7, 0 },
		{ "killed by a signal", &on_pipes, "kill -9 $$", "", -1, SIGKILL },
		{ "output and directory", &on_pipes, "echo $MARK; pwd", "here\n/usr\n", 0,
		    0 },
		{ "window size is set first", &on_tty, "stty size", "33 101\r\n", 0, 0 },
		{ "a controlling terminal", &on_tty, "echo yes >/dev/tty", "yes\r\n", 0,
		    0 },
		{ "no terminal on pipes", &on_pipes, "test -t 0 || echo no", "no\n", 0,
		    0 },
		{ "leads its session", &on_pipes,
		    "read a b c d e f g </proc/$$/stat; test $$ = $e && test $$ = $f && "
		    "echo ok",
		    "ok\n", 0, 0 },
		{ "no other descriptors", &on_pipes, "ls /proc/self/fd | tr '\\n' ' '",
		    "0 1 2 3 ", 0, 0 }, /* 3: the directory itself */
		{ "default signals", &on_pipes,
		    "grep -E 'Sig(Blk|Ign)' /proc/self/status",
		    "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n", 0, 0 },
		{ "multi-byte erase", &on_tty, "stty -a | grep -o ' iutf8'", " iutf8\r\n",
		    0, 0 },
	};
	sigset_t usr1;

	signal(SIGHUP, SIG_IGN); /* a server's own habits must not reach the child */
	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	sigprocmask(SIG_BLOCK, &usr1, NULL);
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct kid k;

		print_message("  %s\n", t[i].what);
		run(&k, *state, t[i].how, t[i].script);
		assert_string_equal(k.text, t[i].text);
		assert_int_equal(k.status, t[i].status);
		assert_int_equal(k.signum, t[i].signum);
		assert_int_equal(k.exits, 1);
	}
	signal(SIGHUP, SIG_DFL);
}

/* We take all descriptors there are; a child has the limit that we came with. */
static void
t_descriptors(void **state)
{
	struct rlimit lim, few;
	struct kid k;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &lim), 0);
	few = (struct rlimit){ .rlim_cur = 123, .rlim_max = lim.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	assert_true(ev_descriptors_raise() > 123);
	assert_int_equal(ev_descriptors_raise(), ev_descriptors_raise());
	run(&k, *state, &on_pipes, "ulimit -Sn");
	assert_string_equal(k.text, "123\n");
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &lim), 0);
}

static int
setup_fails(void *arg)
{
	return *(int *)arg;
}

static void
t_before_exec(void **state)
{
	static int forty = 40;
	static const char *const missing[] = { "/nonexistent/sh", NULL };
	static const char *const no_program[] = { "/etc/passwd", NULL };
	static const char *const shell[] = { "/bin/sh", "-c", "echo $0; pwd", NULL };
	static const struct {
		const char *what;
		struct ev_spawn sp;
		int status;
		const char *text;
	} t[] = {
		{ "no such program", { .argv = missing, .dir = "/" }, 127, "" },
		{ "not executable", { .argv = no_program, .dir = "/" }, 126, "" },
		{ "setup refuses",
		    { .dir = "/", .setup = setup_fails, .setup_arg = &forty }, 40, "" },
		{ "no such directory",
		    { .argv = shell, .argv0 = "-sh", .dir = "/nonexistent" }, 0,
		    "-sh\n/\n" },
	};

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct kid k;

		print_message("  %s\n", t[i].what);
		run(&k, *state, &t[i].sp, "true");
		assert_int_equal(k.status, t[i].status);
		assert_string_equal(k.text, t[i].text);
	}
}

static void
type(struct kid *k, const char *text)
{
	size_t put;

	assert_int_equal(ev_write(k->in, text, strlen(text), &put), 0);
}

static void
wait_for(struct kid *k, const char *mark)
{
	k->mark = mark;
	env_run(k->e);
	k->mark = NULL;
}

/* Typing, a new size, and Ctrl-C reaching the program in front. */
static void
t_terminal(void **state)
{
	struct kid k;

	start(&k, *state, &on_tty,
	    "stty -echo; echo ready; while read l; do eval \"$l\"; done");
	wait_for(&k, "ready");
	ev_pty_resize(k.out, 50, 132);
	type(&k, "stty size\n");
	wait_for(&k, "50 132");
	type(&k, "trap 'echo interrupted; exit 3' INT; echo armed\n");
	wait_for(&k, "armed");
	type(&k, "\003");
	env_run(k.e);
	assert_non_null(strstr(k.text, "interrupted"));
	assert_int_equal(k.status, 3);
	end(&k);
}

/* Closing stdin ends cat; its output is complete. */
static void
t_pipes(void **state)
{
	struct kid k;

	start(&k, *state, &on_pipes, "cat; echo error >&2");
	type(&k, "through the pipe\n");
	ev_close(k.in);
	env_run(k.e);
	assert_string_equal(k.text, "through the pipe\n");
	assert_int_equal(k.status, 0);
	k.in = ev_child_take(k.c, 2);
	end(&k);
}

/* Writing to a child that has closed its input is an error, not a deadly signal. */
static void
t_broken_pipe(void **state)
{
	struct kid k;
	size_t put;

	start(&k, *state, &on_pipes, "exec <&-; echo closed; sleep 100");
	wait_for(&k, "closed");
	assert_int_equal(ev_write(k.in, "x", 1, &put), ERR_CLOSED);
	end(&k);
}

static void
t_signal(void **state)
{
	struct kid k;

	start(&k, *state, &on_pipes,
	    "trap 'echo got it; exit 9' TERM; echo ready; while :; do sleep 0.01; done");
	wait_for(&k, "ready");
	ev_child_signal(k.c, SIGTERM);
	env_run(k.e);
	assert_int_equal(k.status, 9);
	end(&k);
	/* At once, when the child may not have called setsid() yet. */
	for (int i = 0; i < 20; i++) {
		start(&k, *state, &on_pipes, "sleep 100");
		ev_child_signal(k.c, SIGTERM);
		env_run(k.e);
		assert_int_equal(k.signum, SIGTERM);
		end(&k);
	}
}

/* A job in the foreground of a terminal has a group of its own. */
static void
t_signal_foreground(void **state)
{
	struct kid k;

	start(&k, *state, &on_tty,
	    "trap : USR1; set -m; (trap 'echo job hit; exit 1' USR1; echo job; while :; "
	    "do sleep "
	    "0.01; done)\n"
	    "echo shell goes on");
	wait_for(&k, "job\r\n");
	ev_child_signal(k.c, SIGUSR1);
	wait_for(&k, "job hit");
	end(&k);
}

/* --- nothing is left behind
 * ----------------------------------------------------------------- */

static bool
is_gone(long pid)
{
	return kill((pid_t)pid, 0) == -1 && errno == ESRCH;
}

/*
 * Waits for the end of a grandchild.  It is adopted by init, or by us as the nearest
 * subreaper, so only its being dead counts: state Z or no such process.
 */
static bool
is_dead(long pid)
{
	char path[64], line[256] = "";
	FILE *f;
	char *p;

	snprintf(path, sizeof(path), "/proc/%ld/stat", pid);
	if ((f = fopen(path, "r")) == NULL)
		return true;
	if (fgets(line, sizeof(line), f) == NULL)
		line[0] = '\0';
	fclose(f);
	p = strrchr(line, ')');
	return p == NULL || p[2] == 'Z' || p[2] == 'X';
}

static void
wait_dead(struct env *e, long pid)
{
	for (int i = 0; i < 600 && !is_dead(pid); i++)
		env_run_for(e, 10);
	assert_true(is_dead(pid));
}

/* Everybody in the group ignores the hang-up; the grace period ends it. */
static void
t_group_killed(void **state)
{
	static const struct {
		const char *what, *script;
	} t[] = {
		{ "all obey", "sleep 1000 & echo $! .; wait" },
		{ "leader and member ignore it",
		    "trap '' HUP; sleep 1000 & echo $! .; wait" },
		{ "the leader has left",
		    "(trap '' HUP; echo $(exec sh -c 'echo $PPID') .; sleep 1000) & exit "
		    "0" },
	};

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct kid k;
		long leader, member;

		print_message("  %s\n", t[i].what);
		start(&k, *state, &on_pipes, t[i].script);
		wait_for(&k, ".\n");
		leader = ev_child_pid(k.c);
		member = strtol(k.text, NULL, 10);
		assert_true(member > 1);
		end(&k);
		wait_dead(k.e, member);
		ev_run(k.e->server); /* it returns: nothing is left to wait for */
		assert_true(is_gone(leader));
		assert_true(k.exits <= 1);
	}
}

static int
count_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n;
}

static void
t_no_zombies(void **state)
{
	struct kid k;
	int fds;

	run(&k, *state, &on_tty, "true");
	ev_run(k.e->server);
	fds = count_fds();
	for (int i = 0; i < 500; i++) {
		run(&k, *state, i % 2 == 0 ? &on_tty : &on_pipes, "exit 5");
		assert_int_equal(k.status, 5);
	}
	ev_run(k.e->server);
	assert_int_equal(count_fds(), fds);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}

/* Closed while running, many at once. */
static void
t_closed_early(void **state)
{
	static struct kid k[100];

	for (size_t i = 0; i < ARRAY_LEN(k); i++)
		start(&k[i], *state, i % 2 == 0 ? &on_tty : &on_pipes, "sleep 1000");
	for (size_t i = 0; i < ARRAY_LEN(k); i++)
		end(&k[i]);
	ev_run(k[0].e->server);
	for (size_t i = 0; i < ARRAY_LEN(k); i++)
		assert_int_equal(k[i].exits, 0);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

/* The loop ends while children run. */
static void
t_loop_ends(void **state)
{
	struct env *e = *state;
	static struct kid k[3];
	long pid[3];

	start(&k[0], e, &on_tty, "trap '' HUP; sleep 1000");
	start(&k[1], e, &on_pipes, "sleep 1000");
	start(&k[2], e, &on_pipes, "trap '' HUP; echo ready; sleep 1000");
	wait_for(&k[2], "ready");
	for (int i = 0; i < 3; i++)
		pid[i] = ev_child_pid(k[i].c);
	end(&k[2]);
	ev_loop_free(e->server);
	for (int i = 0; i < 3; i++)
		assert_true(is_gone(pid[i]));
	e->server = e->client = ev_loop_new();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		UV_TEST(t_scripts),
		UV_TEST(t_descriptors),
		UV_TEST(t_before_exec),
		UV_TEST(t_terminal),
		UV_TEST(t_pipes),
		UV_TEST(t_broken_pipe),
		UV_TEST(t_signal),
		UV_TEST(t_signal_foreground),
		UV_TEST(t_group_killed),
		UV_TEST(t_no_zombies),
		UV_TEST(t_closed_early),
		UV_TEST(t_loop_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
