/* SPDX-License-Identifier: Apache-2.0 */
/*
 * WebSocket framing, RFC 6455 section 5.  Pure: the caller owns every byte.  Both the
 * server and the clients use it, one head at a time, before any payload is touched.
 */
#include "codec/ws.h"

#include "base/text.h"

/* Length of the extended length field, by the 7 bits of the second byte. */
static size_t
extension(uint64_t len7)
{
	return len7 == 126 ? 2 : len7 == 127 ? 8 : 0;
}

/* What can be told from the first two bytes alone: 5.2 and 5.5. */
static bool
start_ok(const struct ws_frame *f, uint8_t first)
{
	if ((first & 0x70) != 0) /* RSV bits: no extension agreed */
		return false;
	switch (f->op) {
	case WS_CONT:
	case WS_TEXT:
	case WS_BINARY:
		return true;
	case WS_CLOSE:
	case WS_PING:
	case WS_PONG:
		return f->fin && f->body_len <= 125;
	default:
		return false;
	}
}

int
ws_decode_head(struct ws_frame *f, struct span in, uint64_t max)
{
	size_t off = 2, ext;

	if (in.n < 2)
		return ERR_AGAIN;
	*f = (struct ws_frame){
		.fin = (in.p[0] & 0x80) != 0,
		.op = in.p[0] & 0x0f,
		.masked = (in.p[1] & 0x80) != 0,
		.body_len = in.p[1] & 0x7f,
	};
	if (!start_ok(f, in.p[0]))
		return ERR_INVALID;
	ext = extension(f->body_len);
	if (in.n < off + ext + (f->masked ? 4 : 0))
		return ERR_AGAIN;
	if (ext == 2)
		f->body_len = get_be16(in.p + off);
	else if (ext == 8)
		f->body_len = get_be64(in.p + off);
	/* 5.2: the shortest form, and the most significant bit is zero. */
	if ((ext == 2 && f->body_len < 126) ||
	    (ext == 8 && (f->body_len <= UINT16_MAX || f->body_len > INT64_MAX)))
		return ERR_INVALID;
	off += ext;
	if (f->masked) {
		memcpy(f->key, in.p + off, sizeof(f->key));
		off += sizeof(f->key);
	}
	f->head_len = off;
	return f->body_len > max ? ERR_LIMIT : 0;
}

size_t
ws_encode_head(uint8_t out[WS_HEAD_MAX], uint8_t op, bool fin, uint64_t body_len,
    const uint8_t *mask)
{
	uint8_t masked = mask != NULL ? 0x80 : 0;
	size_t n = 2;

	out[0] = (uint8_t)((fin ? 0x80 : 0) | (op & 0x0f));
	if (body_len < 126) {
		out[1] = (uint8_t)(masked | body_len);
	} else if (body_len <= UINT16_MAX) {
		out[1] = masked | 126;
		out[2] = (uint8_t)(body_len >> 8);
		out[3] = (uint8_t)body_len;
		n += 2;
	} else {
		out[1] = masked | 127;
		put_be64(out + 2, body_len);
		n += 8;
	}
	if (mask != NULL) {
		memcpy(out + n, mask, 4);
		n += 4;
	}
	return n;
}

/* The key as it begins at off, twice. */
static uint64_t
turn(const uint8_t key[4], uint64_t off)
{
	uint8_t turned[8];
	uint64_t wide;

	for (size_t k = 0; k < sizeof(turned); k++)
		turned[k] = key[(off + k) & 3];
	memcpy(&wide, turned, sizeof(wide));
	return wide;
}

void
ws_mask(uint8_t *p, size_t n, const uint8_t key[4], uint64_t off)
{
	uint64_t wide = turn(key, off), word;
	size_t i = 0;

	for (; i + sizeof(word) <= n; i += sizeof(word)) {
		memcpy(&word, p + i, sizeof(word));
		word ^= wide;
		memcpy(p + i, &word, sizeof(word));
	}
	for (; i < n; i++)
		p[i] ^= key[(off + i) & 3];
}

void
ws_mask_copy(uint8_t *restrict out, const uint8_t *restrict p, size_t n,
    const uint8_t key[4], uint64_t off)
{
	uint64_t wide = turn(key, off), word;
	size_t i = 0;

	for (; i + sizeof(word) <= n; i += sizeof(word)) {
		memcpy(&word, p + i, sizeof(word));
		word ^= wide;
		memcpy(out + i, &word, sizeof(word));
	}
	for (; i < n; i++)
		out[i] = p[i] ^ key[(off + i) & 3];
}

bool
ws_key_valid(struct span key)
{
	auto_buf raw;

	buf_init(&raw, 16);
	return key.n == WS_KEY_LEN && base64_decode(&raw, key) == 0 && raw.len == 16;
}

bool
ws_close_code_valid(uint16_t code)
{
	if (code >= 3000 && code <= 4999)
		return true; /* 7.4.2: libraries and applications */
	return code >= 1000 && code <= 1014 && (code < 1004 || code > 1006);
}
