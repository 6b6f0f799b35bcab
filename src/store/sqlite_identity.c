/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows of the account: settings, access keys, activations.
 */
#include "store/sql.h"

/* --- settings --------------------------------------------------------------- */

int
store_meta_get(struct store_tx *tx, struct arena *mem, const char *name, char **value)
{
	struct sql q;

	*value = NULL;
	sql_open(&q, tx, "SELECT value FROM meta WHERE name = ?1");
	sql_text(&q, name);
	if (sql_row(&q))
		*value = sql_col_text(&q, mem);
	return sql_close_one(&q);
}

int
store_meta_put(struct store_tx *tx, const char *name, const char *value)
{
	struct sql q;

	sql_open(&q, tx,
	    "INSERT INTO meta (name, value) VALUES (?1, ?2)"
	    " ON CONFLICT (name) DO UPDATE SET value = excluded.value");
	sql_text(&q, name);
	sql_text(&q, value);
	return sql_run(&q, NULL);
}

int
store_meta_del(struct store_tx *tx, const char *name)
{
	struct sql q;

	sql_open(&q, tx, "DELETE FROM meta WHERE name = ?1");
	sql_text(&q, name);
	return sql_run(&q, NULL);
}

/* --- access keys --------------------------------------------------------------- */

#define KEY_COLUMNS                                                         \
	"access_key, secret, kind, owner, token_sha256, session_json, active," \
	" created_ms, expires_ms"

static void
key_read(struct sql *q, struct arena *mem, struct store_key *k)
{
	k->access_key = sql_col_text(q, mem);
	k->secret = sql_col_text(q, mem);
	k->kind = (int)sql_col_int(q);
	k->owner = sql_col_text(q, mem);
	k->token_sha256 = sql_col_text(q, mem);
	k->session_json = sql_col_text(q, mem);
	k->active = sql_col_int(q) != 0;
	k->created_ms = sql_col_int(q);
	k->expires_ms = sql_col_int(q);
}

int
store_key_put(struct store_tx *tx, const struct store_key *k)
{
	struct sql q;

	sql_open(&q, tx,
	    "INSERT INTO access_keys (" KEY_COLUMNS
	    ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)");
	sql_text(&q, k->access_key);
	sql_text(&q, k->secret);
	sql_int(&q, k->kind);
	sql_text(&q, k->owner);
	sql_text(&q, k->token_sha256);
	sql_text(&q, k->session_json);
	sql_int(&q, k->active);
	sql_int(&q, k->created_ms);
	sql_int(&q, k->expires_ms);
	return sql_run(&q, NULL);
}

int
store_key_get(
    struct store_tx *tx, struct arena *mem, const char *access_key, struct store_key *k)
{
	struct sql q;

	sql_open(&q, tx, "SELECT " KEY_COLUMNS " FROM access_keys WHERE access_key = ?1");
	sql_text(&q, access_key);
	if (sql_row(&q))
		key_read(&q, mem, k);
	return sql_close_one(&q);
}

int
store_key_set_active(struct store_tx *tx, const char *access_key, bool active)
{
	struct sql q;

	sql_open(&q, tx, "UPDATE access_keys SET active = ?2 WHERE access_key = ?1");
	sql_text(&q, access_key);
	sql_int(&q, active);
	return sql_run_one(&q);
}

int
store_key_del(struct store_tx *tx, const char *access_key)
{
	struct sql q;

	sql_open(&q, tx, "DELETE FROM access_keys WHERE access_key = ?1");
	sql_text(&q, access_key);
	return sql_run_one(&q);
}

int
store_keys_del_owner(struct store_tx *tx, int kind, const char *owner)
{
	struct sql q;

	sql_open(&q, tx, "DELETE FROM access_keys WHERE kind = ?1 AND owner = ?2");
	sql_int(&q, kind);
	sql_text(&q, owner);
	return sql_run(&q, NULL);
}

/* A live session is authorised again by what its key was given for. */
int
store_keys_expire(struct store_tx *tx, int64_t now_ms)
{
	struct sql q;

	sql_open(&q, tx,
	    "DELETE FROM access_keys WHERE expires_ms <> 0 AND expires_ms <= ?1"
	    " AND access_key NOT IN (SELECT access_key FROM sessions WHERE end_ms = 0)");
	sql_int(&q, now_ms);
	return sql_run(&q, NULL);
}

int
store_keys(struct store_tx *tx, int kind, const char *owner, const char *after_access_key,
    store_key_fn *fn, void *arg)
{
	struct store_key k = { 0 };
	struct sql q;
	bool more = true;

	sql_open(&q, tx,
	    "SELECT " KEY_COLUMNS " FROM access_keys WHERE kind = ?1"
	    " AND access_key > ?2 AND (?3 OR owner = ?4) ORDER BY access_key");
	sql_int(&q, kind);
	sql_text(&q, after_access_key);
	sql_int(&q, owner == NULL);
	sql_text(&q, owner);
	while (more && sql_row(&q)) {
		key_read(&q, NULL, &k);
		more = fn(arg, &k);
	}
	return sql_close(&q);
}

/* --- activations ----------------------------------------------------------------- */

#define ACTIVATION_COLUMNS                                                  \
	"id, code_sha256, description, instance_name, iam_role, id_prefix," \
	" registration_limit, registrations, expires_ms, created_ms, tags_json"

static void
activation_read(struct sql *q, struct arena *mem, struct store_activation *a)
{
	a->id = sql_col_text(q, mem);
	a->code_sha256 = sql_col_text(q, mem);
	a->description = sql_col_text(q, mem);
	a->instance_name = sql_col_text(q, mem);
	a->iam_role = sql_col_text(q, mem);
	a->id_prefix = sql_col_text(q, mem);
	a->limit = sql_col_int(q);
	a->count = sql_col_int(q);
	a->expires_ms = sql_col_int(q);
	a->created_ms = sql_col_int(q);
	a->tags_json = sql_col_text(q, mem);
}

int
store_activation_put(struct store_tx *tx, const struct store_activation *a)
{
	struct sql q;

	sql_open(&q, tx,
	    "INSERT INTO activations (" ACTIVATION_COLUMNS
	    ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)");
	sql_text(&q, a->id);
	sql_text(&q, a->code_sha256);
	sql_text(&q, a->description);
	sql_text(&q, a->instance_name);
	sql_text(&q, a->iam_role);
	sql_text(&q, a->id_prefix);
	sql_int(&q, a->limit);
	sql_int(&q, a->count);
	sql_int(&q, a->expires_ms);
	sql_int(&q, a->created_ms);
	sql_text(&q, a->tags_json);
	return sql_run(&q, NULL);
}

int
store_activation_get(
    struct store_tx *tx, struct arena *mem, const char *id, struct store_activation *a)
{
	struct sql q;

	sql_open(&q, tx, "SELECT " ACTIVATION_COLUMNS " FROM activations WHERE id = ?1");
	sql_text(&q, id);
	if (sql_row(&q))
		activation_read(&q, mem, a);
	return sql_close_one(&q);
}

int
store_activation_del(struct store_tx *tx, const char *id)
{
	struct sql q;

	sql_open(&q, tx, "DELETE FROM activations WHERE id = ?1");
	sql_text(&q, id);
	return sql_run_one(&q);
}

/* The UPDATE decides; the row is read again only to say why it did not. */
int
store_activation_use(struct store_tx *tx, const char *id, int64_t now_ms)
{
	int64_t changed, expires_ms = 0;
	struct sql q;
	int r;

	sql_open(&q, tx,
	    "UPDATE activations SET registrations = registrations + 1 WHERE id = ?1"
	    " AND registrations < registration_limit AND (expires_ms = 0 OR expires_ms > "
	    "?2)");
	sql_text(&q, id);
	sql_int(&q, now_ms);
	if ((r = sql_run(&q, &changed)) != 0 || changed != 0)
		return r;
	sql_open(&q, tx, "SELECT expires_ms FROM activations WHERE id = ?1");
	sql_text(&q, id);
	if (sql_row(&q))
		expires_ms = sql_col_int(&q);
	if ((r = sql_close_one(&q)) != 0)
		return r;
	return expires_ms != 0 && expires_ms <= now_ms ? ERR_EXPIRED : ERR_LIMIT;
}

int
store_activations(
    struct store_tx *tx, const char *after_id, store_activation_fn *fn, void *arg)
{
	struct store_activation a = { 0 };
	struct sql q;
	bool more = true;

	sql_open(&q, tx,
	    "SELECT " ACTIVATION_COLUMNS " FROM activations WHERE id > ?1 ORDER BY id");
	sql_text(&q, after_id);
	while (more && sql_row(&q)) {
		activation_read(&q, NULL, &a);
		more = fn(arg, &a);
	}
	return sql_close(&q);
}
