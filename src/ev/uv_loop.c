/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The libuv backend: loop, time, randomness, posts, pool and signals.
 *
 * One turn is one uv_run() that may wait once, then the timers that are due, then the end
 * of the turn: deferred calls run, closed objects are freed, changed interests are told
 * to the kernel.  The wake handle does not keep a loop alive: a loop that waits for
 * nothing but posts returns from ev_run().
 */
#include "ev/backend.h"

#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "ev/uv_backend.h"

struct evu_signal {
	struct list link;
	uv_signal_t uv;
	ev_cb *cb;
	void *arg;
};

struct evu_work {
	uv_work_t req;
	struct evu_loop *loop;
	ev_cb *work, *done;
	void *arg;
};

/* --- time and randomness -------------------------------------------------- */

static uint64_t
now_ms(struct ev_loop *l)
{
	struct evu_loop *ul = evu_loop_of(l);

	if (!ul->running) /* between turns the loop's time stands still */
		uv_update_time(&ul->uv);
	return uv_now(&ul->uv);
}

static uint64_t
now_us(struct ev_loop *l)
{
	(void)l;
	return uv_hrtime() / 1000;
}

static int64_t
wall_ms(struct ev_loop *l)
{
	struct timespec ts;

	(void)l;
	clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void
kernel_random(uint8_t *p, size_t n)
{
	while (n > 0) {
		ssize_t r = getrandom(p, n, 0);

		if (r < 0 && errno != EINTR)
			abort(); /* no keys without randomness */
		if (r > 0) {
			p += r;
			n -= (size_t)r;
		}
	}
}

static struct evu_pool *
pool_new(void)
{
	struct evu_pool *p = mmap(NULL, sizeof(*p), PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return NULL;
	if (madvise(p, sizeof(*p), MADV_WIPEONFORK) == 0)
		return p;
	(void)munmap(p, sizeof(*p));
	return NULL;
}

/* Small draws come from the pool; what was handed out is wiped from it. */
static void
draw(struct ev_loop *l, void *p, size_t n)
{
	struct evu_pool *pool = evu_loop_of(l)->pool;

	if (pool == NULL || n > sizeof(pool->bytes) / 4) {
		kernel_random(p, n);
		return;
	}
	if (n > pool->left) {
		kernel_random(pool->bytes, sizeof(pool->bytes));
		pool->left = sizeof(pool->bytes);
	}
	pool->left -= (uint32_t)n;
	memcpy(p, pool->bytes + pool->left, n);
	explicit_bzero(pool->bytes + pool->left, n);
}

/* --- the one timer -------------------------------------------------------- */

/*
 * Only ends the wait; run() calls what is due.  A timer that libuv itself would call and
 * that is set again for "now" would never let it go on to the sockets.
 */
static void
on_timer(uv_timer_t *t)
{
	struct evu_loop *ul = t->data;

	ul->timer_due = 0;
	uv_stop(&ul->uv);
}

static void
timers_changed(struct ev_loop *l)
{
	(void)l; /* the end of the turn looks anyway */
}

static bool
timer_is_due(struct evu_loop *ul)
{
	return ul->base.ntimers > 0 && ul->base.heap[0]->due_ms <= uv_now(&ul->uv);
}

/*
 * A first timer that moved to a later time leaves the handle as it is: it fires early,
 * finds nothing due and is set again.  Idle timeouts, set anew at every byte, are free.
 */
static void
arm_timer(struct evu_loop *ul)
{
	uint64_t due, now = uv_now(&ul->uv);

	if (ul->base.ntimers == 0) {
		if (ul->timer_due != 0)
			uv_timer_stop(&ul->timer);
		ul->timer_due = 0;
		return;
	}
	due = ul->base.heap[0]->due_ms + 1; /* + 1: 0 means not set */
	if (ul->timer_due != 0 && ul->timer_due <= due)
		return;
	ul->timer_due = due;
	uv_timer_start(&ul->timer, on_timer, due - 1 > now ? due - 1 - now : 0, 0);
}

/* --- posts ---------------------------------------------------------------- */

static void
post(struct ev_loop *l, ev_cb *cb, void *arg)
{
	struct evu_loop *ul = evu_loop_of(l);

	uv_mutex_lock(&ul->lock);
	if (ul->nposts == ul->posts_cap) {
		ul->posts_cap = ul->posts_cap == 0 ? 16 : ul->posts_cap * 2;
		ul->posts = xrealloc(ul->posts, ul->posts_cap * sizeof(ul->posts[0]));
	}
	ul->posts[ul->nposts++] = (struct ev_call){ cb, arg };
	uv_mutex_unlock(&ul->lock);
	uv_async_send(&ul->wake);
}

static void
run_posts(struct evu_loop *ul)
{
	struct ev_call *calls;
	uint32_t n;

	uv_mutex_lock(&ul->lock);
	calls = ul->posts;
	n = ul->nposts;
	ul->posts = NULL;
	ul->nposts = ul->posts_cap = 0;
	uv_mutex_unlock(&ul->lock);
	for (uint32_t i = 0; i < n; i++)
		calls[i].cb(calls[i].arg);
	free(calls);
}

static bool
has_posts(struct evu_loop *ul)
{
	bool any;

	uv_mutex_lock(&ul->lock);
	any = ul->nposts > 0;
	uv_mutex_unlock(&ul->lock);
	return any;
}

static void
on_wake(uv_async_t *h)
{
	run_posts(h->data);
}

/* --- pool and signals ----------------------------------------------------- */

static void
in_pool(uv_work_t *req)
{
	struct evu_work *w = req->data;

	w->work(w->arg);
}

static void
after_pool(uv_work_t *req, int status)
{
	struct evu_work *w = req->data;

	(void)status;
	w->loop->nworks--;
	if (!w->loop->base.dead)
		w->done(w->arg);
	free(w);
}

static void
work(struct ev_loop *l, ev_cb *run, ev_cb *done, void *arg)
{
	struct evu_work *w = xcalloc(1, sizeof(*w));

	*w = (struct evu_work){
		.loop = evu_loop_of(l), .work = run, .done = done, .arg = arg
	};
	w->req.data = w;
	w->loop->nworks++;
	if (uv_queue_work(&w->loop->uv, &w->req, in_pool, after_pool) != 0)
		abort(); /* it only fails without a work function */
}

static void
on_signal_event(uv_signal_t *h, int signum)
{
	struct evu_signal *s = h->data;

	(void)signum;
	s->cb(s->arg);
}

static void
on_signal(struct ev_loop *l, int signum, ev_cb *cb, void *arg)
{
	struct evu_loop *ul = evu_loop_of(l);
	struct evu_signal *s = xcalloc(1, sizeof(*s));
	int r;

	s->cb = cb;
	s->arg = arg;
	s->uv.data = s;
	uv_signal_init(&ul->uv, &s->uv);
	uv_unref((uv_handle_t *)&s->uv);
	list_init(&s->link);
	list_add_tail(&ul->signals, &s->link);
	if ((r = uv_signal_start(&s->uv, on_signal_event, signum)) != 0)
		log_error("signal not watched", "signal=%d reason=%s", signum,
		    log_q(uv_strerror(r)));
}

static void
signal_closed(uv_handle_t *h)
{
	free(h->data);
}

/* --- running -------------------------------------------------------------- */

static void
defer_added(struct ev_loop *l)
{
	(void)l; /* the end of the turn looks anyway */
}

/* What is left of a turn.  Tells whether the next one must not wait. */
static bool
end_turn(struct evu_loop *ul)
{
	if (ul->base.ndefer > 0)
		ev_defer_run(&ul->base);
	evu_streams_apply(ul);
	evu_streams_sweep(ul);
	arm_timer(ul);
	return ul->base.ndefer > 0 || !list_empty(&ul->ready) || timer_is_due(ul);
}

static void
run(struct ev_loop *l)
{
	struct evu_loop *ul = evu_loop_of(l);

	assert(!ul->running);
	ul->running = true;
	ul->stopping = false;
	uv_update_time(&ul->uv);
	while (!ul->stopping) {
		bool busy = end_turn(ul);

		if (ul->stopping || (!busy && !uv_loop_alive(&ul->uv) && !has_posts(ul)))
			break;
		uv_run(&ul->uv, busy ? UV_RUN_NOWAIT : UV_RUN_ONCE);
		if (has_posts(ul)) /* a loop without live handles does not look */
			run_posts(ul);
		evu_streams_ready(ul);
		if (timer_is_due(ul))
			ev_timers_run(&ul->base, uv_now(&ul->uv));
	}
	end_turn(ul);
	ul->running = false;
}

static void
stop(struct ev_loop *l)
{
	struct evu_loop *ul = evu_loop_of(l);

	ul->stopping = true;
}

/* Callbacks of what is closed here do not come; pool work ends, its done() is not called.
 */
static void
loop_free(struct ev_loop *l)
{
	struct evu_loop *ul = evu_loop_of(l);

	assert(!ul->running);
	l->dead = true;
	ev_loop_clear(l);
	evu_connects_cancel_all(ul);
	evu_lookups_end(ul);
	evu_listeners_close_all(ul);
	evu_children_kill_all(ul);
	while (!list_empty(&ul->streams))
		ev_close(&LIST_FIRST(&ul->streams, struct evu_stream, link)->base);
	while (!list_empty(&ul->dirty))
		ev_close(&LIST_FIRST(&ul->dirty, struct evu_stream, link)->base);
	while (!list_empty(&ul->ready))
		ev_close(&LIST_FIRST(&ul->ready, struct evu_stream, link)->base);
	evu_streams_sweep(ul);
	LIST_EACH(s, &ul->signals, struct evu_signal, link)
	uv_close((uv_handle_t *)&s->uv, signal_closed);
	uv_close((uv_handle_t *)&ul->timer, NULL);
	uv_close((uv_handle_t *)&ul->wake, NULL);
	uv_run(&ul->uv, UV_RUN_DEFAULT); /* close callbacks; waits for pool work */
	if (uv_loop_close(&ul->uv) != 0)
		abort(); /* a handle was forgotten */
	uv_mutex_destroy(&ul->lock);
	free(ul->posts);
	ev_loop_fini(l);
	if (ul->pool != NULL) {
		explicit_bzero(ul->pool, sizeof(*ul->pool));
		(void)munmap(ul->pool, sizeof(*ul->pool));
	}
	free(ul);
}

static const struct ev_backend uv_ops = {
	.loop_free = loop_free,
	.run = run,
	.stop = stop,
	.now_ms = now_ms,
	.now_us = now_us,
	.wall_ms = wall_ms,
	.random = draw,
	.post = post,
	.work = work,
	.on_signal = on_signal,
	.timers_changed = timers_changed,
	.defer_added = defer_added,
	.want = evu_want,
	.read = evu_read,
	.write = evu_write,
	.shutdown_write = evu_shutdown_write,
	.close = evu_close,
	.peer = evu_peer,
	.unacked = evu_unacked,
	.adopt = evu_adopt,
	.pty_resize = evu_pty_resize,
	.connect = evu_connect,
	.connect_cancel = evu_connect_cancel,
	.listen = evu_listen,
	.listener_port = evu_listener_port,
	.listener_pause = evu_listener_pause,
	.listener_close = evu_listener_close,
	.child_start = evu_child_start,
	.child_take = evu_child_take,
	.child_pid = evu_child_pid,
	.child_signal = evu_child_signal,
	.child_close = evu_child_close,
};

/*
 * SIGPIPE is ignored from the first loop on: sockets are written with MSG_NOSIGNAL, but a
 * pipe to a child knows no such flag.  Children get the default back.
 */
struct ev_loop *
ev_loop_new(void)
{
	struct evu_loop *ul = xcalloc(1, sizeof(*ul));
	struct list *lists[] = { &ul->streams, &ul->dirty, &ul->ready, &ul->garbage,
		&ul->listeners, &ul->connects, &ul->children, &ul->signals };

	signal(SIGPIPE, SIG_IGN);
	ev_loop_init(&ul->base, &uv_ops);
	for (size_t i = 0; i < ARRAY_LEN(lists); i++)
		list_init(lists[i]);
	if (uv_loop_init(&ul->uv) != 0 || uv_timer_init(&ul->uv, &ul->timer) != 0 ||
	    uv_async_init(&ul->uv, &ul->wake, on_wake) != 0 ||
	    uv_mutex_init(&ul->lock) != 0) {
		log_error("no event loop", "reason=%s", log_q(strerror(errno)));
		abort();
	}
	ul->pool = pool_new();
	ul->timer.data = ul;
	ul->wake.data = ul;
	uv_unref((uv_handle_t *)&ul->wake);
	return &ul->base;
}
