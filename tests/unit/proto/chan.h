/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For tests of the data channel: an end that keeps what it transmits and what it is given,
 * and messages as a peer makes them.
 */
#pragma once

#include "unit/check.h"

#include "crypto/crypto.h"
#include "proto/ack.h"
#include "proto/agentmsg.h"
#include "proto/channel.h"

enum { CHAN_OUT_MAX = 16384, CHAN_GOT_MAX = 64 * 1024 * 1024 };

static const int64_t chan_wall = 1700000000000;

struct chan_end {
	struct channel *ch;
	uint64_t rng;
	/* transmitted */
	struct buf *out;
	size_t nout;
	/* delivered, one after the other */
	struct buf got;
	uint32_t last_type;
	size_t delivered;
	bool not_ready;
	int deliver_code;
	/* told */
	unsigned writable, closed;
	bool paused;
	char closed_text[64];
	/* called inside the callbacks, when set */
	void (*hook_deliver)(struct chan_end *e, uint32_t type);
	void (*hook_transmit)(struct chan_end *e, const struct agentmsg *m);
};

static inline uint64_t
chan_next(uint64_t *s) /* xorshift64* */
{
	*s ^= *s >> 12;
	*s ^= *s << 25;
	*s ^= *s >> 27;
	return *s * 0x2545f4914f6cdd1dULL;
}

static inline void
chan_transmit(void *arg, struct span msg)
{
	struct chan_end *e = arg;
	struct agentmsg m;

	assert_int_equal(agentmsg_decode(&m, msg), 0);
	assert_true(m.no_digest || agentmsg_check_digest(&m) == 0);
	assert_true(e->nout < CHAN_OUT_MAX);
	e->out = xrealloc(e->out, (e->nout + 1) * sizeof(*e->out));
	buf_init(&e->out[e->nout], msg.n);
	buf_add(&e->out[e->nout++], msg);
	if (e->hook_transmit != NULL)
		e->hook_transmit(e, &m);
}

static inline int
chan_deliver(void *arg, uint32_t type, struct span payload)
{
	struct chan_end *e = arg;

	if (e->not_ready)
		return ERR_AGAIN;
	e->last_type = type;
	e->delivered++;
	buf_add(&e->got, payload);
	if (e->hook_deliver != NULL)
		e->hook_deliver(e, type);
	return e->deliver_code;
}

static inline void
chan_writable(void *arg)
{
	((struct chan_end *)arg)->writable++;
}

static inline void
chan_closed(void *arg, const char *output)
{
	struct chan_end *e = arg;

	e->closed++;
	snprintf(e->closed_text, sizeof(e->closed_text), "%s", output);
}

static inline void
chan_pause(void *arg, bool paused)
{
	((struct chan_end *)arg)->paused = paused;
}

static inline void
chan_random(void *arg, void *p, size_t n)
{
	struct chan_end *e = arg;

	for (size_t i = 0; i < n; i++)
		((uint8_t *)p)[i] = (uint8_t)(chan_next(&e->rng) >> 32);
}

static const struct channel_ops chan_ops = {
	.transmit = chan_transmit,
	.deliver = chan_deliver,
	.on_writable = chan_writable,
	.on_closed = chan_closed,
	.on_pause = chan_pause,
	.random = chan_random,
};

static inline void
chan_open(struct chan_end *e, const struct channel_config *cfg)
{
	*e = (struct chan_end){ .rng = 1 };
	buf_init(&e->got, CHAN_GOT_MAX);
	e->ch = channel_new(cfg, &chan_ops, e);
}

/* A new end that is up at time 0. */
static inline void
chan_start(struct chan_end *e, enum channel_role role)
{
	chan_open(e, &(struct channel_config){ .role = role });
	channel_up(e->ch, 0, chan_wall);
}

static inline void
chan_forget(struct chan_end *e)
{
	for (size_t i = 0; i < e->nout; i++)
		buf_fini(&e->out[i]);
	e->nout = 0;
}

static inline void
chan_stop(struct chan_end *e)
{
	channel_free(e->ch);
	chan_forget(e);
	free(e->out);
	buf_fini(&e->got);
}

static inline struct agentmsg
chan_out(const struct chan_end *e, size_t i)
{
	struct agentmsg m;

	assert_true(i < e->nout);
	assert_int_equal(agentmsg_decode(&m, buf_span(&e->out[i])), 0);
	return m;
}

/* One data message of the peer of an end of that role. */
static inline void
chan_data(struct buf *out, enum channel_role role, int64_t seq, uint32_t ptype,
    struct span payload)
{
	struct agentmsg m = {
		.created_ms = 1, .seq = seq, .payload_type = ptype, .payload = payload
	};

	snprintf(m.type, sizeof(m.type), "%s",
	    role == CHANNEL_AGENT ? MSG_INPUT_STREAM : MSG_OUTPUT_STREAM);
	m.id[0] = (uint8_t)seq;
	m.id[15] = 0xee;
	buf_init(out, AGENTMSG_HEAD + payload.n);
	agentmsg_encode(out, &m);
	assert_int_equal(buf_check(out), 0);
}

static inline int
chan_feed(struct chan_end *e, enum channel_role role, uint64_t now, int64_t seq,
    const char *text)
{
	auto_buf b;

	chan_data(&b, role, seq, PAYLOAD_OUTPUT, span_str(text));
	return channel_receive(e->ch, now, buf_span(&b));
}

/* The peer acknowledges our message with that number. */
static inline void
chan_ack(struct chan_end *e, uint64_t now, int64_t seq)
{
	static const uint8_t id[16] = { 1 };
	struct agentmsg m = { .type = MSG_OUTPUT_STREAM, .seq = seq };
	auto_buf b;

	buf_init(&b, ACK_MESSAGE_MAX);
	ack_build(&b, &m, 1, id);
	assert_int_equal(channel_receive(e->ch, now, buf_span(&b)), 0);
}

/* As our own peer does: seq and all before are consumed. */
static inline void
chan_ack_own(
    struct chan_end *e, uint64_t now, int64_t seq, int64_t received, uint64_t latest)
{
	struct agentmsg m = { .type = MSG_ACKNOWLEDGE, .created_ms = 1 };
	char json[256];
	auto_buf b;

	snprintf(json, sizeof(json),
	    "{\"AcknowledgedMessageSequenceNumber\":%lld,\"SallyportReceived\":%lld,"
	    "\"SallyportLatest\":%llu}",
	    (long long)seq, (long long)received, (unsigned long long)latest);
	m.payload = span_str(json);
	buf_init(&b, ACK_MESSAGE_MAX);
	agentmsg_encode(&b, &m);
	assert_int_equal(channel_receive(e->ch, now, buf_span(&b)), 0);
}

/* What an end transmitted since chan_forget(): "d0 d1 a7 " for data and acks. */
static inline const char *
chan_trace(const struct chan_end *e)
{
	static char text[4096];
	size_t n = 0;

	text[0] = '\0';
	for (size_t i = 0; i < e->nout && n < sizeof(text) - 32; i++) {
		struct agentmsg m = chan_out(e, i);
		int64_t seq = m.seq;
		char kind = 'd';

		if (agentmsg_is(&m, MSG_ACKNOWLEDGE)) {
			kind = 'a';
			assert_int_equal(ack_parse(&seq, m.payload), 0);
		}
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%c%lld",
		    i > 0 ? " " : "", kind, (long long)seq);
	}
	return text;
}

static inline int
chan_say(struct chan_end *e, uint64_t now, const char *text)
{
	return channel_send(e->ch, now, PAYLOAD_OUTPUT, span_str(text));
}
