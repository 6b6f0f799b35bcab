/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signatures of JSON Web Tokens, RFC 7518 and 8037: the public keys of identity providers,
 * and whether one of them signed.  Asymmetric algorithms only: with a public key as its secret,
 * an HMAC could be made by anybody.
 *
 * Pure, as the rest of crypto/.
 */
#pragma once

#include "base/err.h"
#include "base/span.h"

struct jws_key; /* read only; freed by its maker */

/*
 * From the numbers of a JWK, big-endian as decoded.  ERR_UNSUPPORTED: a curve that is not
 * known.  ERR_INVALID: not a key, or one that nobody should trust: RSA of other than 2048 to
 * 4096 bits, an unusual exponent, a point that is not on its curve.
 */
int jws_key_rsa(struct jws_key **out, struct span n, struct span e) MUST_USE;
/* curve: "P-256", "P-384", "P-521" */
int jws_key_ec(
    struct jws_key **out, const char *curve, struct span x, struct span y) MUST_USE;
/* Ed25519 */
int jws_key_ed(struct jws_key **out, struct span x) MUST_USE;
void jws_key_free(struct jws_key *k);

/* RS256, RS384, RS512, PS256, ES256, ES384, ES512, EdDSA; never "none" or HS256. */
bool jws_alg_known(struct span alg);
/* Whether a key can have made signatures of this kind. */
bool jws_alg_fits(struct span alg, const struct jws_key *k);

/*
 * 0, or ERR_SIGNATURE; ERR_UNSUPPORTED when the algorithm is not known or not one for this
 * kind of key: what the token says of itself never picks another one.
 */
int jws_verify(const struct jws_key *k, struct span alg, struct span message,
    struct span signature) MUST_USE;
