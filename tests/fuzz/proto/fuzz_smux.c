/* SPDX-License-Identifier: Apache-2.0 */
/*
 * smux against a peer that says anything and an application that does anything.
 *
 * The first byte: 1 own mode, 2 client, 4 keep-alive, 8 an application that takes little.
 * Then steps: a byte under 0xa0 pushes so many bytes (low 6 bits and one) of what follows;
 * the others write, open, pull, resume, abort... with the next byte as argument.
 *
 * Properties: memory stays in its bounds after every step; callbacks come in order and for
 * streams that exist; and what is pulled is read back by a naive reader, which finds whole
 * frames, allowed commands, and for each stream every byte that was written, in order.
 */
#include "base/buf.h"
#include "fuzz/fuzz.h"
#include "proto/smux.h"

enum {
	STREAMS = 8,
	RECV_STOCK = 2000,
	PUSH_MAX = 64,
	CHUNK = 32 * 1024,
	IDS = 256,     /* ids that the model follows; larger ones share */
	OUT = 8 << 20, /* what is kept of the output */
};

struct model {
	struct smux *m;
	bool own, client;
	int take;
	struct {
		uint64_t written, read; /* accepted from us; seen by the naive reader */
		bool exists, attached, half;
		bool cut;   /* ended with something unsent, maybe */
		bool known; /* and used */
		bool again; /* the contents do not follow each other */
	} s[IDS];
	struct buf out;
};

static uint8_t
pattern(uint32_t id, uint64_t i)
{
	return (uint8_t)(id * 5 + i * 3 + (i >> 8));
}

static int
on_open(void *arg, uint32_t id)
{
	struct model *f = arg;

	if (id >= IDS)
		return ERR_LIMIT; /* the model does not follow it */
	PROPERTY("opened by the peer, once", !f->s[id].exists && (id & 1) == !f->client);
	f->s[id].again |= f->s[id].known;
	f->s[id].known = true;
	f->s[id].half = f->s[id].attached = false;
	f->s[id].exists = id != 5 && id != 7;
	f->s[id].cut |= !f->s[id].exists;
	if (id == 7)
		smux_abort(f->m, id, ERR_IO);
	return id == 5 ? ERR_DENIED : 0;
}

static int
on_data(void *arg, uint32_t id, struct span data)
{
	struct model *f = arg;

	PROPERTY("data for a stream", id < IDS && f->s[id].exists && !f->s[id].half);
	PROPERTY("some", data.n > 0);
	if (data.p[0] == 0xee) {
		f->s[id].exists = false;
		f->s[id].cut = true;
		return ERR_IO;
	}
	return f->take < 0 ? (int)data.n : MIN((int)data.n, f->take);
}

static void
on_half_close(void *arg, uint32_t id)
{
	struct model *f = arg;

	PROPERTY(
	    "half-close once, own mode", f->own && f->s[id].exists && !f->s[id].half);
	f->s[id].half = true;
	if (id & 4)
		smux_shutdown_write(f->m, id);
}

static void
on_close(void *arg, uint32_t id, int why)
{
	struct model *f = arg;

	PROPERTY("close of a stream", id < IDS && f->s[id].exists && why <= 0);
	f->s[id].exists = false;
	f->s[id].cut = true;
}

static void
on_writable(void *arg, uint32_t id)
{
	struct model *f = arg;

	PROPERTY("writable stream", f->s[id].exists);
	smux_resume(f->m, id);
}

static void
on_attached(void *arg, uint32_t id)
{
	struct model *f = arg;

	PROPERTY(
	    "attached once, own mode", f->own && f->s[id].exists && !f->s[id].attached);
	f->s[id].attached = true;
}

static const struct smux_ops ops = {
	.on_open = on_open,
	.on_data = on_data,
	.on_half_close = on_half_close,
	.on_close = on_close,
	.on_attached = on_attached,
	.on_writable = on_writable,
};

static void
check_bounds(const struct model *f)
{
	struct smux_stats st;

	smux_stats(f->m, &st);
	PROPERTY("streams", st.streams <= STREAMS);
	PROPERTY("windows", st.windows <= STREAMS * SMUX_WINDOW);
	PROPERTY(
	    "buffered", st.buffered <= (f->own ? st.windows : RECV_STOCK + PUSH_MAX));
	PROPERTY("queued", st.queued <= (size_t)STREAMS * SMUX_SHARE);
	PROPERTY("memory",
	    st.mem <= 2 * (st.buffered + st.queued) + (size_t)st.streams * 4 * CHUNK);
}

static void
write_some(struct model *f, uint32_t id, size_t n)
{
	uint8_t data[4096];
	int r;

	for (size_t i = 0; i < n; i++)
		data[i] = pattern(id, f->s[id].written + i);
	if (n % 3 == 0) {
		size_t cap;
		uint8_t *p = smux_reserve(f->m, id, &cap);

		if (p == NULL)
			return;
		n = MIN(n, cap);
		memcpy(p, data, n);
		smux_commit(f->m, id, n);
		f->s[id].written += n;
	} else if ((r = smux_write(f->m, id, span_of(data, n))) > 0) {
		PROPERTY("took no more than there was", (size_t)r <= n);
		f->s[id].written += (size_t)r;
	}
}

static void
pull_some(struct model *f, size_t cap)
{
	bool pending = smux_pending(f->m);
	size_t n;
	uint8_t *p = buf_grow(&f->out, cap);

	if (p == NULL)
		return;
	n = smux_pull(f->m, p, cap);
	PROPERTY("pending means there is something", pending == (n > 0) && n <= cap);
	f->out.len -= cap - n;
}

static void
step(struct model *f, uint8_t op, uint8_t arg, uint64_t *now)
{
	uint32_t id = arg & 15;

	switch (op & 15) {
	case 0:
	case 1:
		if (smux_open(f->m, &id) != 0)
			break;
		if (id < IDS)
			f->s[id].exists = f->s[id].known = true;
		else
			smux_abort(f->m, id, ERR_LIMIT);
		break;
	case 2:
	case 3:
	case 4:
		write_some(f, id, (size_t)arg * 16);
		break;
	case 5:
	case 6:
		pull_some(f, arg == 255 ? 40000 : 1 + arg);
		break;
	case 7:
		smux_shutdown_write(f->m, id);
		break;
	case 8:
		f->s[id].cut = true;
		f->s[id].exists = false;
		if (arg & 16)
			smux_reset(f->m, id, ERR_CLOSED);
		else
			smux_abort(f->m, id, -arg);
		break;
	case 9:
	case 10:
		smux_resume(f->m, id);
		break;
	case 11:
		smux_consumed(f->m, id, smux_peek(f->m, id).n / 2);
		break;
	case 12:
		f->take = arg == 255 ? -1 : arg;
		break;
	default:
		*now += (uint64_t)arg * 100;
		(void)!smux_tick(f->m, *now);
	}
}

/* The naive reader. */
static void
read_back(struct model *f)
{
	struct span in = buf_span(&f->out);

	while (in.n > 0) {
		PROPERTY("a whole head", in.n >= 8);

		size_t len = in.p[2] + 256u * in.p[3];
		uint32_t id =
		    in.p[4] + 256u * in.p[5] + 65536u * in.p[6] + 16777216u * in.p[7];

		PROPERTY("a whole frame", in.n >= 8 + len);
		PROPERTY("version", in.p[0] == (f->own ? 2 : 1));
		PROPERTY("command", in.p[1] <= (f->own ? 5 : 3));
		PROPERTY("length",
		    in.p[1] == 2       ? len > 0 && len <= 32768
			: in.p[1] == 4 ? len == 8
			: in.p[1] == 5 ? len == 4
				       : len == 0);
		PROPERTY("data for a stream we know", in.p[1] != 2 || id < IDS);
		for (size_t i = 0; in.p[1] == 2 && i < len; i++)
			PROPERTY("every byte in order",
			    in.p[8 + i] == pattern(id, f->s[id].read++) ||
				f->s[id].again);
		in = span_sub(in, 8 + len, in.n - 8 - len);
	}
}

/* With nothing broken and nothing ended by the peer, all that was written is out. */
static void
check_output(struct model *f)
{
	bool alive =
	    smux_push(f->m, SPAN_NONE) != ERR_PROTOCOL && smux_tick(f->m, 0) == 0;

	f->take = -1;
	for (uint32_t id = 0; id < IDS; id++)
		smux_resume(f->m, id);
	while (smux_pending(f->m) && buf_check(&f->out) == 0)
		pull_some(f, 65536);
	if (buf_check(&f->out) != 0 || !alive)
		return;
	read_back(f);
	for (uint32_t id = 0; id < IDS; id++) {
		PROPERTY("no more than was written", f->s[id].read <= f->s[id].written);
		PROPERTY("all that was written, where the peer does not hold it back",
		    f->own || f->s[id].cut || f->s[id].read == f->s[id].written);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct model *f = xcalloc(1, sizeof(*f));
	struct smux_config cfg = { .max_streams = STREAMS, .queue = SMUX_SHARE };
	uint8_t flags = size > 0 ? data[0] : 0;
	uint64_t now = 0;

	cfg.own = f->own = flags & 1;
	cfg.is_client = f->client = flags & 2;
	cfg.keepalive_ms = flags & 4 ? 10000 : 0;
	cfg.recv_max = f->own ? (size_t)STREAMS * SMUX_WINDOW : RECV_STOCK;
	f->take = flags & 8 ? 3 : -1;
	buf_init(&f->out, OUT);
	f->m = smux_new(&cfg, &ops, f);
	for (size_t i = 1; i < size;) {
		uint8_t op = data[i++];
		size_t n = MIN(size - i, (size_t)(op & 63) + 1);

		if (op < 0xa0) {
			if (smux_push(f->m, span_of(data + i, n)) == ERR_AGAIN)
				PROPERTY("blocked", smux_recv_blocked(f->m));
			i += n;
		} else if (i < size) {
			step(f, op, data[i++], &now);
		}
		check_bounds(f);
	}
	check_output(f);
	smux_end(f->m, ERR_CANCELLED);
	for (uint32_t id = 0; id < IDS; id++)
		PROPERTY("all streams were closed", !f->s[id].exists);
	smux_free(f->m);
	buf_fini(&f->out);
	free(f);
	return 0;
}
