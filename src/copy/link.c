/* SPDX-License-Identifier: Apache-2.0 */
/* See link.h. */
#include "copy/link.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <time.h>
#include <unistd.h>

enum {
	READ_SIZE = 2 * (COPY_HEAD + COPY_DATA_MAX),
	QUEUE_SEND = 64 * 1024, /* small messages leave together */
	QUEUE_MAX = QUEUE_SEND + COPY_HEAD + COPY_WORDS_MAX + 64,
	ALIVE_MS = 5000,
};

uint64_t
copy_clock_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

/* A write that blocks would not hear what comes meanwhile. */
static void
unblock(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags != -1)
		(void)fcntl(fd, F_SETFL, flags | O_NONBLOCK);
}

void
copy_link_init(struct copy_link *k, int in, int out)
{
	*k = (struct copy_link){ .in = in, .out = out, .said_ms = copy_clock_ms() };
	unblock(in);
	unblock(out);
	k->buf = xmalloc(READ_SIZE);
	buf_init(&k->queue, QUEUE_MAX);
}

void
copy_link_fini(struct copy_link *k)
{
	free(k->buf);
	buf_fini(&k->queue);
}

/* --- reading ----------------------------------------------------------------------------- */

/* One read() behind what is there. */
static int
read_more(struct copy_link *k)
{
	struct pollfd p = { .fd = k->in, .events = POLLIN };
	ssize_t n;

	if (k->off > 0) {
		memmove(k->buf, k->buf + k->off, k->len - k->off);
		k->len -= k->off;
		k->off = 0;
	}
	assert(k->len < READ_SIZE); /* a whole message fits and would have been taken */
	for (;;) {
		n = read(k->in, k->buf + k->len, READ_SIZE - k->len);
		if (n != -1 || (errno != EINTR && errno != EAGAIN))
			break;
		(void)poll(&p, 1, -1);
	}
	if (n > 0)
		k->len += (size_t)n;
	return n > 0 ? 0 : n == 0 ? ERR_CLOSED : err_from_errno(errno);
}

/* The next message of what was read.  ERR_AGAIN: it is not complete. */
static int
take(struct copy_link *k, struct copy_msg *m)
{
	struct span rest = span_of(k->buf + k->off, k->len - k->off);
	enum copy_type type;
	size_t len;
	int r;

	if ((r = copy_head_decode(&type, &len, rest)) != 0)
		return r;
	if (rest.n - COPY_HEAD < len)
		return ERR_AGAIN;
	k->off += COPY_HEAD + len;
	return copy_decode(m, type, span_sub(rest, COPY_HEAD, len));
}

int
copy_link_next(struct copy_link *k, struct copy_msg *m)
{
	int r;

	for (;;) {
		while ((r = take(k, m)) == ERR_AGAIN) {
			if ((r = copy_link_flush(k)) != 0 || (r = read_more(k)) != 0)
				return r;
		}
		if (r != 0 || m->type != COPY_NOP)
			return r;
	}
}

/* All that is complete goes to on_msg. */
static int
hand_over(struct copy_link *k)
{
	struct copy_msg m;
	int r;

	while ((r = take(k, &m)) == 0)
		if (m.type != COPY_NOP && (r = k->on_msg(k->arg, &m)) != 0)
			return r;
	return r == ERR_AGAIN ? 0 : r;
}

/* --- writing ----------------------------------------------------------------------------- */

/* Until the other end takes something; what it says meanwhile is heard. */
static int
wait_for_room(struct copy_link *k)
{
	struct pollfd p[2] = { { .fd = k->out, .events = POLLOUT },
		{ .fd = k->on_msg != NULL ? k->in : -1, .events = POLLIN } };
	int r;

	if (poll(p, 2, -1) == -1)
		return errno == EINTR ? 0 : ERR_IO;
	if (p[1].revents == 0)
		return 0;
	if ((r = read_more(k)) != 0)
		return r;
	return hand_over(k);
}

static int
write_all(struct copy_link *k, struct span s)
{
	int r;

	k->said_ms = copy_clock_ms();
	while (s.n > 0) {
		ssize_t n;

		if ((r = wait_for_room(k)) != 0)
			return r;
		n = write(k->out, s.p, s.n);
		if (n == -1 && errno != EAGAIN && errno != EINTR)
			return err_from_errno(errno);
		s = span_sub(s, n > 0 ? (size_t)n : 0, s.n);
	}
	return 0;
}

int
copy_link_flush(struct copy_link *k)
{
	int r;

	if (k->before != NULL)
		k->before(k->before_arg);
	if (k->queue.len == 0)
		return 0;
	r = write_all(k, buf_span(&k->queue));
	buf_reset(&k->queue);
	return r;
}

int
copy_link_send(struct copy_link *k, const struct copy_msg *m)
{
	copy_encode(&k->queue, m);
	assert(k->queue.err == 0);
	return k->queue.len >= QUEUE_SEND ? copy_link_flush(k) : 0;
}

int
copy_link_say(struct copy_link *k, enum copy_type type, const char *words)
{
	return copy_link_send(k,
	    &(struct copy_msg){
		.type = type, .text = span_sub(span_str(words), 0, COPY_WORDS_MAX) });
}

int
copy_link_send_data(struct copy_link *k, uint8_t *bytes, size_t n)
{
	int r;

	copy_head_encode(bytes - COPY_HEAD, COPY_DATA, n);
	if (k->queue.len + COPY_HEAD + n <= QUEUE_SEND) {
		buf_add(&k->queue, span_of(bytes - COPY_HEAD, COPY_HEAD + n));
		return 0;
	}
	if ((r = copy_link_flush(k)) != 0)
		return r;
	return write_all(k, span_of(bytes - COPY_HEAD, COPY_HEAD + n));
}

int
copy_link_alive(struct copy_link *k)
{
	int r;

	if (copy_clock_ms() - k->said_ms < ALIVE_MS)
		return 0;
	r = copy_link_send(k, &(struct copy_msg){ .type = COPY_NOP });
	return r != 0 ? r : copy_link_flush(k);
}
