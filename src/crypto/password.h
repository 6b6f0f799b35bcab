/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Passwords as they are kept: argon2id.  Each call takes tens of milliseconds and 19 MiB on
 * purpose: it belongs on a pool thread (ev_work), never on a loop.
 */
#pragma once

#include "base/err.h"
#include "base/span.h"

enum {
	PASSWORD_SALT_LEN = 16,
	PASSWORD_HASH_MAX = 128, /* with NUL */
};

/* ERR_INTERNAL: there is no memory for it. */
int password_hash(char out[PASSWORD_HASH_MAX], struct span password,
    const uint8_t salt[PASSWORD_SALT_LEN]) MUST_USE;
/* ERR_DENIED: it is another one.  ERR_INVALID: no hash.  ERR_INTERNAL. */
int password_verify(const char *hash, struct span password) MUST_USE;
