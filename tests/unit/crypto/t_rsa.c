/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Agents' RSA keys.  tests/vectors/rsa_pss.json was made by the openssl command: keys in
 * three forms, a signature with the right salt and one with a salt we refuse.
 */
#include "unit/check.h"

#include "base/text.h"
#include "codec/json.h"
#include "crypto/crypto.h"

static json_t *vectors;

static struct span
vector(const char *key)
{
	const char *s = json_get_str(vectors, key);

	assert_non_null(s);
	return span_str(s);
}

static int
load_vectors(void **state)
{
	static uint8_t room[65536];
	FILE *f = fopen(VECTORS "/rsa_pss.json", "rb");
	size_t n;
	(void)state;

	if (f == NULL)
		return -1;
	n = fread(room, 1, sizeof(room), f);
	fclose(f);
	return json_read(&vectors, span_of(room, n), NULL);
}

static int
free_vectors(void **state)
{
	(void)state;
	json_decref(vectors);
	return 0;
}

/* The signature in "Signature=..." at the end of the Authorization header. */
static void
signature_of(const json_t *request, struct buf *out)
{
	json_t *headers = json_get_arr(request, "headers"), *h;
	size_t i;

	json_array_foreach(headers, i, h)
	{
		const char *value = json_string_value(json_array_get(h, 1));
		const char *sig = strstr(value, "Signature=");

		if (sig == NULL)
			continue;
		assert_int_equal(base64_decode(out, span_str(strchr(sig, '=') + 1)), 0);
		return;
	}
	fail_msg("a vector without a signature");
}

static void
t_openssl_vector(void **state)
{
	struct rsa_key *key;
	json_t *requests = json_get_arr(vectors, "requests"), *q;
	size_t i;
	(void)state;

	assert_int_equal(rsa_load_public(&key, vector("public_spki"), NULL), 0);
	assert_int_equal(json_array_size(requests), 2);
	json_array_foreach(requests, i, q)
	{
		struct span text = span_str(json_get_str(q, "string_to_sign"));
		int want = json_get_int(q, "salt", 0) == 32 ? 0 : ERR_SIGNATURE;
		auto_buf sig;

		buf_init(&sig, 1024);
		signature_of(q, &sig);
		assert_int_equal(rsa_pss_verify(key, text, buf_span(&sig)), want);
		sig.p[7] ^= 1;
		assert_int_equal(
		    rsa_pss_verify(key, text, buf_span(&sig)), ERR_SIGNATURE);
		sig.p[7] ^= 1;
		text.n--;
		assert_int_equal(
		    rsa_pss_verify(key, text, buf_span(&sig)), ERR_SIGNATURE);
		assert_int_equal(
		    rsa_pss_verify(key, text, span_sub(buf_span(&sig), 0, 255)),
		    ERR_SIGNATURE);
		assert_int_equal(rsa_pss_verify(key, text, SPAN_NONE), ERR_SIGNATURE);
	}
	rsa_free(key);
}

/* PKCS#1 and PKCS#8 of one key: the same key, stored as the stock agent stores it. */
static void
t_forms(void **state)
{
	static const char *const forms[] = { "private_pkcs1", "private_pkcs8" };
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
		struct rsa_key *key, *pub;
		auto_buf priv_out, pub_out, sig;

		buf_init(&priv_out, 8192);
		buf_init(&pub_out, 8192);
		buf_init(&sig, 8192);
		row(forms[i]);
		assert_int_equal(rsa_load_private(&key, vector(forms[i]), NULL), 0);
		rsa_store_private(key, &priv_out);
		rsa_store_public(key, &pub_out);
		check_span(buf_span(&priv_out), vector("private_pkcs1"));
		check_span(buf_span(&pub_out), vector("public_spki"));

		assert_int_equal(rsa_pss_sign(key, SPAN("text"), &sig), 0);
		assert_int_equal(sig.len, 256);
		assert_int_equal(rsa_load_public(&pub, vector("public_spki"), NULL), 0);
		assert_int_equal(rsa_pss_verify(pub, SPAN("text"), buf_span(&sig)), 0);
		assert_int_equal(
		    rsa_pss_verify(pub, SPAN("texT"), buf_span(&sig)), ERR_SIGNATURE);
		rsa_free(pub);
		rsa_free(key);
	}
}

static void
t_generate(void **state)
{
	struct rsa_key *a, *b, *pub;
	auto_buf text, sig;
	(void)state;

	buf_init(&text, 8192);
	buf_init(&sig, 8192);
	assert_int_equal(rsa_generate(&a, NULL), 0);
	assert_int_equal(rsa_generate(&b, NULL), 0);
	rsa_store_public(a, &text);
	assert_int_equal(
	    text.len, 392); /* what the agent's own API model asks for at least */
	assert_int_equal(rsa_load_public(&pub, buf_span(&text), NULL), 0);
	assert_int_equal(rsa_pss_sign(a, SPAN("text"), &sig), 0);
	assert_int_equal(rsa_pss_verify(pub, SPAN("text"), buf_span(&sig)), 0);
	assert_int_equal(rsa_pss_verify(b, SPAN("text"), buf_span(&sig)), ERR_SIGNATURE);
	rsa_free(a);
	rsa_free(b);
	rsa_free(pub);
	rsa_free(NULL);
}

static void
t_refused(void **state)
{
	json_t *refused = json_get_obj(vectors, "refused"), *v;
	static const struct {
		const char *what;
		struct span text;
		int want;
	} t[] = {
		{ "empty", { (const uint8_t *)"", 0 }, ERR_INVALID },
		{ "not base64", { (const uint8_t *)"MII*", 4 }, ERR_INVALID },
		{ "not DER", { (const uint8_t *)"AAAA", 4 }, ERR_INVALID },
	};
	static uint8_t big[8192];
	struct rsa_key *key;
	struct fault f = { 0 };
	const char *what;
	auto_buf longer;
	(void)state;

	assert_int_equal(json_object_size(refused), 3);
	json_object_foreach(refused, what, v)
	{
		row(what);
		assert_int_equal(
		    rsa_load_public(&key, span_str(json_string_value(v)), &f),
		    ERR_INVALID);
		assert_true(f.text[0] != '\0');
	}
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		row(t[i].what);
		assert_int_equal(rsa_load_public(&key, t[i].text, &f), t[i].want);
		assert_int_equal(rsa_load_private(&key, t[i].text, &f), t[i].want);
	}
	memset(big, 'A', sizeof(big));
	assert_int_equal(rsa_load_public(&key, span_of(big, sizeof(big)), &f), ERR_LIMIT);

	/* a good key with one more byte: 294 bytes of DER are 392 characters, no padding
	 */
	buf_init(&longer, 8192);
	buf_add(&longer, vector("public_spki"));
	buf_add(&longer, SPAN("AA=="));
	assert_int_equal(rsa_load_public(&key, buf_span(&longer), &f), ERR_INVALID);
	/* a private key is no public one, nor the other way round */
	assert_int_equal(rsa_load_public(&key, vector("private_pkcs8"), &f), ERR_INVALID);
	assert_int_equal(rsa_load_private(&key, vector("public_spki"), &f), ERR_INVALID);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_openssl_vector),
		cmocka_unit_test(t_forms),
		cmocka_unit_test(t_generate),
		cmocka_unit_test(t_refused),
	};

	crypto_init();
	return cmocka_run_group_tests(tests, load_vectors, free_vectors);
}
