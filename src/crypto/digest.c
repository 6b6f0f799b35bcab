/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SHA-256, SHA-1 and HMAC-SHA-256.
 *
 * Every message of a data channel is hashed, so the cost of a small digest counts.  In
 * OpenSSL 3 most of it is looking the algorithm up and allocating a context: algorithms
 * are fetched once for the process (the only state of this folder, immutable after
 * crypto_init()), and each thread keeps one context of each kind.
 *
 * A digest over memory cannot fail once the algorithm is there, so failures here are
 * programmer mistakes or a broken library: they abort.
 */
#include "crypto/crypto.h"

#include <threads.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>

static EVP_MD *md_sha256;
static EVP_MD *md_sha1;
static EVP_MAC *mac_hmac;
static tss_t thread_key; /* only to free a thread's contexts when it ends */

struct thread_ctx {
	EVP_MD_CTX *md;
	EVP_MAC_CTX *hmac;
};

static _Thread_local struct thread_ctx *thread_ctx;

/* Each hmac_sha256() sets a key first; this one only makes the context complete. */
static const uint8_t dummy_key[SHA256_LEN];

/* assert() is never compiled out here (meson.build), so it may hold the call itself. */
#define MUST(call) assert((call) && "OpenSSL failed")

static void
thread_ctx_free(void *p)
{
	struct thread_ctx *c = p;

	EVP_MD_CTX_free(c->md);
	EVP_MAC_CTX_free(c->hmac);
	free(c);
	thread_ctx = NULL;
}

void
crypto_init(void)
{
	if (md_sha256 != NULL) /* tests may start more than once */
		return;
	md_sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	md_sha1 = EVP_MD_fetch(NULL, "SHA1", NULL);
	mac_hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	assert(md_sha256 != NULL && md_sha1 != NULL && mac_hmac != NULL);
	MUST(tss_create(&thread_key, thread_ctx_free) == thrd_success);
}

static struct thread_ctx *
thread_ctx_make(void)
{
	struct thread_ctx *c = xcalloc(1, sizeof(*c));
	char name[] = "SHA256";
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name, 0),
		OSSL_PARAM_construct_end(),
	};

	assert(md_sha256 != NULL); /* crypto_init() comes first */
	c->md = EVP_MD_CTX_new();
	c->hmac = EVP_MAC_CTX_new(mac_hmac);
	assert(c->md != NULL && c->hmac != NULL);
	MUST(EVP_MAC_init(c->hmac, dummy_key, sizeof(dummy_key), params) == 1);
	MUST(tss_set(thread_key, c) == thrd_success);
	thread_ctx = c;
	return c;
}

static struct thread_ctx *
thread_ctx_get(void)
{
	return thread_ctx != NULL ? thread_ctx : thread_ctx_make();
}

static void
digest(uint8_t *out, const EVP_MD *md, struct span s)
{
	EVP_MD_CTX *c = thread_ctx_get()->md;

	MUST(EVP_DigestInit_ex2(c, md, NULL) == 1);
	MUST(EVP_DigestUpdate(c, s.p, s.n) == 1);
	MUST(EVP_DigestFinal_ex(c, out, NULL) == 1);
}

void
sha256(uint8_t out[SHA256_LEN], struct span s)
{
	digest(out, md_sha256, s);
}

void
sha1(uint8_t out[20], struct span s)
{
	digest(out, md_sha1, s);
}

void
hmac_sha256(uint8_t out[SHA256_LEN], struct span key, struct span s)
{
	EVP_MAC_CTX *c = thread_ctx_get()->hmac;
	/* A NULL key would mean "the last one again". */
	const uint8_t *k = key.n > 0 ? key.p : (const uint8_t *)"";

	MUST(EVP_MAC_init(c, k, key.n, NULL) == 1);
	MUST(EVP_MAC_update(c, s.p, s.n) == 1);
	MUST(EVP_MAC_final(c, out, NULL, SHA256_LEN) == 1);
}

/*
 * Incremental: the context outlives other digests of the thread, so it is its own.
 * struct sha256_ctx is never defined: it is OpenSSL's context under our name.
 */
static EVP_MD_CTX *
md_ctx(struct sha256_ctx *c)
{
	return (EVP_MD_CTX *)(void *)c;
}

struct sha256_ctx *
sha256_new(void)
{
	EVP_MD_CTX *c = EVP_MD_CTX_new();

	assert(md_sha256 != NULL && c != NULL);
	MUST(EVP_DigestInit_ex2(c, md_sha256, NULL) == 1);
	return (struct sha256_ctx *)(void *)c;
}

void
sha256_add(struct sha256_ctx *c, struct span s)
{
	MUST(EVP_DigestUpdate(md_ctx(c), s.p, s.n) == 1);
}

void
sha256_final(struct sha256_ctx *c, uint8_t out[SHA256_LEN])
{
	MUST(EVP_DigestFinal_ex(md_ctx(c), out, NULL) == 1);
	sha256_free(c);
}

void
sha256_now(const struct sha256_ctx *c, uint8_t out[SHA256_LEN])
{
	EVP_MD_CTX *copy = thread_ctx_get()->md;

	MUST(EVP_MD_CTX_copy_ex(copy, (const EVP_MD_CTX *)(const void *)c) == 1);
	MUST(EVP_DigestFinal_ex(copy, out, NULL) == 1);
}

void
sha256_free(struct sha256_ctx *c)
{
	EVP_MD_CTX_free(md_ctx(c));
}
