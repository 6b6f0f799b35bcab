/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Client side of the WebSocket handshake, RFC 6455 4.1.
 */
#include "net/http_client_priv.h"

#include "base/text.h"
#include "net/ws_key.h"

static bool
has_token(const struct http1_head *h, const char *name, const char *token)
{
	struct span list = http1_get(h, name), item;

	while (span_cut(&list, ',', &item)) {
		if (span_eq_ci(span_trim(item), token))
			return true;
	}
	return false;
}

/* What is wrong with a 101, or NULL. */
static const char *
check(const struct http_call *call, const struct http1_head *h)
{
	if (!has_token(h, "upgrade", "websocket") ||
	    !has_token(h, "connection", "upgrade"))
		return "the server did not upgrade to WebSocket";
	if (!span_eq_str(http1_get(h, "sec-websocket-accept"), call->accept))
		return "the server's WebSocket accept key is wrong";
	if (http1_get(h, "sec-websocket-extensions").p != NULL ||
	    http1_get(h, "sec-websocket-protocol").p != NULL)
		return "the server chose a WebSocket extension or subprotocol that was "
		       "not offered";
	return NULL;
}

void
http_call_not_upgraded(struct http_call *call, int err, int status, const char *why)
{
	call->opened(call->arg, NULL, err, status, why);
}

void
http_call_upgraded(struct http_call *call, struct span rest)
{
	const char *wrong = check(call, http1_head(call->h1));
	struct wsconn *ws = NULL;

	if (wrong == NULL) {
		ws = wsconn_new(call->st, true, rest, &call->ws, NULL, NULL);
		call->st = NULL;
	}
	http_call_unlink(call);
	if (ws != NULL)
		call->opened(call->arg, ws, 0, 101, NULL);
	else
		http_call_not_upgraded(call, ERR_PROTOCOL, 101, wrong);
	http_call_free(call);
}

struct http_call *
ws_open(struct http_client *c, const struct http_request *r,
    const struct wsconn_options *o, ws_open_cb *cb, void *arg)
{
	struct http_call *call = http_call_new(c, r);
	uint8_t nonce[16];
	auto_buf key = { 0 }, more = { 0 };

	call->opened = cb;
	call->arg = arg;
	call->ws = *o;
	if (call->err != 0)
		return call;
	ev_random(c->loop, nonce, sizeof(nonce));
	buf_init(&key, 64);
	buf_init(&more, 512);
	base64_encode(&key, span_of(nonce, sizeof(nonce)));
	ws_accept_key(call->accept, buf_span(&key));
	buf_addf(&more,
	    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
	    "Sec-WebSocket-Key: " SPAN_FMT "\r\n",
	    SPAN_ARG(buf_span(&key)));
	http_call_compose(call, r, buf_cstr(&more));
	http_call_begin(call);
	return call;
}
