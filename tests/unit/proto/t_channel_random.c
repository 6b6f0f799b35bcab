/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Both ends of a data channel against each other over a seeded relay.  Connections of
 * either end drop and come back; what was on the wire then is cut off somewhere, and part of
 * it may still arrive later, behind newer messages.  Consumers stop and go on.
 *
 * Promise: every stream arrives complete, in order and once, and no queue passes its bound.
 *
 *	SEED=n t_proto_channel_random	one seed, the one that a failure printed
 *	SEEDS=n				how many (200)
 */
#include "base/list.h"
#include "chan.h"
#include "proto/channel_int.h"

enum {
	STEPS_MAX = 400000,
	WINDOW = 96 * 1024,
	RECV_MAX = 256 * 1024,
	READ_HIGH = 64 * 1024,
	LATE_ONE_IN = 4,
};

static uint64_t seed;
static uint64_t rng;

#define CHECK(x)                                                                      \
	do {                                                                          \
		if (!(x)) {                                                           \
			print_error("SEED=%llu: %s\n", (unsigned long long)seed, #x); \
			fail();                                                       \
		}                                                                     \
	} while (0)

static uint64_t
below(uint64_t n)
{
	return (chan_next(&rng) >> 16) % n;
}

/* --- messages on their way ------------------------------------------------------------ */

struct msg {
	struct list link;
	uint64_t due;
	struct buf b;
};

static void
msg_put(struct list *to, uint64_t due, struct span s)
{
	struct msg *m = xcalloc(1, sizeof(*m));

	m->due = due;
	buf_init(&m->b, s.n);
	buf_add(&m->b, s);
	list_add_tail(to, &m->link);
}

static void
msg_free(struct msg *m)
{
	list_del(&m->link);
	buf_fini(&m->b);
	free(m);
}

static void
msg_drop_all(struct list *l)
{
	LIST_EACH(m, l, struct msg, link)
	msg_free(m);
}

/* Which rules hold: a stock peer's; our own from the start; our own from the first message. */
enum mode { MODE_STOCK, MODE_OWN, MODE_LATER };

/* --- the two ends ------------------------------------------------------------------------ */

struct end {
	struct channel *ch;
	struct end *peer;
	enum mode mode;
	bool up, ready;
	uint64_t back_ms;     /* when a connection that is down comes back */
	struct list out;      /* on the wire to the relay */
	struct list in;       /* on the wire from the relay */
	struct list waiting;  /* at the relay, for this end */
	uint64_t total, said; /* bytes of our stream */
	uint64_t heard;       /* of the peer's */
	uint64_t key;         /* of our stream's bytes */
};

static uint64_t now_ms;

static uint8_t
stream_byte(uint64_t key, uint64_t at)
{
	uint64_t x = key + at * 0x9e3779b97f4a7c15ULL;

	x ^= x >> 29;
	return (uint8_t)(x * 0xbf58476d1ce4e5b9ULL >> 40);
}

static void
on_transmit(void *arg, struct span msg)
{
	struct end *e = arg;

	CHECK(e->up);
	msg_put(&e->out, now_ms + below(20), msg);
}

static void
say(struct end *e)
{
	static uint8_t chunk[128 * 1024];
	size_t max = below(4) == 0 ? channel_payload_max(e->ch) : 1 + below(2000);
	uint64_t left = e->total - e->said;
	size_t n = 1 + below(MIN(left, max));
	int r;

	if (left == 0)
		return;
	n = MIN(n, channel_payload_max(e->ch));
	for (size_t i = 0; i < n; i++)
		chunk[i] = stream_byte(e->key, e->said + i);
	r = channel_send(e->ch, now_ms, PAYLOAD_OUTPUT, span_of(chunk, n));
	CHECK(r == 0 || r == ERR_AGAIN);
	if (r == 0)
		e->said += n;
}

static int
on_deliver(void *arg, uint32_t type, struct span payload)
{
	struct end *e = arg;

	if (!e->ready)
		return ERR_AGAIN;
	CHECK(type == PAYLOAD_OUTPUT);
	for (size_t i = 0; i < payload.n; i++)
		CHECK(payload.p[i] == stream_byte(e->peer->key, e->heard + i));
	e->heard += payload.n;
	CHECK(e->heard <= e->peer->said);
	if (e->mode != MODE_STOCK && !channel_is_own_peer(e->ch))
		channel_set_own_peer(e->ch, 16 * 1024, WINDOW);
	if (e->said < e->total && below(8) == 0)
		say(e);
	return 0;
}

static void
on_writable(void *arg)
{
	struct end *e = arg;

	CHECK(channel_room(e->ch) > 0);
	if (e->said < e->total)
		say(e);
}

static void
on_random(void *arg, void *p, size_t n)
{
	(void)arg;
	for (size_t i = 0; i < n; i++)
		((uint8_t *)p)[i] = (uint8_t)below(256);
}

static const struct channel_ops ops = {
	.transmit = on_transmit,
	.deliver = on_deliver,
	.on_writable = on_writable,
	.random = on_random,
};

static void
end_init(struct end *e, struct end *peer, enum channel_role role, enum mode mode)
{
	struct channel_config cfg = {
		.role = role, .window = WINDOW, .recv_max = RECV_MAX
	};

	*e = (struct end){ .peer = peer, .mode = mode, .ready = true };
	e->total = below(5) == 0 ? below(2) : 20000 + below(600000);
	e->key = chan_next(&rng);
	e->back_ms = 1 + below(50);
	list_init(&e->out);
	list_init(&e->in);
	list_init(&e->waiting);
	cfg.ack_hold_ms = below(2) == 0 ? CHANNEL_ACK_HOLD_MS : 0;
	e->ch = channel_new(&cfg, &ops, e);
	if (mode == MODE_OWN)
		channel_set_own_peer(e->ch, 16 * 1024, WINDOW);
}

static void
end_fini(struct end *e)
{
	msg_drop_all(&e->out);
	msg_drop_all(&e->in);
	msg_drop_all(&e->waiting);
	channel_free(e->ch);
}

/* --- the relay ----------------------------------------------------------------------------- */

/*
 * The connection of an end breaks: the wire keeps a part from the front.  Of the rest some
 * is lost, and sometimes one arrives late.
 */
static void
cut(struct list *wire, struct list *late)
{
	bool lost = false;

	LIST_EACH(m, wire, struct msg, link)
	{
		lost = lost || below(6) == 0;
		if (!lost)
			continue;
		if (late != NULL && below(LATE_ONE_IN) == 0) {
			list_del(&m->link);
			m->due = now_ms + below(500);
			list_add_tail(late, &m->link);
		} else {
			msg_free(m);
		}
	}
}

static void
go_down(struct end *e)
{
	struct list late;

	list_init(&late);
	channel_down(e->ch);
	e->up = false;
	e->back_ms = now_ms + below(2000);
	cut(&e->out, &late);
	LIST_EACH(m, &e->out, struct msg, link)
	{ /* the kept part has reached the relay */
		list_del(&m->link);
		list_add_tail(&e->peer->waiting, &m->link);
	}
	LIST_EACH(m, &late, struct msg, link)
	{
		list_del(&m->link);
		list_add_tail(&e->out, &m->link);
	}
	msg_drop_all(&e->in); /* what the end has not read is gone */
}

static void
go_up(struct end *e)
{
	e->up = true;
	channel_up(e->ch, now_ms, chan_wall + (int64_t)now_ms);
}

/* One step of the wires of an end. */
static void
carry(struct end *e)
{
	struct msg *m;
	int r;

	while ((m = LIST_FIRST(&e->out, struct msg, link)) != NULL && m->due <= now_ms) {
		list_del(&m->link);
		list_add_tail(&e->peer->waiting, &m->link);
	}
	while (e->up && (m = LIST_FIRST(&e->waiting, struct msg, link)) != NULL) {
		list_del(&m->link);
		m->due = now_ms + below(20);
		list_add_tail(&e->in, &m->link);
	}
	while ((m = LIST_FIRST(&e->in, struct msg, link)) != NULL && m->due <= now_ms) {
		if (e->mode != MODE_OWN && channel_recv_queued(e->ch) > READ_HIGH)
			break; /* the transport does not read */
		r = channel_receive(e->ch, now_ms, buf_span(&m->b));
		CHECK(r == 0 || (r == ERR_LIMIT && e->mode != MODE_OWN));
		msg_free(m);
	}
}

static void
live(struct end *e, bool calm)
{
	if (!calm && e->up && below(400) == 0)
		go_down(e);
	if (!e->up && now_ms >= e->back_ms)
		go_up(e);
	carry(e);
	if (below(60) == 0)
		e->ready = !e->ready;
	if (calm)
		e->ready = true;
	if (e->ready)
		CHECK(channel_pump(e->ch, now_ms) == 0);
	if (e->said < e->total && below(3) == 0)
		say(e);
	if (channel_next_ms(e->ch) <= now_ms)
		channel_tick(e->ch, now_ms);
	CHECK(e->ch->recv_queued <= (e->mode == MODE_OWN ? WINDOW : RECV_MAX));
	CHECK(e->ch->queued <= WINDOW + CHANNEL_PAYLOAD_STOCK + CHANNEL_MESSAGE_COST);
}

static bool
done(const struct end *a)
{
	return a->said == a->total && a->peer->heard == a->total &&
	    channel_drained(a->ch);
}

static uint64_t all_resent, all_sent;

static void
run_seed(uint64_t n)
{
	struct channel_stats st;
	struct end a, b;
	enum mode mode;
	int i;

	seed = n;
	rng = n * 0x9e3779b97f4a7c15ULL + 1;
	now_ms = 1;
	mode = (enum mode)below(3);
	end_init(&a, &b, CHANNEL_AGENT, mode);
	end_init(&b, &a, CHANNEL_CLIENT, mode);
	for (i = 0; i < STEPS_MAX && !(done(&a) && done(&b)); i++) {
		bool calm = a.said == a.total && b.said == b.total && below(2) == 0;

		now_ms += 1 + below(8);
		live(&a, calm);
		live(&b, calm);
	}
	CHECK(done(&a) && done(&b));
	channel_stats(a.ch, &st);
	all_sent += st.sent;
	all_resent += st.resent;
	CHECK(st.payload_sent == a.total && st.payload_received == b.total);
	if (mode == MODE_OWN)
		CHECK(st.dropped == 0);
	channel_stats(b.ch, &st);
	all_sent += st.sent;
	all_resent += st.resent;
	if (mode == MODE_OWN)
		CHECK(st.dropped == 0);
	end_fini(&a);
	end_fini(&b);
}

static uint64_t
from_env(const char *name, uint64_t fallback)
{
	const char *s = getenv(name);

	return s != NULL ? strtoull(s, NULL, 10) : fallback;
}

static void
t_seeds(void **state)
{
	uint64_t one = from_env("SEED", 0), count = from_env("SEEDS", 200);
	(void)state;

	if (one != 0) {
		run_seed(one);
		return;
	}
	for (uint64_t i = 1; i <= count; i++)
		run_seed(i);
	print_message("  %llu messages, %llu repeated\n", (unsigned long long)all_sent,
	    (unsigned long long)all_resent);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_seeds),
	};

	crypto_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
