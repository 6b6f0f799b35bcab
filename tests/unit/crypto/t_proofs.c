/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One-time codes against the vectors of RFC 6238 and seeds of any kind; passwords there and back.
 */
#include "unit/check.h"

#include "crypto/password.h"
#include "crypto/totp.h"

/* "12345678901234567890", the key of RFC 6238's vectors for SHA-1. */
#define RFC_SEED "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"

static void
t_totp(void **state)
{
	static const struct {
		int64_t time_s;
		const char *want; /* the last six of the RFC's eight digits */
	} t[] = {
		{ 59, "287082" },
		{ 1111111109, "081804" },
		{ 1111111111, "050471" },
		{ 1234567890, "005924" },
		{ 2000000000, "279037" },
		{ 20000000000, "353130" },
	};
	char code[TOTP_DIGITS + 1];
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		row(t[i].want);
		assert_int_equal(
		    totp_code(code, RFC_SEED, t[i].time_s * 1000 / TOTP_STEP_MS), 0);
		assert_string_equal(code, t[i].want);
	}
	row("not base 32");
	assert_int_equal(totp_code(code, "1890!", 1), ERR_INVALID);
}

static void
t_seed(void **state)
{
	uint8_t raw[TOTP_SEED_RAW] = "12345678901234567890";
	char seed[TOTP_SEED_LEN + 1], want[TOTP_DIGITS + 1], got[TOTP_DIGITS + 1];
	(void)state;

	memcpy(raw + 20, raw, 20);
	totp_seed_format(seed, raw);
	assert_string_equal(seed, RFC_SEED RFC_SEED);
	assert_int_equal(totp_code(want, RFC_SEED RFC_SEED, 7), 0);
	assert_int_equal(totp_code(got, seed, 7), 0);
	assert_string_equal(got, want);
}

static void
t_password(void **state)
{
	const uint8_t salt[PASSWORD_SALT_LEN] = "0123456789abcde";
	char hash[PASSWORD_HASH_MAX], other[PASSWORD_HASH_MAX];
	(void)state;

	assert_int_equal(password_hash(hash, SPAN("correct horse"), salt), 0);
	assert_true(span_starts(span_str(hash), "$argon2id$v=19$m=19456,t=2,p=1$"));
	assert_int_equal(password_verify(hash, SPAN("correct horse")), 0);
	assert_int_equal(password_verify(hash, SPAN("correct horsf")), ERR_DENIED);
	assert_int_equal(password_verify(hash, SPAN("")), ERR_DENIED);
	row("what is no hash");
	assert_int_equal(password_verify("", SPAN("x")), ERR_INVALID);
	assert_int_equal(password_verify("$argon2id$v=19$m=1", SPAN("x")), ERR_INVALID);
	row("another salt");
	assert_int_equal(password_hash(other, SPAN("correct horse"),
			     (const uint8_t *)"another salt...."),
	    0);
	assert_string_not_equal(hash, other);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_totp),
		cmocka_unit_test(t_seed),
		cmocka_unit_test(t_password),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
