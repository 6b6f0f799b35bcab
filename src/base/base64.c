/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Base64, RFC 4648 sections 4 and 5.  The decoders take exactly what an encoder writes:
 * full padding or none, no blanks or line ends, and unused bits zero (section 3.5), so
 * equal bytes have one spelling.  Pure.
 */
#include "base/text.h"

static const char alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void
base64_encode(struct buf *out, struct span s)
{
	size_t i = 0;
	uint8_t *at;

	if (s.n > PTRDIFF_MAX / 2 || (at = buf_grow(out, (s.n + 2) / 3 * 4)) == NULL)
		return;
	for (; i + 3 <= s.n; i += 3) {
		uint32_t v =
		    (uint32_t)s.p[i] << 16 | (uint32_t)s.p[i + 1] << 8 | s.p[i + 2];

		*at++ = (uint8_t)alphabet[v >> 18];
		*at++ = (uint8_t)alphabet[v >> 12 & 63];
		*at++ = (uint8_t)alphabet[v >> 6 & 63];
		*at++ = (uint8_t)alphabet[v & 63];
	}
	if (i < s.n) {
		bool two = s.n - i == 2;
		uint32_t v =
		    (uint32_t)s.p[i] << 16 | (two ? (uint32_t)s.p[i + 1] << 8 : 0);

		*at++ = (uint8_t)alphabet[v >> 18];
		*at++ = (uint8_t)alphabet[v >> 12 & 63];
		*at++ = two ? (uint8_t)alphabet[v >> 6 & 63] : '=';
		*at++ = '=';
	}
}

static int
value_of(uint8_t c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Four characters, the last "pad" of them '='; false on anything out of place. */
static bool
decode_group(uint8_t out[3], const uint8_t *p, size_t pad)
{
	uint32_t v = 0;

	for (size_t i = 0; i < 4; i++) {
		int x = i < 4 - pad ? value_of(p[i]) : 0;

		if (x < 0)
			return false;
		v = v << 6 | (uint32_t)x;
	}
	out[0] = (uint8_t)(v >> 16);
	out[1] = (uint8_t)(v >> 8);
	out[2] = (uint8_t)v;
	return (pad < 1 || out[2] == 0) && (pad < 2 || out[1] == 0);
}

int
base64_decode(struct buf *out, struct span s)
{
	size_t start = out->len, pad = 0;

	if (s.n % 4 != 0)
		return ERR_INVALID;
	if (s.n > 0 && s.p[s.n - 1] == '=')
		pad = s.p[s.n - 2] == '=' ? 2 : 1;
	for (size_t i = 0; i < s.n; i += 4) {
		size_t cut = i + 4 == s.n ? pad : 0;
		uint8_t raw[3];

		if (!decode_group(raw, s.p + i, cut)) {
			out->len = start;
			return ERR_INVALID;
		}
		buf_add(out, span_of(raw, 3 - cut));
	}
	return buf_check(out);
}

/* The last group may be short; '-' and '_' stand for '+' and '/', which are refused. */
int
base64url_decode(struct buf *out, struct span s)
{
	size_t start = out->len;

	for (size_t i = 0; i < s.n; i += 4) {
		size_t have = MIN(s.n - i, (size_t)4);
		uint8_t group[4] = { 0 }, raw[3];
		bool ok = have > 1;

		for (size_t k = 0; k < have; k++) {
			uint8_t c = s.p[i + k];

			ok = ok && c != '+' && c != '/';
			group[k] = c == '-' ? '+' : c == '_' ? '/' : c;
		}
		if (!ok || !decode_group(raw, group, 4 - have)) {
			out->len = start;
			return ERR_INVALID;
		}
		buf_add(out, span_of(raw, have - 1));
	}
	return buf_check(out);
}
