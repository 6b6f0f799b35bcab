/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The input is a list of steps: what a peer, a transport and an application do to a channel,
 * in any order and with any bytes.
 *
 * Property: no queue passes its bound, payloads are delivered in order of their numbers and
 * once, the timer is not in the past after a tick, and whatever is transmitted is a valid
 * message.
 */
#include "crypto/crypto.h"
#include "proto/agentmsg.h"
#include "proto/channel_int.h"

#define TRAP_UNLESS(x)                    \
	do {                              \
		if (!(x))                 \
			__builtin_trap(); \
	} while (0)

enum { WINDOW = 32 * 1024, RECV_MAX = 24 * 1024, ROUNDS_MAX = 4096 };

struct world {
	struct channel *ch;
	const uint8_t *in;
	size_t left;
	uint64_t now;
	uint32_t delivered; /* the number that the next payload must carry */
	uint8_t answers;    /* bits: what deliver() says next */
	bool up;
	unsigned nested;
};

static uint8_t
take(struct world *w)
{
	if (w->left == 0)
		return 0;
	w->left--;
	return *w->in++;
}

static struct span
take_span(struct world *w, size_t n)
{
	struct span s = { w->in, MIN(n, w->left) };

	w->in += s.n;
	w->left -= s.n;
	return s;
}

static void
on_transmit(void *arg, struct span msg)
{
	struct world *w = arg;
	struct agentmsg m;

	TRAP_UNLESS(w->up);
	TRAP_UNLESS(agentmsg_decode(&m, msg) == 0 && agentmsg_check_digest(&m) == 0);
	TRAP_UNLESS(m.payload.n > 0);
	if (w->nested == 0 && (take(w) & 15) == 15) {
		channel_down(w->ch);
		w->up = false;
	}
}

static int
on_deliver(void *arg, uint32_t type, struct span payload)
{
	struct world *w = arg;
	int r = 0;

	if (type == 99) { /* one of ours, with its number in front */
		if ((w->answers & 1) != 0)
			r = ERR_AGAIN;
		else
			TRAP_UNLESS(
			    payload.n >= 4 && get_be32(payload.p) == w->delivered);
	}
	w->answers = (uint8_t)(w->answers >> 1 | w->answers << 7);
	if (r == 0)
		w->delivered++;
	if (w->nested == 0 && r == 0 && (w->answers & 3) == 2) {
		w->nested++;
		TRAP_UNLESS(channel_pump(w->ch, w->now) == 0);
		r = channel_send(w->ch, w->now, PAYLOAD_OUTPUT, SPAN("answer"));
		TRAP_UNLESS(r == 0 || r == ERR_AGAIN || r == ERR_CLOSED);
		w->nested--;
		r = 0;
	}
	return r;
}

static void
on_writable(void *arg)
{
	struct world *w = arg;

	TRAP_UNLESS(channel_room(w->ch) > 0);
	TRAP_UNLESS(channel_send(w->ch, w->now, PAYLOAD_OUTPUT, SPAN("w")) == 0);
}

static void
on_closed(void *arg, const char *output)
{
	(void)arg;
	TRAP_UNLESS(output != NULL);
}

static void
on_pause(void *arg, bool paused)
{
	struct world *w = arg;

	TRAP_UNLESS(channel_is_paused(w->ch) == paused);
}

static void
on_random(void *arg, void *p, size_t n)
{
	(void)arg;
	memset(p, 3, n);
}

static const struct channel_ops ops = {
	.transmit = on_transmit,
	.deliver = on_deliver,
	.on_writable = on_writable,
	.on_closed = on_closed,
	.on_pause = on_pause,
	.random = on_random,
};

static void
receive(
    struct world *w, const char *type, int64_t seq, uint32_t ptype, struct span payload)
{
	struct agentmsg m = { .created_ms = w->now + 1,
		.seq = seq,
		.payload_type = ptype,
		.payload = payload };
	auto_buf b = { 0 };
	int r;

	snprintf(m.type, sizeof(m.type), "%s", type);
	buf_init(&b, AGENTMSG_HEAD + payload.n);
	agentmsg_encode(&b, &m);
	r = channel_receive(w->ch, w->now, buf_span(&b));
	TRAP_UNLESS(r == 0 || r == ERR_INVALID || r == ERR_LIMIT);
}

static void
receive_data(struct world *w)
{
	static uint8_t payload[4096];
	int64_t seq = w->ch->expected + (int8_t)take(w) / 4;

	put_be32(payload, (uint32_t)seq);
	receive(w, channel_data_type(w->ch, false), seq, 99,
	    span_of(payload, 4 + (size_t)take(w) * 16));
}

static void
receive_ack(struct world *w, bool own)
{
	auto_buf json = { 0 };

	buf_init(&json, 1024);
	buf_addf(&json, "{\"AcknowledgedMessageSequenceNumber\":%d",
	    MAX(0, (int)(w->ch->next_seq - take(w))));
	if (own)
		buf_addf(&json, ",\"SallyportReceived\":%d,\"SallyportLatest\":%llu",
		    MAX(0, (int)(w->ch->next_seq - take(w))),
		    (unsigned long long)(w->now + take(w)));
	buf_add_u8(&json, '}');
	receive(w, MSG_ACKNOWLEDGE, 0, 0, buf_span(&json));
}

static void
transport(struct world *w)
{
	if (w->up) {
		w->up = false;
		channel_down(w->ch);
	} else {
		w->up = true;
		channel_up(w->ch, w->now, 1700000000000);
	}
}

static void
send_some(struct world *w)
{
	static uint8_t zeros[64 * 1024];
	size_t n = (size_t)take(w) * 133;
	int r = channel_send(w->ch, w->now, take(w) & 15, span_of(zeros, n));

	TRAP_UNLESS(r == 0 || r == ERR_AGAIN || r == ERR_CLOSED || r == ERR_INVALID);
	if (r == ERR_INVALID)
		TRAP_UNLESS(n == 0 || n > channel_payload_max(w->ch));
}

static void
tick(struct world *w)
{
	uint64_t next = channel_next_ms(w->ch);

	w->now += (uint64_t)take(w) * 10;
	if (next == CHANNEL_NO_TIMER || next > w->now)
		return;
	channel_tick(w->ch, w->now);
	TRAP_UNLESS(channel_next_ms(w->ch) > w->now);
}

static void
step(struct world *w)
{
	struct span raw;
	int r;

	switch (take(w) % 14) {
	case 0:
		raw = take_span(w, (size_t)take(w) * 4);
		r = channel_receive(w->ch, w->now, raw);
		TRAP_UNLESS(r == 0 || r == ERR_INVALID || r == ERR_LIMIT);
		break;
	case 1:
		raw = take_span(w, take(w));
		receive(w, MSG_ACKNOWLEDGE, 0, 0, raw);
		break;
	case 2:
		raw = take_span(w, take(w));
		if (take(w) == 0)
			receive(w, MSG_CHANNEL_CLOSED, 0, 0, raw);
		break;
	case 3:
		receive(w, take(w) & 1 ? MSG_PAUSE : MSG_START, 0, 0, SPAN("{}"));
		break;
	case 4:
		transport(w);
		break;
	case 5:
		if (take(w) == 1)
			channel_set_own_peer(
			    w->ch, (size_t)take(w) * 512, (size_t)take(w) * 1024);
		break;
	case 6:
		w->answers = take(w);
		TRAP_UNLESS(channel_pump(w->ch, w->now) == 0);
		break;
	case 7:
		receive_ack(w, false);
		break;
	case 8:
		receive_ack(w, true);
		break;
	case 9:
	case 10:
		tick(w);
		break;
	case 11:
		send_some(w);
		break;
	default:
		receive_data(w);
		break;
	}
}

static void
check(const struct world *w)
{
	const struct channel *ch = w->ch;
	size_t queued = 0, ready = 0;

	LIST_EACH(g, &ch->got, struct channel_got, link)
	{
		queued += g->n + CHANNEL_MESSAGE_COST;
		if (g->seq <= ch->received)
			ready += g->n + CHANNEL_MESSAGE_COST;
	}
	TRAP_UNLESS(queued == ch->recv_queued && ready == ch->recv_ready);
	TRAP_UNLESS(ch->recv_queued <= RECV_MAX);
	TRAP_UNLESS(ch->received >= ch->expected - 1);
	TRAP_UNLESS(ch->queued <= 2 * WINDOW); /* the window and one message */
	TRAP_UNLESS(ch->in_flight <= ch->queued && ch->nin_flight <= ch->nqueued);
	TRAP_UNLESS(channel_drained(ch) == (ch->queued == 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct channel_config cfg = { .window = WINDOW, .recv_max = RECV_MAX };
	struct world w = { .in = data, .left = size, .now = 1 };

	crypto_init();
	if (size == 0)
		return 0;
	cfg.role = data[0] & 1 ? CHANNEL_AGENT : CHANNEL_CLIENT;
	cfg.ack_hold_ms = data[0] & 2 ? CHANNEL_ACK_HOLD_MS : 0;
	take(&w);
	w.ch = channel_new(&cfg, &ops, &w);
	for (int i = 0; w.left > 0 && i < ROUNDS_MAX; i++) {
		step(&w);
		check(&w);
	}
	channel_free(w.ch);
	return 0;
}
