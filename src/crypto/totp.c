/* SPDX-License-Identifier: Apache-2.0 */
/* See totp.h. */
#include "crypto/totp.h"

#include <oath.h>
#include <stdlib.h>

#include "crypto/crypto.h"

void
totp_seed_format(char out[TOTP_SEED_LEN + 1], const uint8_t raw[TOTP_SEED_RAW])
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
	uint32_t bits = 0, have = 0;
	size_t in = 0;

	for (size_t i = 0; i < TOTP_SEED_LEN; i++) {
		if (have < 5) {
			bits = (bits << 8 | raw[in++]) & 0xffff;
			have += 8;
		}
		have -= 5;
		out[i] = alphabet[bits >> have & 31];
	}
	out[TOTP_SEED_LEN] = '\0';
}

int
totp_code(char out[TOTP_DIGITS + 1], const char *seed, int64_t step)
{
	char *key = NULL;
	size_t n = 0;
	int r;

	if (oath_init() != OATH_OK) /* does something at the first call only */
		return ERR_INTERNAL;
	if (oath_base32_decode(seed, strlen(seed), &key, &n) != OATH_OK)
		return ERR_INVALID;
	r = oath_hotp_generate(key, n, (uint64_t)step, TOTP_DIGITS, false,
	    OATH_HOTP_DYNAMIC_TRUNCATION, out);
	secret_wipe(key, n);
	free(key);
	return r == OATH_OK ? 0 : ERR_INTERNAL;
}
