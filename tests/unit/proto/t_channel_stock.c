/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Our ends against models of the stock peers with the bugs they have: sending before noting
 * (an ack that comes at once is ignored), resending the oldest only, every 100 ms, and in
 * the plugin no second ack for a duplicate.  Time is virtual, the wire has a delay of 5 ms
 * and loses what is on it when told to.
 */
#include "base/list.h"
#include "chan.h"
#include "proto/channel_int.h"

enum { WIRE_MS = 5, CHUNK = 1024, STOCK_BUFFER = 10000 };

struct msg {
	struct list link;
	uint64_t due;
	int64_t seq;
	uint64_t sent_ms;
	struct buf b;
};

static void
msg_put(struct list *to, uint64_t due, int64_t seq, struct span s)
{
	struct msg *m = xcalloc(1, sizeof(*m));

	m->due = due;
	m->seq = seq;
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
drop_all(struct list *l)
{
	LIST_EACH(m, l, struct msg, link)
	msg_free(m);
}

/* One of ours and one of theirs. */
struct pair {
	enum channel_role ours;
	uint64_t now, race_ms;
	struct list to_stock, to_us;
	/* ours */
	struct channel *ch;
	uint64_t said, heard, total;
	/* theirs */
	bool ready, reacks;
	uint64_t stock_said, stock_heard, stock_total, last_resend;
	int64_t next_seq, expected;
	struct list unacked, ahead;
	size_t nahead;
	unsigned stock_resent, stock_ignored_acks;
};

/* Both streams count up, so that a byte tells whether it is the right one. */
static uint8_t
byte_at(uint64_t at)
{
	return (uint8_t)(at * 7 + (at >> 8));
}

static void
check_bytes(struct span s, uint64_t at)
{
	for (size_t i = 0; i < s.n; i++)
		assert_int_equal(s.p[i], byte_at(at + i));
}

/* --- the model ------------------------------------------------------------------------- */

static void
stock_ack(struct pair *p, const struct agentmsg *m)
{
	static const uint8_t id[16] = { 9 };
	auto_buf b;

	buf_init(&b, ACK_MESSAGE_MAX);
	ack_build(&b, m, 1, id);
	msg_put(&p->to_us, p->now + WIRE_MS, 0, buf_span(&b));
}

static void
stock_consume(struct pair *p, struct span payload)
{
	check_bytes(payload, p->stock_heard);
	p->stock_heard += payload.n;
	p->expected++;
}

static void
stock_got_data(struct pair *p, const struct agentmsg *m, struct span raw)
{
	struct agentmsg a;

	if (m->seq < p->expected) {
		if (p->reacks)
			stock_ack(p, m);
		return;
	}
	if (m->seq > p->expected) {
		if (p->nahead >= STOCK_BUFFER)
			return;
		stock_ack(p, m);
		LIST_EACH(it, &p->ahead, struct msg, link)
		{
			if (it->seq == m->seq)
				return;
		}
		msg_put(&p->ahead, 0, m->seq, raw);
		p->nahead++;
		return;
	}
	if (!p->ready)
		return; /* no ack, not counted, dropped */
	stock_consume(p, m->payload);
	stock_ack(p, m);
	for (bool found = true; found;) {
		found = false;
		LIST_EACH(it, &p->ahead, struct msg, link)
		{
			if (it->seq != p->expected)
				continue;
			assert_int_equal(agentmsg_decode(&a, buf_span(&it->b)), 0);
			stock_consume(p, a.payload);
			msg_free(it);
			p->nahead--;
			found = true;
			break;
		}
	}
}

static void
stock_got_ack(struct pair *p, int64_t seq)
{
	LIST_EACH(it, &p->unacked, struct msg, link)
	{
		if (it->seq != seq)
			continue;
		if (p->now - it->sent_ms < p->race_ms) {
			p->stock_ignored_acks++; /* not in the list yet */
			return;
		}
		msg_free(it);
		return;
	}
}

static void
stock_receive(struct pair *p, struct span raw)
{
	struct agentmsg m;
	int64_t seq;

	assert_int_equal(agentmsg_decode(&m, raw), 0);
	assert_int_equal(agentmsg_check_digest(&m), 0);
	if (agentmsg_is(&m, MSG_ACKNOWLEDGE)) {
		assert_int_equal(ack_parse(&seq, m.payload), 0);
		stock_got_ack(p, seq);
	} else {
		assert_true(m.payload.n > 0);
		stock_got_data(p, &m, raw);
	}
}

static void
stock_turn(struct pair *p)
{
	struct msg *head = LIST_FIRST(&p->unacked, struct msg, link);
	uint8_t chunk[CHUNK];
	size_t n = (size_t)MIN(p->stock_total - p->stock_said, (uint64_t)CHUNK);
	auto_buf b = { 0 };

	if (head != NULL && p->now - head->sent_ms > 200 &&
	    p->now >= p->last_resend + 100) {
		p->last_resend = p->now;
		p->stock_resent++;
		msg_put(&p->to_us, p->now + WIRE_MS, 0, buf_span(&head->b));
	}
	if (n == 0)
		return; /* one message a millisecond, as theirs */
	for (size_t i = 0; i < n; i++)
		chunk[i] = byte_at(p->stock_said + i);
	chan_data(&b, p->ours, p->next_seq, PAYLOAD_OUTPUT, span_of(chunk, n));
	msg_put(&p->to_us, p->now + WIRE_MS, 0, buf_span(&b));
	msg_put(&p->unacked, 0, p->next_seq, buf_span(&b));
	CONTAINER_OF(p->unacked.prev, struct msg, link)->sent_ms = p->now;
	p->next_seq++;
	p->stock_said += n;
}

/* --- ours ----------------------------------------------------------------------------------- */

static void
our_transmit(void *arg, struct span msg)
{
	struct pair *p = arg;

	msg_put(&p->to_stock, p->now + WIRE_MS, 0, msg);
}

static int
our_deliver(void *arg, uint32_t type, struct span payload)
{
	struct pair *p = arg;

	(void)type;
	check_bytes(payload, p->heard);
	p->heard += payload.n;
	return 0;
}

static void
our_random(void *arg, void *p, size_t n)
{
	(void)arg;
	memset(p, 7, n);
}

static const struct channel_ops our_ops = {
	.transmit = our_transmit,
	.deliver = our_deliver,
	.random = our_random,
};

static void
our_turn(struct pair *p)
{
	static uint8_t chunk[8 * CHUNK];

	for (int k = 0; k < 4 && p->said < p->total; k++) {
		size_t n = (size_t)MIN(p->total - p->said, (uint64_t)sizeof(chunk));

		for (size_t i = 0; i < n; i++)
			chunk[i] = byte_at(p->said + i);
		if (channel_send(p->ch, p->now, PAYLOAD_OUTPUT, span_of(chunk, n)) != 0)
			break;
		p->said += n;
	}
	if (channel_next_ms(p->ch) <= p->now)
		channel_tick(p->ch, p->now);
	assert_true(p->ch->queued <=
	    CHANNEL_WINDOW + CHANNEL_PAYLOAD_STOCK + CHANNEL_MESSAGE_COST);
}

static void
pair_init(struct pair *p, enum channel_role ours)
{
	*p = (struct pair){
		.ours = ours, .ready = true, .reacks = ours == CHANNEL_CLIENT
	};
	list_init(&p->to_stock);
	list_init(&p->to_us);
	list_init(&p->unacked);
	list_init(&p->ahead);
	p->ch = channel_new(&(struct channel_config){ .role = ours }, &our_ops, p);
	channel_up(p->ch, 0, chan_wall);
}

static void
pair_fini(struct pair *p)
{
	drop_all(&p->to_stock);
	drop_all(&p->to_us);
	drop_all(&p->unacked);
	drop_all(&p->ahead);
	channel_free(p->ch);
}

static void
run_ms(struct pair *p, uint64_t ms)
{
	for (uint64_t end = p->now + ms; p->now < end; p->now++) {
		struct msg *m;

		while ((m = LIST_FIRST(&p->to_stock, struct msg, link)) != NULL &&
		    m->due <= p->now) {
			stock_receive(p, buf_span(&m->b));
			msg_free(m);
		}
		while ((m = LIST_FIRST(&p->to_us, struct msg, link)) != NULL &&
		    m->due <= p->now) {
			assert_int_equal(
			    channel_receive(p->ch, p->now, buf_span(&m->b)), 0);
			msg_free(m);
		}
		stock_turn(p);
		our_turn(p);
	}
}

static unsigned
resent(const struct pair *p)
{
	struct channel_stats st;

	channel_stats(p->ch, &st);
	return (unsigned)st.resent;
}

static void
heard_all(const struct pair *p)
{
	assert_int_equal(p->stock_heard, p->total);
	assert_int_equal(p->heard, p->stock_total);
}

/* --- what happens ------------------------------------------------------------------------------ */

static void
t_quiet(void **state)
{
	struct pair p;
	(void)state;

	for (int role = CHANNEL_AGENT; role <= CHANNEL_CLIENT; role++) {
		pair_init(&p, (enum channel_role)role);
		p.total = 4 << 20;
		p.stock_total = 500000;
		run_ms(&p, 3000);
		heard_all(&p);
		assert_true(channel_drained(p.ch) && list_empty(&p.unacked));
		assert_int_equal(resent(&p), 0);
		assert_int_equal(p.stock_resent, 0);
		pair_fini(&p);
	}
}

/* 4.5, 9.1.2: what our own end does when nobody between the two mends it. */
static void
t_ack_race(void **state)
{
	struct pair p;
	(void)state;

	row("the plugin ignores an ack that comes too soon; 9.3.4 re-ack duplicates "
	    "heals it");
	pair_init(&p, CHANNEL_AGENT);
	p.race_ms = 100000; /* at first all of them */
	p.stock_total = 20000;
	run_ms(&p, 1000);
	assert_int_equal(p.heard, p.stock_total);
	assert_true(p.stock_ignored_acks > 0);
	p.race_ms = 0;
	run_ms(&p, 3000);
	assert_true(list_empty(&p.unacked));
	pair_fini(&p);

	row("9.2.2 the same for the stock agent and our client");
	pair_init(&p, CHANNEL_CLIENT);
	p.race_ms = 100000;
	p.stock_total = 20000;
	run_ms(&p, 1000);
	p.race_ms = 0;
	run_ms(&p, 3000);
	assert_int_equal(p.heard, p.stock_total);
	assert_true(list_empty(&p.unacked));
	pair_fini(&p);
}

static void
t_not_ready(void **state)
{
	struct pair p;
	(void)state;

	row("9.3.5 the plugin discards until its handler exists: a minute");
	pair_init(&p, CHANNEL_AGENT);
	p.total = 300000;
	p.ready = false;
	run_ms(&p, 60000);
	assert_int_equal(p.stock_heard, 0);
	assert_true(resent(&p) < 80); /* patiently */
	p.ready = true;
	run_ms(&p, 2000);
	assert_int_equal(p.stock_heard, p.total);
	assert_true(channel_drained(p.ch));
	pair_fini(&p);

	row("agent-protocol 10.14: a stock agent whose shell does not run yet");
	pair_init(&p, CHANNEL_CLIENT);
	p.total = 5000;
	p.ready = false;
	run_ms(&p, 1000);
	p.ready = true;
	run_ms(&p, 2000);
	assert_int_equal(p.stock_heard, p.total);
	assert_true(channel_drained(p.ch));
	pair_fini(&p);
}

/* Data of ours that is on the wire is lost, and we are not told. */
static void
t_lost_window(void **state)
{
	struct pair p;
	(void)state;

	for (int role = CHANNEL_AGENT; role <= CHANNEL_CLIENT; role++) {
		pair_init(&p, (enum channel_role)role);
		p.total = 800000;
		run_ms(&p, 10);
		drop_all(&p.to_stock);
		row("back in less than two seconds, not at ten messages a second");
		run_ms(&p, 2000);
		assert_int_equal(p.stock_heard, p.total);
		assert_true(channel_drained(p.ch));
		pair_fini(&p);
	}
}

/*
 * The plugin's acks are lost when its connection breaks, and it never says again that it has
 * a message.  Without a remedy each such break would take a piece of the window for ever.
 */
static void
t_lost_acks(void **state)
{
	struct pair p;
	(void)state;

	row("4.5: duplicates are not acked again; a few, every second");
	pair_init(&p, CHANNEL_AGENT);
	p.total = 1ULL << 40;
	for (int i = 0; i < 12; i++) {
		run_ms(&p, 1000);
		drop_all(&p.to_us);
	}
	print_message("  %zu messages, %u repeated\n", (size_t)p.expected, resent(&p));
	assert_true(p.stock_heard > 12ULL * 1000 * 1000);
	p.total = p.said;
	run_ms(&p, 10000);
	row("all arrived; at most what was lost last is still open");
	assert_int_equal(p.stock_heard, p.said);
	assert_true(p.ch->nqueued < 100);
	pair_fini(&p);

	row("a whole window of acks: it goes on");
	pair_init(&p, CHANNEL_AGENT);
	p.total = 1ULL << 40;
	for (int i = 0; i < 100; i++) {
		run_ms(&p, 1);
		drop_all(&p.to_us);
	}
	uint64_t before = p.stock_heard;

	assert_true(channel_room(p.ch) < 8 * CHUNK);
	run_ms(&p, 8000);
	assert_true(p.stock_heard > before + 3 * CHANNEL_WINDOW);
	pair_fini(&p);
}

/* The stock agent acknowledges again: nothing is ever in doubt. */
static void
t_lost_acks_agent(void **state)
{
	struct pair p;
	(void)state;

	pair_init(&p, CHANNEL_CLIENT);
	p.total = 1ULL << 40;
	for (int i = 0; i < 20; i++) {
		run_ms(&p, 1000);
		drop_all(&p.to_us);
		if (i % 3 == 0)
			drop_all(&p.to_stock);
	}
	p.total = p.said;
	run_ms(&p, 5000);
	assert_int_equal(p.stock_heard, p.said);
	assert_true(channel_drained(p.ch));
	pair_fini(&p);
}

/* What the stock peer lost comes at its pace, but it comes. */
static void
t_stock_lost_window(void **state)
{
	struct pair p;
	(void)state;

	for (int role = CHANNEL_AGENT; role <= CHANNEL_CLIENT; role++) {
		pair_init(&p, (enum channel_role)role);
		p.stock_total = 100 * CHUNK;
		run_ms(&p, 50);
		drop_all(&p.to_us);
		run_ms(&p, 3000);
		assert_int_equal(p.heard, p.stock_total);
		assert_true(list_empty(&p.unacked));
		pair_fini(&p);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_quiet),
		cmocka_unit_test(t_ack_race),
		cmocka_unit_test(t_not_ready),
		cmocka_unit_test(t_lost_window),
		cmocka_unit_test(t_lost_acks),
		cmocka_unit_test(t_lost_acks_agent),
		cmocka_unit_test(t_stock_lost_window),
	};

	crypto_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
