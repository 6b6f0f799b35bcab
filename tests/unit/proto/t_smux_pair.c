/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two ends of smux that talk to each other: slow consumers, a thousand streams, counters
 * past 32 bits, and random conversations, cut anywhere, against what each stream must have
 * carried.  A failing seed is printed.
 */
#include "proto/smux_int.h"

#include "unit/proto/smux_app.h"

static uint64_t
next_random(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

static uint32_t
below(uint64_t *seed, uint32_t n)
{
	return (uint32_t)(next_random(seed) >> 33) % n;
}

static size_t
occupied(const struct smux *m)
{
	struct smux_stats st;

	smux_stats(m, &st);
	return st.mem;
}

enum { IDS = 4096 };

/* One end.  Byte i of what it sends on stream id is pattern(id, side, i). */
struct end {
	struct smux *m;
	struct buf wire; /* what it sent and the other has not read */
	int side, from;  /* whose pattern it sends and expects */
	int take;        /* at most so many bytes for each on_data; -1: all, 0: nothing */
	uint32_t deaf;   /* a stream that takes nothing */
	bool echo;
	size_t mem_max;
	struct {
		uint64_t sent, got;
		bool open, shut, half, closed, aborted, reset;
		int why;
	} s[IDS];
};

static uint8_t
pattern(uint32_t id, int side, uint64_t i)
{
	return (uint8_t)(id * 31 + (uint32_t)side * 101 + i * 7 + (i >> 8));
}

static int
end_open(void *arg, uint32_t id)
{
	struct end *e = arg;

	assert_true(id < IDS && !e->s[id].open);
	e->s[id].open = true;
	return 0;
}

static int
end_data(void *arg, uint32_t id, struct span data)
{
	struct end *e = arg;
	size_t n = e->take < 0 ? data.n : MIN(data.n, (size_t)e->take);

	assert_true(e->s[id].open && !e->s[id].closed && !e->s[id].half);
	if (id == e->deaf || n == 0)
		return ERR_AGAIN;
	for (size_t i = 0; i < n; i++)
		assert_int_equal(data.p[i], pattern(id, e->from, e->s[id].got + i));
	if (e->echo) {
		int k = smux_write(e->m, id, span_sub(data, 0, n));

		assert_true(k >= 0);
		n = (size_t)k;
		e->s[id].sent += n;
	}
	e->s[id].got += n;
	return (int)n;
}

static void
end_half(void *arg, uint32_t id)
{
	struct end *e = arg;

	assert_false(e->s[id].half);
	e->s[id].half = true;
	if (e->echo)
		smux_shutdown_write(e->m, id);
}

static void
end_close(void *arg, uint32_t id, int why)
{
	struct end *e = arg;

	assert_true(e->s[id].open && !e->s[id].closed && !e->s[id].aborted);
	e->s[id].closed = true;
	e->s[id].why = why;
}

static void
end_writable(void *arg, uint32_t id)
{
	struct end *e = arg;

	if (e->echo)
		smux_resume(e->m, id);
}

static const struct smux_ops end_ops = {
	.on_open = end_open,
	.on_data = end_data,
	.on_half_close = end_half,
	.on_close = end_close,
	.on_writable = end_writable,
};

static struct end *
end_new(bool own, int side)
{
	struct end *e = xcalloc(1, sizeof(*e));
	struct smux_config cfg = {
		.own = own, .is_client = side == 0, .window = 1 << 20
	};

	e->side = side;
	e->from = !side;
	e->take = -1;
	buf_init(&e->wire, 8 << 20);
	e->m = smux_new(&cfg, &end_ops, e);
	return e;
}

static void
end_free(struct end *e)
{
	smux_free(e->m);
	buf_fini(&e->wire);
	free(e);
}

static uint32_t
end_open_stream(struct end *e)
{
	uint32_t id = must_open(e->m);

	assert_true(id < IDS);
	e->s[id].open = true;
	return id;
}

static size_t
end_write(struct end *e, uint32_t id, size_t n)
{
	uint8_t data[65536];
	int k;

	n = MIN(n, sizeof(data));
	for (size_t i = 0; i < n; i++)
		data[i] = pattern(id, e->side, e->s[id].sent + i);
	k = smux_write(e->m, id, span_of(data, n));
	if (k <= 0) {
		assert_true(k == 0 || k == ERR_CLOSED || k == ERR_NOTFOUND);
		return 0;
	}
	e->s[id].sent += (size_t)k;
	return (size_t)k;
}

/* Moves bytes from one to the other, at most so many; false when nothing moved. */
static bool
move(struct end *from, struct end *to, size_t pull_max, size_t push_max)
{
	uint8_t *p;
	size_t n;
	bool moved = false;
	int r;

	if (from->wire.len < 1 << 20 && smux_pending(from->m)) {
		p = buf_grow(&from->wire, pull_max);
		n = smux_pull(from->m, p, pull_max);
		assert_in_range(n, 1, pull_max);
		from->wire.len -= pull_max - n;
		moved = true;
	}
	n = MIN(from->wire.len, push_max);
	if (n > 0) {
		r = smux_push(to->m, span_sub(buf_span(&from->wire), 0, n));
		if (r == 0)
			buf_consume(&from->wire, n);
		else
			assert_int_equal(r, ERR_AGAIN);
		moved |= r == 0;
	}
	to->mem_max = MAX(to->mem_max, occupied(to->m));
	return moved;
}

static void
settle(struct end *a, struct end *b)
{
	bool moved;

	do {
		moved = move(a, b, 65536, 65536);
		moved |= move(b, a, 65536, 65536);
	} while (moved);
}

static void
t_a_slow_stream_stalls_nobody(void **state)
{
	struct end *a = end_new(true, 0), *b = end_new(true, 1);
	uint32_t slow = end_open_stream(a), fast = end_open_stream(a);
	(void)state;

	row("own mode: 32 MiB pass a stream that takes nothing");
	b->deaf = slow;
	while (b->s[fast].got < 32 << 20) {
		size_t n = end_write(a, slow, 65536) + end_write(a, fast, 65536);

		assert_true(n > 0);
		settle(a, b);
	}
	assert_int_equal(b->s[slow].got, 0);
	assert_in_range(a->s[slow].sent, SMUX_WINDOW, SMUX_WINDOW + SMUX_QUEUE);
	assert_true(b->mem_max <= 2 * SMUX_WINDOW + 4 * CHUNK_MAX);
	row("and when it takes again, nothing is missing");
	b->deaf = 0;
	smux_resume(b->m, slow);
	settle(a, b);
	assert_int_equal(b->s[slow].got, a->s[slow].sent);
	assert_int_equal(occupied(a->m) + occupied(b->m), 0);
	end_free(a);
	end_free(b);

	row("stock mode: it stalls the others, in bounded memory");
	a = end_new(false, 0);
	b = end_new(false, 1);
	slow = end_open_stream(a);
	fast = end_open_stream(a);
	b->deaf = slow;
	for (int i = 0; i < 400; i++) {
		(void)end_write(a, slow, 65536);
		(void)end_write(a, fast, 65536);
		settle(a, b);
	}
	assert_true(smux_recv_blocked(b->m));
	assert_true(b->mem_max <= 2 * (SMUX_RECV_STOCK + 65536));
	assert_true(occupied(a->m) <= 4 * SMUX_QUEUE);
	b->deaf = 0;
	smux_resume(b->m, slow);
	settle(a, b);
	assert_int_equal(b->s[slow].got, a->s[slow].sent);
	assert_int_equal(b->s[fast].got, a->s[fast].sent);
	end_free(a);
	end_free(b);
}

static void
t_a_thousand_echoes(void **state)
{
	enum { N = 1000, SIZE = 40000 };
	struct end *a = end_new(true, 0), *b = end_new(true, 1);
	struct smux_stats st;
	(void)state;

	b->echo = true;
	a->from = 0; /* its own bytes come back */
	for (int i = 0; i < N; i++)
		end_open_stream(a);
	for (uint32_t id = 3; id < 3 + 2 * N; id += 2) {
		while (a->s[id].sent < SIZE)
			if (end_write(a, id, SIZE - a->s[id].sent) == 0) {
				move(a, b, 65536, 65536); /* all queues are full */
				move(b, a, 65536, 65536);
			}
		smux_shutdown_write(a->m, id);
	}
	settle(a, b);
	for (uint32_t id = 3; id < 3 + 2 * N; id += 2) {
		assert_int_equal(b->s[id].got, SIZE);
		assert_int_equal(a->s[id].got, SIZE);
		assert_true(a->s[id].half && a->s[id].closed && a->s[id].why == 0);
		assert_true(b->s[id].half && b->s[id].closed && b->s[id].why == 0);
	}
	smux_stats(a->m, &st);
	assert_int_equal(st.streams + st.mem + st.windows, 0);
	smux_stats(b->m, &st);
	assert_int_equal(st.streams + st.mem + st.windows, 0);
	assert_int_equal(st.accepted, N);
	end_free(a);
	end_free(b);
}

static void
t_counts_past_32_bits(void **state)
{
	struct end *a = end_new(true, 0), *b = end_new(true, 1);
	uint32_t id = end_open_stream(a);
	uint64_t start = (UINT64_C(1) << 32) - 1000000;
	struct smux_stream *s, *t;
	(void)state;

	settle(a, b);
	s = smux_find(a->m, id);
	t = smux_find(b->m, id);
	s->sent = s->peer_consumed = start;
	t->received = t->consumed = t->told_consumed = start;
	while (a->s[id].sent < 8000000) {
		assert_true(end_write(a, id, 65536) > 0);
		settle(a, b);
	}
	assert_int_equal(b->s[id].got, a->s[id].sent);
	assert_true(s->peer_consumed > UINT32_MAX && s->peer_consumed <= t->consumed);
	end_free(a);
	end_free(b);
}

/* --- random ------------------------------------------------------------------------- */

static uint32_t
pick(struct end *e, uint64_t *seed)
{
	uint32_t tries = 8;

	while (tries-- > 0) {
		uint32_t id = 3 + 2 * below(seed, 200);

		if (e->s[id].open && !e->s[id].closed && !e->s[id].aborted)
			return id;
	}
	return 0;
}

static void
random_step(struct end *a, struct end *b, uint64_t *seed)
{
	static const int takes[] = { -1, -1, 0, 1, 100, 5000 };
	struct end *e = below(seed, 2) ? a : b;
	uint32_t id = pick(e, seed),
		 n = below(seed, 4) ? 1 + below(seed, 300) : below(seed, 65536);

	switch (below(seed, 12)) {
	case 0:
		if (a->m->next_id < 400 && a->m->nstreams < 60)
			end_open_stream(a);
		break;
	case 1:
		if (id != 0 && below(seed, 4) == 0) {
			smux_shutdown_write(e->m, id);
			e->s[id].shut = true;
		}
		break;
	case 2:
		if (id != 0 && below(seed, 30) == 0) {
			e->s[id].aborted = true;
			e->s[id].reset = below(seed, 2) == 0;
			if (e->s[id].reset)
				smux_reset(e->m, id, ERR_IO);
			else
				smux_abort(e->m, id, ERR_IO);
		}
		break;
	case 3:
		e->take = takes[below(seed, ARRAY_LEN(takes))];
		break;
	case 4:
		if (id != 0)
			smux_resume(e->m, id);
		break;
	case 5:
	case 6:
	case 7:
		if (id != 0 && !e->s[id].shut)
			end_write(e, id, n);
		break;
	default:
		move(e, e == a ? b : a, 1 + n, 1 + below(seed, 70000));
	}
}

static void
finish(struct end *a, struct end *b)
{
	a->take = b->take = -1;
	for (int round = 0; round < 3; round++) {
		for (uint32_t id = 3; id < 403; id += 2) {
			smux_resume(a->m, id);
			smux_resume(b->m, id);
			if (round > 0) {
				smux_shutdown_write(a->m, id);
				smux_shutdown_write(b->m, id);
			}
		}
		settle(a, b);
	}
}

/*
 * After everything moved: whatever was written on a stream that nobody aborted has arrived;
 * in stock mode only where the reader did not close.  Own mode: and what a reset came after.
 */
static void
check_ends(const struct end *a, const struct end *b, bool own, uint32_t id)
{
	bool aborted = a->s[id].aborted || b->s[id].aborted;

	assert_true(a->s[id].closed || a->s[id].aborted);
	assert_true(a->s[id].got <= b->s[id].sent);
	assert_true(b->s[id].got <= a->s[id].sent);
	if (own && a->s[id].reset && !b->s[id].aborted)
		assert_int_equal(b->s[id].got, a->s[id].sent);
	if (own && b->s[id].reset && !a->s[id].aborted)
		assert_int_equal(a->s[id].got, b->s[id].sent);
	if (aborted)
		return;
	assert_true(b->s[id].closed);
	assert_int_equal(a->s[id].why, 0);
	assert_int_equal(b->s[id].why, 0);
	if (own || !a->s[id].shut)
		assert_int_equal(a->s[id].got, b->s[id].sent);
	if (own || !b->s[id].shut)
		assert_int_equal(b->s[id].got, a->s[id].sent);
	if (own)
		assert_true(a->s[id].half && b->s[id].half);
}

static void
converse(uint64_t seed, bool own)
{
	struct end *a = end_new(own, 0), *b = end_new(own, 1);
	uint64_t start = seed;

	print_message("  seed %llu%s\n", (unsigned long long)start, own ? " own" : "");
	for (int i = 0; i < 8000; i++)
		random_step(a, b, &seed);
	finish(a, b);
	for (uint32_t id = 3; id < a->m->next_id; id += 2)
		check_ends(a, b, own, id);
	assert_int_equal(a->m->nstreams + b->m->nstreams, 0);
	assert_int_equal(occupied(a->m) + occupied(b->m), 0);
	assert_int_equal(a->wire.len + b->wire.len, 0);
	end_free(a);
	end_free(b);
}

static void
t_random_conversations(void **state)
{
	(void)state;

	for (uint64_t seed = 1; seed <= 30; seed++) {
		converse(seed * UINT64_C(0x9e3779b97f4a7c15), false);
		converse(seed * UINT64_C(0x9e3779b97f4a7c15), true);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_a_slow_stream_stalls_nobody),
		cmocka_unit_test(t_a_thousand_echoes),
		cmocka_unit_test(t_counts_past_32_bits),
		cmocka_unit_test(t_random_conversations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
