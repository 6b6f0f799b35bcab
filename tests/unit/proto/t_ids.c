/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Identifiers: what is one, what is not, and that what we make is one.
 */
#include "unit/check.h"

#include "base/text.h"
#include "proto/ids.h"

#define X32 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

static void
t_valid(void **state)
{
	static const struct {
		bool (*valid)(struct span);
		struct span s;
		bool want;
	} t[] = {
#define ROW(f, lit, want) { f, { (const uint8_t *)(lit), sizeof(lit) - 1 }, want }
		ROW(id_node_valid, "mi-0123456789abcdef0", true),
		ROW(id_node_valid, "i-0123456789abcdef0", true),
		ROW(id_node_valid, "i-01234567", true),
		ROW(id_node_valid, "mi-01234567", false),
		ROW(id_node_valid, "mi-0123456789ABCDEF0", false),
		ROW(id_node_valid, "mi-0123456789abcdef", false),
		ROW(id_node_valid, "mi-0123456789abcdef01", false),
		ROW(id_node_valid, "mi-0123456789abcdeg0", false),
		ROW(id_node_valid, "i-0123456789abcdef0\n", false),
		ROW(id_node_valid, "i-0123456789abcdef\0", false),
		ROW(id_node_valid, "", false),
		ROW(id_node_valid, "mi-", false),
		ROW(id_node_is_managed, "mi-0", true),
		ROW(id_node_is_managed, "i-0", false),
		ROW(id_session_valid, "user@example.com-0abc1234def567890", true),
		ROW(id_session_valid, "a+b=c,d_e-f", true),
		ROW(id_session_valid, "x", true),
		ROW(id_session_valid, "", false),
		ROW(id_session_valid, ".", false),
		ROW(id_session_valid, "..", false),
		ROW(id_session_valid, "...", true),
		ROW(id_session_valid, "a/b", false),
		ROW(id_session_valid, "../etc", false),
		ROW(id_session_valid, "a b", false),
		ROW(id_session_valid, "a\0b", false),
		ROW(id_session_valid, "b\xc3\xbc", false),
		ROW(id_session_valid, X32 X32 X32, true),
		ROW(id_session_valid, X32 X32 X32 "x", false),
		ROW(id_uuid_valid, "11111111-2222-3333-4444-555555555555", true),
		ROW(id_uuid_valid, "11111111-2222-3333-4444-55555555555", false),
		ROW(id_uuid_valid, "11111111-2222-3333-4444-55555555555A", false),
		ROW(id_uuid_valid, "111111112-222-3333-4444-555555555555", false),
		ROW(id_access_key_valid, "AKIAIOSFODNN7EXAMPLE", true),
		ROW(id_access_key_valid, "ASIAIOSFODNN7EXAMPLE", true),
		ROW(id_access_key_valid, "AIDAIOSFODNN7EXAMPLE", false),
		ROW(id_access_key_valid, "AKIAIOSFODNN7EXAMPL", false),
		ROW(id_access_key_valid, "AKIAIOSFODNN7EXAMPLEE", false),
		ROW(id_access_key_valid, "AKIAiosfodnn7example", false),
		ROW(id_access_key_is_temporary, "ASIAIOSFODNN7EXAMPLE", true),
		ROW(id_access_key_is_temporary, "AKIAIOSFODNN7EXAMPLE", false),
		ROW(id_user_valid, "ssm-user", true),
		ROW(id_user_valid, "_apt", true),
		ROW(id_user_valid, "machine$", true),
		ROW(id_user_valid, "r00t", true),
		ROW(id_user_valid, "", false),
		ROW(id_user_valid, "$", false),
		ROW(id_user_valid, "a$b", false),
		ROW(id_user_valid, "a$$", false),
		ROW(id_user_valid, "Root", false),
		ROW(id_user_valid, "0root", false),
		ROW(id_user_valid, "-root", false),
		ROW(id_user_valid, "root\n", false),
		ROW(id_user_valid, "ro ot", false),
		ROW(id_user_valid, X32, true),
		ROW(id_user_valid, X32 "$", true),
		ROW(id_user_valid, X32 "x", false),
		ROW(id_document_valid, "AWS-StartPortForwardingSession", true),
		ROW(id_document_valid, "a.b", true),
		ROW(id_document_valid, "..", false),
		ROW(id_document_valid, "a/b", false),
		ROW(id_document_valid, X32 X32 X32 X32, true),
		ROW(id_document_valid, X32 X32 X32 X32 "x", false),
		ROW(id_region_valid, "eu-north-1", true),
		ROW(id_region_valid, "xx", true),
		ROW(id_region_valid, "", false),
		ROW(id_region_valid, "eu_north", false),
		ROW(id_region_valid, "eu/north", false),
		ROW(id_region_valid, "eu.north", false),
		ROW(id_account_valid, "123456789012", true),
		ROW(id_account_valid, "12345678901", false),
		ROW(id_account_valid, "12345678901x", false),
#undef ROW
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		if (t[i].valid(t[i].s) != t[i].want)
			fail_msg("row %zu: \"" SPAN_FMT "\"", i, SPAN_ARG(t[i].s));
	}
}

static void
t_format(void **state)
{
	static const uint8_t zero[32];
	uint8_t ones[32], count[32];
	char node[ID_NODE_MAX + 1], key[ID_ACCESS_KEY_LEN + 1],
	    secret[ID_SECRET_KEY_LEN + 1];
	char token[ID_TOKEN_LEN + 1], code[ID_CODE_LEN + 1];
	(void)state;

	memset(ones, 0xff, sizeof(ones));
	for (size_t i = 0; i < sizeof(count); i++)
		count[i] = (uint8_t)(i * 17 + 1);

	id_node_format(node, true, count);
	assert_string_equal(node, "mi-01122334455667788");
	/* 17 digits of 18: the last half byte is not used */
	id_node_format(node, false, ones);
	assert_string_equal(node, "i-fffffffffffffffff");
	assert_true(id_node_valid(span_str(node)));

	id_access_key_format(key, false, zero);
	assert_string_equal(key, "AKIAAAAAAAAAAAAAAAAA");
	id_access_key_format(key, true, ones);
	assert_string_equal(key, "ASIA7777777777777777");
	assert_true(id_access_key_valid(span_str(key)));

	id_secret_key_format(secret, ones);
	assert_string_equal(secret, "////////////////////////////////////////");
	id_secret_key_format(secret, count);
	assert_int_equal(strlen(secret), ID_SECRET_KEY_LEN);

	id_token_format(token, zero);
	assert_string_equal(token, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
	id_token_format(token, ones);
	assert_string_equal(token, "__________________________________________8");

	id_code_format(code, ones);
	assert_string_equal(code, "77777777777777777777");
}

/* Base64 of ours is base64 of theirs. */
static void
t_base64_agrees(void **state)
{
	uint8_t raw[32];
	char secret[ID_SECRET_KEY_LEN + 1], token[ID_TOKEN_LEN + 1];
	auto_buf b;
	(void)state;

	for (unsigned round = 0; round < 256; round++) {
		for (size_t i = 0; i < sizeof(raw); i++)
			raw[i] = (uint8_t)(round * 31 + i * 57);
		buf_init(&b, 100);
		base64_encode(&b, span_of(raw, 30));
		id_secret_key_format(secret, raw);
		assert_string_equal(secret, buf_cstr(&b));
		buf_reset(&b);
		base64_encode(&b, span_of(raw, 32));
		id_token_format(token, raw);
		for (size_t i = 0; i < ID_TOKEN_LEN; i++) {
			char c = (char)b.p[i];

			assert_int_equal(token[i], c == '+' ? '-' : c == '/' ? '_' : c);
		}
		buf_fini(&b);
	}
}

static void
t_session_format(void **state)
{
	static const struct {
		const char *name, *want;
	} t[] = {
		{ "alice", "alice-22222222222222222222222222" },
		{ "a b/c\\d\n", "a_b_c_d_-22222222222222222222222222" },
		{ "", "-22222222222222222222222222" },
		{ X32 X32 X32, X32 X32 "xxxxx-22222222222222222222222222" },
	};
	static const uint8_t zero[17];
	uint8_t ones[17];
	char id[ID_SESSION_MAX + 1];
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		print_message("  \"%s\"\n", t[i].name);
		id_session_format(id, span_str(t[i].name), zero);
		assert_string_equal(id, t[i].want);
		assert_true(id_session_valid(span_str(id)));
	}
	memset(ones, 0xff, sizeof(ones));
	id_session_format(id, SPAN("b"), ones);
	assert_string_equal(id, "b-zzzzzzzzzzzzzzzzzzzzzzzzzz");

	/* each bit of the first 130 changes the id */
	for (size_t bit = 0; bit < 130; bit++) {
		uint8_t raw[17] = { 0 };
		char other[ID_SESSION_MAX + 1];

		raw[bit / 8] = (uint8_t)(0x80 >> bit % 8);
		id_session_format(id, SPAN("b"), zero);
		id_session_format(other, SPAN("b"), raw);
		assert_string_not_equal(id, other);
		assert_true(id_session_valid(span_str(other)));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_valid),
		cmocka_unit_test(t_format),
		cmocka_unit_test(t_base64_agrees),
		cmocka_unit_test(t_session_format),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
