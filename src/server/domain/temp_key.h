/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Temporary keys: an access key, its secret, and the token that has to come with them.  For
 * nodes, users that asked for a session, and role sessions.
 */
#pragma once

#include "crypto/crypto.h"
#include "ev/ev.h"
#include "proto/ids.h"
#include "store/store.h"

/* Owner: the arena of the call that hands it out, which wipes it. */
struct temp_key {
	char access_key[ID_ACCESS_KEY_LEN + 1];
	char secret[ID_SECRET_KEY_LEN + 1];
	char token[ID_TOKEN_LEN + 1];
	int64_t created_ms, expires_ms;
};

void temp_key_draw(
    struct temp_key *k, struct ev_loop *l, int64_t now_ms, int64_t life_ms);
/*
 * Stores it, and forgets those that expired a day ago: until then they are told apart from
 * keys that nobody knows.  session_json as key_session_write() makes it, or "".
 */
int temp_key_put(struct store_tx *tx, const struct temp_key *k, enum store_key_kind kind,
    const char *owner, const char *session_json) MUST_USE;
