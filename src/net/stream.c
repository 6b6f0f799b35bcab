/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Streams: read and write events, orderly and abrupt ends.  The output queue with its marks is
 * in stream_write.c, records and their buffers in stream_tls.c.
 *
 * One timer serves everything that must not happen inside the caller's call: telling of
 * the open, of an error, decoding what a pause left over, and the deadline of a finish.
 */
#include "net/stream_priv.h"

enum {
	PLAIN_READ = 32 * 1024,
	/* For the peer to close after us, so that no reset eats our answer: */
	LINGER_MS = 1000,
	LINGER_MAX = 4 * 1024 * 1024, /* bytes it may still send */
	LINGER_ROUNDS = 64,           /* reads in one turn */
};

static void stream_destroy(struct stream *st);
static void on_timer(void *arg);

void
stream_enter(struct stream *st)
{
	st->depth++;
}

void
stream_leave(struct stream *st)
{
	assert(st->depth > 0);
	if (--st->depth == 0 && st->closed)
		stream_destroy(st);
}

bool
stream_is_live(const struct stream *st)
{
	return !st->closed && !st->finishing && st->err == 0;
}

void
stream_kick(struct stream *st)
{
	ev_timer_set(st->loop, &st->timer, 0, on_timer, st);
}

void
stream_update_want(struct stream *st)
{
	bool alive = st->err == 0 && !st->closed;
	bool rd = alive && (st->finishing || (!st->paused && !st->more));
	bool wr = alive && st->out.bytes > 0;
	uint8_t want = (uint8_t)((rd ? 1 : 0) | (wr ? 2 : 0));

	if (want == st->want)
		return;
	st->want = want;
	ev_stream_want(st->s, rd, wr);
}

/* --- ends ---------------------------------------------------------------- */

void
stream_fail(struct stream *st, int err, const char *why)
{
	if (st->err != 0)
		return;
	st->err = err;
	free(st->why);
	st->why = xstrdup(why != NULL ? why : err_text(err));
	outq_clear(&st->out);
	stream_update_want(st);
	stream_kick(st);
}

/* Tells the owner at once; for use in event callbacks only. */
static void
tell(struct stream *st)
{
	ev_timer_clear(&st->timer);
	if (st->told || st->closed)
		return;
	if (st->finishing) {
		st->closed = true;
		return;
	}
	st->told = true;
	if (st->h != NULL && st->h->on_close != NULL)
		st->h->on_close(st->arg, st->err, st->why);
}

void
stream_report(struct stream *st, int err, const char *why)
{
	assert(st->depth > 0);
	stream_fail(st, err, why);
	tell(st);
}

static void family_leave(struct stream *st);

static void
stream_destroy(struct stream *st)
{
	ev_timer_clear(&st->timer);
	family_leave(st);
	stream_tls_fini(st);
	outq_clear(&st->out);
	ev_close(st->s);
	free(st->early);
	free(st->rest);
	free(st->name);
	free(st->why);
	free(st);
}

static void
give_back(struct stream *st)
{
	st->closed = true;
	if (st->depth == 0)
		stream_destroy(st);
	else
		stream_update_want(st);
}

void
stream_close(struct stream *st)
{
	if (st == NULL)
		return;
	assert(!st->closed && !st->finishing);
	st->h = NULL;
	st->corked = false;
	if (st->err == 0 && st->ssl != NULL && st->opened) {
		stream_tls_flush(st);
		stream_tls_goodbye(st);
	}
	give_back(st);
}

/* All was sent: half-close, and wait a little for the peer to do the same. */
static void
finish_sent(struct stream *st)
{
	if (st->lingering)
		return;
	st->lingering = true;
	ev_shutdown_write(st->s);
	ev_timer_set(st->loop, &st->timer, LINGER_MS, on_timer, st);
}

void
stream_finish(struct stream *st, uint64_t timeout_ms)
{
	assert(!st->closed && !st->finishing);
	st->h = NULL;
	st->corked = false;
	if (st->err != 0 || (st->ssl != NULL && !st->opened)) {
		give_back(st);
		return;
	}
	if (st->ssl != NULL) {
		stream_tls_flush(st);
		stream_tls_goodbye(st);
	}
	st->finishing = true;
	if (st->err != 0 || st->orphan) {
		give_back(st);
		return;
	}
	ev_timer_set(st->loop, &st->timer, timeout_ms, on_timer, st);
	if (st->out.bytes == 0)
		finish_sent(st);
	stream_update_want(st);
}

void
stream_family_init(struct stream_family *f, void (*on_leave)(void *arg), void *arg)
{
	list_init(&f->members);
	f->count = 0;
	f->on_leave = on_leave;
	f->arg = arg;
}

void
stream_family_join(struct stream_family *f, struct stream *st)
{
	assert(st->family == NULL);
	st->family = f;
	list_add_tail(&f->members, &st->family_link);
	f->count++;
}

static void
family_leave(struct stream *st)
{
	struct stream_family *f = st->family;

	if (f == NULL)
		return;
	st->family = NULL;
	list_del(&st->family_link);
	f->count--;
	if (f->on_leave != NULL)
		f->on_leave(f->arg);
}

void
stream_family_end(struct stream_family *f)
{
	f->on_leave = NULL;
	while (!list_empty(&f->members)) {
		struct stream *st = LIST_FIRST(&f->members, struct stream, family_link);

		family_leave(st);
		st->orphan = true;
		if (st->finishing && !st->closed)
			give_back(st);
	}
}

/* --- events --------------------------------------------------------------- */

void
stream_mark_open(struct stream *st)
{
	if (st->opened)
		return;
	st->opened = true;
	if (st->h != NULL && st->h->on_open != NULL)
		st->h->on_open(st->arg);
}

static int
read_plain(struct stream *st)
{
	uint8_t data[PLAIN_READ];
	size_t got = 0;
	int r = ev_read(st->s, data, sizeof(data), &got);

	if (r == ERR_AGAIN)
		return r;
	if (r != 0) {
		stream_report(st, r, r == ERR_CLOSED ? "closed by peer" : NULL);
		return r;
	}
	st->active_ms = ev_now_ms(st->loop);
	if (st->h != NULL && stream_is_live(st))
		st->h->on_data(st->arg, span_of(data, got));
	return 0;
}

static void
linger(struct stream *st)
{
	uint8_t data[4096];
	size_t got = 0;

	for (int i = 0; i < LINGER_ROUNDS; i++) {
		int r = ev_read(st->s, data, sizeof(data), &got);

		if (r == ERR_AGAIN)
			return;
		st->lingered += got;
		if (r != 0 || st->lingered > LINGER_MAX) {
			st->closed = true;
			return;
		}
	}
}

static void
on_readable(void *arg)
{
	struct stream *st = arg;

	stream_enter(st);
	if (!st->closed && st->finishing)
		linger(st);
	else if (stream_is_live(st) && !st->paused) {
		if (st->ssl != NULL) {
			stream_tls_read(st);
		} else {
			stream_mark_open(st);
			if (stream_is_live(st) && !st->paused)
				(void)read_plain(st);
		}
	}
	stream_leave(st);
}

static void
on_writable(void *arg)
{
	struct stream *st = arg;

	stream_enter(st);
	if (!st->closed && st->err == 0) {
		stream_flush(st);
		if (st->finishing) {
			if (st->err == 0 && st->out.bytes == 0)
				finish_sent(st);
		} else if (st->err == 0 && st->above && st->out.bytes <= stream_low_mark(st)) {
			stream_drained(st);
		}
	}
	stream_leave(st);
}

/* --- the rest ---------------------------------------------------------------- */

static void
on_timer(void *arg)
{
	struct stream *st = arg;

	stream_enter(st);
	if (st->finishing) {
		st->closed = true;
	} else if (st->err != 0) {
		tell(st);
	} else if (st->ssl == NULL && !st->opened) {
		stream_mark_open(st);
	} else {
		if (st->deaf && st->above)
			stream_drained(st);
		if (st->more && !st->paused && stream_is_live(st))
			stream_tls_read(st);
	}
	stream_leave(st);
}

struct stream *
stream_new(struct ev_stream *s, struct tls_ctx *tls, const char *server_name,
    const struct stream_handler *h, void *arg)
{
	static const struct ev_stream_ops ops = { on_readable, on_writable };
	struct stream *st = xcalloc(1, sizeof(*st));

	list_init(&st->family_link);
	st->s = s;
	st->loop = ev_stream_loop(s);
	st->h = h;
	st->arg = arg;
	st->queue_max = STREAM_QUEUE_MAX;
	st->active_ms = st->moved_ms = ev_now_ms(st->loop);
	ev_stream_set(s, &ops, st);
	if (tls == NULL) {
		stream_kick(st);
		stream_update_want(st);
	} else {
		(void)stream_start_tls(st, tls, server_name);
	}
	return st;
}

int
stream_start_tls(struct stream *st, struct tls_ctx *tls, const char *server_name)
{
	int r;

	assert(st->ssl == NULL && st->out.bytes == 0);
	ev_timer_clear(&st->timer);
	st->opened = false;
	if ((r = stream_tls_init(st, tls, server_name)) != 0) {
		stream_fail(st, r,
		    r == ERR_INVALID
			? "no valid server name to verify the certificate against"
			: "TLS could not be set up");
		return r;
	}
	stream_tls_start(st);
	stream_update_want(st);
	return 0;
}

void
stream_set_handler(struct stream *st, const struct stream_handler *h, void *arg)
{
	st->h = h;
	st->arg = arg;
}

void
stream_pause(struct stream *st, bool pause)
{
	if (st->closed || st->finishing || st->paused == pause)
		return;
	st->paused = pause;
	if (!pause) {
		st->active_ms = ev_now_ms(st->loop);
		if (st->more)
			stream_kick(st);
	}
	stream_update_want(st);
}

size_t
stream_queued(const struct stream *st)
{
	return st->out.bytes + st->early_len + stream_tls_gathered(st);
}

void
stream_set_queue_max(struct stream *st, size_t max)
{
	st->queue_max = max;
}

const char *
stream_peer_ip(const struct stream *st)
{
	return ev_peer_ip(st->s);
}

struct ev_loop *
stream_loop(const struct stream *st)
{
	return st->loop;
}

bool
stream_is_tls(const struct stream *st)
{
	return st->ssl != NULL;
}

void
stream_look(struct stream *st)
{
	uint64_t taken = st->sent - MIN(st->sent, (uint64_t)ev_unacked(st->s));
	bool waiting = taken != st->sent || st->out.bytes > 0;

	if (taken != st->taken && waiting)
		st->active_ms = ev_now_ms(st->loop);
	if (taken != st->taken || !waiting)
		st->moved_ms = ev_now_ms(st->loop);
	st->taken = taken;
}

uint64_t
stream_stuck_ms(const struct stream *st)
{
	return ev_now_ms(st->loop) - st->moved_ms;
}

uint64_t
stream_idle_ms(const struct stream *st)
{
	return ev_now_ms(st->loop) - st->active_ms;
}
