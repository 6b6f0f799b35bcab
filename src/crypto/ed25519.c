/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ed25519 (RFC 8032), keys as PEM: PKCS#8 for the private one, SubjectPublicKeyInfo for
 * the public one, so that `openssl pkey` and others read them.
 */
#include "crypto/crypto.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

enum { PEM_MAX = 16 * 1024, RAW_LEN = 32 };

struct ed25519_key {
	EVP_PKEY *pkey; /* OpenSSL wipes private parts when it frees them */
	bool is_private;
};

static struct ed25519_key *
key_wrap(EVP_PKEY *pkey_take, bool is_private)
{
	struct ed25519_key *k = xcalloc(1, sizeof(*k));

	k->pkey = pkey_take;
	k->is_private = is_private;
	return k;
}

void
ed25519_free(struct ed25519_key *k)
{
	if (k == NULL)
		return;
	EVP_PKEY_free(k->pkey);
	free(k);
}

int
ed25519_from_seed(struct ed25519_key **out, const uint8_t seed[ED25519_SEED_LEN])
{
	EVP_PKEY *p =
	    EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, ED25519_SEED_LEN);

	ERR_clear_error();
	if (p == NULL)
		return ERR_INTERNAL;
	*out = key_wrap(p, true);
	return 0;
}

/* Takes p. */
static int
key_accept(struct ed25519_key **out, EVP_PKEY *p, bool is_private, struct fault *f)
{
	ERR_clear_error();
	if (p == NULL)
		return fault_set(f, ERR_INVALID, "there is no %s key in PEM form",
		    is_private ? "private" : "public");
	if (EVP_PKEY_is_a(p, "ED25519") != 1) {
		EVP_PKEY_free(p);
		return fault_set(f, ERR_INVALID, "the key is not an Ed25519 key");
	}
	*out = key_wrap(p, is_private);
	return 0;
}

/* An encrypted key is refused instead of asking the terminal for its password. */
static int
no_password(char *buf, int size, int rwflag, void *arg)
{
	(void)buf;
	(void)size;
	(void)rwflag;
	(void)arg;
	return -1;
}

typedef EVP_PKEY *pem_reader(BIO *b, EVP_PKEY **k, pem_password_cb *cb, void *arg);

static int
key_read(struct ed25519_key **out, struct span pem, pem_reader *read, bool is_private,
    struct fault *f)
{
	EVP_PKEY *p;
	BIO *b;

	if (pem.n > PEM_MAX)
		return fault_set(f, ERR_LIMIT, "the key is too long");
	if ((b = BIO_new_mem_buf(pem.p, (int)pem.n)) == NULL)
		return fault_set(f, ERR_INTERNAL, "out of memory");
	p = read(b, NULL, no_password, NULL);
	BIO_free(b);
	return key_accept(out, p, is_private, f);
}

int
ed25519_load_private(struct ed25519_key **out, struct span pem, struct fault *f)
{
	return key_read(out, pem, PEM_read_bio_PrivateKey, true, f);
}

int
ed25519_load_public(struct ed25519_key **out, struct span pem, struct fault *f)
{
	return key_read(out, pem, PEM_read_bio_PUBKEY, false, f);
}

static void
key_store(BIO *b, int written, struct buf *pem)
{
	char *text;
	long n = BIO_get_mem_data(b, &text);

	assert(written == 1 && n > 0);
	buf_add(pem, span_of(text, (size_t)n));
	secret_wipe(text, (size_t)n);
	BIO_free(b);
}

void
ed25519_store_private(const struct ed25519_key *k, struct buf *pem)
{
	BIO *b = BIO_new(BIO_s_mem());

	assert(b != NULL && k->is_private);
	key_store(
	    b, PEM_write_bio_PKCS8PrivateKey(b, k->pkey, NULL, NULL, 0, NULL, NULL), pem);
}

void
ed25519_store_public(const struct ed25519_key *k, struct buf *pem)
{
	BIO *b = BIO_new(BIO_s_mem());

	assert(b != NULL);
	key_store(b, PEM_write_bio_PUBKEY(b, k->pkey), pem);
}

void
ed25519_sign(const struct ed25519_key *k, struct span msg, uint8_t sig[ED25519_SIG_LEN])
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	size_t n = ED25519_SIG_LEN;
	bool ok = ctx != NULL && k->is_private &&
	    EVP_DigestSignInit(ctx, NULL, NULL, NULL, k->pkey) == 1 &&
	    EVP_DigestSign(ctx, sig, &n, msg.p, msg.n) == 1 && n == ED25519_SIG_LEN;

	EVP_MD_CTX_free(ctx);
	assert(ok); /* a key in memory signs; else the library is broken */
}

int
ed25519_verify(const struct ed25519_key *k, struct span msg, struct span sig)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool ok = ctx != NULL && sig.n == ED25519_SIG_LEN &&
	    EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, k->pkey) == 1 &&
	    EVP_DigestVerify(ctx, sig.p, sig.n, msg.p, msg.n) == 1;

	EVP_MD_CTX_free(ctx);
	ERR_clear_error();
	return ok ? 0 : ERR_SIGNATURE;
}
