/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes through a forwarded port, as fast as they go, and each of them compared.
 *
 *	load_pump serve                        the far end; prints its port, ends with its parent
 *	load_pump up|down COUNT BYTES PORT     so many connections at once, so many bytes each
 *
 * Prints MB/s of all connections together, from the moment at which each of them is answered by
 * the far end until the last byte is there and right.  Both ends know the bytes: they repeat with
 * a period that no size of a buffer or payload divides, so a piece that is lost, doubled or out
 * of its place shows.  Comparing runs at the speed of memory, far above what is measured.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/base.h"
#include "base/text.h"

enum {
	LIMIT_S = 300,
	PERIOD = (1 << 20) + 7, /* a prime */
	CHUNK = 1 << 18,
	STREAMS_MAX = 1000,
};

/* What a connection begins with; the far end answers with READY, and GO starts the clock. */
struct order {
	uint64_t bytes;
	uint8_t what; /* 'u' or 'd' */
	uint8_t pad[7];
};
enum { READY = 'r', GO = 'g', RIGHT = 'y', WRONG = 'n' };

struct stream {
	pthread_t thread;
	struct order order;
	int fd;
	bool right;
};

static uint8_t pattern[PERIOD + CHUNK];
static pthread_barrier_t all_ready;

static _Noreturn void
die(const char *what)
{
	fprintf(stderr, "load_pump: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void
fill_pattern(void)
{
	uint64_t seed = 1;

	for (size_t i = 0; i < PERIOD; i++) {
		seed = seed * 6364136223846793005u + 1442695040888963407u;
		pattern[i] = (uint8_t)(seed >> 56);
		if (pattern[i] == '\n') /* which a stock plugin changes now and then */
			pattern[i] = '\v';
	}
	memcpy(pattern + PERIOD, pattern, CHUNK);
}

static bool
write_all(int fd, const void *p, size_t n)
{
	for (ssize_t done; n > 0; n -= (size_t)done, p = (const char *)p + done)
		if ((done = send(fd, p, n, MSG_NOSIGNAL)) <= 0)
			return false;
	return true;
}

static bool
read_all(int fd, void *p, size_t n)
{
	return recv(fd, p, n, MSG_WAITALL) == (ssize_t)n;
}

static bool
send_pattern(int fd, uint64_t bytes)
{
	for (uint64_t at = 0; at < bytes; at += CHUNK)
		if (!write_all(fd, pattern + at % PERIOD, MIN(bytes - at, CHUNK)))
			return false;
	return true;
}

static bool
receive_pattern(int fd, uint64_t bytes)
{
	auto_free uint8_t *got = xmalloc(CHUNK);
	ssize_t n;

	for (uint64_t at = 0; at < bytes; at += (uint64_t)n) {
		n = recv(fd, got, MIN(bytes - at, CHUNK), 0);
		if (n <= 0 || memcmp(got, pattern + at % PERIOD, (size_t)n) != 0)
			return false;
	}
	return true;
}

/* --- the far end ------------------------------------------------------------------- */

static void *
serve_one(void *arg)
{
	int fd = (int)(intptr_t)arg;
	struct order o;
	uint8_t c = READY;

	if (read_all(fd, &o, sizeof(o)) && write_all(fd, &c, 1) && read_all(fd, &c, 1)) {
		bool right = o.what == 'd' ? send_pattern(fd, o.bytes)
					   : receive_pattern(fd, o.bytes);

		c = right ? RIGHT : WRONG;
		if (o.what == 'u')
			(void)!write_all(fd, &c, 1);
		(void)!read_all(fd, &c, 1); /* whoever dialled hangs up first */
	}
	close(fd);
	return NULL;
}

static _Noreturn void
serve(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof(a);
	int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (s < 0 || bind(s, (struct sockaddr *)&a, n) != 0 ||
	    listen(s, STREAMS_MAX) != 0 || getsockname(s, (struct sockaddr *)&a, &n) != 0)
		die("listen");
	printf("%d\n", ntohs(a.sin_port));
	fflush(stdout);
	for (;;) {
		pthread_t t;
		int c = accept(s, NULL, NULL);

		if (c < 0 ||
		    pthread_create(&t, NULL, serve_one, (void *)(intptr_t)c) != 0)
			die("accept");
		pthread_detach(t);
	}
}

/* --- the near end ------------------------------------------------------------------ */

static int
dial(uint16_t port)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int one = 1, s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (s < 0 || connect(s, (struct sockaddr *)&a, sizeof(a)) != 0)
		die("connect");
	setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return s;
}

static void *
run_stream(void *arg)
{
	struct stream *s = arg;
	uint8_t c;

	if (!write_all(s->fd, &s->order, sizeof(s->order)) || !read_all(s->fd, &c, 1))
		die("the far end does not answer");
	pthread_barrier_wait(&all_ready); /* everybody is there: */
	pthread_barrier_wait(&all_ready); /* the clock runs */
	c = GO;
	if (!write_all(s->fd, &c, 1))
		return NULL;
	if (s->order.what == 'd')
		s->right = receive_pattern(s->fd, s->order.bytes);
	else
		s->right = send_pattern(s->fd, s->order.bytes) &&
		    read_all(s->fd, &c, 1) && c == RIGHT;
	return NULL;
}

static double
now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Seconds, or below 0 when something was not as it was sent. */
static double
run(const struct order *order, size_t count, uint16_t port)
{
	struct stream *streams = xcalloc(count, sizeof(*streams));
	double began;
	bool right = true;

	pthread_barrier_init(&all_ready, NULL, (unsigned)count + 1);
	for (size_t i = 0; i < count; i++) {
		struct stream *s = &streams[i];

		s->order = *order;
		s->fd = dial(port);
		if (pthread_create(&s->thread, NULL, run_stream, s) != 0)
			die("thread");
	}
	pthread_barrier_wait(&all_ready);
	began = now_s();
	pthread_barrier_wait(&all_ready);
	for (size_t i = 0; i < count; i++) {
		pthread_join(streams[i].thread, NULL);
		right = right && streams[i].right;
	}
	began = now_s() - began;
	for (size_t i = 0; i < count; i++)
		close(streams[i].fd);
	free(streams);
	return right ? began : -1;
}

int
main(int argc, char **argv)
{
	int64_t count, bytes, port;
	double seconds;

	signal(SIGPIPE, SIG_IGN);
	fill_pattern();
	if (argc == 2 && strcmp(argv[1], "serve") == 0)
		serve();
	if (argc != 5 || (strcmp(argv[1], "up") != 0 && strcmp(argv[1], "down") != 0) ||
	    num_parse(span_str(argv[2]), 1, STREAMS_MAX, &count) != 0 ||
	    num_parse(span_str(argv[3]), 1, INT64_MAX / STREAMS_MAX, &bytes) != 0 ||
	    num_parse(span_str(argv[4]), 1, UINT16_MAX, &port) != 0) {
		fprintf(stderr,
		    "usage: load_pump serve\n"
		    "       load_pump up|down COUNT BYTES PORT\n");
		return 2;
	}
	alarm(LIMIT_S);
	seconds =
	    run(&(struct order){ .bytes = (uint64_t)bytes, .what = (uint8_t)argv[1][0] },
		(size_t)count, (uint16_t)port);
	if (seconds < 0) {
		fprintf(stderr, "load_pump: not every byte came as it was sent\n");
		return 1;
	}
	printf("%.2f\n", (double)count * (double)bytes / seconds / 1e6);
	return 0;
}
