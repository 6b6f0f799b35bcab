/* SPDX-License-Identifier: Apache-2.0 */
/*
 * WebSocket heads of codec/ws.h.
 * Property: an accepted head has one spelling, lies within the input, and every part of
 * it asks for more; masking twice, whole or in two parts, changes nothing.
 */
#include "codec/ws.h"

#include "fuzz/fuzz.h"

static void
head(struct span in)
{
	uint8_t out[WS_HEAD_MAX];
	struct ws_frame f, part;
	size_t n;
	int r = ws_decode_head(&f, in, INT64_MAX);

	PROPERTY("known result", r == 0 || r == ERR_AGAIN || r == ERR_INVALID);
	PROPERTY("14 bytes are enough", r != ERR_AGAIN || in.n < WS_HEAD_MAX);
	if (r != 0)
		return;
	PROPERTY("inside the input", f.head_len <= in.n && f.head_len <= WS_HEAD_MAX);
	n = ws_encode_head(out, f.op, f.fin, f.body_len, f.masked ? f.key : NULL);
	PROPERTY("one spelling", span_eq(span_of(out, n), span_sub(in, 0, f.head_len)));
	for (size_t cut = 0; cut < f.head_len; cut++)
		PROPERTY("a part asks for more",
		    ws_decode_head(&part, span_sub(in, 0, cut), INT64_MAX) == ERR_AGAIN);
	if (f.body_len > 0)
		PROPERTY("limit", ws_decode_head(&part, in, f.body_len - 1) == ERR_LIMIT);
}

static void
mask(struct span in)
{
	static const uint8_t key[4] = { 0x12, 0x34, 0x56, 0x78 };
	size_t cut = in.n > 0 ? in.p[0] % in.n : 0;
	uint8_t *copy = (uint8_t *)span_dup(in);

	ws_mask(copy, in.n, key, 5);
	ws_mask(copy, cut, key, 5);
	ws_mask(copy + cut, in.n - cut, key, 5 + cut);
	PROPERTY("masking twice", span_eq(span_of(copy, in.n), in));
	free(copy);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = span_of(data, size);

	head(in);
	mask(in);
	if (ws_key_valid(in))
		PROPERTY("key length", size == WS_KEY_LEN);
	return 0;
}
