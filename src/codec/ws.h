/* SPDX-License-Identifier: Apache-2.0 */
/*
 * WebSocket framing, RFC 6455: heads, masks, the accept key.  Pure; reassembly of
 * fragmented messages is in net/wsconn.
 */
#pragma once

#include "base/buf.h"

/* RFC 6455 5.2 */
enum ws_op {
	WS_CONT = 0,
	WS_TEXT = 1,
	WS_BINARY = 2,
	WS_CLOSE = 8,
	WS_PING = 9,
	WS_PONG = 10,
};

enum {
	WS_HEAD_MAX = 14,   /* two bytes, a length of eight, a mask of four */
	WS_KEY_LEN = 24,    /* base64 of 16 bytes */
	WS_ACCEPT_LEN = 28, /* base64 of a SHA-1 */
};

struct ws_frame {
	bool fin;
	uint8_t op;
	bool masked;
	uint8_t key[4];
	uint64_t body_len;
	size_t head_len;
};

/*
 * Decodes one frame header from the front of "in".
 * Returns 0, ERR_AGAIN when more bytes are needed, ERR_INVALID on a frame that
 * RFC 6455 forbids (RSV bits, unknown or fragmented control opcodes, non-minimal
 * lengths), or ERR_LIMIT when the body is longer than "max".  Never reads the payload.
 */
int ws_decode_head(struct ws_frame *f, struct span in, uint64_t max) MUST_USE;

/* Writes a head; returns its length.  mask may be NULL (server to client). */
size_t ws_encode_head(uint8_t out[WS_HEAD_MAX], uint8_t op, bool fin, uint64_t body_len,
    const uint8_t *mask);

/* XORs p[0..n) with the key; off is the position in the payload of p[0]. */
void ws_mask(uint8_t *p, size_t n, const uint8_t key[4], uint64_t off);
/* The same on the way from p to out, which do not overlap. */
void ws_mask_copy(uint8_t *restrict out, const uint8_t *restrict p, size_t n,
    const uint8_t key[4], uint64_t off);

/* Sec-WebSocket-Key must be 16 bytes in base64. */
bool ws_key_valid(struct span key);

/* Close codes we send: RFC 6455 7.4.1. */
enum {
	WS_CLOSE_NORMAL = 1000,
	WS_CLOSE_GOING_AWAY = 1001,
	WS_CLOSE_PROTOCOL = 1002,
	WS_CLOSE_UNSUPPORTED = 1003,
	WS_CLOSE_POLICY = 1008,
	WS_CLOSE_TOO_BIG = 1009,
	WS_CLOSE_INTERNAL = 1011,
	WS_CLOSE_TRY_LATER = 1013,
};
/* Whether a peer may send this code. */
bool ws_close_code_valid(uint16_t code);
