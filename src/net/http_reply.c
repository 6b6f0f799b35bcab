/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers: status line, headers, body.  Date and Content-Length are always there; a
 * header that would break the head (a line end in its value) turns the answer into a 500.
 */
#include "net/http_priv.h"

#include "base/log.h"
#include "base/text.h"

enum { ANSWER_HEAD_MAX = 64 * 1024 };

static const char *
reason(int status)
{
	static const struct {
		int status;
		const char *text;
	} t[] = {
		{ 100, "Continue" },
		{ 101, "Switching Protocols" },
		{ 200, "OK" },
		{ 201, "Created" },
		{ 202, "Accepted" },
		{ 204, "No Content" },
		{ 206, "Partial Content" },
		{ 301, "Moved Permanently" },
		{ 302, "Found" },
		{ 303, "See Other" },
		{ 304, "Not Modified" },
		{ 307, "Temporary Redirect" },
		{ 308, "Permanent Redirect" },
		{ 400, "Bad Request" },
		{ 401, "Unauthorized" },
		{ 403, "Forbidden" },
		{ 404, "Not Found" },
		{ 405, "Method Not Allowed" },
		{ 406, "Not Acceptable" },
		{ 408, "Request Timeout" },
		{ 409, "Conflict" },
		{ 411, "Length Required" },
		{ 412, "Precondition Failed" },
		{ 413, "Content Too Large" },
		{ 415, "Unsupported Media Type" },
		{ 416, "Range Not Satisfiable" },
		{ 417, "Expectation Failed" },
		{ 426, "Upgrade Required" },
		{ 429, "Too Many Requests" },
		{ 431, "Request Header Fields Too Large" },
		{ 500, "Internal Server Error" },
		{ 501, "Not Implemented" },
		{ 502, "Bad Gateway" },
		{ 503, "Service Unavailable" },
		{ 504, "Gateway Timeout" },
	};

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		if (t[i].status == status)
			return t[i].text;
	}
	return "Status";
}

/* No control bytes in values, no separators in names. */
static bool
fields_ok(const char *content_type, const struct http_field *fields, size_t n)
{
	for (size_t i = 0; i <= n; i++) {
		const char *name = i < n ? fields[i].name : "Content-Type";
		const char *value = i < n ? fields[i].value : content_type;

		if (strpbrk(name, " \t\r\n:") != NULL || *name == '\0')
			return false;
		if (value != NULL && strpbrk(value, "\r\n") != NULL)
			return false;
	}
	return true;
}

static bool
has_length(int status)
{
	return status >= 200 && status != 204;
}

static void
write_head(struct buf *b, const struct http_answer *a, int64_t now_ms)
{
	char date[TIME_HTTP_LEN + 1];

	time_http(date, now_ms);
	buf_addf(b, "HTTP/1.1 %d %s\r\nDate: %s\r\n", a->status, reason(a->status), date);
	if (a->content_type != NULL)
		buf_addf(b, "Content-Type: %s\r\n", a->content_type);
	if (has_length(a->status))
		buf_addf(b, "Content-Length: %llu\r\n",
		    (unsigned long long)(a->length != 0 ? a->length : a->body.n));
	if (!a->keep)
		buf_add_str(b, "Connection: close\r\n");
	else if (a->minor == 0)
		buf_add_str(b, "Connection: keep-alive\r\n");
	for (size_t i = 0; i < a->nfields; i++) {
		buf_add_str(b, a->fields[i].name);
		buf_add_str(b, ": ");
		buf_add_str(b, a->fields[i].value);
		buf_add_str(b, "\r\n");
	}
	buf_add_str(b, "\r\n");
}

void
http_write_answer(struct http_conn *c, const struct http_answer *a)
{
	bool bare = a->is_head || a->status == 304 || !has_length(a->status);
	struct span body = bare ? SPAN_NONE : a->body;
	auto_buf b = { 0 };
	size_t need;

	buf_init(&b, ANSWER_HEAD_MAX);
	write_head(&b, a, ev_wall_ms(c->srv->loop));
	if (buf_check(&b) != 0) {
		log_error(
		    "answer replaced: its headers are too long", "status=%d", a->status);
		buf_fini(&b);
		write_head(&b, &(struct http_answer){ .status = 500, .keep = a->keep },
		    ev_wall_ms(c->srv->loop));
		body = SPAN_NONE;
	}
	/* An answer may be longer than the usual cap: it is ours, and there is one at a
	 * time. */
	need = stream_queued(c->st) + b.len + body.n + STREAM_LOW;
	stream_set_queue_max(c->st, MAX(need, (size_t)STREAM_QUEUE_MAX));
	(void)!stream_write2(c->st, buf_span(&b), body); /* failures come as on_close */
}

/* The connection that waits for this answer; NULL when there is nobody to answer. */
static struct http_conn *
asker(struct http_rq *rq)
{
	struct http_conn *c = rq->aborting ? NULL : rq->conn;

	if (c == NULL && !rq->aborting)
		http_rq_free(rq);
	return c;
}

/* Writes it; returns whether the connection goes on afterwards. */
static bool
send_answer(struct http_conn *c, struct http_rq *rq, struct http_answer a)
{
	const struct http_req *r = &rq->pub;

	assert(c->state == CONN_BUSY && c->rq == rq);
	a.keep = a.keep && r->head->keep_alive && !rq->upgrade && !c->srv->draining;
	a.minor = r->head->minor;
	a.is_head = strcmp(r->head->method, "HEAD") == 0;
	if (!fields_ok(a.content_type, a.fields, a.nfields)) {
		log_error("answer replaced: line end in a header", "status=%d", a.status);
		a = (struct http_answer){
			.status = 500, .keep = a.keep, .minor = a.minor
		};
	}
	http_write_answer(c, &a);
	return a.keep;
}

static void
answer(struct http_req *r, struct http_answer a)
{
	struct http_rq *rq = CONTAINER_OF(r, struct http_rq, pub);
	struct http_conn *c = asker(rq);

	if (c != NULL)
		http_conn_next(c, send_answer(c, rq, a));
}

void
http_reply_source(struct http_req *r, int status, const char *content_type,
    uint64_t length, const struct http_source *source)
{
	struct http_rq *rq = CONTAINER_OF(r, struct http_rq, pub);
	struct http_conn *c = asker(rq);
	struct http_answer a = {
		.status = status,
		.content_type = content_type,
		.length = length,
		.keep = true,
	};

	if (c == NULL) {
		source->close(source->arg);
		return;
	}
	c->source = *source;
	c->source_left = strcmp(r->head->method, "HEAD") == 0 ? 0 : length;
	c->source_keep = send_answer(c, rq, a);
	c->state = CONN_SENDING;
	http_source_send(c);
}

void
http_reply(struct http_req *r, int status, const char *content_type, struct span body)
{
	answer(r,
	    (struct http_answer){ .status = status,
		.content_type = content_type,
		.body = body,
		.keep = true });
}

void
http_reply_fields(struct http_req *r, int status, const char *content_type,
    const struct http_field *fields, size_t nfields, struct span body)
{
	answer(r,
	    (struct http_answer){ .status = status,
		.content_type = content_type,
		.body = body,
		.keep = true,
		.fields = fields,
		.nfields = nfields });
}

void
http_reply_close(
    struct http_req *r, int status, const char *content_type, struct span body)
{
	answer(r,
	    (struct http_answer){
		.status = status, .content_type = content_type, .body = body });
}
