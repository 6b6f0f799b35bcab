/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The front door of ev/ev.h: timers and deferred calls, which are the same in both
 * backends, and the dispatch of everything else to the loop's backend.
 */
#include "ev/backend.h"

/* --- loop --------------------------------------------------------------- */

void
ev_loop_init(struct ev_loop *l, const struct ev_backend *ops)
{
	*l = (struct ev_loop){ .ops = ops };
}

void
ev_loop_clear(struct ev_loop *l)
{
	for (uint32_t i = 0; i < l->ntimers; i++)
		l->heap[i]->heap_pos = 0;
	l->ntimers = 0;
	l->ndefer = 0;
}

void
ev_loop_fini(struct ev_loop *l)
{
	ev_loop_clear(l);
	free(l->heap);
	free(l->defer);
	l->heap = NULL;
	l->defer = NULL;
	l->timers_cap = l->defer_cap = 0;
}

void
ev_loop_free(struct ev_loop *l)
{
	if (l != NULL)
		l->ops->loop_free(l);
}

void
ev_run(struct ev_loop *l)
{
	l->ops->run(l);
}

void
ev_stop(struct ev_loop *l)
{
	l->ops->stop(l);
}

uint64_t
ev_now_ms(struct ev_loop *l)
{
	return l->ops->now_ms(l);
}

uint64_t
ev_now_us(struct ev_loop *l)
{
	return l->ops->now_us(l);
}

int64_t
ev_wall_ms(struct ev_loop *l)
{
	return l->ops->wall_ms(l);
}

void
ev_random(struct ev_loop *l, void *p, size_t n)
{
	l->ops->random(l, p, n);
}

/* Unbiased: values in the last, incomplete run of n are drawn again. */
uint32_t
ev_random_below(struct ev_loop *l, uint32_t n)
{
	uint32_t v, limit;

	assert(n > 0);
	limit = UINT32_MAX - UINT32_MAX % n;
	do {
		l->ops->random(l, &v, sizeof(v));
	} while (v >= limit);
	return v % n;
}

void
ev_defer(struct ev_loop *l, ev_cb *cb, void *arg)
{
	if (l->dead)
		return;
	if (l->ndefer == l->defer_cap) {
		l->defer_cap = l->defer_cap == 0 ? 16 : l->defer_cap * 2;
		l->defer = xrealloc(l->defer, l->defer_cap * sizeof(l->defer[0]));
	}
	l->defer[l->ndefer++] = (struct ev_call){ cb, arg };
	if (l->ndefer == 1)
		l->ops->defer_added(l);
}

void
ev_defer_run(struct ev_loop *l)
{
	uint32_t n = l->ndefer, i;

	for (i = 0; i < n && i < l->ndefer; i++) {
		struct ev_call c = l->defer[i]; /* the array may move below */

		c.cb(c.arg);
	}
	if (n >= l->ndefer) {
		l->ndefer = 0;
		return;
	}
	l->ndefer -= n;
	memmove(l->defer, l->defer + n, l->ndefer * sizeof(l->defer[0]));
	l->ops->defer_added(l);
}

void
ev_post(struct ev_loop *l, ev_cb *cb, void *arg)
{
	l->ops->post(l, cb, arg);
}

void
ev_work(struct ev_loop *l, ev_cb *work, ev_cb *done, void *arg)
{
	l->ops->work(l, work, done, arg);
}

void
ev_on_signal(struct ev_loop *l, int signum, ev_cb *cb, void *arg)
{
	l->ops->on_signal(l, signum, cb, arg);
}

/* --- timers: an intrusive binary heap ----------------------------------- */

static bool
timer_before(const struct ev_timer *a, const struct ev_timer *b)
{
	if (a->due_ms != b->due_ms)
		return a->due_ms < b->due_ms;
	return (int32_t)(a->seq - b->seq) < 0;
}

static void
heap_place(struct ev_loop *l, uint32_t i, struct ev_timer *t)
{
	l->heap[i] = t;
	t->heap_pos = i + 1;
}

static void
heap_up(struct ev_loop *l, uint32_t i, struct ev_timer *t)
{
	while (i > 0 && timer_before(t, l->heap[(i - 1) / 2])) {
		heap_place(l, i, l->heap[(i - 1) / 2]);
		i = (i - 1) / 2;
	}
	heap_place(l, i, t);
}

static void
heap_down(struct ev_loop *l, uint32_t i, struct ev_timer *t)
{
	uint32_t kid;

	while ((kid = 2 * i + 1) < l->ntimers) {
		if (kid + 1 < l->ntimers && timer_before(l->heap[kid + 1], l->heap[kid]))
			kid++;
		if (!timer_before(l->heap[kid], t))
			break;
		heap_place(l, i, l->heap[kid]);
		i = kid;
	}
	heap_place(l, i, t);
}

static void
heap_remove(struct ev_loop *l, struct ev_timer *t)
{
	uint32_t i = t->heap_pos - 1;
	struct ev_timer *last = l->heap[--l->ntimers];

	t->heap_pos = 0;
	if (last == t)
		return;
	if (i > 0 && timer_before(last, l->heap[(i - 1) / 2]))
		heap_up(l, i, last);
	else
		heap_down(l, i, last);
}

void
ev_timer_set(
    struct ev_loop *l, struct ev_timer *t, uint64_t after_ms, ev_cb *cb, void *arg)
{
	struct ev_timer *first = l->ntimers > 0 ? l->heap[0] : NULL;
	uint64_t now;

	if (l->dead)
		return;
	if (t->heap_pos != 0)
		heap_remove(t->loop, t);
	now = l->ops->now_ms(l);
	t->loop = l;
	t->cb = cb;
	t->arg = arg;
	t->due_ms = after_ms > UINT64_MAX / 2 - now ? UINT64_MAX / 2 : now + after_ms;
	t->seq = l->timer_seq++;
	if (l->ntimers == l->timers_cap) {
		l->timers_cap = l->timers_cap == 0 ? 64 : l->timers_cap * 2;
		l->heap = xrealloc(l->heap, l->timers_cap * sizeof(struct ev_timer *));
	}
	heap_up(l, l->ntimers++, t);
	if (l->heap[0] == t || l->heap[0] != first)
		l->ops->timers_changed(l);
}

void
ev_timer_clear(struct ev_timer *t)
{
	bool first = t->heap_pos == 1;

	if (t->heap_pos == 0)
		return;
	heap_remove(t->loop, t);
	if (first)
		t->loop->ops->timers_changed(t->loop);
}

bool
ev_timer_is_set(const struct ev_timer *t)
{
	return t->heap_pos != 0;
}

/*
 * A timer set from a callback below with a delay of 0 is due now as well, but sorts
 * behind all that are due: the first one with a new seq ends the round.
 */
void
ev_timers_run(struct ev_loop *l, uint64_t now_ms)
{
	uint32_t limit = l->timer_seq;

	while (l->ntimers > 0) {
		struct ev_timer *t = l->heap[0];

		if (t->due_ms > now_ms || (int32_t)(t->seq - limit) >= 0)
			break;
		heap_remove(l, t);
		t->cb(t->arg);
	}
	l->ops->timers_changed(l);
}

/* --- streams ------------------------------------------------------------- */

void
ev_stream_set(struct ev_stream *s, const struct ev_stream_ops *ops, void *arg)
{
	s->ops = ops;
	s->arg = arg;
}

void
ev_stream_want(struct ev_stream *s, bool read, bool write)
{
	if (s->closed || (s->want_read == read && s->want_write == write))
		return;
	s->want_read = read;
	s->want_write = write;
	s->loop->ops->want(s);
}

void
ev_tell_readable(struct ev_stream *s)
{
	if (!s->closed && s->want_read && s->ops != NULL && !s->loop->dead)
		s->ops->readable(s->arg);
}

void
ev_tell_writable(struct ev_stream *s)
{
	if (!s->closed && s->want_write && s->ops != NULL && !s->loop->dead)
		s->ops->writable(s->arg);
}

int
ev_read(struct ev_stream *s, void *p, size_t n, size_t *got)
{
	*got = 0;
	if (s->closed)
		return ERR_CLOSED;
	if (n == 0)
		return ERR_AGAIN;
	return s->loop->ops->read(s, p, n, got);
}

int
ev_write(struct ev_stream *s, const void *p, size_t n, size_t *put)
{
	*put = 0;
	if (s->closed)
		return ERR_CLOSED;
	if (n == 0)
		return 0;
	return s->loop->ops->write(s, p, n, put);
}

void
ev_shutdown_write(struct ev_stream *s)
{
	if (!s->closed)
		s->loop->ops->shutdown_write(s);
}

void
ev_close(struct ev_stream *s)
{
	if (s == NULL || s->closed)
		return;
	s->closed = true;
	s->want_read = s->want_write = false;
	free(s->peer);
	s->peer = NULL;
	s->loop->ops->close(s);
}

/* The text is made late: most of ten thousand idle connections never need it. */
static const char *
peer_text(const struct ev_stream *cs, bool with_port)
{
	struct ev_stream *s = (struct ev_stream *)cs;
	char ip[64] = "";
	uint16_t port = 0;

	if (s->closed)
		return "";
	if (s->peer == NULL) {
		s->loop->ops->peer(s, ip, sizeof(ip), &port);
		if (ip[0] == '\0')
			s->peer = xasprintf("%clocal", '\0');
		else if (strchr(ip, ':') != NULL)
			s->peer = xasprintf("%s%c[%s]:%u", ip, '\0', ip, port);
		else
			s->peer = xasprintf("%s%c%s:%u", ip, '\0', ip, port);
	}
	return with_port ? s->peer + strlen(s->peer) + 1 : s->peer;
}

const char *
ev_peer_ip(const struct ev_stream *s)
{
	return peer_text(s, false);
}

const char *
ev_peer_name(const struct ev_stream *s)
{
	return peer_text(s, true);
}

size_t
ev_unacked(const struct ev_stream *s)
{
	return s->closed ? 0 : s->loop->ops->unacked(s);
}

struct ev_loop *
ev_stream_loop(const struct ev_stream *s)
{
	return s->loop;
}

struct ev_stream *
ev_stream_adopt(struct ev_loop *l, int fd)
{
	assert(l->ops->adopt != NULL); /* simulated loops have no descriptors */
	return l->ops->adopt(l, fd);
}

void
ev_pty_resize(struct ev_stream *pty, uint16_t rows, uint16_t cols)
{
	if (!pty->closed)
		pty->loop->ops->pty_resize(pty, rows, cols);
}

/* --- connecting, listening, children ------------------------------------- */

struct ev_connect *
ev_connect(struct ev_loop *l, const char *host, uint16_t port, uint64_t timeout_ms,
    ev_connect_cb *cb, void *arg)
{
	return l->ops->connect(l, host, port, timeout_ms, NULL, cb, arg);
}

struct ev_connect *
ev_connect_if(struct ev_loop *l, const char *host, uint16_t port, uint64_t timeout_ms,
    ev_allow_cb *allow, ev_connect_cb *cb, void *arg)
{
	return l->ops->connect(l, host, port, timeout_ms, allow, cb, arg);
}

void
ev_connect_cancel(struct ev_connect *c)
{
	if (c != NULL)
		c->loop->ops->connect_cancel(c);
}

int
ev_listen(struct ev_listener **out, struct ev_loop *l, const char *host, uint16_t port,
    ev_accept_cb *cb, void *arg, struct fault *f)
{
	*out = NULL;
	return l->ops->listen(out, l, host, port, cb, arg, f);
}

uint16_t
ev_listener_port(const struct ev_listener *ln)
{
	return ln->loop->ops->listener_port(ln);
}

void
ev_listener_pause(struct ev_listener *ln, bool pause)
{
	ln->loop->ops->listener_pause(ln, pause);
}

void
ev_listener_close(struct ev_listener *ln)
{
	if (ln != NULL)
		ln->loop->ops->listener_close(ln);
}

int
ev_child_start(struct ev_child **out, struct ev_loop *l, const struct ev_spawn *sp,
    ev_exit_cb *cb, void *arg, struct fault *f)
{
	*out = NULL;
	return l->ops->child_start(out, l, sp, cb, arg, f);
}

struct ev_stream *
ev_child_take(struct ev_child *c, int which)
{
	return c->loop->ops->child_take(c, which);
}

int64_t
ev_child_pid(const struct ev_child *c)
{
	return c->loop->ops->child_pid(c);
}

void
ev_child_signal(struct ev_child *c, int signum)
{
	c->loop->ops->child_signal(c, signum);
}

void
ev_child_close(struct ev_child *c)
{
	if (c != NULL)
		c->loop->ops->child_close(c);
}
