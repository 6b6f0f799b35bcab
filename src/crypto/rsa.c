/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RSA keys of agents and the RSASSA-PSS signature of their token requests.
 *
 * Keys travel and rest as the stock agent keeps them: base64 of DER, PKCS#1 for the
 * private key, SubjectPublicKeyInfo for the public one.  Both come from strangers' files
 * or requests, so size, type and exponent are checked before a key is used.
 */
#include "crypto/crypto.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "base/text.h"

enum {
	KEY_BITS_MAX = 4096,
	KEY_DER_MAX = 4096, /* a 4096-bit private key in PKCS#8 takes 2,376 */
	KEY_TEXT_MAX = 6144,
	SIGNATURE_MAX = KEY_BITS_MAX / 8,
	SALT_LEN = 32,
};

struct rsa_key {
	EVP_PKEY *pkey; /* OpenSSL wipes private parts when it frees them */
	bool is_private;
};

static struct rsa_key *
key_wrap(EVP_PKEY *pkey_take, bool is_private)
{
	struct rsa_key *k = xcalloc(1, sizeof(*k));

	k->pkey = pkey_take;
	k->is_private = is_private;
	return k;
}

void
rsa_free(struct rsa_key *k)
{
	if (k == NULL)
		return;
	EVP_PKEY_free(k->pkey);
	free(k);
}

int
rsa_generate(struct rsa_key **out, struct fault *f)
{
	EVP_PKEY *p = EVP_RSA_gen(RSA_BITS);

	if (p == NULL) {
		ERR_clear_error();
		return fault_set(f, ERR_INTERNAL, "cannot generate an RSA key");
	}
	*out = key_wrap(p, true);
	return 0;
}

/* The public exponent: odd, 65537 or a little more.  Huge ones make verifying slow. */
static bool
exponent_ok(const EVP_PKEY *p)
{
	BIGNUM *e = NULL;
	bool ok;

	if (EVP_PKEY_get_bn_param(p, OSSL_PKEY_PARAM_RSA_E, &e) != 1)
		return false;
	ok = BN_is_odd(e) && BN_num_bits(e) >= 17 && BN_num_bits(e) <= 32;
	BN_free(e);
	return ok;
}

/* Takes p; the key is there only when it is one we want to use. */
static int
key_accept(struct rsa_key **out, EVP_PKEY *p, bool is_private, struct fault *f)
{
	int r = 0;

	ERR_clear_error();
	if (p == NULL)
		return fault_set(f, ERR_INVALID, "the key is not DER of a known kind");
	if (EVP_PKEY_is_a(p, "RSA") != 1)
		r = fault_set(f, ERR_INVALID, "the key is not an RSA key");
	else if (EVP_PKEY_get_bits(p) < RSA_BITS || EVP_PKEY_get_bits(p) > KEY_BITS_MAX)
		r = fault_set(f, ERR_INVALID, "the RSA key must have %d to %d bits",
		    RSA_BITS, KEY_BITS_MAX);
	else if (!exponent_ok(p))
		r = fault_set(
		    f, ERR_INVALID, "the RSA key has an unusual public exponent");
	if (r != 0) {
		EVP_PKEY_free(p);
		return r;
	}
	*out = key_wrap(p, is_private);
	return 0;
}

static int
key_bytes(struct buf *der, struct span text, struct fault *f)
{
	if (text.n > KEY_TEXT_MAX)
		return fault_set(f, ERR_LIMIT, "the key is too long");
	if (base64_decode(der, text) != 0 || buf_check(der) != 0 || der->len == 0)
		return fault_set(f, ERR_INVALID, "the key is not base64");
	return 0;
}

int
rsa_load_private(struct rsa_key **out, struct span base64_der, struct fault *f)
{
	auto_buf der;
	const unsigned char *p;
	EVP_PKEY *pkey;
	int r;

	buf_init(&der, KEY_DER_MAX);
	if ((r = key_bytes(&der, base64_der, f)) != 0)
		return r;
	p = der.p;
	pkey = d2i_AutoPrivateKey(NULL, &p, (long)der.len);
	if (pkey != NULL && p != der.p + der.len) {
		EVP_PKEY_free(pkey);
		pkey = NULL;
	}
	return key_accept(out, pkey, true, f);
}

int
rsa_load_public(struct rsa_key **out, struct span base64_spki, struct fault *f)
{
	auto_buf der;
	const unsigned char *p;
	EVP_PKEY *pkey;
	int r;

	buf_init(&der, KEY_DER_MAX);
	if ((r = key_bytes(&der, base64_spki, f)) != 0)
		return r;
	p = der.p;
	pkey = d2i_PUBKEY(NULL, &p, (long)der.len);
	if (pkey != NULL && p != der.p + der.len) { /* something follows the key */
		EVP_PKEY_free(pkey);
		pkey = NULL;
	}
	return key_accept(out, pkey, false, f);
}

static void
store_der(struct buf *out, unsigned char *der_take, int n)
{
	assert(n > 0); /* a key that was loaded or generated can be written */
	base64_encode(out, span_of(der_take, (size_t)n));
	OPENSSL_clear_free(der_take, (size_t)n);
}

void
rsa_store_private(const struct rsa_key *k, struct buf *out)
{
	unsigned char *der = NULL;
	int n;

	assert(k->is_private);
	n = i2d_PrivateKey(k->pkey, &der);
	store_der(out, der, n);
}

void
rsa_store_public(const struct rsa_key *k, struct buf *out)
{
	unsigned char *der = NULL;
	int n = i2d_PUBKEY(k->pkey, &der);

	store_der(out, der, n);
}

/* c was given the key; OpenSSL uses the digest for MGF1 too unless told otherwise. */
static bool
set_pss(EVP_PKEY_CTX *c)
{
	return EVP_PKEY_CTX_set_rsa_padding(c, RSA_PKCS1_PSS_PADDING) == 1 &&
	    EVP_PKEY_CTX_set_rsa_pss_saltlen(c, SALT_LEN) == 1;
}

int
rsa_pss_sign(const struct rsa_key *k, struct span msg, struct buf *sig)
{
	uint8_t raw[SIGNATURE_MAX];
	size_t n = sizeof(raw);
	EVP_PKEY_CTX *kc = NULL; /* belongs to c */
	EVP_MD_CTX *c;
	bool ok;

	assert(k->is_private);
	if ((c = EVP_MD_CTX_new()) == NULL)
		return ERR_INTERNAL;
	ok = EVP_DigestSignInit_ex(c, &kc, "SHA256", NULL, NULL, k->pkey, NULL) == 1 &&
	    set_pss(kc) && EVP_DigestSign(c, raw, &n, msg.p, msg.n) == 1;
	EVP_MD_CTX_free(c);
	ERR_clear_error();
	if (!ok)
		return ERR_INTERNAL;
	buf_add(sig, span_of(raw, n));
	return buf_check(sig);
}

int
rsa_pss_verify(const struct rsa_key *k, struct span msg, struct span sig)
{
	EVP_PKEY_CTX *kc = NULL; /* belongs to c */
	EVP_MD_CTX *c;
	bool ok;

	if (sig.n != (size_t)EVP_PKEY_get_size(k->pkey))
		return ERR_SIGNATURE;
	if ((c = EVP_MD_CTX_new()) == NULL)
		return ERR_INTERNAL;
	ok = EVP_DigestVerifyInit_ex(c, &kc, "SHA256", NULL, NULL, k->pkey, NULL) == 1 &&
	    set_pss(kc) && EVP_DigestVerify(c, sig.p, sig.n, msg.p, msg.n) == 1;
	EVP_MD_CTX_free(c);
	ERR_clear_error();
	return ok ? 0 : ERR_SIGNATURE;
}
