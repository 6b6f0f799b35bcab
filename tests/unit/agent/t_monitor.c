/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The monitor's table of requests: what an honest worker asks for is done, and whatever
 * else comes over the socket is refused before anything happens.
 */
#include "unit/check.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/files.h"
#include "agent/monitor.h"
#include "agent/sanitized.h"
#include "agent/supervise.h"
#include "base/log.h"

struct rig {
	char dir[64];
	int fd; /* the worker's end */
	int theirs;
	struct monitor *m;
};

static void
rig_init(struct rig *r, const char *session_user)
{
	int sv[2];

	(void)snprintf(r->dir, sizeof(r->dir), "/tmp/sallyport-monitor-XXXXXX");
	assert_non_null(mkdtemp(r->dir));
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv), 0);
	r->fd = sv[0];
	r->theirs = sv[1];
	r->m = monitor_new(&(struct monitor_options){ .dir = r->dir,
	    .policy = { geteuid() == 0, session_user },
	    .fd = sv[1],
	    .worker = 0 });
}

static void
rig_fini(struct rig *r)
{
	static const char *const files[] = { FILE_CREDENTIALS, FILE_STATUS, FILE_NODE_KEY,
		FILE_NODE_KEY_NEW };

	monitor_free(r->m);
	for (size_t i = 0; i < ARRAY_LEN(files); i++)
		agent_file_remove(r->dir, files[i]);
	assert_int_equal(rmdir(r->dir), 0); /* nothing else was written */
	close(r->fd);
	close(r->theirs);
}

static int
say(struct rig *r, const struct monitor_request *q, struct span text)
{
	auto_buf b = { 0 };

	buf_init(&b, MONITOR_MESSAGE_MAX + 10);
	buf_add(&b, span_of(q, sizeof(*q)));
	buf_add(&b, text);
	return monitor_handle(r->m, buf_span(&b));
}

static bool
answered(struct rig *r, struct monitor_reply *a, int timeout_ms)
{
	struct pollfd p = { .fd = r->fd, .events = POLLIN };

	if (poll(&p, 1, timeout_ms) <= 0)
		return false;
	return recv(r->fd, a, sizeof(*a), 0) == (ssize_t)sizeof(*a);
}

static void
t_malformed(void **state)
{
	static const struct {
		const char *what;
		struct monitor_request q;
		struct span text;
	} t[] = {
		{ "type 0", { .type = 0 }, SPAN("") },
		{ "an answer", { .type = MONITOR_STARTED }, SPAN("") },
		{ "a type that does not exist", { .type = 77 }, SPAN("") },
		{ "less text than said", { .type = MONITOR_SAVE, .text_len = 5 },
		    SPAN("abc") },
		{ "more text than said", { .type = MONITOR_SAVE, .text_len = 1 },
		    SPAN("abc") },
		{ "text where none belongs",
		    { .type = MONITOR_CLOSE, .id = 1, .text_len = 1 }, SPAN("x") },
		{ "id 0",
		    { .type = MONITOR_SPAWN,
			.kind = SPAWN_LOGIN,
			.user = "nobody",
			.session_id = "s" },
		    SPAN("") },
		{ "SIGKILL", { .type = MONITOR_SIGNAL, .id = 1, .signum = SIGKILL },
		    SPAN("") },
		{ "no signal", { .type = MONITOR_SIGNAL, .id = 1, .signum = 0 },
		    SPAN("") },
		{ "negative signal", { .type = MONITOR_SIGNAL, .id = 1, .signum = -1 },
		    SPAN("") },
		{ "the registration",
		    { .type = MONITOR_SAVE, .file = FILE_REGISTRATION, .text_len = 2 },
		    SPAN("{}") },
		{ "a path",
		    { .type = MONITOR_SAVE, .file = "../status.json", .text_len = 2 },
		    SPAN("{}") },
		{ "no name", { .type = MONITOR_SAVE, .text_len = 2 }, SPAN("{}") },
	};
	struct monitor_request q;
	struct monitor_reply a;
	struct rig r;

	(void)state;
	rig_init(&r, "");
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		row(t[i].what);
		assert_int_equal(say(&r, &t[i].q, t[i].text), ERR_INVALID);
	}
	row("empty, and cut at every byte");
	memset(&q, 0, sizeof(q));
	q.type = MONITOR_CLOSE;
	for (size_t n = 0; n < sizeof(q); n++)
		assert_int_equal(monitor_handle(r.m, span_of(&q, n)), ERR_INVALID);
	row("names without an end");
	memset(q.user, 'a', sizeof(q.user));
	assert_int_equal(say(&r, &q, SPAN("")), ERR_INVALID);
	assert_false(answered(&r, &a, 0));
	rig_fini(&r);
}

static void
t_save(void **state)
{
	struct monitor_request q = {
		.type = MONITOR_SAVE, .file = FILE_CREDENTIALS, .text_len = 4
	};
	struct rig r;
	auto_buf b = { 0 };

	(void)state;
	rig_init(&r, "");
	assert_int_equal(say(&r, &q, SPAN("{12}")), 0);
	assert_int_equal(agent_file_read(&b, r.dir, FILE_CREDENTIALS, NULL), 0);
	check_text(buf_span(&b), "{12}");
	rig_fini(&r);
}

/* Well-formed, but nothing may start. */
static void
t_refused(void **state)
{
	static const struct {
		const char *what;
		struct monitor_request q;
		struct span text;
		const char *words;
	} t[] = {
		{ "a kind that does not exist",
		    { .kind = 9, .user = "nobody", .session_id = "s" }, SPAN(""),
		    "kind" },
		{ "a login shell with a command",
		    { .kind = SPAWN_LOGIN, .user = "nobody", .session_id = "s" },
		    SPAN("id"), "no command" },
		{ "an empty command",
		    { .kind = SPAWN_COMMAND, .user = "nobody", .session_id = "s" },
		    SPAN(""), "empty" },
		{ "a NUL in a command",
		    { .kind = SPAWN_COMMAND, .user = "nobody", .session_id = "s" },
		    SPAN("a\0b"), "NUL" },
		{ "words without an end",
		    { .kind = SPAWN_EXEC, .user = "nobody", .session_id = "s" },
		    SPAN("ls"), "no end" },
		{ "a socket by a relative path",
		    { .kind = SPAWN_SOCKET, .user = "nobody", .session_id = "s" },
		    SPAN("run/s"), "absolute" },
		{ "an abstract socket",
		    { .kind = SPAWN_SOCKET, .user = "nobody", .session_id = "s" },
		    SPAN("\0dbus"), "abstract" },
		{ "a NUL in the path of a socket",
		    { .kind = SPAWN_SOCKET, .user = "nobody", .session_id = "s" },
		    SPAN("/run\0/s"), "absolute" },
		{ "a path that no address holds",
		    { .kind = SPAWN_SOCKET, .user = "nobody", .session_id = "s" },
		    SPAN("/0123456789012345678901234567890123456789012345678901234567890"
			 "1234567890123456789012345678901234567890123456"),
		    "at most 107" },
		{ "a session id with a slash",
		    { .kind = SPAWN_LOGIN, .user = "nobody", .session_id = "../s" },
		    SPAN(""), "id" },
		{ "root", { .kind = SPAWN_LOGIN, .user = "root", .session_id = "s" },
		    SPAN(""), "" },
		{ "a user that does not exist",
		    { .kind = SPAWN_LOGIN, .user = "no-such-user", .session_id = "s" },
		    SPAN(""), "no-such-user" },
		{ "a user with a shell in it",
		    { .kind = SPAWN_LOGIN, .user = "a;id", .session_id = "s" }, SPAN(""),
		    "" },
	};
	struct rig r;

	(void)state;
	rig_init(&r, "");
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct monitor_request q = t[i].q;
		struct monitor_reply a;

		row(t[i].what);
		if (geteuid() != 0 && strcmp(q.user, "root") != 0 && i > 9)
			continue; /* not root: there is only oneself, by no name */
		q.type = MONITOR_SPAWN;
		q.id = (uint32_t)i + 1;
		q.text_len = (uint32_t)t[i].text.n;
		assert_int_equal(say(&r, &q, t[i].text), 0);
		assert_true(answered(&r, &a, 1000));
		assert_int_equal(a.type, MONITOR_FAILED);
		assert_int_equal(a.id, i + 1);
		assert_non_null(strstr(a.why, t[i].words));
	}
	rig_fini(&r);
}

static int
take_fd(struct rig *r, struct monitor_reply *a)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(3 * sizeof(int))];
	struct iovec iov = { a, sizeof(*a) };
	struct msghdr mh = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control) };
	struct cmsghdr *c;
	int fd = -1;

	assert_int_equal(recvmsg(r->fd, &mh, 0), sizeof(*a));
	if ((c = CMSG_FIRSTHDR(&mh)) != NULL)
		memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	return fd;
}

/* What fd has to say until its end, or until there is nothing for five seconds. */
static void
read_all(struct buf *b, int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char text[1000];
	ssize_t n;

	while (poll(&p, 1, 5000) > 0 && (n = read(fd, text, sizeof(text))) > 0)
		buf_add(b, span_of(text, (size_t)n));
}

/* Root: another user, all of whose rights are the user's.  Else: oneself. */
static void
t_spawn(void **state)
{
	bool is_root = geteuid() == 0;
	struct monitor_request q = { .type = MONITOR_SPAWN,
		.id = 5,
		.kind = SPAWN_COMMAND,
		.rows = 33,
		.cols = 99 };
	static const char text[] =
	    "id -un; id -ru; stty size; tty -s && test -O $(tty) && "
	    "echo mine; echo $HOME $USER $LOGNAME $TERM $LANG";
	struct monitor_reply a;
	auto_buf b = { 0 };
	struct rig r;
	int fd;

	(void)state;
	rig_init(&r, "");
	buf_init(&b, 4096);
	(void)snprintf(q.user, sizeof(q.user), "%s", is_root ? "nobody" : "");
	(void)snprintf(q.session_id, sizeof(q.session_id), "alice-1");
	q.text_len = sizeof(text) - 1;
	assert_int_equal(say(&r, &q, SPAN(text)), 0);
	fd = take_fd(&r, &a);
	assert_int_equal(a.type, MONITOR_STARTED);
	assert_int_not_equal(fd, -1);
	row("the same id twice");
	assert_int_equal(say(&r, &q, SPAN(text)), ERR_INVALID);
	read_all(&b, fd);
	if (is_root)
		assert_non_null(strstr(buf_cstr(&b), "nobody\r\n65534\r\n"));
	assert_non_null(strstr(buf_cstr(&b), "33 99\r\n"));
	assert_non_null(strstr(buf_cstr(&b), "mine\r\n"));
	assert_non_null(strstr(buf_cstr(&b), "xterm-256color"));
	close(fd);
	rig_fini(&r);
}

/* A socket with a mode that somebody listens on, or nobody. */
static int
open_socket(const char *path, mode_t mode, bool listens)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", path);
	assert_int_equal(bind(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	assert_int_equal(chmod(path, mode), 0);
	if (listens)
		assert_int_equal(listen(fd, 5), 0);
	return fd;
}

/* The path's modes and the service both see the user, never root. */
static void
t_sockets(void **state)
{
	static const struct {
		const char *name;
		mode_t mode;
		bool exists, listens;
		int err;
	} t[] = {
		{ "open", 0777, true, true, 0 },
		{ "closed", 0600, true, true, ERR_DENIED },
		{ "dead", 0777, true, false, ERR_REFUSED },
		{ "none", 0, false, false, ERR_NOTFOUND },
	};
	struct rig r;

	(void)state;
	if (geteuid() != 0)
		skip();
	rig_init(&r, "");
	assert_int_equal(chmod(r.dir, 0755), 0);
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct monitor_request q = { .type = MONITOR_SPAWN,
			.id = (uint32_t)i + 1,
			.kind = SPAWN_SOCKET,
			.user = "nobody",
			.session_id = "alice-1" };
		struct monitor_reply a = { 0 };
		struct ucred who = { 0 };
		socklen_t n = sizeof(who);
		char path[100];
		int ln = -1, fd, peer;

		row(t[i].name);
		(void)snprintf(path, sizeof(path), "%s/%s", r.dir, t[i].name);
		if (t[i].exists)
			ln = open_socket(path, t[i].mode, t[i].listens);
		q.text_len = (uint32_t)strlen(path);
		assert_int_equal(say(&r, &q, span_str(path)), 0);
		fd = take_fd(&r, &a);
		assert_int_equal(a.id, i + 1);
		assert_int_equal(
		    a.type, t[i].err == 0 ? MONITOR_STARTED : MONITOR_FAILED);
		assert_int_equal(a.status, t[i].err);
		if (t[i].err == 0) {
			peer = accept(ln, NULL, NULL);
			assert_int_equal(
			    getsockopt(peer, SOL_SOCKET, SO_PEERCRED, &who, &n), 0);
			assert_int_equal(who.uid, 65534);
			assert_int_equal(who.gid, 65534);
			close(peer);
			close(fd);
		} else {
			assert_int_equal(fd, -1);
			assert_non_null(strstr(a.why, path));
		}
		if (ln != -1)
			close(ln);
		(void)unlink(path);
	}
	rig_fini(&r);
}

static void
t_close_ends_everything(void **state)
{
	struct monitor_request q = {
		.type = MONITOR_SPAWN, .id = 5, .kind = SPAWN_COMMAND
	};
	static const char text[] =
	    "trap '' HUP TERM; (setsid sleep 987654 &); sleep 987654";
	struct monitor_reply a;
	struct pollfd p = { .events = POLLIN };
	struct rig r;
	char byte;
	int fd;

	(void)state;
	rig_init(&r, "");
	(void)snprintf(q.user, sizeof(q.user), "%s", geteuid() == 0 ? "nobody" : "");
	(void)snprintf(q.session_id, sizeof(q.session_id), "alice-1");
	q.text_len = sizeof(text) - 1;
	assert_int_equal(say(&r, &q, SPAN(text)), 0);
	fd = take_fd(&r, &a);
	usleep(200 * 1000); /* real processes: there is no event for "has started" */
	assert_int_equal(
	    say(&r, &(struct monitor_request){ .type = MONITOR_CLOSE, .id = 5 },
		SPAN("")),
	    0);
	row("closing what is not there is no offence: it may just have ended");
	assert_int_equal(
	    say(&r, &(struct monitor_request){ .type = MONITOR_CLOSE, .id = 6 },
		SPAN("")),
	    0);
	/* The terminal ends when the last process that holds it is dead. */
	p.fd = fd;
	do {
		assert_int_equal(poll(&p, 1, 5000), 1);
	} while (read(fd, &byte, 1) == 1);
	assert_int_equal(errno, EIO);
	close(fd);
	rig_fini(&r);
}

/* What the worker still can do; its exit status says where it failed. */
static _Noreturn void
be_worker(void)
{
	char *argv[] = { (char *)(uintptr_t) "/bin/true", NULL };
	struct fault f = { 0 };

	if (monitor_drop_privileges(&f) != 0)
		_exit(2);
	if (getuid() == 0 || geteuid() == 0 || getgid() == 0 || getegid() == 0)
		_exit(3);
	if (getgroups(0, NULL) != 1)
		_exit(4);
	if (setuid(0) == 0 || setgid(0) == 0)
		_exit(5);
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
		_exit(6);
	if (SANITIZED)
		_exit(0);
	if (execv(argv[0], argv) != -1 || errno != EPERM)
		_exit(7);
	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != -1 || errno != EPERM)
		_exit(8);
	if (syscall(0x40000000 | SYS_getpid) != -1)
		_exit(9);
	if (open("/etc/os-release", O_RDONLY) == -1 ||
	    socket(AF_INET, SOCK_STREAM, 0) == -1)
		_exit(10);
	_exit(0);
}

static void
t_worker_has_no_rights(void **state)
{
	int status = -1;
	pid_t pid;

	(void)state;
	if (geteuid() != 0)
		skip();
	pid = fork();
	assert_int_not_equal(pid, -1);
	if (pid == 0)
		be_worker();
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_malformed),
		cmocka_unit_test(t_save),
		cmocka_unit_test(t_refused),
		cmocka_unit_test(t_spawn),
		cmocka_unit_test(t_sockets),
		cmocka_unit_test(t_close_ends_everything),
		cmocka_unit_test(t_worker_has_no_rights),
	};

	log_setup(LOG_ERROR, LOG_FORMAT_TEXT, "t_monitor");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
