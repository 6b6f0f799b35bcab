/* SPDX-License-Identifier: Apache-2.0 */
/* codec/ws.h: the examples of RFC 6455 5.7, every border of the length, masks, codes. */
#include "codec/ws.h"

#include "unit/check.h"

static void
t_decode(void **state)
{
	static const struct {
		const char *what;
		struct span in;
		int ret;
		uint64_t body_len;
		size_t head_len;
	} t[] = {
		{ "empty", SPAN(""), ERR_AGAIN, 0, 0 },
		{ "one byte", SPAN("\x81"), ERR_AGAIN, 0, 0 },
		{ "RFC 5.7 unmasked text", SPAN("\x81\x05Hello"), 0, 5, 2 },
		{ "RFC 5.7 masked text",
		    SPAN("\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"), 0, 5, 6 },
		{ "RFC 5.7 first fragment", SPAN("\x01\x03Hel"), 0, 3, 2 },
		{ "RFC 5.7 last fragment", SPAN("\x80\x02lo"), 0, 2, 2 },
		{ "RFC 5.7 ping", SPAN("\x89\x05Hello"), 0, 5, 2 },
		{ "RFC 5.7 256 bytes", SPAN("\x82\x7e\x01\x00"), 0, 256, 4 },
		{ "RFC 5.7 64 KiB", SPAN("\x82\x7f\0\0\0\0\0\1\0\0"), 0, 65536, 10 },
		{ "no body", SPAN("\x82\x00"), 0, 0, 2 },
		{ "125", SPAN("\x82\x7d"), 0, 125, 2 },
		{ "126", SPAN("\x82\x7e\x00\x7e"), 0, 126, 4 },
		{ "65535", SPAN("\x82\x7e\xff\xff"), 0, 65535, 4 },
		{ "the limit itself", SPAN("\x82\x7f\0\0\0\0\0\x10\0\0"), 0, 1048576,
		    10 },
		{ "one over the limit", SPAN("\x82\x7f\0\0\0\0\0\x10\0\1"), ERR_LIMIT, 0,
		    0 },
		{ "largest there is", SPAN("\x82\x7f\x7f\xff\xff\xff\xff\xff\xff\xff"),
		    ERR_LIMIT, 0, 0 },
		{ "most significant bit", SPAN("\x82\x7f\x80\0\0\0\0\0\0\0"), ERR_INVALID,
		    0, 0 },
		{ "16 bits for 125", SPAN("\x82\x7e\x00\x7d"), ERR_INVALID, 0, 0 },
		{ "64 bits for 65535", SPAN("\x82\x7f\0\0\0\0\0\0\xff\xff"), ERR_INVALID,
		    0, 0 },
		{ "half of 16 bits", SPAN("\x82\x7e\x01"), ERR_AGAIN, 0, 0 },
		{ "seven of 64 bits", SPAN("\x82\x7f\0\0\0\0\0\1\0"), ERR_AGAIN, 0, 0 },
		{ "three of the mask", SPAN("\x82\x81\1\2\3"), ERR_AGAIN, 0, 0 },
		{ "RSV1", SPAN("\xc1\x00"), ERR_INVALID, 0, 0 },
		{ "RSV2", SPAN("\xa1\x00"), ERR_INVALID, 0, 0 },
		{ "RSV3", SPAN("\x91\x00"), ERR_INVALID, 0, 0 },
		{ "opcode 3", SPAN("\x83\x00"), ERR_INVALID, 0, 0 },
		{ "opcode 7", SPAN("\x87\x00"), ERR_INVALID, 0, 0 },
		{ "opcode 11", SPAN("\x8b\x00"), ERR_INVALID, 0, 0 },
		{ "opcode 15", SPAN("\x8f\x00"), ERR_INVALID, 0, 0 },
		{ "split ping", SPAN("\x09\x00"), ERR_INVALID, 0, 0 },
		{ "split close", SPAN("\x08\x00"), ERR_INVALID, 0, 0 },
		{ "pong of 125", SPAN("\x8a\x7d"), 0, 125, 2 },
		{ "pong of 126 is refused early", SPAN("\x8a\x7e"), ERR_INVALID, 0, 0 },
		{ "close with a 64-bit length", SPAN("\x88\x7f"), ERR_INVALID, 0, 0 },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct ws_frame f = { 0 };

		row(t[i].what);
		assert_int_equal(ws_decode_head(&f, t[i].in, 1 << 20), t[i].ret);
		if (t[i].ret != 0)
			continue;
		assert_true(f.body_len == t[i].body_len);
		assert_int_equal(f.head_len, t[i].head_len);
		assert_int_equal(f.op, t[i].in.p[0] & 15);
		assert_int_equal(f.fin, t[i].in.p[0] >> 7);
		assert_int_equal(f.masked, t[i].in.p[1] >> 7);
	}
}

static void
t_encode_decode(void **state)
{
	static const uint64_t lengths[] = { 0, 1, 125, 126, 127, 65535, 65536, 1 << 20,
		INT64_MAX };
	static const uint8_t mask[4] = { 0xde, 0xad, 0xbe, 0xef };
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
		for (int masked = 0; masked < 2; masked++) {
			uint8_t out[WS_HEAD_MAX];
			struct ws_frame f;
			size_t n = ws_encode_head(
			    out, WS_BINARY, true, lengths[i], masked ? mask : NULL);

			for (size_t cut = 0; cut < n; cut++)
				assert_int_equal(
				    ws_decode_head(&f, span_of(out, cut), UINT64_MAX),
				    ERR_AGAIN);
			assert_int_equal(
			    ws_decode_head(&f, span_of(out, n), UINT64_MAX), 0);
			assert_int_equal(f.head_len, n);
			assert_true(f.body_len == lengths[i]);
			assert_true(f.fin);
			assert_int_equal(f.op, WS_BINARY);
			assert_int_equal(f.masked, masked);
			if (masked)
				assert_memory_equal(f.key, mask, 4);
		}
	}
}

static void
t_mask(void **state)
{
	static const uint8_t key[4] = { 0x37, 0xfa, 0x21, 0x3d };
	uint8_t hello[] = { 'H', 'e', 'l', 'l', 'o' };
	uint8_t whole[100], parts[100];
	(void)state;

	ws_mask(hello, 5, key, 0);
	assert_memory_equal(hello, "\x7f\x9f\x4d\x51\x58", 5); /* RFC 5.7 */

	for (size_t i = 0; i < sizeof(whole); i++)
		whole[i] = parts[i] = (uint8_t)(i * 31);
	ws_mask(whole, sizeof(whole), key, 0);
	for (size_t i = 0; i < sizeof(whole); i++)
		assert_int_equal(whole[i], (uint8_t)(i * 31) ^ key[i % 4]);
	for (size_t cut = 0; cut <= sizeof(parts); cut++) { /* any split, any alignment */
		for (size_t i = 0; i < sizeof(parts); i++)
			parts[i] = (uint8_t)(i * 31);
		ws_mask(parts, cut, key, 0);
		ws_mask(parts + cut, sizeof(parts) - cut, key, cut);
		assert_memory_equal(parts, whole, sizeof(whole));
	}
	ws_mask(NULL, 0, key, 3);
	for (size_t cut = 0; cut <= sizeof(parts); cut++) {
		uint8_t in[sizeof(parts)];

		for (size_t i = 0; i < sizeof(in); i++)
			in[i] = (uint8_t)(i * 31);
		ws_mask_copy(parts, in, cut, key, 0);
		ws_mask_copy(parts + cut, in + cut, sizeof(in) - cut, key, cut);
		assert_memory_equal(parts, whole, sizeof(whole));
	}
}

static void
t_key_and_codes(void **state)
{
	(void)state;

	assert_true(ws_key_valid(SPAN("dGhlIHNhbXBsZSBub25jZQ=="))); /* RFC 1.3 */
	assert_false(ws_key_valid(SPAN("dGhlIHNhbXBsZSBub25jZQ")));
	assert_false(ws_key_valid(SPAN("dGhlIHNhbXBsZSBub25jZSEh"))); /* 18 bytes */
	assert_false(ws_key_valid(SPAN("dGhlIHNhbXBsZSBub24=")));
	assert_false(ws_key_valid(SPAN("dGhlIHNhbXBsZSBub25jZQ==dGhl")));
	assert_false(ws_key_valid(SPAN_NONE));

	static const uint16_t good[] = { 1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010,
		1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999 };
	static const uint16_t bad[] = { 0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000,
		65535 };

	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		assert_true(ws_close_code_valid(good[i]));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_false(ws_close_code_valid(bad[i]));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_decode),
		cmocka_unit_test(t_encode_decode),
		cmocka_unit_test(t_mask),
		cmocka_unit_test(t_key_and_codes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
