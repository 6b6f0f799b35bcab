/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Real processes: no process of a session outlives it, however it was left behind and
 * however the session ends.
 */
#include "unit/check.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/procs.h"
#include "agent/spawner.h"
#include "base/log.h"

enum { DEADLINE_MS = 20 * 1000 };

struct rig {
	struct ev_loop *loop;
	struct spawner *sp;
	struct spawned *child;
	struct ev_stream *io[3];
	struct buf out;
	bool started, exited, late;
	int status;
	const char *wait_for; /* text in out */
	struct ev_timer deadline, pause;
	char why[240];
};

static void
on_readable(void *arg)
{
	struct rig *r = arg;
	char b[4096];
	size_t n;

	while (r->io[0] != NULL) {
		int e = ev_read(r->io[0], b, sizeof(b), &n);

		if (e == ERR_AGAIN)
			break;
		if (e != 0) {
			ev_close(STEAL(r->io[0]));
			break;
		}
		buf_add(&r->out, span_of(b, n));
	}
	if (r->wait_for != NULL && strstr(buf_cstr(&r->out), r->wait_for) != NULL)
		ev_stop(r->loop);
}

static const struct ev_stream_ops stream_ops = { .readable = on_readable };

static void
on_started(void *arg, struct ev_stream *io[3])
{
	struct rig *r = arg;

	r->started = true;
	memcpy(r->io, io, sizeof(r->io));
	ev_stream_set(io[0], &stream_ops, r);
	ev_stream_want(io[0], true, false);
}

static void
on_failed(void *arg, int err, const char *why)
{
	struct rig *r = arg;

	assert_true(err < 0);
	(void)snprintf(r->why, sizeof(r->why), "%s", why);
	ev_stop(r->loop);
}

static void
on_exited(void *arg, int status)
{
	struct rig *r = arg;

	r->exited = true;
	r->status = status;
	ev_stop(r->loop);
}

static const struct spawn_handler handler = { on_started, on_failed, on_exited };

static void
on_late(void *arg)
{
	struct rig *r = arg;

	r->late = true;
	ev_stop(r->loop);
}

static void
run(struct rig *r)
{
	ev_timer_set(r->loop, &r->deadline, DEADLINE_MS, on_late, r);
	ev_run(r->loop);
	ev_timer_clear(&r->deadline);
	assert_false(r->late);
}

static void
on_pause(void *arg)
{
	struct rig *r = arg;

	ev_stop(r->loop);
}

static void
run_for(struct rig *r, uint64_t ms)
{
	ev_timer_set(r->loop, &r->pause, ms, on_pause, r);
	ev_run(r->loop);
	ev_timer_clear(&r->pause);
}

static size_t below(void);

/* Ends are not events of the loop: looks again and again. */
static void
run_until_none(struct rig *r)
{
	r->wait_for = NULL;
	for (int i = 0; i < 100 && below() > 0; i++)
		run_for(r, 50);
}

static void
rig_init(struct rig *r, const char *command)
{
	*r = (struct rig){ 0 };
	r->loop = ev_loop_new();
	buf_init(&r->out, 1 << 20);
	r->sp = spawner_local_new(
	    r->loop, &(struct spawner_local_options){ .contain = true });
	r->child = spawner_spawn(r->sp,
	    &(struct spawn_request){
		.kind = SPAWN_COMMAND,
		.user = "",
		.text = span_str(command),
		.session_id = "alice-1",
	    },
	    &handler, r);
}

static void
rig_fini(struct rig *r)
{
	spawned_close(r->child);
	if (r->io[0] != NULL)
		ev_close(r->io[0]);
	spawner_free(r->sp);
	ev_loop_free(r->loop);
	buf_fini(&r->out);
}

struct count {
	size_t n;
	bool living; /* only those that are not zombies */
};

static void
count_below(void *arg, pid_t pid, pid_t ppid)
{
	struct count *c = arg;
	char path[64], text[400];
	FILE *f;

	for (int depth = 0; ppid > 1 && ppid != getpid() && depth < 100; depth++)
		ppid = procs_parent(ppid);
	if (ppid != getpid())
		return;
	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	if ((f = fopen(path, "r")) == NULL)
		return;
	if (fgets(text, sizeof(text), f) != NULL && strstr(text, ") Z ") == NULL)
		c->n++;
	(void)fclose(f);
}

/* Living processes below this one. */
static size_t
below(void)
{
	struct count c = { 0 };

	procs_each(count_below, &c);
	return c.n;
}

static void
show_below(void *arg, pid_t pid, pid_t ppid)
{
	char path[64], text[400];
	FILE *f;

	(void)arg;
	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	if (ppid > 2 && (f = fopen(path, "r")) != NULL) {
		if (fgets(text, sizeof(text), f) != NULL)
			print_message("    %.60s\n", text);
		(void)fclose(f);
	}
}

static void
check_none(void)
{
	if (below() == 0)
		return;
	procs_each(show_below, NULL);
	fail_msg("processes are left");
}

/* A daemon that forked twice, made its own session and ignores SIGHUP and SIGTERM. */
#define LEAVE_DAEMON                                                                  \
	"(setsid sh -c 'trap \"\" HUP TERM; (sleep 86400 &) ; echo up; sleep 86400' " \
	"&); "

static void
t_exit_leaves_nothing(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r, LEAVE_DAEMON "sleep 86400 & sleep 0.3; exit 9");
	r.wait_for = NULL;
	run(&r);
	assert_true(r.started);
	assert_true(r.exited);
	assert_int_equal(r.status, 9);
	assert_non_null(strstr(buf_cstr(&r.out), "up"));
	check_none();
	rig_fini(&r);
}

static void
t_close_leaves_nothing(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r, LEAVE_DAEMON "sleep 0.3; echo ready; sleep 86400");
	r.wait_for = "ready";
	run(&r);
	assert_in_range(below(), 4, 8);
	spawned_close(STEAL(r.child));
	run_until_none(&r);
	check_none();
	rig_fini(&r);
}

/* Somebody kills the supervisor itself: the agent adopts what is left, and ends it. */
static void
t_killed_supervisor_leaves_nothing(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r, LEAVE_DAEMON "sleep 0.3; echo $$ ready; kill -9 $PPID; sleep 86400");
	r.wait_for = NULL;
	run(&r);
	assert_true(r.exited);
	assert_int_equal(r.status, 128 + SIGKILL);
	run_until_none(&r);
	check_none();
	rig_fini(&r);
}

/* The agent ends in order, with sessions running. */
static void
t_free_leaves_nothing(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r, LEAVE_DAEMON "sleep 0.3; echo ready; sleep 86400");
	r.wait_for = "ready";
	run(&r);
	rig_fini(&r);
	check_none();
}

/* The agent is killed: the supervisors notice. */
static void
t_killed_agent_leaves_nothing(void **state)
{
	struct rig r;
	pid_t pid;
	int p[2];
	char c;

	(void)state;
	assert_int_equal(pipe(p), 0);
	pid = fork();
	assert_int_not_equal(pid, -1);
	if (pid == 0) { /* an agent of its own; the pipe stays open below it */
		close(p[0]);
		rig_init(&r, LEAVE_DAEMON "sleep 0.3; echo ready; sleep 86400");
		r.wait_for = "ready";
		ev_run(r.loop);
		(void)kill(getpid(), SIGKILL);
	}
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	close(p[1]);
	for (int i = 0; i < 200 && below() > 0; i++)
		usleep(10 * 1000); /* they are nobody's children: there is no event */
	check_none();
	assert_int_equal(read(p[0], &c, 1), 0);
	close(p[0]);
}

/* However early it is sent: the program may not have a process group of its own yet. */
static void
t_signal_at_once(void **state)
{
	(void)state;

	for (int i = 0; i < 20; i++) {
		struct rig r;

		rig_init(&r, "sleep 60");
		spawned_signal(r.child, SIGINT);
		run(&r);
		assert_true(r.exited);
		assert_int_equal(r.status, 128 + SIGINT);
		rig_fini(&r);
	}
	assert_int_equal(below(), 0);
}

static void
t_environment(void **state)
{
	struct rig r;

	(void)state;
	(void)setenv("AWS_SECRET_ACCESS_KEY", "the agent's", 1);
	rig_init(&r, "env; tty >/dev/null && echo terminal; ps -o pgid=,tpgid= -p $$");
	r.wait_for = NULL;
	run(&r);
	run_for(&r, 20);
	row("nothing of the agent's own");
	assert_null(strstr(buf_cstr(&r.out), "AWS_SECRET"));
	row("what a login has");
	assert_non_null(strstr(buf_cstr(&r.out), "TERM=xterm-256color\r\n"));
	assert_non_null(strstr(buf_cstr(&r.out), "HOME=/"));
	assert_non_null(strstr(buf_cstr(&r.out), "LOGNAME="));
	assert_non_null(strstr(buf_cstr(&r.out), "LANG="));
	assert_non_null(strstr(buf_cstr(&r.out), "SALLYPORT_SESSION_ID=alice-1\r\n"));
	assert_non_null(strstr(buf_cstr(&r.out), "terminal\r\n"));
	rig_fini(&r);
}

static void
t_cannot_start(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r, "");
	run(&r);
	assert_false(r.started);
	assert_non_null(strstr(r.why, "empty"));
	rig_fini(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_exit_leaves_nothing),
		cmocka_unit_test(t_close_leaves_nothing),
		cmocka_unit_test(t_killed_supervisor_leaves_nothing),
		cmocka_unit_test(t_free_leaves_nothing),
		cmocka_unit_test(t_killed_agent_leaves_nothing),
		cmocka_unit_test(t_signal_at_once),
		cmocka_unit_test(t_environment),
		cmocka_unit_test(t_cannot_start),
	};

	log_setup(LOG_ERROR, LOG_FORMAT_TEXT, "t_spawner");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
