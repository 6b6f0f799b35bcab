/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP/1.1 for server and clients: llhttp does the grammar, this file the events, the
 * limits and the strictness.  llhttp forgives several things that let two hops read one
 * byte stream differently (RFC 9112 section 11.2), so every byte outside of bodies also
 * goes through a small line scanner of our own, before any event is reported.
 *
 * Bytes of the head are copied into one buffer in the order of arrival: target, name,
 * value, name, value...  Only lengths are noted while it grows; finish_head() turns them
 * into spans.  One parser belongs to one connection; no I/O, no clock.
 */
#include "codec/http1.h"

#include <llhttp.h>

#include "base/text.h"

enum { HEADERS_FIRST = 16 };

/* The line scanner: what it has seen of the current message outside of its body. */
struct scan {
	uint8_t prev;
	bool started;           /* past the empty lines that may come before a message */
	bool fresh;             /* at the start of a line */
	bool in_name;           /* before the colon of a header line */
	uint32_t lines, blanks; /* blanks of the first line */
};

struct http1 {
	llhttp_t p;
	size_t head_max;
	size_t overhead; /* bytes since the message began or the last piece of body */
	struct buf store;
	struct http1_head head;
	size_t target_len, nheaders; /* so far; published in head when it is complete */
	size_t headers_cap;
	struct scan scan;
	struct span body;
	int event;
	int err;       /* sticky */
	bool in_name;  /* llhttp is inside a header name */
	bool in_body;  /* the head is complete, the message is not */
	bool no_body;  /* http1_expect_no_body() */
	bool upgraded; /* what follows is not HTTP */
	bool finished; /* http1_eof() was called */
};

static int
fail(struct http1 *h, int err)
{
	if (h->err == 0)
		h->err = err;
	return h->err;
}

/* --- the line scanner ------------------------------------------------------------- */

static bool
is_blank(uint8_t c)
{
	return c == ' ' || c == '\t';
}

/* A byte that is neither CR nor LF. */
static bool
scan_inner(struct scan *s, uint8_t c, bool is_request, bool in_body)
{
	bool fresh = s->fresh || !s->started;

	s->started = true;
	s->fresh = false;
	if (fresh && is_blank(c))
		return false; /* obs-fold, or blanks before the first line */
	if (s->lines == 0) {
		s->blanks += c == ' ';
		return !is_request || (c != '\t' && s->blanks <= 2);
	}
	if (s->in_name && !in_body) {
		s->in_name = c != ':';
		return !is_blank(c) && !(fresh && c == ':');
	}
	return true;
}

static bool
scan_bytes(struct scan *s, const uint8_t *p, size_t n, bool is_request, bool in_body)
{
	for (size_t i = 0; i < n; i++) {
		uint8_t c = p[i];

		if (c == '\0' || (s->prev == '\r') != (c == '\n'))
			return false; /* CR and LF come in pairs only */
		s->prev = c;
		if (c == '\n') {
			s->lines += s->started;
			s->fresh = s->started;
			s->in_name = true;
		} else if (c != '\r' && !scan_inner(s, c, is_request, in_body)) {
			return false;
		}
	}
	return true;
}

/* --- llhttp callbacks ------------------------------------------------------------- */

static int
on_message_begin(llhttp_t *p)
{
	struct http1 *h = p->data;
	struct http1_header *headers = h->head.headers;

	h->head = (struct http1_head){ .content_length = -1, .headers = headers };
	h->target_len = h->nheaders = 0;
	buf_reset(&h->store);
	h->in_name = false;
	return 0;
}

/* Keeps bytes of the head; trailers (after in_body) are read and dropped. */
static int
keep(struct http1 *h, const char *at, size_t n)
{
	buf_add(&h->store, span_of(at, n));
	if (buf_check(&h->store) == 0)
		return 0;
	fail(h, ERR_LIMIT);
	return HPE_USER;
}

static int
on_url(llhttp_t *p, const char *at, size_t n)
{
	struct http1 *h = p->data;

	h->target_len += n;
	return keep(h, at, n);
}

/* Makes room for one more header. */
static int
add_header(struct http1 *h)
{
	if (h->nheaders == HTTP1_HEADERS_MAX) {
		fail(h, ERR_LIMIT);
		return HPE_USER;
	}
	if (h->nheaders == h->headers_cap) {
		h->headers_cap = MAX(h->headers_cap * 2, (size_t)HEADERS_FIRST);
		h->headers_cap = MIN(h->headers_cap, (size_t)HTTP1_HEADERS_MAX);
		h->head.headers =
		    xrealloc(h->head.headers, h->headers_cap * sizeof(*h->head.headers));
	}
	h->head.headers[h->nheaders++] = (struct http1_header){ 0 };
	return 0;
}

static int
on_header_field(llhttp_t *p, const char *at, size_t n)
{
	struct http1 *h = p->data;

	if (h->in_body)
		return 0;
	if (!h->in_name && add_header(h) != 0)
		return HPE_USER;
	h->in_name = true;
	h->head.headers[h->nheaders - 1].name.n += n;
	return keep(h, at, n);
}

static int
on_header_field_complete(llhttp_t *p)
{
	struct http1 *h = p->data;

	h->in_name = false;
	return 0;
}

static int
on_header_value(llhttp_t *p, const char *at, size_t n)
{
	struct http1 *h = p->data;

	if (h->in_body)
		return 0;
	if (h->nheaders == 0) { /* llhttp names a header before its value */
		fail(h, ERR_INVALID);
		return HPE_USER;
	}
	h->head.headers[h->nheaders - 1].value.n += n;
	return keep(h, at, n);
}

/* Turns the noted lengths into spans of the now complete buffer. */
static void
resolve(struct http1 *h)
{
	const uint8_t *at = buf_span(&h->store).n > 0 ? h->store.p : SPAN("").p;

	h->head.target = span_of(at, h->target_len);
	at += h->target_len;
	h->head.nheaders = h->nheaders;
	for (size_t i = 0; i < h->head.nheaders; i++) {
		struct http1_header *x = &h->head.headers[i];

		x->name.p = at;
		at += x->name.n;
		x->value.p = at;
		at += x->value.n;
		x->value = span_trim(x->value);
	}
}

/*
 * How the body is framed.  RFC 9112 6.1 and 6.3, without any of the leniency they leave:
 * one Content-Length in digits, or exactly "Transfer-Encoding: chunked", or neither.
 */
static int
check_framing(struct http1_head *head)
{
	size_t lengths = 0, encodings = 0, hosts = 0;

	for (size_t i = 0; i < head->nheaders; i++) {
		struct http1_header *x = &head->headers[i];

		if (span_eq_ci(x->name, "content-length")) {
			lengths++;
			if (num_parse(x->value, 0, INT64_MAX, &head->content_length) != 0)
				return ERR_INVALID;
		} else if (span_eq_ci(x->name, "transfer-encoding")) {
			encodings++;
			if (!span_eq_ci(x->value, "chunked"))
				return ERR_INVALID;
		} else if (span_eq_ci(x->name, "host")) {
			hosts++;
		}
	}
	if (lengths + encodings > 1 || hosts > 1 || (encodings > 0 && head->minor == 0))
		return ERR_INVALID;
	head->chunked = encodings == 1;
	return 0;
}

/* Whether a comma separated list holds a token. */
static bool
list_has(struct span list, const char *token)
{
	struct span item;

	while (span_cut(&list, ',', &item))
		if (span_eq_ci(span_trim(item), token))
			return true;
	return false;
}

/*
 * Decides who goes on after this head.  Upgrades to anything but WebSocket (h2c, say)
 * are ignored, as RFC 9110 7.8 allows; CONNECT is left to the caller to refuse.
 */
static int
check_upgrade(struct http1 *h)
{
	struct http1_head *head = &h->head;
	bool websocket =
	    h->p.upgrade && list_has(http1_get(head, "upgrade"), "websocket");

	if (h->p.type == HTTP_REQUEST && h->p.method != HTTP_CONNECT && !websocket)
		h->p.upgrade = 0;
	head->upgrade = websocket;
	if (h->p.upgrade && (head->chunked || head->content_length > 0))
		return ERR_INVALID; /* where would the other protocol begin? */
	return 0;
}

static int
finish_head(struct http1 *h)
{
	struct http1_head *head = &h->head;
	int r;

	resolve(h);
	if (h->p.http_major != 1 || h->p.http_minor > 1)
		return ERR_INVALID;
	head->minor = h->p.http_minor;
	if ((r = check_framing(head)) != 0)
		return r;
	if (h->p.type == HTTP_REQUEST) {
		if ((r = str_copy(head->method, sizeof(head->method),
			 llhttp_method_name(h->p.method))) != 0)
			return r;
	} else {
		head->status = h->p.status_code;
		if (head->status < 100)
			return ERR_INVALID;
		/* RFC 9112 6.3: these have no body, whatever their fields say. */
		if (h->no_body || head->status < 200 || head->status == 204 ||
		    head->status == 304)
			h->p.flags |= F_SKIPBODY;
	}
	if ((r = check_upgrade(h)) != 0)
		return r;
	head->keep_alive = llhttp_should_keep_alive(&h->p) != 0;
	head->expect_continue =
	    head->minor == 1 && span_eq_ci(http1_get(head, "expect"), "100-continue");
	return 0;
}

static int
on_headers_complete(llhttp_t *p)
{
	struct http1 *h = p->data;
	int r = finish_head(h);

	if (r != 0) {
		fail(h, r);
		return -1;
	}
	h->event = HTTP1_HEAD;
	return HPE_PAUSED;
}

static int
on_body(llhttp_t *p, const char *at, size_t n)
{
	struct http1 *h = p->data;

	if (n == 0)
		return 0;
	h->body = span_of(at, n);
	h->event = HTTP1_BODY;
	return HPE_PAUSED;
}

static int
on_message_complete(llhttp_t *p)
{
	struct http1 *h = p->data;

	if (p->upgrade)
		return 0; /* llhttp stops by itself, with HPE_PAUSED_UPGRADE */
	h->event = HTTP1_DONE;
	return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
	.on_message_begin = on_message_begin,
	.on_url = on_url,
	.on_header_field = on_header_field,
	.on_header_field_complete = on_header_field_complete,
	.on_header_value = on_header_value,
	.on_headers_complete = on_headers_complete,
	.on_body = on_body,
	.on_message_complete = on_message_complete,
};

/* --- the public face -------------------------------------------------------------- */

struct http1 *
http1_new(bool is_request, size_t head_max)
{
	struct http1 *h = xcalloc(1, sizeof(*h));

	assert(head_max > 0);
	llhttp_init(&h->p, is_request ? HTTP_REQUEST : HTTP_RESPONSE, &settings);
	h->p.data = h;
	h->head_max = head_max;
	buf_init(&h->store, head_max);
	h->head.content_length = -1;
	return h;
}

void
http1_free(struct http1 *h)
{
	if (h == NULL)
		return;
	buf_fini(&h->store);
	free(h->head.headers);
	free(h);
}

/* Scans what was used of "in", without the body, and counts it against the limit. */
static int
check_used(struct http1 *h, struct span in, size_t used)
{
	bool is_request = h->p.type == HTTP_REQUEST;
	size_t before = h->body.n > 0 ? (size_t)(h->body.p - in.p) : used;
	size_t after = h->body.n > 0 ? before + h->body.n : used;

	if (!scan_bytes(&h->scan, in.p, before, is_request, h->in_body) ||
	    !scan_bytes(&h->scan, in.p + after, used - after, is_request, h->in_body))
		return ERR_INVALID;
	h->overhead += before;
	if (h->overhead > h->head_max)
		return ERR_LIMIT;
	if (h->body.n > 0)
		h->overhead = used - after;
	return 0;
}

/* What changes for us at an event. */
static void
advance(struct http1 *h)
{
	switch (h->event) {
	case HTTP1_HEAD:
		h->in_body = true;
		h->overhead = 0;
		break;
	case HTTP1_DONE:
		if (h->head.status >= 200)
			h->no_body = false;
		h->in_body = false;
		h->overhead = 0;
		h->scan = (struct scan){ 0 };
		break;
	case HTTP1_UPGRADE:
		h->upgraded = true;
		break;
	default:
		break;
	}
}

int
http1_feed(struct http1 *h, struct span in, size_t *used, struct span *body)
{
	llhttp_errno_t r;
	int err;

	*used = 0;
	*body = SPAN_NONE;
	if (h->err != 0)
		return h->err;
	if (h->upgraded)
		return HTTP1_UPGRADE;
	if (h->finished)
		return in.n == 0 ? HTTP1_MORE : fail(h, ERR_INVALID);
	if (in.n == 0)
		in = SPAN("");
	if (!h->in_body) /* so that no more than the limit is ever copied */
		in.n = MIN(in.n, h->head_max - h->overhead + 1);

	h->event = HTTP1_MORE;
	h->body = SPAN_NONE;
	llhttp_resume(&h->p);
	r = llhttp_execute(&h->p, (const char *)in.p, in.n);
	if (r == HPE_OK)
		*used = in.n;
	else if (r == HPE_PAUSED || r == HPE_PAUSED_UPGRADE)
		*used = (size_t)(llhttp_get_error_pos(&h->p) - (const char *)in.p);
	else
		return fail(h, ERR_INVALID);
	if (r == HPE_PAUSED_UPGRADE)
		h->event = HTTP1_UPGRADE;
	if ((err = check_used(h, in, *used)) != 0)
		return fail(h, err);
	advance(h);
	*body = h->body;
	return h->event;
}

int
http1_eof(struct http1 *h)
{
	struct span body;
	size_t used;
	int r;

	if (h->upgraded)
		return HTTP1_UPGRADE;
	if ((r = http1_feed(h, SPAN_NONE, &used, &body)) != HTTP1_MORE)
		return r;
	h->event = HTTP1_MORE;
	if (!h->finished && llhttp_finish(&h->p) == HPE_INVALID_EOF_STATE)
		return fail(h, ERR_CLOSED);
	h->finished = true;
	advance(h);
	return h->event;
}

void
http1_expect_no_body(struct http1 *h)
{
	h->no_body = true;
}

const struct http1_head *
http1_head(const struct http1 *h)
{
	return &h->head;
}

struct span
http1_get(const struct http1_head *h, const char *name)
{
	for (size_t i = 0; i < h->nheaders; i++)
		if (span_eq_ci(h->headers[i].name, name))
			return h->headers[i].value;
	return SPAN_NONE;
}

void
http1_shrink(struct http1 *h)
{
	if (h->in_body || h->scan.started)
		return; /* a message is being read */
	buf_fini(&h->store);
	free(h->head.headers);
	h->head = (struct http1_head){ .content_length = -1 };
	h->headers_cap = 0;
}
