/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Time-based one-time codes as authenticator apps make them: RFC 6238 with SHA-1, six digits and
 * steps of 30 s.  Pure: the step is a parameter.
 */
#pragma once

#include "base/err.h"
#include "base/span.h"

enum {
	TOTP_DIGITS = 6,
	TOTP_STEP_MS = 30000,
	TOTP_SEED_RAW = 40, /* bytes of a new seed */
	TOTP_SEED_LEN = 64, /* their base 32 */
};

/* Wipe it after use. */
void totp_seed_format(char out[TOTP_SEED_LEN + 1], const uint8_t raw[TOTP_SEED_RAW]);
/* The code of a step (time / TOTP_STEP_MS).  ERR_INVALID: the seed is no base 32. */
int totp_code(char out[TOTP_DIGITS + 1], const char *seed, int64_t step) MUST_USE;
