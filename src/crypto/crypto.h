/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OpenSSL behind plain functions: digests, HMAC, constant-time comparison, wiping,
 * RSA keys for agents (RSASSA-PSS), Ed25519 for the audit trail and X.509 for
 * `sallyportd init`.
 *
 * Algorithms are fetched once by crypto_init(); every function here may be called from
 * any thread after that.  No I/O, no clock: times are parameters.  Entropy for keys and
 * certificates comes from OpenSSL's own generator (simulation never makes keys).
 */
#pragma once

#include "base/buf.h"

enum { SHA256_LEN = 32, RSA_BITS = 2048 };

/* Call once in main() before any thread starts; aborts when OpenSSL is unusable. */
void crypto_init(void);

void sha256(uint8_t out[SHA256_LEN], struct span s);
void sha1(uint8_t out[20], struct span s); /* WebSocket accept key only, RFC 6455 4.2.2 */
void hmac_sha256(uint8_t out[SHA256_LEN], struct span key, struct span s);

struct sha256_ctx; /* incremental */
struct sha256_ctx *sha256_new(void) __attribute__((returns_nonnull));
void sha256_add(struct sha256_ctx *c, struct span s);
void sha256_final(struct sha256_ctx *c, uint8_t out[SHA256_LEN]); /* frees c */
void sha256_now(const struct sha256_ctx *c, uint8_t out[SHA256_LEN]); /* so far; c goes on */
void sha256_free(struct sha256_ctx *c);

/* Constant time in the contents; lengths are not secret. */
bool secret_eq(struct span a, struct span b);
void secret_wipe(void *p, size_t n);
/* A NUL-terminated secret on the heap, wiped and freed. */
void secret_free(char *s);
static inline void
auto_secret_fn(char **s)
{
	secret_free(*s);
}
#define auto_secret __attribute__((cleanup(auto_secret_fn))) char

/* RSA key pairs of agents.  The private key wipes itself on free. */
struct rsa_key;
int rsa_generate(struct rsa_key **out, struct fault *f) MUST_USE;
/* base64 of DER PKCS#1/PKCS#8, as agents keep it. */
int rsa_load_private(
    struct rsa_key **out, struct span base64_der, struct fault *f) MUST_USE;
/* base64 of DER SubjectPublicKeyInfo; RSA of 2048 to 4096 bits only. */
int rsa_load_public(
    struct rsa_key **out, struct span base64_spki, struct fault *f) MUST_USE;
void rsa_store_private(const struct rsa_key *k, struct buf *out);
void rsa_store_public(const struct rsa_key *k, struct buf *out);
void rsa_free(struct rsa_key *k);
/* RSASSA-PSS, SHA-256, MGF1-SHA-256, salt of 32 bytes: how agents sign token requests. */
int rsa_pss_sign(const struct rsa_key *k, struct span msg, struct buf *sig) MUST_USE;
int rsa_pss_verify(const struct rsa_key *k, struct span msg, struct span sig) MUST_USE;

/* Ed25519.  Keys are PEM: PKCS#8 and SubjectPublicKeyInfo. */
enum { ED25519_SEED_LEN = 32, ED25519_SIG_LEN = 64 };
struct ed25519_key;
/* The private key that belongs to 32 random bytes. */
int ed25519_from_seed(
    struct ed25519_key **out, const uint8_t seed[ED25519_SEED_LEN]) MUST_USE;
int ed25519_load_private(
    struct ed25519_key **out, struct span pem, struct fault *f) MUST_USE;
int ed25519_load_public(
    struct ed25519_key **out, struct span pem, struct fault *f) MUST_USE;
void ed25519_store_private(const struct ed25519_key *k, struct buf *pem);
void ed25519_store_public(const struct ed25519_key *k, struct buf *pem);
void ed25519_free(struct ed25519_key *k);
void ed25519_sign(
    const struct ed25519_key *k, struct span msg, uint8_t sig[ED25519_SIG_LEN]);
/* ERR_SIGNATURE. */
int ed25519_verify(
    const struct ed25519_key *k, struct span msg, struct span sig) MUST_USE;

/*
 * A private CA and server certificates, PEM.  ECDSA P-256.  names: DNS names and IP
 * addresses for the SAN.  Times are epoch seconds.
 */
int x509_make_ca(struct buf *cert_pem, struct buf *key_pem, const char *common_name,
    int64_t not_before_s, int64_t not_after_s, struct fault *f) MUST_USE;
int x509_make_server(struct buf *cert_pem, struct buf *key_pem, struct span ca_cert_pem,
    struct span ca_key_pem, const char *const *names, size_t nnames, int64_t not_before_s,
    int64_t not_after_s, struct fault *f) MUST_USE;
/* SHA-256 of the first certificate's DER, lower-case hex. */
int x509_fingerprint(char out[65], struct span cert_pem) MUST_USE;
/* Expiry of the first certificate, epoch seconds. */
int x509_not_after(struct span cert_pem, int64_t *when_s) MUST_USE;
