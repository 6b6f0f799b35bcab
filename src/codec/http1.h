/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP/1.1 messages, both sides, on top of llhttp in strict mode.
 *
 * Feed bytes as they arrive; the parser stops at each event and says how much it used:
 *
 *	HTTP1_MORE     all used, nothing complete yet
 *	HTTP1_HEAD     the head is complete: http1_head() is filled
 *	HTTP1_BODY     *body is a piece of the body, framing removed; points into "in"
 *	HTTP1_DONE     the message is complete; the parser is ready for the next one
 *	HTTP1_UPGRADE  the head asks for (or grants) another protocol: no HTTP follows
 *	negative       ERR_INVALID, ERR_LIMIT (head too large, too many headers); for good
 *
 * After any event feed the rest again, also when nothing is left, until HTTP1_MORE: a
 * request without a body is HEAD and then DONE, an upgrade is HEAD and then UPGRADE.
 *
 * Request smuggling is refused here: both Content-Length and Transfer-Encoding, repeated
 * Content-Length or Host, encodings other than "chunked", obs-fold, bare CR or LF, NUL,
 * blanks before the colon, and an upgrade with a body are ERR_INVALID.  That an HTTP/1.1
 * request must have a Host is left to the server.
 * The limit head_max also holds for the bytes between two pieces of a chunked body, and
 * for trailers, which are read and dropped.
 * Owner: the connection; memory for the head is kept only while one is being read.
 */
#pragma once

#include "base/buf.h"

enum { HTTP1_HEADERS_MAX = 100 }; /* ours; AWS clients send some ten */

enum http1_event {
	HTTP1_MORE = 0,
	HTTP1_HEAD,
	HTTP1_BODY,
	HTTP1_DONE,
	HTTP1_UPGRADE,
};

struct http1_header {
	struct span name;  /* as received */
	struct span value; /* trimmed */
};

struct http1_head {
	char method[16];    /* requests */
	struct span target; /* requests: raw path and query */
	int status;         /* responses */
	int minor;          /* 0 or 1 */
	bool keep_alive;
	bool chunked;
	bool expect_continue;
	bool upgrade;           /* Connection: upgrade with Upgrade: websocket */
	int64_t content_length; /* -1 when not given */
	struct http1_header *headers;
	size_t nheaders;
};

struct http1;

struct http1 *http1_new(bool is_request, size_t head_max)
    __attribute__((returns_nonnull));
void http1_free(struct http1 *h);
/* Returns an http1_event or a negative ERR_*. */
int http1_feed(struct http1 *h, struct span in, size_t *used, struct span *body) MUST_USE;
/*
 * Tells the parser of EOF: HTTP1_DONE when that ends a response without a length,
 * HTTP1_MORE between two messages, ERR_CLOSED in the middle of one.
 */
int http1_eof(struct http1 *h) MUST_USE;
/* Before the response to HEAD, or to CONNECT: the next final response has no body. */
void http1_expect_no_body(struct http1 *h);
/* Valid from HTTP1_HEAD until the first byte of the next message, or http1_shrink(). */
const struct http1_head *http1_head(const struct http1 *h);
/* First header called name (case folded), or the empty span with p == NULL. */
struct span http1_get(const struct http1_head *h, const char *name);
/* Drops the memory of the last head: for idle keep-alive connections. */
void http1_shrink(struct http1 *h);
