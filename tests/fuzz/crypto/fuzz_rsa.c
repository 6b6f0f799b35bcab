/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stranger's RSA key, as in RegisterManagedInstance.  Property: a key that is accepted
 * can be stored, what is stored loads again and is stored the same, and verifying with it
 * a signature made of the same bytes neither crashes nor succeeds.
 */
#include "crypto/crypto.h"

#define TRAP_UNLESS(x)                    \
	do {                              \
		if (!(x))                 \
			__builtin_trap(); \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_public(struct span in)
{
	struct rsa_key *k, *again;
	auto_buf one = { 0 }, two = { 0 };

	if (rsa_load_public(&k, in, NULL) != 0)
		return;
	buf_init(&one, 16384);
	buf_init(&two, 16384);
	rsa_store_public(k, &one);
	TRAP_UNLESS(buf_check(&one) == 0);
	TRAP_UNLESS(rsa_load_public(&again, buf_span(&one), NULL) == 0);
	rsa_store_public(again, &two);
	TRAP_UNLESS(span_eq(buf_span(&one), buf_span(&two)));
	TRAP_UNLESS(rsa_pss_verify(k, in, span_sub(in, 0, 256)) != 0);
	rsa_free(k);
	rsa_free(again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rsa_key *k;
	struct span in = { data, size };
	struct fault f;
	auto_buf text;

	crypto_init();
	check_public(in);
	/* a damaged private key may be stored in another form, but it must be storable */
	buf_init(&text, 16384);
	if (rsa_load_private(&k, in, &f) == 0) {
		rsa_store_private(k, &text);
		rsa_store_public(k, &text);
		TRAP_UNLESS(buf_check(&text) == 0);
		rsa_free(k);
	}
	return 0;
}
