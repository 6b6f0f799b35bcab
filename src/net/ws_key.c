/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The accept key: base64 of SHA-1 over the client's key and a fixed GUID.
 */
#include "net/ws_key.h"

#include "base/text.h"
#include "crypto/crypto.h"

void
ws_accept_key(char out[WS_ACCEPT_LEN + 1], struct span key)
{
	static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
	uint8_t digest[20];
	auto_buf in = { 0 }, text = { 0 };

	buf_init(&in, 256);
	buf_init(&text, 64);
	buf_add(&in, span_sub(key, 0, 64));
	buf_add_str(&in, guid);
	sha1(digest, buf_span(&in));
	base64_encode(&text, span_of(digest, sizeof(digest)));
	assert(text.len == WS_ACCEPT_LEN);
	memcpy(out, text.p, WS_ACCEPT_LEN);
	out[WS_ACCEPT_LEN] = '\0';
}
