/* SPDX-License-Identifier: Apache-2.0 */
/* What only the kernel can show: unix sockets, adopted descriptors, limits, no answer. */
#include "env.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ev/uv_backend.h"

struct met {
	struct env *e;
	struct ev_stream *accepted[64], *connected[64];
	int naccepted, nconnected, goal, err;
	char why[200];
};

static void
check(struct met *m)
{
	if (m->naccepted + m->nconnected >= m->goal)
		env_done(m->e);
}

static void
on_accept(void *arg, struct ev_stream *s)
{
	struct met *m = arg;

	m->accepted[m->naccepted++] = s;
	check(m);
}

static void
on_connected(void *arg, struct ev_stream *s, int err, const char *why)
{
	struct met *m = arg;

	m->err = err;
	snprintf(m->why, sizeof(m->why), "%s", why);
	m->connected[m->nconnected++] = s;
	check(m);
}

static void
close_all(struct met *m)
{
	for (int i = 0; i < m->naccepted; i++)
		ev_close(m->accepted[i]);
	for (int i = 0; i < m->nconnected; i++)
		ev_close(m->connected[i]);
	m->naccepted = m->nconnected = 0;
}

static void
temp_path(char *out, size_t size, const char *name)
{
	const char *dir = getenv("TMPDIR");

	snprintf(
	    out, size, "%s/t_uvnet.%d.%s", dir != NULL ? dir : "/tmp", getpid(), name);
}

static void
t_unix_socket(void **state)
{
	struct met m = { .e = *state, .goal = 2 };
	struct ev_listener *ln, *other;
	struct fault f = { 0 };
	struct stat st;
	char path[100];

	temp_path(path, sizeof(path), "sock");
	assert_int_equal(ev_listen(&ln, m.e->server, path, 0, on_accept, &m, &f), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(
	    ev_listen(&other, m.e->server, path, 0, on_accept, &m, &f), ERR_EXISTS);
	ev_connect(m.e->client, path, 0, 1000, on_connected, &m);
	env_run(m.e);
	assert_int_equal(m.err, 0);
	assert_string_equal(ev_peer_ip(m.accepted[0]), "");
	assert_string_equal(ev_peer_name(m.connected[0]), "local");
	close_all(&m);
	ev_listener_close(ln);
	assert_int_equal(stat(path, &st), -1);
}

static void
t_unix_stale(void **state)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	struct met m = { .e = *state, .goal = 2 };
	struct ev_listener *ln;
	struct fault f = { 0 };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	temp_path(sun.sun_path, sizeof(sun.sun_path), "stale");
	assert_int_equal(bind(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	close(fd); /* the file stays, as after a crash */
	assert_int_equal(
	    ev_listen(&ln, m.e->server, sun.sun_path, 0, on_accept, &m, &f), 0);
	ev_listener_close(ln);
	fd = open(sun.sun_path, O_CREAT | O_EXCL | O_WRONLY, 0600);
	close(fd);
	assert_int_equal(
	    ev_listen(&ln, m.e->server, sun.sun_path, 0, on_accept, &m, &f), ERR_EXISTS);
	unlink(sun.sun_path);
}

static void
t_addresses(void **state)
{
	static const struct {
		const char *listen, *dial, *peer;
		int err;
	} t[] = {
		{ "", "127.0.0.1", "127.0.0.1", 0 }, /* not ::ffff:127.0.0.1 */
		{ "", "::1", "::1", 0 }, { "127.0.0.1", "127.0.0.1", "127.0.0.1", 0 },
		{ "::1", "::1", "::1", 0 }, { "127.0.0.1", "::1", "", ERR_REFUSED },
		{ "127.0.0.1", "localhost", "127.0.0.1",
		    0 }, /* ::1 first, then the next */
	};
	struct fault f = { 0 };
	struct ev_listener *ln;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct met m = { .e = *state, .goal = t[i].err == 0 ? 2 : 1 };

		print_message("  %s to %s\n", t[i].dial, t[i].listen);
		assert_int_equal(
		    ev_listen(&ln, m.e->server, t[i].listen, 0, on_accept, &m, &f), 0);
		ev_connect(
		    m.e->client, t[i].dial, ev_listener_port(ln), 3000, on_connected, &m);
		env_run(m.e);
		assert_int_equal(m.err, t[i].err);
		if (t[i].err == 0)
			assert_string_equal(ev_peer_ip(m.accepted[0]), t[i].peer);
		close_all(&m);
		ev_listener_close(ln);
	}
	assert_int_equal(ev_listen(&ln, ((struct env *)*state)->server, "example.org", 0,
			     on_accept, NULL, &f),
	    ERR_INVALID);
	assert_string_equal(f.text, "not an address: example.org");
}

/* A listener with a full queue does not answer: the connect ends with its own time. */
static void
t_timeout(void **state)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	struct met m = { .e = *state, .goal = 1 };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), filler[4];
	socklen_t len = sizeof(sin);
	uint64_t began;

	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (struct sockaddr *)&sin, sizeof(sin)), 0);
	assert_int_equal(listen(fd, 0), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&sin, &len), 0);
	for (size_t i = 0; i < ARRAY_LEN(filler); i++) {
		filler[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		(void)!connect(filler[i], (struct sockaddr *)&sin, sizeof(sin));
	}
	began = ev_now_ms(m.e->client);
	ev_connect(m.e->client, "127.0.0.1", ntohs(sin.sin_port), 200, on_connected, &m);
	env_run(m.e);
	assert_int_equal(m.err, ERR_TIMEOUT);
	assert_memory_equal(m.why, "no answer from 127.0.0.1:", 25);
	assert_in_range(ev_now_ms(m.e->client) - began, 200, 1500);
	for (size_t i = 0; i < ARRAY_LEN(filler); i++)
		close(filler[i]);
	close(fd);
}

/* Out of descriptors the listener rests, and goes on when there are some again. */
static void
t_descriptor_limit(void **state)
{
	struct met m = { .e = *state, .goal = 20 };
	struct rlimit old, low;
	struct ev_listener *ln;
	struct fault f = { 0 };
	int probe;

	assert_int_equal(
	    ev_listen(&ln, m.e->server, "127.0.0.1", 0, on_accept, &m, &f), 0);
	ev_listener_pause(ln, true);
	for (int i = 0; i < 10; i++)
		ev_connect(m.e->client, "127.0.0.1", ev_listener_port(ln), 5000,
		    on_connected, &m);
	env_run_for(m.e, 100);
	assert_int_equal(m.nconnected, 10);
	probe = open("/dev/null", O_RDONLY | O_CLOEXEC);
	close(probe);
	getrlimit(RLIMIT_NOFILE, &old);
	low = (struct rlimit){ (rlim_t)probe + 3, old.rlim_max };
	setrlimit(RLIMIT_NOFILE, &low);
	ev_listener_pause(ln, false);
	env_run_for(m.e, 150);
	assert_int_equal(m.naccepted, 3);
	setrlimit(RLIMIT_NOFILE, &old);
	env_run(m.e);
	assert_int_equal(m.naccepted, 10);
	close_all(&m);
	ev_listener_close(ln);
}

/* --- adopted descriptors
 * ---------------------------------------------------------------- */

struct reader {
	struct env *e;
	struct ev_stream *s;
	uint8_t in[200000];
	size_t n;
	int end;
};

static void
on_readable(void *arg)
{
	struct reader *rd = arg;
	size_t got;
	int r = ev_read(rd->s, rd->in + rd->n, MIN(1000, sizeof(rd->in) - rd->n), &got);

	rd->n += got;
	if (r != 0 && r != ERR_AGAIN) {
		rd->end = r;
		ev_close(rd->s);
		env_done(rd->e);
	}
}

static const struct ev_stream_ops reader_ops = { on_readable, NULL };

static void
t_adopt(void **state)
{
	struct reader *rd = xcalloc(1, sizeof(*rd));
	uint8_t *data = xcalloc(1, 100000);
	int fd[2], copy;
	char path[100];

	rd->e = *state;
	ev_random(rd->e->server, data, 100000);
	temp_path(path, sizeof(path), "file");
	fd[0] = open(path, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
	unlink(path);
	assert_int_equal(write(fd[0], data, 100000), 100000);
	assert_int_equal(lseek(fd[0], 0, SEEK_SET), 0);
	rd->s =
	    ev_stream_adopt(rd->e->server, fd[0]); /* epoll does not know plain files */
	ev_stream_set(rd->s, &reader_ops, rd);
	ev_stream_want(rd->s, true, false);
	env_run(rd->e);
	assert_int_equal(rd->end, ERR_CLOSED);
	assert_int_equal(rd->n, 100000);
	assert_memory_equal(rd->in, data, 100000);

	assert_int_equal(pipe2(fd, O_CLOEXEC), 0);
	copy = dup(fd[0]);
	rd->n = 0;
	rd->s = ev_stream_adopt(rd->e->server, fd[0]);
	assert_true(fcntl(copy, F_GETFL) & O_NONBLOCK);
	ev_stream_set(rd->s, &reader_ops, rd);
	ev_stream_want(rd->s, true, false);
	assert_int_equal(write(fd[1], "pipe", 4), 4);
	close(fd[1]);
	env_run(rd->e);
	assert_int_equal(rd->end, ERR_CLOSED);
	assert_memory_equal(rd->in, "pipe", 4);
	assert_false(fcntl(copy, F_GETFL) & O_NONBLOCK); /* as we found it */
	close(copy);
	free(data);
	free(rd);
}

/* No descriptor of ours reaches a program that somebody else starts. */
static void
t_close_on_exec(void **state)
{
	struct met m = { .e = *state, .goal = 2 };
	struct ev_listener *ln;
	struct fault f = { 0 };

	assert_int_equal(ev_listen(&ln, m.e->server, "", 0, on_accept, &m, &f), 0);
	ev_connect(m.e->client, "::1", ev_listener_port(ln), 5000, on_connected, &m);
	env_run(m.e);
	assert_true(fcntl(evu_stream_of(m.accepted[0])->fd, F_GETFD) & FD_CLOEXEC);
	assert_true(fcntl(evu_stream_of(m.connected[0])->fd, F_GETFD) & FD_CLOEXEC);
	close_all(&m);
	ev_listener_close(ln);
}

static void
t_small(void **state)
{
	(void)state;
	print_message("  a stream takes %zu bytes\n", sizeof(struct evu_stream));
	assert_true(sizeof(struct evu_stream) <= 288);
}

/* What a child draws from a loop that it inherited, its parent does not draw as well. */
static void
t_random_after_fork(void **state)
{
	struct env *e = *state;
	uint8_t ours[16], childs[16], again[16];
	int fd[2], status;
	pid_t pid;

	ev_random(e->server, ours, sizeof(ours)); /* the pool is filled */
	assert_int_equal(pipe(fd), 0);
	if ((pid = fork()) == 0) {
		ev_random(e->server, ours, sizeof(ours));
		_exit(write(fd[1], ours, sizeof(ours)) != sizeof(ours));
	}
	assert_int_equal(read(fd[0], childs, sizeof(childs)), sizeof(childs));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	ev_random(e->server, again, sizeof(again));
	assert_memory_not_equal(again, childs, sizeof(again));
	assert_memory_not_equal(again, ours, sizeof(again));
	(void)close(fd[0]);
	(void)close(fd[1]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		UV_TEST(t_unix_socket),
		UV_TEST(t_unix_stale),
		UV_TEST(t_addresses),
		UV_TEST(t_timeout),
		UV_TEST(t_descriptor_limit),
		UV_TEST(t_adopt),
		UV_TEST(t_close_on_exec),
		UV_TEST(t_small),
		UV_TEST(t_random_after_fork),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
