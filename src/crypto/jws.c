/* SPDX-License-Identifier: Apache-2.0 */
/* See jws.h. */
#include "crypto/jws.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>

enum {
	RSA_BITS_MIN = 2048,
	RSA_BITS_MAX = 4096,
	FIELD_MAX = 66, /* bytes of a coordinate: P-521 */
	ED25519_LEN = 32,
	ECDSA_DER_MAX = 2 * FIELD_MAX + 16,
};

enum jws_kind { JWS_RSA, JWS_EC, JWS_ED };

struct curve {
	const char *name, *group; /* RFC 7518, OpenSSL */
	size_t field;             /* bytes of a coordinate */
};

static const struct curve curves[] = {
	{ "P-256", "prime256v1", 32 },
	{ "P-384", "secp384r1", 48 },
	{ "P-521", "secp521r1", 66 },
};

struct algorithm {
	const char *name;
	enum jws_kind kind;
	const char *digest; /* NULL: the algorithm brings its own */
	bool pss;
	const struct curve *curve; /* the one that goes with it */
};

static const struct algorithm algorithms[] = {
	{ "RS256", JWS_RSA, "SHA256", false, NULL },
	{ "RS384", JWS_RSA, "SHA384", false, NULL },
	{ "RS512", JWS_RSA, "SHA512", false, NULL },
	{ "PS256", JWS_RSA, "SHA256", true, NULL },
	{ "ES256", JWS_EC, "SHA256", false, &curves[0] },
	{ "ES384", JWS_EC, "SHA384", false, &curves[1] },
	{ "ES512", JWS_EC, "SHA512", false, &curves[2] },
	{ "EdDSA", JWS_ED, NULL, false, NULL },
};

struct jws_key {
	EVP_PKEY *pkey;
	enum jws_kind kind;
	const struct curve *curve; /* JWS_EC */
};

/* --- keys ------------------------------------------------------------------------ */

/* Takes pkey, which may be NULL. */
static int
wrap(struct jws_key **out, EVP_PKEY *pkey, enum jws_kind kind, const struct curve *curve)
{
	struct jws_key *k;

	ERR_clear_error();
	if (pkey == NULL)
		return ERR_INVALID;
	k = xcalloc(1, sizeof(*k));
	k->pkey = pkey;
	k->kind = kind;
	k->curve = curve;
	*out = k;
	return 0;
}

void
jws_key_free(struct jws_key *k)
{
	if (k == NULL)
		return;
	EVP_PKEY_free(k->pkey);
	free(k);
}

/* A public key of what was collected in b; NULL when it is none. */
static EVP_PKEY *
build(const char *type, OSSL_PARAM_BLD *b)
{
	OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(b);
	EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	EVP_PKEY *pkey = NULL;

	if (params == NULL || c == NULL || EVP_PKEY_fromdata_init(c) != 1 ||
	    EVP_PKEY_fromdata(c, &pkey, EVP_PKEY_PUBLIC_KEY, params) != 1)
		pkey = NULL;
	EVP_PKEY_CTX_free(c);
	OSSL_PARAM_free(params);
	return pkey;
}

static EVP_PKEY *
build_rsa(const BIGNUM *n, const BIGNUM *e)
{
	OSSL_PARAM_BLD *b = OSSL_PARAM_BLD_new();
	EVP_PKEY *pkey = NULL;

	if (b != NULL && OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_RSA_N, n) == 1 &&
	    OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_RSA_E, e) == 1)
		pkey = build("RSA", b);
	OSSL_PARAM_BLD_free(b);
	return pkey;
}

int
jws_key_rsa(struct jws_key **out, struct span n, struct span e)
{
	EVP_PKEY *pkey = NULL;
	BIGNUM *bn, *be;

	/* With a leading zero byte at most; the exponent is 65537 nearly everywhere. */
	if (n.n > RSA_BITS_MAX / 8 + 1 || e.n > 5)
		return ERR_INVALID;
	bn = BN_bin2bn(n.p, (int)n.n, NULL);
	be = BN_bin2bn(e.p, (int)e.n, NULL);
	if (bn != NULL && be != NULL && BN_num_bits(bn) >= RSA_BITS_MIN &&
	    BN_num_bits(bn) <= RSA_BITS_MAX && BN_is_odd(bn) && BN_is_odd(be) &&
	    BN_num_bits(be) >= 2 && BN_num_bits(be) <= 32)
		pkey = build_rsa(bn, be);
	BN_free(bn);
	BN_free(be);
	return wrap(out, pkey, JWS_RSA, NULL);
}

int
jws_key_ec(struct jws_key **out, const char *curve, struct span x, struct span y)
{
	uint8_t point[1 + 2 * FIELD_MAX] = { 0x04 }; /* not compressed */
	const struct curve *c = NULL;
	EVP_PKEY *pkey = NULL;
	OSSL_PARAM_BLD *b;

	for (size_t i = 0; i < ARRAY_LEN(curves); i++)
		if (strcmp(curves[i].name, curve) == 0)
			c = &curves[i];
	if (c == NULL)
		return ERR_UNSUPPORTED;
	if (x.n != c->field || y.n != c->field) /* RFC 7518, 6.2.1.2: the full length */
		return ERR_INVALID;
	memcpy(point + 1, x.p, x.n);
	memcpy(point + 1 + x.n, y.p, y.n);
	if ((b = OSSL_PARAM_BLD_new()) != NULL &&
	    OSSL_PARAM_BLD_push_utf8_string(b, OSSL_PKEY_PARAM_GROUP_NAME, c->group, 0) ==
		1 &&
	    OSSL_PARAM_BLD_push_octet_string(
		b, OSSL_PKEY_PARAM_PUB_KEY, point, 1 + 2 * c->field) == 1)
		pkey = build("EC", b);
	OSSL_PARAM_BLD_free(b);
	return wrap(out, pkey, JWS_EC, c);
}

int
jws_key_ed(struct jws_key **out, struct span x)
{
	EVP_PKEY *pkey = NULL;

	if (x.n == ED25519_LEN)
		pkey = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, x.p, x.n);
	return wrap(out, pkey, JWS_ED, NULL);
}

/* --- signatures -------------------------------------------------------------------- */

static const struct algorithm *
find(struct span name)
{
	for (size_t i = 0; i < ARRAY_LEN(algorithms); i++)
		if (span_eq_str(name, algorithms[i].name))
			return &algorithms[i];
	return NULL;
}

bool
jws_alg_known(struct span alg)
{
	return find(alg) != NULL;
}

bool
jws_alg_fits(struct span alg, const struct jws_key *k)
{
	const struct algorithm *a = find(alg);

	return a != NULL && a->kind == k->kind && a->curve == k->curve;
}

/* Two numbers of full length (RFC 7518, 3.4) as the DER that OpenSSL wants; 0: they are none. */
static size_t
ecdsa_der(uint8_t out[ECDSA_DER_MAX], const struct curve *c, struct span raw)
{
	ECDSA_SIG *sig;
	BIGNUM *r, *s;
	uint8_t *at = out;
	int n = 0;

	if (raw.n != 2 * c->field || (sig = ECDSA_SIG_new()) == NULL)
		return 0;
	r = BN_bin2bn(raw.p, (int)c->field, NULL);
	s = BN_bin2bn(raw.p + c->field, (int)c->field, NULL);
	if (ECDSA_SIG_set0(sig, r, s) != 1) {
		BN_free(r);
		BN_free(s);
	} else if (i2d_ECDSA_SIG(sig, NULL) <= ECDSA_DER_MAX) {
		n = i2d_ECDSA_SIG(sig, &at);
	}
	ECDSA_SIG_free(sig);
	return n > 0 ? (size_t)n : 0;
}

static bool
verify(const struct jws_key *k, const struct algorithm *a, struct span message,
    struct span signature)
{
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	EVP_PKEY_CTX *kc = NULL; /* belongs to c */
	bool ok = c != NULL &&
	    EVP_DigestVerifyInit_ex(c, &kc, a->digest, NULL, NULL, k->pkey, NULL) == 1;

	if (ok && a->pss)
		ok = EVP_PKEY_CTX_set_rsa_padding(kc, RSA_PKCS1_PSS_PADDING) == 1 &&
		    EVP_PKEY_CTX_set_rsa_pss_saltlen(kc, RSA_PSS_SALTLEN_DIGEST) == 1;
	ok = ok &&
	    EVP_DigestVerify(c, signature.p, signature.n, message.p, message.n) == 1;
	EVP_MD_CTX_free(c);
	ERR_clear_error();
	return ok;
}

int
jws_verify(
    const struct jws_key *k, struct span alg, struct span message, struct span signature)
{
	const struct algorithm *a = find(alg);
	uint8_t der[ECDSA_DER_MAX];

	if (a == NULL || !jws_alg_fits(alg, k))
		return ERR_UNSUPPORTED;
	if (a->kind == JWS_EC) {
		size_t n = ecdsa_der(der, k->curve, signature);

		if (n == 0)
			return ERR_SIGNATURE;
		signature = span_of(der, n);
	}
	return verify(k, a, message, signature) ? 0 : ERR_SIGNATURE;
}
