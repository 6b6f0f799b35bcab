/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tokens of OpenID Connect: what a JSON Web Token says (RFC 7519), the keys an issuer
 * publishes (RFC 7517), and whether one of these signed it.
 *
 * Everything here comes from strangers.  Reading a token proves nothing: jwks_verify() comes
 * before any of its claims is believed, and whether it is of this time and for this audience
 * is for the caller to say.  Pure.
 */
#pragma once

#include "base/arena.h"
#include "base/err.h"

enum {
	JWT_TEXT_MAX = 20000, /* AWS's limit of WebIdentityToken */
	JWT_NAMES_MAX = 32,   /* audiences, authentication methods */
	JWT_TAGS_MAX = 50,    /* AWS's limit of session tags */
	/* Ours; providers have a handful of keys in a few KiB. */
	JWKS_TEXT_MAX = 256 * 1024,
	JWKS_KEYS_MAX = 64,
	JWT_DISCOVERY_MAX = 64 * 1024,
};

struct jwt_names {
	const char *list[JWT_NAMES_MAX];
	size_t n;
};

struct jwt_tag {
	const char *key, *value;
	bool transitive;
};

/* Strings are never NULL, "" when absent, and live in the arena. */
struct jwt {
	const char *alg, *kid;
	const char *iss, *sub, *azp;
	struct jwt_names aud, amr;
	bool has_exp, has_nbf, has_iat;
	int64_t exp_s, nbf_s, iat_s;
	/* AWS's own claims: https://aws.amazon.com/tags and .../source_identity */
	struct jwt_tag tags[JWT_TAGS_MAX];
	size_t ntags;
	const char *source_identity;
	struct span message; /* what is signed; in the text */
	struct span signature;
};

/*
 * ERR_INVALID: not a signed token in compact form, a member of a wrong type, given twice or
 * longer than any use of it; a header that must be understood and is not ("crit").
 */
int jwt_parse(
    struct jwt *out, struct arena *mem, struct span text, struct fault *f) MUST_USE;

/* The keys of one issuer that can verify a signature.  Owner: the caller. */
struct jwks;

/*
 * Keys for other uses or of other kinds are passed over; ERR_INVALID when it is no set of keys
 * at all, ERR_LIMIT when it holds more than JWKS_KEYS_MAX of them.
 */
int jwks_parse(struct jwks **out, struct span text, struct fault *f) MUST_USE;
void jwks_free(struct jwks *k);
size_t jwks_len(const struct jwks *k);

/*
 * 0; ERR_UNSUPPORTED: an algorithm that is never trusted (none, HS256); ERR_NOTFOUND: no key
 * with its kid for its algorithm, or none was named and there is more than one;
 * ERR_SIGNATURE: it did not sign this.
 */
int jwks_verify(const struct jwks *k, const struct jwt *t) MUST_USE;

/*
 * The discovery document of an issuer ("https://..."): where its keys are.  ERR_INVALID when
 * it speaks for another issuer, or the address is not https.
 */
int jwt_discovery_parse(const char **jwks_uri, struct arena *mem, struct span text,
    const char *issuer, struct fault *f) MUST_USE;
