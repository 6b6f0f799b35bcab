/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An issuer of tokens for tests: keys, the set they are published in, and signed tokens, made
 * with OpenSSL alone so that nothing under test takes part in it.
 */
#pragma once

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include "base/arena.h"
#include "base/buf.h"

struct token_key {
	EVP_PKEY *pkey;
	const char *kid, *alg;
};

static inline char *
token_base64url(struct arena *mem, const void *p, size_t n)
{
	char *out = arena_alloc(mem, n * 2 + 8);
	size_t len = (size_t)EVP_EncodeBlock((unsigned char *)out, p, (int)n);

	while (len > 0 && out[len - 1] == '=')
		len--;
	out[len] = '\0';
	for (size_t i = 0; i < len; i++)
		out[i] = out[i] == '+' ? '-' : out[i] == '/' ? '_' : out[i];
	return out;
}

/* Slow for RSA: one is enough for a test. */
static inline struct token_key
token_key_new(const char *alg, const char *kid)
{
	struct token_key k = { .kid = kid, .alg = alg };

	if (alg[0] == 'R' || alg[0] == 'P')
		k.pkey = EVP_RSA_gen(2048);
	else if (strcmp(alg, "EdDSA") == 0)
		k.pkey = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	else
		k.pkey = EVP_EC_gen(strcmp(alg, "ES256") == 0 ? "P-256"
			: strcmp(alg, "ES384") == 0           ? "P-384"
							      : "P-521");
	assert(k.pkey != NULL);
	return k;
}

static inline void
token_key_free(struct token_key *k)
{
	EVP_PKEY_free(k->pkey);
}

/* A number of the key, of the given length (0: as short as it is). */
static inline char *
token_number(struct arena *mem, const struct token_key *k, const char *name, int len)
{
	BIGNUM *n = NULL;
	uint8_t raw[1024];

	assert(EVP_PKEY_get_bn_param(k->pkey, name, &n) == 1);
	len = len != 0 ? len : BN_num_bytes(n);
	BN_bn2binpad(n, raw, len);
	BN_free(n);
	return token_base64url(mem, raw, (size_t)len);
}

static inline size_t
token_field(const struct token_key *k)
{
	return ((size_t)EVP_PKEY_get_bits(k->pkey) + 7) / 8;
}

/* The key as a JWK. */
static inline char *
token_jwk(struct arena *mem, const struct token_key *k)
{
	uint8_t raw[32];
	size_t n = sizeof(raw);
	int field = (int)token_field(k);

	if (EVP_PKEY_is_a(k->pkey, "RSA"))
		return arena_printf(mem,
		    "{\"kty\":\"RSA\",\"kid\":\"%s\",\"use\":\"sig\",\"n\":\"%s\",\"e\":"
		    "\"%s\"}",
		    k->kid, token_number(mem, k, OSSL_PKEY_PARAM_RSA_N, 0),
		    token_number(mem, k, OSSL_PKEY_PARAM_RSA_E, 0));
	if (strcmp(k->alg, "EdDSA") == 0) {
		assert(EVP_PKEY_get_raw_public_key(k->pkey, raw, &n) == 1);
		return arena_printf(mem,
		    "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"kid\":\"%s\",\"x\":\"%s\"}",
		    k->kid, token_base64url(mem, raw, n));
	}
	return arena_printf(mem,
	    "{\"kty\":\"EC\",\"crv\":\"P-%d\",\"kid\":\"%s\",\"x\":\"%s\",\"y\":\"%s\"}",
	    EVP_PKEY_get_bits(k->pkey), k->kid,
	    token_number(mem, k, OSSL_PKEY_PARAM_EC_PUB_X, field),
	    token_number(mem, k, OSSL_PKEY_PARAM_EC_PUB_Y, field));
}

/* The two numbers of a DER signature at full length, as RFC 7518 wants them. */
static inline size_t
token_raw_ecdsa(uint8_t *sig, size_t n, size_t field)
{
	const unsigned char *at = sig;
	ECDSA_SIG *s = d2i_ECDSA_SIG(NULL, &at, (long)n);

	assert(s != NULL);
	BN_bn2binpad(ECDSA_SIG_get0_r(s), sig, (int)field);
	BN_bn2binpad(ECDSA_SIG_get0_s(s), sig + field, (int)field);
	ECDSA_SIG_free(s);
	return 2 * field;
}

static inline size_t
token_sign(uint8_t sig[1024], const struct token_key *k, const char *message)
{
	const char *digest = strstr(k->alg, "384") != NULL ? "SHA384"
	    : strstr(k->alg, "512") != NULL                ? "SHA512"
							   : "SHA256";
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	EVP_PKEY_CTX *kc = NULL;
	size_t n = 1024;

	if (strcmp(k->alg, "EdDSA") == 0)
		digest = NULL;
	assert(EVP_DigestSignInit_ex(c, &kc, digest, NULL, NULL, k->pkey, NULL) == 1);
	if (k->alg[0] == 'P')
		assert(EVP_PKEY_CTX_set_rsa_padding(kc, RSA_PKCS1_PSS_PADDING) == 1 &&
		    EVP_PKEY_CTX_set_rsa_pss_saltlen(kc, RSA_PSS_SALTLEN_DIGEST) == 1);
	assert(EVP_DigestSign(
		   c, sig, &n, (const unsigned char *)message, strlen(message)) == 1);
	EVP_MD_CTX_free(c);
	return EVP_PKEY_is_a(k->pkey, "EC") ? token_raw_ecdsa(sig, n, token_field(k)) : n;
}

/* header and claims are JSON texts. */
static inline char *
token_make_with(
    struct arena *mem, const struct token_key *k, const char *header, const char *claims)
{
	char *message =
	    arena_printf(mem, "%s.%s", token_base64url(mem, header, strlen(header)),
		token_base64url(mem, claims, strlen(claims)));
	uint8_t sig[1024];
	size_t n = token_sign(sig, k, message);

	return arena_printf(mem, "%s.%s", message, token_base64url(mem, sig, n));
}

static inline char *
token_make(struct arena *mem, const struct token_key *k, const char *claims)
{
	return token_make_with(mem, k,
	    arena_printf(
		mem, "{\"alg\":\"%s\",\"kid\":\"%s\",\"typ\":\"JWT\"}", k->alg, k->kid),
	    claims);
}
