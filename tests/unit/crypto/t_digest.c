/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Digests and secrets: published vectors, threads, reuse of a thread's contexts.
 */
#include "unit/check.h"

#include <threads.h>

#include "base/text.h"
#include "crypto/crypto.h"

static void
assert_hex(const uint8_t *got, size_t n, const char *want)
{
	char hex[129];

	hex_encode(hex, got, n);
	assert_string_equal(hex, want);
}

static void
t_sha256(void **state)
{
	static const struct {
		const char *what;
		struct span in;
		const char *want;
	} t[] = {
		{ "empty", { NULL, 0 },
		    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
		{ "FIPS 180 abc", { (const uint8_t *)"abc", 3 },
		    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
		{ "FIPS 180 two blocks",
		    { (const uint8_t *)"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnom"
				       "nopnopq",
			56 },
		    "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		uint8_t sum[SHA256_LEN];
		struct sha256_ctx *c = sha256_new();

		row(t[i].what);
		sha256(sum, t[i].in);
		assert_hex(sum, sizeof(sum), t[i].want);

		/* byte by byte, with other digests in between */
		for (size_t k = 0; k < t[i].in.n; k++) {
			sha256(sum, SPAN("noise"));
			sha256_add(c, span_sub(t[i].in, k, 1));
		}
		sha256_final(c, sum);
		assert_hex(sum, sizeof(sum), t[i].want);
	}
	sha256_free(sha256_new());
	sha256_free(NULL);
}

static void
t_sha1(void **state)
{
	uint8_t sum[20];
	(void)state;

	/* the accept key of RFC 6455 1.3, before base64 */
	sha1(sum, SPAN("dGhlIHNhbXBsZSBub25jZQ==258EAFA5-E914-47DA-95CA-C5AB0DC85B11"));
	assert_hex(sum, sizeof(sum), "b37a4f2cc0624f1690f64606cf385945b2bec4ea");
}

static void
t_hmac(void **state)
{
	uint8_t key[131], sum[SHA256_LEN];
	(void)state;

	memset(key, 0xaa, sizeof(key));
	/* RFC 4231, cases 2 and 6; then an empty key, which must not be the last one */
	hmac_sha256(sum, SPAN("Jefe"), SPAN("what do ya want for nothing?"));
	assert_hex(sum, sizeof(sum),
	    "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
	hmac_sha256(sum, span_of(key, sizeof(key)),
	    SPAN("Test Using Larger Than Block-Size Key - Hash Key First"));
	assert_hex(sum, sizeof(sum),
	    "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
	hmac_sha256(sum, SPAN_NONE, SPAN_NONE);
	assert_hex(sum, sizeof(sum),
	    "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

static int
hash_a_lot(void *arg)
{
	uint8_t sum[SHA256_LEN], again[SHA256_LEN];
	struct span in = span_of(arg, 8);

	sha256(sum, in);
	for (int i = 0; i < 20000; i++) {
		sha256(again, in);
		if (memcmp(sum, again, sizeof(sum)) != 0)
			return 1;
		hmac_sha256(again, in, in);
	}
	return 0;
}

static void
t_threads(void **state)
{
	thrd_t th[4];
	uint64_t in[4] = { 1, 2, 3, 4 };
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(th); i++)
		assert_int_equal(thrd_create(&th[i], hash_a_lot, &in[i]), thrd_success);
	for (size_t i = 0; i < ARRAY_LEN(th); i++) {
		int bad = 1;

		assert_int_equal(thrd_join(th[i], &bad), thrd_success);
		assert_int_equal(bad, 0);
	}
}

static void
t_secret(void **state)
{
	auto_secret *none = NULL;
	auto_secret *one = xstrdup("hush");
	uint8_t room[4] = { 1, 2, 3, 4 };
	(void)state;

	assert_true(secret_eq(SPAN("abc"), SPAN("abc")));
	assert_false(secret_eq(SPAN("abc"), SPAN("abd")));
	assert_false(secret_eq(SPAN("abc"), SPAN("ab")));
	assert_true(secret_eq(SPAN_NONE, SPAN("")));
	secret_wipe(room, sizeof(room));
	assert_memory_equal(room, "\0\0\0\0", 4);
	secret_wipe(NULL, 0);
	assert_null(none);
	assert_non_null(one);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_sha256),
		cmocka_unit_test(t_sha1),
		cmocka_unit_test(t_hmac),
		cmocka_unit_test(t_threads),
		cmocka_unit_test(t_secret),
	};

	crypto_init();
	crypto_init(); /* a second call is harmless */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
