/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Server side of the WebSocket handshake, RFC 6455 4.2.  Stock peers compare the whole
 * value of our Connection header with "upgrade", so it is exactly that.
 */
#include "net/http_priv.h"

#include "net/ws_key.h"
#include "net/wsconn.h"

/* The status that refuses the handshake, or 0. */
static int
check(const struct http1_head *h)
{
	if (strcmp(h->method, "GET") != 0 || h->minor < 1 || !h->upgrade)
		return 400;
	if (!span_eq_str(http1_get(h, "sec-websocket-version"), "13"))
		return 426;
	if (!ws_key_valid(http1_get(h, "sec-websocket-key")))
		return 400;
	return 0;
}

static void
refuse(struct http_req *r, int status)
{
	static const struct http_field need[] = {
		{ "Upgrade", "websocket" },
		{ "Sec-WebSocket-Version", "13" },
	};

	if (status == 426)
		http_reply_fields(r, status, "text/plain", need, ARRAY_LEN(need),
		    SPAN("WebSocket version 13 is spoken here\n"));
	else
		http_reply(r, status, "text/plain", SPAN("not a WebSocket handshake\n"));
}

struct wsconn *
http_upgrade(struct http_req *r, const struct wsconn_options *o,
    const struct wsconn_handler *h, void *arg)
{
	struct http_rq *rq = CONTAINER_OF(r, struct http_rq, pub);
	struct http_conn *c = rq->conn;
	int status = check(r->head);
	char accept[WS_ACCEPT_LEN + 1];
	struct wsconn *ws;
	auto_buf b = { 0 };

	if (c == NULL || rq->aborting || status != 0 || c->srv->draining) {
		refuse(r, status != 0 ? status : 503);
		return NULL;
	}
	assert(c->state == CONN_BUSY && c->rq == rq);
	ws_accept_key(accept, http1_get(r->head, "sec-websocket-key"));
	buf_init(&b, 512);
	buf_addf(&b,
	    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
	    "Connection: upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
	    accept);
	(void)!stream_write(c->st, buf_span(&b)); /* a failure comes as on_close */
	/* Bytes behind the head, if any, are still with feed(): see http_conn_gone(). */
	ws = wsconn_new(c->st, false, buf_span(&c->in), o, h, arg);
	http_conn_gone(c);
	return ws;
}
