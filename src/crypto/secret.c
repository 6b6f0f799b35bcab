/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Comparing and wiping secrets.  memcmp() tells where two secrets differ by its running
 * time, and a compiler may drop a memset() before free(); OpenSSL's versions do neither.
 */
#include "crypto/crypto.h"

#include <openssl/crypto.h>

bool
secret_eq(struct span a, struct span b)
{
	if (a.n != b.n)
		return false;
	return a.n == 0 || CRYPTO_memcmp(a.p, b.p, a.n) == 0;
}

void
secret_wipe(void *p, size_t n)
{
	if (n > 0)
		OPENSSL_cleanse(p, n);
}

void
secret_free(char *s)
{
	if (s == NULL)
		return;
	OPENSSL_cleanse(s, strlen(s));
	free(s);
}
