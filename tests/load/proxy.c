/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A TCP proxy on loopback that fails as networks do; TLS passes through it as it is.
 *
 *	load_proxy PORT SEED [COMMAND]...
 *
 * Prints "port N" and passes connections to N on to PORT.  Commands come as arguments and as
 * lines of standard input; each line is answered with "ok", or "count CONNECTIONS BYTES".
 * The end of standard input ends the program.
 *
 *	delay MS       each way                        rate BYTES      a second, each way; 0: any
 *	buffer BYTES   each way, then it reads no more split N         writes of 1..N bytes
 *	cut-after N    cuts each new connection after 1..2N bytes; 0: never
 *	stall 0|1      nothing moves and nothing is told, in old and new connections
 *	refuse 0|1     new connections are closed at once
 *	cut            all connections, at both ends at once; what is on its way is lost
 *	swallow        what comes on the present connections is read and goes nowhere
 *	late MS        ends the present connections for those who dialled; what they had sent
 *	               arrives MS later, behind what they send on new connections
 *	count          how many connections, how many bytes so far
 */
#include <signal.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/text.h"
#include "ev/ev.h"

enum {
	CHUNK = 64 * 1024,
	BUFFER = 256 * 1024,
	WRITES = 256, /* of a direction in one turn */
	SLICES = 50,  /* of a second, when the rate is limited */
	CONNECT_MS = 5000,
};

struct chunk {
	struct list link;
	uint64_t due_ms;
	size_t n, off;
	uint8_t data[];
};

/* One direction: from end[from] to the other. */
struct pipe {
	struct link *k;
	int from;
	struct list chunks;
	size_t queued;
	uint64_t free_us; /* rate: not before */
	struct ev_timer timer;
	bool eof, shut; /* the source is at its end; and the target knows */
	bool full;      /* the target takes no more now */
};

/* One connection.  Owner: proxy.links.  end[0] dialled us, end[1] is the server's. */
struct link {
	struct list all;
	struct proxy *p;
	struct ev_stream *end[2];
	struct ev_connect *dial;
	struct pipe pipe[2];
	uint64_t passed, cut_at; /* cut_at 0: never */
	bool silent;
};

struct proxy {
	struct ev_loop *loop;
	uint16_t target;
	struct list links;
	uint64_t seed, delay_ms, rate, buffer, split, cut_after, bytes;
	uint64_t stall, refuse; /* 0 or 1 */
	struct ev_stream *in;
	struct buf line;
};

static void pipe_go(struct pipe *q);

static uint64_t
draw(struct proxy *p, uint64_t n)
{
	p->seed = p->seed * 6364136223846793005u + 1442695040888963407u;
	return (p->seed >> 33) % n;
}

/* --- connections ------------------------------------------------------------------- */

static void
want(struct link *k)
{
	for (int i = 0; i < 2; i++) {
		const struct pipe *in = &k->pipe[i], *out = &k->pipe[!i];
		bool room = k->silent || in->queued < k->p->buffer;

		if (k->end[i] != NULL)
			ev_stream_want(k->end[i],
			    k->p->stall == 0 && room && !in->eof && k->dial == NULL,
			    k->p->stall == 0 && out->full);
	}
}

static void
pipe_drop(struct pipe *q)
{
	LIST_EACH(c, &q->chunks, struct chunk, link)
	{
		list_del(&c->link);
		free(c);
	}
	q->queued = 0;
}

static void
link_end(struct link *k, int i)
{
	if (k->end[i] != NULL)
		ev_close(STEAL(k->end[i]));
}

static void
link_cut(struct link *k)
{
	if (k->dial != NULL)
		ev_connect_cancel(k->dial);
	for (int i = 0; i < 2; i++) {
		link_end(k, i);
		pipe_drop(&k->pipe[i]);
		ev_timer_clear(&k->pipe[i].timer);
	}
	list_del(&k->all);
	free(k);
}

/* --- bytes ------------------------------------------------------------------------- */

static void
on_timer(void *arg)
{
	pipe_go(arg);
}

static void
again(struct pipe *q, uint64_t after_ms)
{
	ev_timer_set(q->k->p->loop, &q->timer, after_ms, on_timer, q);
}

/* How many bytes of c may leave now; 0: the timer is set. */
static size_t
allowed(struct pipe *q, const struct chunk *c)
{
	struct proxy *p = q->k->p;
	uint64_t now = ev_now_ms(p->loop), now_us = ev_now_us(p->loop);
	uint64_t delay = c->due_ms > now ? c->due_ms - now : 0;
	size_t n = c->n - c->off;

	if (q->free_us > now_us)
		delay = MAX(delay, (q->free_us - now_us) / 1000 + 1);
	if (delay > 0) {
		again(q, delay);
		return 0;
	}
	if (p->rate > 0)
		n = MIN(n, MAX((size_t)p->rate / SLICES, (size_t)1));
	if (p->split > 0) {
		size_t piece = 1 + (size_t)draw(p, p->split);

		n = MIN(n, piece);
	}
	return n;
}

static void
took(struct pipe *q, struct chunk *c, size_t n)
{
	struct proxy *p = q->k->p;

	c->off += n;
	q->queued -= n;
	if (p->rate > 0)
		q->free_us = MAX(q->free_us, ev_now_us(p->loop)) + n * 1000000 / p->rate;
	if (c->off == c->n) {
		list_del(&c->link);
		free(c);
	}
}

/* Writes what is due.  0; ERR_AGAIN: more later; else the connection is broken. */
static int
pipe_write(struct pipe *q, struct ev_stream *to)
{
	for (int i = 0; !list_empty(&q->chunks); i++) {
		struct chunk *c = LIST_FIRST(&q->chunks, struct chunk, link);
		size_t put = 0, n = i < WRITES ? allowed(q, c) : 0;
		int r;

		if (i == WRITES)
			again(q, 0);
		if (n == 0)
			return ERR_AGAIN;
		r = ev_write(to, c->data + c->off, n, &put);
		q->full = r == ERR_AGAIN;
		if (r != 0)
			return r;
		took(q, c, put);
	}
	return 0;
}

static void
pipe_shut(struct pipe *q)
{
	struct link *k = q->k;

	q->shut = true;
	ev_shutdown_write(k->end[!q->from]);
	if (k->pipe[!q->from].shut)
		link_cut(k);
	else
		want(k);
}

/* May free the connection. */
static void
pipe_go(struct pipe *q)
{
	struct link *k = q->k;
	struct ev_stream *to = k->end[!q->from];
	int r = 0;

	if (to == NULL || k->dial != NULL || k->p->stall != 0)
		return;
	if (!q->full && (r = pipe_write(q, to)) != 0 && r != ERR_AGAIN)
		link_cut(k);
	else if (r == 0 && list_empty(&q->chunks) && q->eof && !q->shut)
		pipe_shut(q);
	else
		want(k);
}

static void
pipe_add(struct pipe *q, const uint8_t *data, size_t n)
{
	struct chunk *c = xmalloc(sizeof(*c) + n);
	struct proxy *p = q->k->p;

	*c = (struct chunk){ .n = n, .due_ms = ev_now_ms(p->loop) + p->delay_ms };
	memcpy(c->data, data, n);
	list_init(&c->link);
	list_add_tail(&q->chunks, &c->link);
	q->queued += n;
	p->bytes += n;
}

/* May free the connection. */
static void
on_readable(void *arg)
{
	struct pipe *q = arg;
	struct link *k = q->k;
	uint8_t data[CHUNK];
	size_t got;
	int r = 0;

	while (k->silent || q->queued < k->p->buffer) {
		if ((r = ev_read(k->end[q->from], data, sizeof(data), &got)) != 0)
			break;
		if (k->silent)
			continue;
		pipe_add(q, data, got);
		k->passed += got;
		if (k->cut_at > 0 && k->passed >= k->cut_at) {
			link_cut(k);
			return;
		}
	}
	q->eof = r == ERR_CLOSED;
	if (r != 0 && r != ERR_AGAIN && (!q->eof || k->silent))
		link_cut(k);
	else
		pipe_go(q);
}

static void
on_writable(void *arg)
{
	const struct pipe *q = arg;
	struct pipe *other = &q->k->pipe[!q->from];

	other->full = false;
	pipe_go(other);
}

/* --- new connections ---------------------------------------------------------------- */

static const struct ev_stream_ops end_ops = {
	.readable = on_readable,
	.writable = on_writable,
};

static void
on_connected(void *arg, struct ev_stream *s, int err, const char *why)
{
	struct link *k = arg;

	(void)why;
	k->dial = NULL;
	if (err != 0) {
		link_cut(k);
		return;
	}
	k->end[1] = s;
	ev_stream_set(s, &end_ops, &k->pipe[1]);
	want(k);
}

static void
on_accept(void *arg, struct ev_stream *s)
{
	struct proxy *p = arg;
	struct link *k;

	if (p->refuse != 0) {
		ev_close(s);
		return;
	}
	k = xcalloc(1, sizeof(*k));
	k->p = p;
	k->end[0] = s;
	k->cut_at = p->cut_after > 0 ? 1 + draw(p, 2 * p->cut_after) : 0;
	for (int i = 0; i < 2; i++) {
		k->pipe[i].k = k;
		k->pipe[i].from = i;
		list_init(&k->pipe[i].chunks);
	}
	list_init(&k->all);
	list_add_tail(&p->links, &k->all);
	ev_stream_set(s, &end_ops, &k->pipe[0]);
	k->dial =
	    ev_connect(p->loop, "127.0.0.1", p->target, CONNECT_MS, on_connected, k);
}

/* --- commands ------------------------------------------------------------------------- */

static void
cut(struct link *k, uint64_t n)
{
	(void)n;
	link_cut(k);
}

static void
swallow(struct link *k, uint64_t n)
{
	(void)n;
	k->silent = true;
	pipe_drop(&k->pipe[0]);
	pipe_drop(&k->pipe[1]);
	want(k);
}

static void
late(struct link *k, uint64_t ms)
{
	struct pipe *up = &k->pipe[0], *down = &k->pipe[1];

	if (k->dial != NULL || k->end[0] == NULL) {
		link_cut(k);
		return;
	}
	link_end(k, 0);
	pipe_drop(down);
	ev_timer_clear(&down->timer);
	up->eof = down->eof = down->shut = true;
	LIST_EACH(c, &up->chunks, struct chunk, link)
	c->due_ms += ms;
	again(up, ms);
}

/* A setting changed: everybody looks again. */
static void
refresh(struct link *k, uint64_t n)
{
	(void)n;
	want(k);
	again(&k->pipe[0], 0);
	again(&k->pipe[1], 0);
}

static bool
command(struct proxy *p, struct span line)
{
	const struct {
		const char *name;
		uint64_t *value; /* may be NULL */
		void (*each)(struct link *k, uint64_t n);
	} t[] = {
		{ "delay", &p->delay_ms, refresh },
		{ "rate", &p->rate, refresh },
		{ "buffer", &p->buffer, refresh },
		{ "split", &p->split, refresh },
		{ "cut-after", &p->cut_after, refresh },
		{ "stall", &p->stall, refresh },
		{ "refuse", &p->refuse, refresh },
		{ "cut", NULL, cut },
		{ "swallow", NULL, swallow },
		{ "late", NULL, late },
	};
	const uint8_t *blank = memchr(line.p, ' ', line.n);
	struct span name =
	    blank != NULL ? span_of(line.p, (size_t)(blank - line.p)) : line;
	int64_t v = 0;

	if (blank != NULL &&
	    num_parse(span_sub(line, name.n + 1, line.n), 0, INT32_MAX, &v) != 0)
		return false;
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		if (!span_eq_str(name, t[i].name))
			continue;
		if (t[i].value != NULL)
			*t[i].value = (uint64_t)v;
		LIST_EACH(k, &p->links, struct link, all)
		t[i].each(k, (uint64_t)v);
		return true;
	}
	return false;
}

static void
answer(struct proxy *p, struct span line)
{
	size_t n = 0;

	if (span_eq_str(line, "count")) {
		LIST_EACH(k, &p->links, struct link, all)
		n++;
		printf("count %zu %llu\n", n, (unsigned long long)p->bytes);
	} else {
		printf("%s\n", command(p, line) ? "ok" : "not understood");
	}
	fflush(stdout);
}

static void
on_input(void *arg)
{
	struct proxy *p = arg;
	uint8_t data[4096], *end;
	size_t got;
	int r;

	while ((r = ev_read(p->in, data, sizeof(data), &got)) == 0)
		buf_add(&p->line, span_of(data, got));
	while (p->line.len > 0 && (end = memchr(p->line.p, '\n', p->line.len)) != NULL) {
		size_t n = (size_t)(end - p->line.p);

		answer(p, span_of(p->line.p, n));
		buf_consume(&p->line, n + 1);
	}
	if (r != ERR_AGAIN || buf_check(&p->line) != 0)
		ev_stop(p->loop);
}

static int
serve(struct proxy *p)
{
	static const struct ev_stream_ops in_ops = { .readable = on_input };
	struct ev_listener *listener;
	struct fault f = { 0 };

	if (ev_listen(&listener, p->loop, "127.0.0.1", 0, on_accept, p, &f) != 0) {
		fprintf(stderr, "load_proxy: %s\n", fault_text(&f));
		return 1;
	}
	p->in = ev_stream_adopt(p->loop, STDIN_FILENO);
	ev_stream_set(p->in, &in_ops, p);
	ev_stream_want(p->in, true, false);
	printf("port %u\n", ev_listener_port(listener));
	fflush(stdout);
	ev_run(p->loop);
	(void)command(p, span_str("cut"));
	ev_listener_close(listener);
	ev_close(p->in);
	return 0;
}

int
main(int argc, char **argv)
{
	struct proxy p = { .buffer = BUFFER };
	int64_t port = 0, seed = 0;
	bool right = argc >= 3 && num_parse(span_str(argv[1]), 1, 65535, &port) == 0 &&
	    num_parse(span_str(argv[2]), 0, INT64_MAX, &seed) == 0;
	int r;

	p.target = (uint16_t)port;
	p.seed = (uint64_t)seed;
	list_init(&p.links);
	for (int i = 3; right && i < argc; i++)
		right = command(&p, span_str(argv[i]));
	if (!right) {
		fprintf(stderr, "usage: load_proxy PORT SEED [COMMAND]...\n");
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	log_setup(LOG_ERROR, LOG_FORMAT_TEXT, "proxy");
	buf_init(&p.line, 4096);
	p.loop = ev_loop_new();
	r = serve(&p);
	buf_fini(&p.line);
	ev_loop_free(p.loop);
	return r;
}
