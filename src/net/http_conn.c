/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A server's connection: from bytes to one request at a time.
 *
 * While a request is handled the connection goes on reading into a bounded buffer, so
 * that a peer that leaves is noticed; beyond PIPELINE_MAX it is paused.  Answers that the
 * peer does not read hold back its next request.
 */
#include "net/http_priv.h"

enum {
	PIPELINE_MAX = 64 * 1024,
	INPUT_MAX = 4 * PIPELINE_MAX, /* a pause comes after at most one more read */
	FINISH_MS = 10 * 1000,
};

static void on_timer(void *arg);

/* --- life ------------------------------------------------------------------ */

void
http_rq_free(struct http_rq *rq)
{
	if (rq == NULL)
		return;
	arena_fini(&rq->pub.mem);
	buf_fini(&rq->body);
	http1_free(rq->h1);
	free(rq);
}

static void
conn_free(struct http_conn *c)
{
	ev_timer_clear(&c->timer);
	http_source_close(c);
	http_rq_free(c->rq);
	http1_free(c->h1);
	buf_fini(&c->in);
	free(c);
}

static void
enter(struct http_conn *c)
{
	c->depth++;
}

static void
leave(struct http_conn *c)
{
	if (--c->depth == 0 && c->state == CONN_GONE)
		conn_free(c);
}

void
http_conn_gone(struct http_conn *c)
{
	c->state = CONN_GONE;
	c->st = NULL;
	list_del(&c->link);
	ev_timer_clear(&c->timer);
	if (c->depth == 0)
		conn_free(c);
}

/* The peer left while the handler had its request. */
static void
abort_rq(struct http_conn *c)
{
	struct http_rq *rq = c->rq;

	if (c->state != CONN_BUSY || rq == NULL)
		return;
	c->rq = NULL;
	rq->conn = NULL;
	rq->h1 = c->h1;
	c->h1 = NULL;
	if (rq->pub.on_abort == NULL)
		return; /* lives until it is answered */
	rq->aborting = true;
	rq->pub.on_abort(&rq->pub);
	http_rq_free(rq);
}

void
http_conn_drop(struct http_conn *c)
{
	enter(c);
	abort_rq(c);
	stream_close(c->st);
	http_conn_gone(c);
	leave(c);
}

void
http_conn_timer(struct http_conn *c, uint64_t ms)
{
	ev_timer_set(c->srv->loop, &c->timer, ms, on_timer, c);
}

static void
sync_pause(struct http_conn *c)
{
	if (c->state != CONN_GONE)
		stream_pause(c->st,
		    c->in.len > PIPELINE_MAX || stream_queued(c->st) > STREAM_HIGH);
}

/* --- requests -------------------------------------------------------------- */

/* An answer of our own to a request that goes no further. */
static void
refuse(struct http_conn *c, int status)
{
	char text[32];

	(void)snprintf(text, sizeof(text), "%d\n", status);
	http_write_answer(c,
	    &(struct http_answer){
		.status = status,
		.content_type = "text/plain",
		.body = span_str(text),
		.minor = 1,
	    });
	stream_finish(c->st, FINISH_MS);
	http_conn_gone(c);
}

static void
begin(struct http_conn *c)
{
	struct http_rq *rq = xcalloc(1, sizeof(*rq));

	if (c->h1 == NULL)
		c->h1 = http1_new(true, c->srv->lim.head_max);
	rq->conn = c;
	buf_init(&rq->body, c->srv->lim.body_max);
	arena_init(&rq->pub.mem);
	c->rq = rq;
	c->state = CONN_HEAD;
	http_conn_timer(c, c->srv->lim.head_ms);
}

static size_t
count_header(const struct http1_head *h, const char *name)
{
	size_t n = 0;

	for (size_t i = 0; i < h->nheaders; i++)
		n += span_eq_ci(h->headers[i].name, name);
	return n;
}

/* The status that refuses a head, or 0. */
static int
check_head(const struct http_conn *c, const struct http1_head *h)
{
	size_t hosts = count_header(h, "host");

	if (hosts > 1 || (hosts == 0 && h->minor >= 1))
		return 400;
	if (http1_get(h, "transfer-encoding").p != NULL && (!h->chunked || h->minor == 0))
		return h->minor == 0 ? 400 : 501;
	if (strcmp(h->method, "CONNECT") == 0)
		return 501;
	if (h->content_length > 0 && (uint64_t)h->content_length > c->srv->lim.body_max)
		return 413;
	if (http1_get(h, "expect").p != NULL && !h->expect_continue)
		return 417;
	return 0;
}

static void
head_complete(struct http_conn *c, bool more_input)
{
	const struct http1_head *h = http1_head(c->h1);
	int status = check_head(c, h);

	if (status != 0) {
		refuse(c, status);
		return;
	}
	c->state = CONN_BODY;
	c->progress_ms = ev_now_ms(c->srv->loop);
	http_conn_timer(c, c->srv->lim.body_ms);
	if (h->expect_continue && h->minor >= 1 && !more_input)
		(void)!stream_write(c->st, SPAN("HTTP/1.1 100 Continue\r\n\r\n"));
}

static void
dispatch(struct http_conn *c, bool upgrade)
{
	struct http_rq *rq = c->rq;
	struct http_req *r = &rq->pub;

	ev_timer_clear(&c->timer);
	c->state = CONN_BUSY;
	rq->upgrade = upgrade;
	r->head = http1_head(c->h1);
	uri_split_target(r->head->target, &r->path, &r->query);
	r->body = buf_span(&rq->body);
	(void)snprintf(rq->ip, sizeof(rq->ip), "%s", stream_peer_ip(c->st));
	r->peer_ip = rq->ip;
	r->tls = stream_is_tls(c->st);
	r->tls_version = stream_tls_version(c->st);
	r->tls_cipher = stream_tls_cipher(c->st);
	c->srv->handler(c->srv->arg, r);
}

static void
event(struct http_conn *c, int ev, struct span body, bool more_input)
{
	switch (ev) {
	case HTTP1_HEAD:
		head_complete(c, more_input);
		break;
	case HTTP1_BODY:
		c->progress_ms = ev_now_ms(c->srv->loop);
		buf_add(&c->rq->body, body);
		if (buf_check(&c->rq->body) != 0)
			refuse(c, 413);
		break;
	case HTTP1_DONE:
		dispatch(c, false);
		break;
	case HTTP1_UPGRADE:
		if (c->state == CONN_HEAD)
			head_complete(c, true);
		if (c->state == CONN_BODY)
			dispatch(c, true);
		break;
	case HTTP1_MORE:
		break;
	case ERR_LIMIT:
		refuse(c, c->state == CONN_HEAD ? 431 : 400);
		break;
	case ERR_UNSUPPORTED:
		refuse(c, 501);
		break;
	default:
		refuse(c, 400);
	}
}

static void
feed(struct http_conn *c, struct span in)
{
	while (c->state < CONN_BUSY) {
		struct span body = SPAN_NONE;
		size_t used = 0;
		int ev;

		if (c->state == CONN_IDLE) {
			if (in.n == 0 || c->in.len > 0 ||
			    stream_queued(c->st) > STREAM_HIGH)
				break;
			begin(c);
		}
		ev = http1_feed(c->h1, in, &used, &body);
		assert(used <= in.n);
		in = span_sub(in, used, in.n);
		if (ev == HTTP1_DONE || ev == HTTP1_UPGRADE) {
			/* The rest waits, also for a handler that upgrades right now. */
			buf_add(&c->in, in);
			in = SPAN_NONE;
		}
		event(c, ev, body, in.n > 0);
		if (ev == HTTP1_MORE)
			break;
	}
	if (c->state != CONN_GONE && in.n > 0)
		buf_add(&c->in, in);
}

/* What waited behind the last request. */
static void
feed_held(struct http_conn *c)
{
	auto_buf in = c->in;

	buf_init(&c->in, INPUT_MAX);
	feed(c, buf_span(&in));
}

void
http_conn_next(struct http_conn *c, bool keep)
{
	http_rq_free(c->rq);
	c->rq = NULL;
	if (!keep) {
		stream_finish(c->st, FINISH_MS);
		http_conn_gone(c);
		return;
	}
	http1_shrink(c->h1);
	c->state = CONN_IDLE;
	http_conn_timer(c, c->in.len > 0 ? 0 : c->srv->lim.idle_ms);
	sync_pause(c);
}

/* --- events ---------------------------------------------------------------- */

static void
on_open(void *arg)
{
	struct http_conn *c = arg;

	if (c->state != CONN_OPENING)
		return;
	c->state = CONN_IDLE;
	http_conn_timer(c, c->srv->lim.idle_ms);
}

static void
on_data(void *arg, struct span in)
{
	struct http_conn *c = arg;

	enter(c);
	on_open(c);
	if (c->state >= CONN_BUSY || c->in.len > 0) {
		buf_add(&c->in, in);
		if (buf_check(&c->in) != 0)
			http_conn_drop(c);
	} else {
		feed(c, in);
	}
	sync_pause(c);
	leave(c);
}

static void
on_drain(void *arg)
{
	struct http_conn *c = arg;

	enter(c);
	if (c->state == CONN_SENDING)
		http_source_send(c);
	if (c->state == CONN_IDLE && c->in.len > 0)
		feed_held(c);
	sync_pause(c);
	leave(c);
}

static void
on_close(void *arg, int err, const char *why)
{
	(void)err;
	(void)why;
	http_conn_drop(arg);
}

/* The connection stands still: nothing comes, and what we answered is not taken. */
static void
idle_over(struct http_conn *c)
{
	uint64_t idle = stream_idle_ms(c->st), max = c->srv->lim.idle_ms;

	if (stream_queued(c->st) > 0 && idle < max)
		http_conn_timer(c, max - idle);
	else
		http_conn_drop(c);
}

static void
on_timer(void *arg)
{
	struct http_conn *c = arg;
	uint64_t idle;

	enter(c);
	switch (c->state) {
	case CONN_IDLE:
		if (c->in.len > 0 && stream_queued(c->st) <= STREAM_HIGH) {
			feed_held(c);
			sync_pause(c);
		} else {
			idle_over(c);
		}
		break;
	case CONN_SENDING:
		if (stream_queued(c->st) <= STREAM_HIGH)
			http_source_send(c);
		else
			idle_over(c);
		break;
	case CONN_HEAD:
		refuse(c, 408);
		break;
	case CONN_BODY:
		idle = ev_now_ms(c->srv->loop) - c->progress_ms;
		if (idle >= c->srv->lim.body_ms)
			refuse(c, 408);
		else
			http_conn_timer(c, c->srv->lim.body_ms - idle);
		break;
	case CONN_OPENING:
		http_conn_drop(c);
		break;
	default:
		break;
	}
	leave(c);
}

static const struct stream_handler conn_stream_handler = {
	.on_open = on_open,
	.on_data = on_data,
	.on_drain = on_drain,
	.on_close = on_close,
};

void
http_conn_new(struct http_server *s, struct ev_stream *es)
{
	struct http_conn *c = xcalloc(1, sizeof(*c));

	c->srv = s;
	c->state = CONN_OPENING;
	buf_init(&c->in, INPUT_MAX);
	list_init(&c->link);
	list_add_tail(&s->conns, &c->link);
	http_conn_timer(c, s->lim.head_ms);
	c->st = stream_new(es, s->tls, NULL, &conn_stream_handler, c);
	stream_family_join(&s->streams, c->st);
}
