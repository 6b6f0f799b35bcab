/* SPDX-License-Identifier: Apache-2.0 */
/* See temp_key.h. */
#include "server/domain/temp_key.h"

#include "base/text.h"

enum { EXPIRED_KEEP_MS = 24 * 3600 * 1000 };

void
temp_key_draw(struct temp_key *k, struct ev_loop *l, int64_t now_ms, int64_t life_ms)
{
	uint8_t raw[32];

	ev_random(l, raw, sizeof(raw));
	id_access_key_format(k->access_key, true, raw);
	ev_random(l, raw, sizeof(raw));
	id_secret_key_format(k->secret, raw);
	ev_random(l, raw, sizeof(raw));
	id_token_format(k->token, raw);
	secret_wipe(raw, sizeof(raw));
	k->created_ms = now_ms;
	k->expires_ms = now_ms + life_ms;
}

int
temp_key_put(struct store_tx *tx, const struct temp_key *k, enum store_key_kind kind,
    const char *owner, const char *session_json)
{
	char token_sha256[2 * SHA256_LEN + 1];
	uint8_t sum[SHA256_LEN];
	int err;

	sha256(sum, span_str(k->token));
	hex_encode(token_sha256, sum, sizeof(sum));
	if ((err = store_keys_expire(tx, k->created_ms - EXPIRED_KEEP_MS)) != 0)
		return err;
	return store_key_put(tx,
	    &(struct store_key){
		.access_key = (char *)(uintptr_t)k->access_key,
		.secret = (char *)(uintptr_t)k->secret,
		.kind = kind,
		.owner = (char *)(uintptr_t)owner,
		.token_sha256 = token_sha256,
		.session_json = (char *)(uintptr_t)session_json,
		.active = true,
		.created_ms = k->created_ms,
		.expires_ms = k->expires_ms,
	    });
}
