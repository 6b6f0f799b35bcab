/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The root side of privilege separation.  See monitor.h.
 *
 * Whatever comes from the worker is taken for hostile: sizes are checked against what
 * arrived, names against their alphabets, ids against the table, and a message that no
 * honest worker sends ends both processes.
 */
#include "agent/monitor.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "agent/files.h"
#include "agent/launch.h"
#include "agent/sockdial.h"
#include "agent/trim.h"
#include "base/log.h"
#include "ev/backend.h"
#include "ev/uv_backend.h" /* evu_spawn(): fork and exec, without a loop */

enum {
	KILL_AFTER_MS = 1500,  /* a supervisor that does not end when hung up on */
	WORKER_STOP_MS = 5000, /* from SIGTERM on */
	WORKER_EXIT_MS = 500,  /* from the end of its connection on */
	SWEEP_MS = 2500,
	TRIM_MS = 5000, /* after a session began or ended */
};

struct session {
	uint32_t id;      /* 0: free */
	pid_t pid;        /* supervisor */
	uint64_t kill_ms; /* 0: not closing */
};

struct monitor {
	struct monitor_options o;
	int signals;
	size_t n;
	uint64_t sweep_ms; /* look for strays then; 0: not planned */
	uint64_t trim_ms;  /* give memory back then; 0: not planned */
	uint64_t stop_ms;  /* the worker was told to stop; kill it then; 0: no */
	bool worker_gone;
	int worker_status;
	struct session sessions[SPAWN_SESSIONS_MAX];
	uint8_t message[MONITOR_MESSAGE_MAX + 1];
};

static uint64_t
clock_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static struct session *
find(struct monitor *m, uint32_t id)
{
	for (size_t i = 0; i < SPAWN_SESSIONS_MAX; i++)
		if (m->sessions[i].id == id)
			return &m->sessions[i];
	return NULL;
}

/* --- answers ------------------------------------------------------------ */

static void
reply(struct monitor *m, struct monitor_reply *r, const int *fds, size_t nfds)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(3 * sizeof(int))] = { 0 };
	struct iovec iov = { r, sizeof(*r) };
	struct msghdr mh = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *c;

	if (nfds > 0) {
		mh.msg_control = control;
		mh.msg_controllen = CMSG_SPACE(nfds * sizeof(int));
		c = CMSG_FIRSTHDR(&mh);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(nfds * sizeof(int));
		memcpy(CMSG_DATA(c), fds, nfds * sizeof(int));
	}
	while (sendmsg(m->o.fd, &mh, MSG_NOSIGNAL) == -1) {
		if (errno == EINTR)
			continue;
		log_warn("worker not told", "why=%s", log_q(strerror(errno)));
		return; /* its end of the socket is gone; that is seen elsewhere */
	}
}

static void
reply_failed(struct monitor *m, uint32_t id, const struct fault *f)
{
	struct monitor_reply r = { .type = MONITOR_FAILED, .id = id, .status = f->code };

	(void)snprintf(r.why, sizeof(r.why), "%s", fault_text(f));
	reply(m, &r, NULL, 0);
}

/* --- requests ----------------------------------------------------------- */

/* The child of a connection: it answers in the monitor's place, and ends. */
static _Noreturn void
connect_side(struct monitor *m, const struct monitor_request *q,
    const struct agent_user *u, struct span path)
{
	struct monitor_reply ok = { .type = MONITOR_STARTED, .id = q->id };
	char text[SOCKDIAL_PATH_MAX + 1];
	struct fault f = { 0 };
	int fd, r;

	r = span_copy(text, sizeof(text), path);
	assert(r == 0); /* launch_check() */
	if (sockdial_child(&fd, &m->o.fd, u, text, &f) != 0)
		reply_failed(m, q->id, &f);
	else
		reply(m, &ok, &fd, 1);
	_exit(0);
}

static int
start_connection(struct session *s, struct monitor *m, const struct monitor_request *q,
    const struct agent_user *u, struct span path, struct fault *f)
{
	pid_t pid = fork();

	if (pid == -1)
		return fault_set(f, ERR_LIMIT, "no process: %s", strerror(errno));
	if (pid == 0)
		connect_side(m, q, u, path);
	*s = (struct session){ .id = q->id, .pid = pid };
	m->n++;
	return 0;
}

static int
start(struct session *s, struct monitor *m, const struct monitor_request *q,
    const struct spawn_request *r, struct fault *f)
{
	struct monitor_reply ok = { .type = MONITOR_STARTED, .id = q->id };
	struct evu_spawned sd = { .fd = { -1, -1, -1 } };
	struct agent_user u;
	struct launch l;
	int e, n = spawn_has_terminal(r->kind) ? 1 : 3;

	if ((e = launch_check(r, f)) != 0 ||
	    (e = agent_user_allowed(&m->o.policy, r->user, &u, f)) != 0)
		return e;
	if (r->kind == SPAWN_SOCKET)
		return start_connection(s, m, q, &u, r->text, f);
	launch_init(&l, r, &u, m->o.policy.is_root, true);
	e = evu_spawn(&sd, &l.spawn, f);
	launch_fini(&l);
	if (e != 0)
		return e;
	*s = (struct session){ .id = q->id, .pid = sd.pid };
	m->n++;
	m->trim_ms = clock_ms() + TRIM_MS;
	reply(m, &ok, sd.fd, (size_t)n);
	for (int i = 0; i < 3; i++)
		if (sd.fd[i] != -1)
			close(sd.fd[i]);
	log_info("session started", "session=%s user=%s pid=%d", r->session_id, u.name,
	    (int)sd.pid);
	return 0;
}

static int
do_spawn(struct monitor *m, const struct monitor_request *q, struct span text)
{
	struct session *s = find(m, 0);
	struct fault f = { 0 };
	struct spawn_request r = {
		.kind = q->kind,
		.user = q->user,
		.text = text,
		.merge_stderr = q->merge_stderr != 0,
		.session_id = q->session_id,
		.rows = q->rows,
		.cols = q->cols,
	};

	if (q->id == 0 || find(m, q->id) != NULL)
		return ERR_INVALID;
	if (s == NULL) {
		(void)fault_set(&f, ERR_LIMIT, "this node runs too many sessions");
		reply_failed(m, q->id, &f);
	} else if (start(s, m, q, &r, &f) != 0) {
		log_warn("session not started", "why=%s", log_q(fault_text(&f)));
		reply_failed(m, q->id, &f);
	}
	return 0;
}

static int
do_signal(struct monitor *m, const struct monitor_request *q, struct span text)
{
	struct session *s = q->id != 0 ? find(m, q->id) : NULL;

	(void)text;
	if (q->signum != SIGINT && q->signum != SIGQUIT && q->signum != SIGTERM &&
	    q->signum != SIGHUP)
		return ERR_INVALID;
	if (s != NULL)
		(void)kill(s->pid, q->signum); /* the supervisor passes it on */
	return 0;
}

static void
end_session(struct session *s)
{
	if (s->kill_ms != 0)
		return;
	s->kill_ms = clock_ms() + KILL_AFTER_MS;
	(void)kill(s->pid, SIGHUP);
}

static int
do_close(struct monitor *m, const struct monitor_request *q, struct span text)
{
	struct session *s = q->id != 0 ? find(m, q->id) : NULL;

	(void)text;
	if (s != NULL) /* else it has ended by itself */
		end_session(s);
	return 0;
}

/* Never the registration: it says which users are allowed. */
static int
do_save(struct monitor *m, const struct monitor_request *q, struct span text)
{
	static const char *const files[] = { FILE_CREDENTIALS, FILE_STATUS, FILE_NODE_KEY,
		FILE_NODE_KEY_NEW };
	struct fault f = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		if (strcmp(q->file, files[i]) != 0)
			continue;
		if (agent_file_keep(m->o.dir, files[i], text, &f) != 0)
			log_warn("file not written", "why=%s", log_q(fault_text(&f)));
		return 0;
	}
	return ERR_INVALID;
}

/* All that a worker can ask for. */
static const struct {
	uint32_t type;
	bool text; /* may carry some */
	int (*run)(struct monitor *m, const struct monitor_request *q, struct span text);
} table[] = {
	{ MONITOR_SPAWN, true, do_spawn },
	{ MONITOR_SIGNAL, false, do_signal },
	{ MONITOR_CLOSE, false, do_close },
	{ MONITOR_SAVE, true, do_save },
};

static bool
is_text(const char *s, size_t size)
{
	return memchr(s, '\0', size) != NULL;
}

int
monitor_handle(struct monitor *m, struct span in)
{
	struct monitor_request q;
	struct span text = span_sub(in, sizeof(q), in.n);

	if (in.n < sizeof(q) || in.n > MONITOR_MESSAGE_MAX)
		return ERR_INVALID;
	memcpy(&q, in.p, sizeof(q));
	if (q.text_len != text.n || !is_text(q.user, sizeof(q.user)) ||
	    !is_text(q.session_id, sizeof(q.session_id)) ||
	    !is_text(q.file, sizeof(q.file)))
		return ERR_INVALID;
	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		if (table[i].type == q.type)
			return table[i].text || text.n == 0 ? table[i].run(m, &q, text)
							    : ERR_INVALID;
	return ERR_INVALID;
}

/* --- events ------------------------------------------------------------- */

static void
session_exited(struct monitor *m, pid_t pid, int st)
{
	struct monitor_reply r = { .type = MONITOR_EXITED };

	for (size_t i = 0; i < SPAWN_SESSIONS_MAX; i++) {
		struct session *s = &m->sessions[i];

		if (s->id == 0 || s->pid != pid)
			continue;
		r.id = s->id;
		r.status = WIFEXITED(st) ? WEXITSTATUS(st) : 128 + WTERMSIG(st);
		if (!WIFEXITED(st)) /* the supervisor was killed: who else is left? */
			m->sweep_ms = clock_ms();
		*s = (struct session){ 0 };
		m->n--;
		m->trim_ms = clock_ms() + TRIM_MS;
		reply(m, &r, NULL, 0);
		return;
	}
}

static void
reap(struct monitor *m)
{
	pid_t pid;
	int st;

	while ((pid = waitpid(-1, &st, WNOHANG)) > 0) {
		if (pid == m->o.worker) {
			m->worker_gone = true;
			m->worker_status = st;
		} else {
			session_exited(m, pid, st);
		}
	}
}

static void
sweep(struct monitor *m)
{
	pid_t known[SPAWN_SESSIONS_MAX + 1];
	size_t n = 0, found;

	m->sweep_ms = 0;
	known[n++] = m->o.worker;
	for (size_t i = 0; i < SPAWN_SESSIONS_MAX; i++)
		if (m->sessions[i].id != 0)
			known[n++] = m->sessions[i].pid;
	if ((found = supervise_kill_strays(known, n)) > 0)
		log_warn("processes without a session killed", "count=%zu", found);
}

/* What is due; returns how long poll() may wait. */
static int
run_timers(struct monitor *m)
{
	uint64_t now = clock_ms(), due = UINT64_MAX;

	for (size_t i = 0; m->n > 0 && i < SPAWN_SESSIONS_MAX; i++) {
		struct session *s = &m->sessions[i];

		if (s->id == 0 || s->kill_ms == 0)
			continue;
		if (now >= s->kill_ms) {
			(void)kill(s->pid, SIGKILL);
			s->kill_ms = now + KILL_AFTER_MS;
			m->sweep_ms = now + SWEEP_MS;
		}
		due = MIN(due, s->kill_ms);
	}
	if (m->sweep_ms != 0 && now >= m->sweep_ms)
		sweep(m);
	if (m->trim_ms != 0 && now >= m->trim_ms) {
		m->trim_ms = 0;
		agent_trim();
	}
	if (m->stop_ms != 0 && now >= m->stop_ms) {
		(void)kill(m->o.worker, SIGKILL);
		m->stop_ms = now + WORKER_STOP_MS;
	}
	due = m->sweep_ms != 0 ? MIN(due, m->sweep_ms) : due;
	due = m->trim_ms != 0 ? MIN(due, m->trim_ms) : due;
	due = m->stop_ms != 0 ? MIN(due, m->stop_ms) : due;
	return due == UINT64_MAX ? -1 : (int)(due > now ? due - now : 0);
}

static void
on_signals(struct monitor *m)
{
	struct signalfd_siginfo si;

	while (read(m->signals, &si, sizeof(si)) == (ssize_t)sizeof(si)) {
		if (si.ssi_signo == SIGCHLD) {
			reap(m);
		} else if (m->stop_ms == 0 && !m->worker_gone) {
			m->stop_ms = clock_ms() + WORKER_STOP_MS;
			(void)kill(m->o.worker, SIGTERM);
		}
	}
}

/* False when the worker is to be trusted no longer, or gone. */
static bool
on_message(struct monitor *m)
{
	ssize_t n = recv(m->o.fd, m->message, sizeof(m->message), MSG_DONTWAIT);

	if (n == -1)
		return errno == EAGAIN || errno == EINTR;
	if (n == 0)
		return false;
	if (monitor_handle(m, span_of(m->message, (size_t)n)) == 0) {
		explicit_bzero(m->message, (size_t)n); /* keys pass through here */
		return true;
	}
	log_error(
	    "the worker made a request that no sane worker makes", "action=\"stopping\"");
	return false;
}

struct monitor *
monitor_new(const struct monitor_options *o)
{
	struct monitor *m = xcalloc(1, sizeof(*m));

	m->o = *o;
	m->signals = -1;
	if (prctl(PR_SET_CHILD_SUBREAPER, 1) == -1)
		log_warn("not the parent of orphans", "");
	return m;
}

void
monitor_free(struct monitor *m)
{
	uint64_t end = clock_ms() + KILL_AFTER_MS;

	for (size_t i = 0; i < SPAWN_SESSIONS_MAX; i++)
		if (m->sessions[i].id != 0)
			end_session(&m->sessions[i]);
	while (m->n > 0 && clock_ms() < end) {
		struct timespec ts = { .tv_nsec = 5 * 1000 * 1000 };

		nanosleep(&ts, NULL);
		reap(m);
	}
	supervise_kill_all();
	if (m->signals != -1)
		close(m->signals);
	free(m);
}

/* It has closed its end, so it is about to exit; one that lied is killed. */
static void
wait_for_worker(struct monitor *m)
{
	const struct timespec ts = { .tv_nsec = 5 * 1000 * 1000 };
	uint64_t end = clock_ms() + WORKER_EXIT_MS;

	while (!m->worker_gone) {
		if (clock_ms() >= end)
			(void)kill(m->o.worker, SIGKILL);
		nanosleep(&ts, NULL);
		reap(m);
	}
}

static void
open_signals(struct monitor *m)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	m->signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

int
monitor_run(const struct monitor_options *o)
{
	struct monitor *m = monitor_new(o);
	bool go_on = true;
	int status;

	(void)signal(SIGPIPE, SIG_IGN);
	open_signals(m);
	agent_trim();
	while (go_on && !m->worker_gone) {
		struct pollfd p[2] = { { .fd = o->fd, .events = POLLIN },
			{ .fd = m->signals, .events = POLLIN } };

		if (poll(p, 2, run_timers(m)) == -1 && errno != EINTR)
			break;
		if (p[1].revents != 0)
			on_signals(m);
		if (p[0].revents != 0)
			go_on = on_message(m);
	}
	wait_for_worker(m);
	status = WIFEXITED(m->worker_status) ? WEXITSTATUS(m->worker_status) : 1;
	if (!WIFEXITED(m->worker_status))
		log_error(
		    "the worker was killed", "signal=%d", WTERMSIG(m->worker_status));
	monitor_free(m);
	agent_file_remove(o->dir, FILE_STATUS);
	return status;
}
