/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The input is a set of keys, or a discovery document.  Properties: reading it ends; a token
 * that nobody signed is verified by none of the keys; an address of keys is https.
 */
#include "fuzz/fuzz.h"

#include "crypto/crypto.h"
#include "proto/jwt.h"

/* {"alg":"..."} and {} with a signature of 256, 64 and 64 zero bytes. */
static const char *const algs[] = { "eyJhbGciOiJSUzI1NiJ9", "eyJhbGciOiJFUzI1NiJ9",
	"eyJhbGciOiJFZERTQSJ9", "eyJhbGciOiJub25lIn0", "eyJhbGciOiJIUzI1NiJ9" };

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	auto_arena mem = { 0 };
	struct jwks *k = NULL;
	const char *uri;

	crypto_init();
	if (jwt_discovery_parse(
		&uri, &mem, span_of(data, size), "https://idp.example", NULL) == 0)
		PROPERTY(
		    "the address of keys is https", strncmp(uri, "https://", 8) == 0);
	if (jwks_parse(&k, span_of(data, size), NULL) != 0)
		return 0;
	PROPERTY("no more keys than allowed", jwks_len(k) <= JWKS_KEYS_MAX);
	for (size_t i = 0; i < ARRAY_LEN(algs); i++) {
		char zeros[86 + 1], *text;
		struct jwt t;

		memset(zeros, 'A', 86);
		zeros[86] = '\0';
		text = arena_printf(&mem, "%s.e30.%s", algs[i], zeros);
		PROPERTY("a token", jwt_parse(&t, &mem, span_str(text), NULL) == 0);
		PROPERTY("nobody signed it", jwks_verify(k, &t) != 0);
	}
	jwks_free(k);
	return 0;
}
