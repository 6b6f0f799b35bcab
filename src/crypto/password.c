/* SPDX-License-Identifier: Apache-2.0 */
/* See password.h. */
#include "crypto/password.h"

#include <argon2.h>

/* OWASP's choice for argon2id on servers: 19 MiB, two passes, one lane. */
enum { MEMORY_KIB = 19456, PASSES = 2, LANES = 1, HASH_LEN = 32 };

int
password_hash(char out[PASSWORD_HASH_MAX], struct span password,
    const uint8_t salt[PASSWORD_SALT_LEN])
{
	int r = argon2id_hash_encoded(PASSES, MEMORY_KIB, LANES, password.p, password.n,
	    salt, PASSWORD_SALT_LEN, HASH_LEN, out, PASSWORD_HASH_MAX);

	return r == ARGON2_OK ? 0 : ERR_INTERNAL;
}

int
password_verify(const char *hash, struct span password)
{
	switch (argon2id_verify(hash, password.p, password.n)) {
	case ARGON2_OK:
		return 0;
	case ARGON2_VERIFY_MISMATCH:
		return ERR_DENIED;
	case ARGON2_MEMORY_ALLOCATION_ERROR:
		return ERR_INTERNAL;
	default:
		return ERR_INVALID;
	}
}
