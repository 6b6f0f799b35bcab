/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tokens and the keys of their issuers: what is read, what is refused, and that only the
 * right key with the right algorithm verifies.
 */
#include "unit/check.h"

#include "crypto/crypto.h"
#include "crypto/jws.h"
#include "proto/jwt.h"
#include "unit/token.h"

#define CLAIMS                \
	"{\"iss\":\"https://" \
	"idp.example\",\"sub\":\"alice\",\"aud\":\"app\",\"exp\":2000}"

static struct jwks *
keys_of(struct arena *mem, const char *list)
{
	char *text = arena_printf(mem, "{\"keys\":[%s]}", list);
	struct jwks *k = NULL;

	assert_int_equal(jwks_parse(&k, span_str(text), NULL), 0);
	return k;
}

static int
verify(struct arena *mem, const struct jwks *k, const char *text)
{
	struct jwt t;

	assert_int_equal(jwt_parse(&t, mem, span_str(text), NULL), 0);
	return jwks_verify(k, &t);
}

static char *
unsigned_token(struct arena *mem, const char *header, const char *claims)
{
	return arena_printf(mem, "%s.%s.c2ln",
	    token_base64url(mem, header, strlen(header)),
	    token_base64url(mem, claims, strlen(claims)));
}

static void
t_claims(void **state)
{
	auto_arena mem = { 0 };
	struct jwt t;
	(void)state;

	assert_int_equal(
	    jwt_parse(&t, &mem,
		span_str(unsigned_token(&mem, "{\"alg\":\"RS256\",\"kid\":\"k1\"}",
		    "{\"iss\":\"https://"
		    "i\",\"sub\":\"s\",\"aud\":[\"a\",\"b\"],\"azp\":\"a\","
		    "\"amr\":[\"mfa\",\"pwd\"],\"exp\":1700000000.75,\"nbf\":5,\"iat\":6,"
		    "\"https://aws.amazon.com/"
		    "tags\":{\"principal_tags\":{\"Team\":[\"ops\"],"
		    "\"Cost\":\"7\"},\"transitive_tag_keys\":[\"Team\"]},"
		    "\"https://aws.amazon.com/"
		    "source_identity\":\"alice\",\"x\":{\"y\":[1]}}")),
		NULL),
	    0);
	assert_string_equal(t.alg, "RS256");
	assert_string_equal(t.kid, "k1");
	assert_string_equal(t.iss, "https://i");
	assert_string_equal(t.sub, "s");
	assert_string_equal(t.azp, "a");
	assert_int_equal(t.aud.n, 2);
	assert_string_equal(t.aud.list[1], "b");
	assert_int_equal(t.amr.n, 2);
	assert_string_equal(t.amr.list[0], "mfa");
	assert_true(t.has_exp && t.has_nbf && t.has_iat);
	assert_int_equal(t.exp_s, 1700000000);
	assert_int_equal(t.nbf_s, 5);
	assert_int_equal(t.iat_s, 6);
	assert_int_equal(t.ntags, 2);
	assert_string_equal(t.tags[0].value, "ops");
	assert_true(t.tags[0].transitive);
	assert_string_equal(t.tags[1].value, "7");
	assert_false(t.tags[1].transitive);
	assert_string_equal(t.source_identity, "alice");
	check_text(t.signature, "sig");
}

static void
t_refused(void **state)
{
	static const struct {
		const char *why, *header, *claims;
	} t[] = {
		{ "a header that is no object", "[1]", CLAIMS },
		{ "a header that is no JSON", "{\"alg\"", CLAIMS },
		{ "alg is a number", "{\"alg\":5}", CLAIMS },
		{ "alg given twice", "{\"alg\":\"none\",\"alg\":\"RS256\"}", CLAIMS },
		{ "kid is a list", "{\"alg\":\"RS256\",\"kid\":[\"a\"]}", CLAIMS },
		{ "an extension that must be understood",
		    "{\"alg\":\"RS256\",\"crit\":[\"b64\"],\"b64\":false}", CLAIMS },
		{ "an encrypted token", "{\"alg\":\"RSA-OAEP\",\"enc\":\"A256GCM\"}",
		    CLAIMS },
		{ "claims that are a list", "{\"alg\":\"RS256\"}", "[]" },
		{ "claims that are a text", "{\"alg\":\"RS256\"}", "\"x\"" },
		{ "sub given twice", "{\"alg\":\"RS256\"}",
		    "{\"sub\":\"a\",\"sub\":\"b\"}" },
		{ "sub is a number", "{\"alg\":\"RS256\"}", "{\"sub\":1}" },
		{ "sub is null", "{\"alg\":\"RS256\"}", "{\"sub\":null}" },
		{ "iss is an object", "{\"alg\":\"RS256\"}", "{\"iss\":{}}" },
		{ "exp is a text", "{\"alg\":\"RS256\"}", "{\"exp\":\"2000\"}" },
		{ "exp before the epoch", "{\"alg\":\"RS256\"}", "{\"exp\":-1}" },
		{ "exp beyond all years", "{\"alg\":\"RS256\"}", "{\"exp\":1e300}" },
		{ "iat is true", "{\"alg\":\"RS256\"}", "{\"iat\":true}" },
		{ "an audience that is a number", "{\"alg\":\"RS256\"}",
		    "{\"aud\":[\"a\",1]}" },
		{ "tags without principal_tags", "{\"alg\":\"RS256\"}",
		    "{\"https://aws.amazon.com/tags\":{}}" },
		{ "a tag with two values", "{\"alg\":\"RS256\"}",
		    "{\"https://aws.amazon.com/tags\":{\"principal_tags\":{\"a\":[\"1\","
		    "\"2\"]}}}" },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		auto_arena mem = { 0 };
		struct fault f = { 0 };
		struct jwt got;

		row(t[i].why);
		assert_int_equal(
		    jwt_parse(&got, &mem,
			span_str(unsigned_token(&mem, t[i].header, t[i].claims)), &f),
		    ERR_INVALID);
		assert_true(f.text[0] != '\0');
	}
}

static void
t_not_three_parts(void **state)
{
	static const char *const t[] = { "", ".", "..", "a.b", "a.b.c.d", "e30.e30.a b",
		"e30=.e30.c2ln", "e30.e30.c2ln.", "e30.e31.c2ln", "e+0.e30.c2ln" };
	auto_arena mem = { 0 };
	char *huge = arena_alloc(&mem, JWT_TEXT_MAX + 2);
	struct jwt got;
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		row(t[i]);
		assert_int_equal(
		    jwt_parse(&got, &mem, span_str(t[i]), NULL), ERR_INVALID);
	}
	memset(huge, 'A', JWT_TEXT_MAX + 1);
	huge[10] = huge[20] = '.';
	assert_int_equal(
	    jwt_parse(&got, &mem, span_of(huge, JWT_TEXT_MAX + 1), NULL), ERR_INVALID);
}

static void
t_many_audiences(void **state)
{
	auto_arena mem = { 0 };
	auto_buf claims;
	struct jwt got;
	(void)state;

	buf_init(&claims, 4096);
	buf_add_str(&claims, "{\"aud\":[\"x\"");
	for (int i = 1; i <= JWT_NAMES_MAX; i++)
		buf_add_str(&claims, ",\"x\"");
	buf_add_str(&claims, "]}");
	assert_int_equal(
	    jwt_parse(&got, &mem, span_str(unsigned_token(&mem, "{}", buf_cstr(&claims))),
		NULL),
	    ERR_INVALID);
}

static void
t_algorithms(void **state)
{
	static const char *const algs[] = { "RS256", "RS384", "RS512", "PS256", "ES256",
		"ES384", "ES512", "EdDSA" };
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(algs); i++) {
		auto_arena mem = { 0 };
		struct token_key k = token_key_new(algs[i], "k1");
		struct jwks *keys = keys_of(&mem, token_jwk(&mem, &k));
		char *token = token_make(&mem, &k, CLAIMS), *dot = strrchr(token, '.');
		char *other = token_make(&mem, &k, "{\"sub\":\"bob\"}");

		row(algs[i]);
		assert_int_equal(jwks_len(keys), 1);
		assert_int_equal(verify(&mem, keys, token), 0);
		/* The signature of other claims; then one with another letter in it. */
		*strrchr(other, '.') = '\0';
		assert_int_equal(
		    verify(&mem, keys, arena_printf(&mem, "%s%s", other, dot)),
		    ERR_SIGNATURE);
		dot[9] = dot[9] == 'A' ? 'B' : 'A';
		assert_int_equal(verify(&mem, keys, token), ERR_SIGNATURE);
		jwks_free(keys);
		token_key_free(&k);
	}
}

/* The classic attacks: the token names the algorithm, the key decides. */
static void
t_confusion(void **state)
{
	static const struct {
		const char *why, *header;
		int want;
	} t[] = {
		{ "no signature at all", "{\"alg\":\"none\",\"kid\":\"r\"}",
		    ERR_UNSUPPORTED },
		{ "the same in capitals", "{\"alg\":\"NONE\",\"kid\":\"r\"}",
		    ERR_UNSUPPORTED },
		{ "no algorithm", "{\"kid\":\"r\"}", ERR_UNSUPPORTED },
		{ "an HMAC with the public key", "{\"alg\":\"HS256\",\"kid\":\"r\"}",
		    ERR_UNSUPPORTED },
		{ "ECDSA with an RSA key", "{\"alg\":\"ES256\",\"kid\":\"r\"}",
		    ERR_NOTFOUND },
		{ "RSA with an elliptic key", "{\"alg\":\"RS256\",\"kid\":\"e\"}",
		    ERR_NOTFOUND },
		{ "another curve than the key's", "{\"alg\":\"ES384\",\"kid\":\"e\"}",
		    ERR_NOTFOUND },
		{ "another padding", "{\"alg\":\"PS256\",\"kid\":\"r\"}", ERR_SIGNATURE },
		{ "a key nobody has", "{\"alg\":\"RS256\",\"kid\":\"x\"}", ERR_NOTFOUND },
		{ "a key in the header is not looked at",
		    "{\"alg\":\"RS256\",\"kid\":\"x\",\"jwk\":{\"kty\":\"RSA\"}}",
		    ERR_NOTFOUND },
		{ "no kid, and one key of that kind", "{\"alg\":\"RS256\"}", 0 },
		{ "the key it is", "{\"alg\":\"RS256\",\"kid\":\"r\"}", 0 },
	};
	auto_arena mem = { 0 };
	struct token_key r = token_key_new("RS256", "r"), e = token_key_new("ES256", "e");
	struct jwks *keys = keys_of(
	    &mem, arena_printf(&mem, "%s,%s", token_jwk(&mem, &r), token_jwk(&mem, &e)));
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		row(t[i].why);
		assert_int_equal(
		    verify(&mem, keys, token_make_with(&mem, &r, t[i].header, CLAIMS)),
		    t[i].want);
	}
	jwks_free(keys);
	token_key_free(&r);
	token_key_free(&e);
}

static void
t_two_keys_without_names(void **state)
{
	auto_arena mem = { 0 };
	struct token_key a = token_key_new("ES256", "a"), b = token_key_new("ES256", "b");
	struct jwks *keys = keys_of(
	    &mem, arena_printf(&mem, "%s,%s", token_jwk(&mem, &a), token_jwk(&mem, &b)));
	(void)state;

	assert_int_equal(
	    verify(&mem, keys, token_make_with(&mem, &a, "{\"alg\":\"ES256\"}", CLAIMS)),
	    ERR_NOTFOUND);
	assert_int_equal(verify(&mem, keys, token_make(&mem, &b, CLAIMS)), 0);
	jwks_free(keys);
	token_key_free(&a);
	token_key_free(&b);
}

#define X32 "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

static void
t_keys_passed_over(void **state)
{
	static const struct {
		const char *why, *jwk;
	} t[] = {
		{ "a shared secret", "{\"kty\":\"oct\",\"k\":\"c2VjcmV0\"}" },
		{ "a key for encryption",
		    "{\"kty\":\"RSA\",\"use\":\"enc\",\"n\":\"AQAB\","
		    "\"e\":\"AQAB\"}" },
		{ "RSA of 24 bits", "{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"}" },
		{ "RSA without its numbers", "{\"kty\":\"RSA\"}" },
		{ "a number in the wrong alphabet", "{\"kty\":\"RSA\",\"n\":\"++++\"}" },
		{ "a point that is not on the curve",
		    "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" X32 "\",\"y\":\"" X32
		    "\"}" },
		{ "a coordinate that is too short",
		    "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AQAB\",\"y\":\"" X32
		    "\"}" },
		{ "a curve we do not know",
		    "{\"kty\":\"EC\",\"crv\":\"secp256k1\",\"x\":\"" X32 "\",\"y\":\"" X32
		    "\"}" },
		{ "a key for key agreement",
		    "{\"kty\":\"OKP\",\"crv\":\"X25519\",\"x\":\"" X32 "\"}" },
		{ "an unknown kind", "{\"kty\":\"AKP\"}" },
		{ "no kind", "{}" },
		{ "not an object", "7" },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		auto_arena mem = { 0 };
		struct jwks *k = keys_of(&mem, t[i].jwk);

		row(t[i].why);
		assert_int_equal(jwks_len(k), 0);
		jwks_free(k);
	}
}

static void
t_no_set_of_keys(void **state)
{
	static const char *const t[] = { "", "[]", "{}", "{\"keys\":{}}", "{\"keys\":[}",
		"{\"keys\":[],\"keys\":[]}", "{\"keys\":null}" };
	auto_arena mem = { 0 };
	auto_buf many;
	struct jwks *k = NULL;
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		row(t[i]);
		assert_int_equal(jwks_parse(&k, span_str(t[i]), NULL), ERR_INVALID);
	}
	buf_init(&many, 4096);
	buf_add_str(&many, "{\"keys\":[{}");
	for (int i = 1; i <= JWKS_KEYS_MAX; i++)
		buf_add_str(&many, ",{}");
	buf_add_str(&many, "]}");
	assert_int_equal(jwks_parse(&k, buf_span(&many), NULL), ERR_LIMIT);
	assert_int_equal(
	    jwks_parse(&k,
		span_of(arena_alloc(&mem, JWKS_TEXT_MAX + 1), JWKS_TEXT_MAX + 1), NULL),
	    ERR_LIMIT);
}

static void
t_discovery(void **state)
{
	static const struct {
		const char *why, *text, *uri; /* uri NULL: refused */
	} t[] = {
		{ "as it should be",
		    "{\"issuer\":\"https://i/x\",\"jwks_uri\":\"https://k/keys?v=1\"}",
		    "https://k/keys?v=1" },
		{ "another issuer",
		    "{\"issuer\":\"https://i\",\"jwks_uri\":\"https://k/keys\"}", NULL },
		{ "a slash more is another issuer",
		    "{\"issuer\":\"https://i/x/\",\"jwks_uri\":\"https://k/keys\"}",
		    NULL },
		{ "no issuer", "{\"jwks_uri\":\"https://k/keys\"}", NULL },
		{ "no keys", "{\"issuer\":\"https://i/x\"}", NULL },
		{ "keys in the clear",
		    "{\"issuer\":\"https://i/x\",\"jwks_uri\":\"http://k/keys\"}", NULL },
		{ "a scheme in capitals",
		    "{\"issuer\":\"https://i/x\",\"jwks_uri\":\"HTTPS://k/keys\"}", NULL },
		{ "keys in a file",
		    "{\"issuer\":\"https://i/x\",\"jwks_uri\":\"file:///etc/passwd\"}",
		    NULL },
		{ "no JSON", "<html>", NULL },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		auto_arena mem = { 0 };
		const char *uri = NULL;
		int r = jwt_discovery_parse(
		    &uri, &mem, span_str(t[i].text), "https://i/x", NULL);

		row(t[i].why);
		assert_int_equal(r, t[i].uri != NULL ? 0 : ERR_INVALID);
		if (t[i].uri != NULL)
			assert_string_equal(uri, t[i].uri);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_claims),
		cmocka_unit_test(t_refused),
		cmocka_unit_test(t_not_three_parts),
		cmocka_unit_test(t_many_audiences),
		cmocka_unit_test(t_algorithms),
		cmocka_unit_test(t_confusion),
		cmocka_unit_test(t_two_keys_without_names),
		cmocka_unit_test(t_keys_passed_over),
		cmocka_unit_test(t_no_set_of_keys),
		cmocka_unit_test(t_discovery),
	};

	crypto_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
