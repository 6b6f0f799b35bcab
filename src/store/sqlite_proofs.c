/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows of what people prove themselves with besides keys: second factors, passwords, identity
 * providers.
 */
#include "store/iam.h"
#include "store/sql.h"

/* --- second factors ---------------------------------------------------------------- */

#define MFA_COLUMNS                                                                \
	"name, path, user, seed, created_ms, enabled_ms, last_step, failures,"     \
	" blocked_until_ms"

static void
mfa_read(struct sql *q, struct arena *mem, struct store_mfa *m)
{
	m->name = sql_col_text(q, mem);
	m->path = sql_col_text(q, mem);
	m->user = sql_col_text(q, mem);
	m->seed = sql_col_text(q, mem);
	m->created_ms = sql_col_int(q);
	m->enabled_ms = sql_col_int(q);
	m->last_step = sql_col_int(q);
	m->failures = sql_col_int(q);
	m->blocked_until_ms = sql_col_int(q);
}

int
store_mfa_put(struct store_tx *tx, const struct store_mfa *m)
{
	struct sql q;

	sql_open(&q, tx,
	    "INSERT INTO mfa_devices (" MFA_COLUMNS
	    ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)");
	sql_text(&q, m->name);
	sql_text(&q, m->path);
	sql_text(&q, m->user);
	sql_text(&q, m->seed);
	sql_int(&q, m->created_ms);
	sql_int(&q, m->enabled_ms);
	sql_int(&q, m->last_step);
	sql_int(&q, m->failures);
	sql_int(&q, m->blocked_until_ms);
	return sql_run(&q, NULL);
}

int
store_mfa_get(
    struct store_tx *tx, struct arena *mem, const char *name, struct store_mfa *m)
{
	struct sql q;

	sql_open(&q, tx, "SELECT " MFA_COLUMNS " FROM mfa_devices WHERE name = ?1");
	sql_text(&q, name);
	if (sql_row(&q))
		mfa_read(&q, mem, m);
	return sql_close_one(&q);
}

int
store_mfa_set(struct store_tx *tx, const struct store_mfa *m)
{
	struct sql q;

	sql_open(&q, tx,
	    "UPDATE mfa_devices SET user = ?2, enabled_ms = ?3, last_step = ?4,"
	    " failures = ?5, blocked_until_ms = ?6 WHERE name = ?1");
	sql_text(&q, m->name);
	sql_text(&q, m->user);
	sql_int(&q, m->enabled_ms);
	sql_int(&q, m->last_step);
	sql_int(&q, m->failures);
	sql_int(&q, m->blocked_until_ms);
	return sql_run_one(&q);
}

int
store_mfa_del(struct store_tx *tx, const char *name)
{
	struct sql q;

	sql_open(&q, tx, "DELETE FROM mfa_devices WHERE name = ?1");
	sql_text(&q, name);
	return sql_run_one(&q);
}

int
store_mfas(struct store_tx *tx, const char *user, const char *after_name,
    store_mfa_fn *fn, void *arg)
{
	struct store_mfa m = { 0 };
	struct sql q;
	bool more = true;

	sql_open(&q, tx,
	    "SELECT " MFA_COLUMNS " FROM mfa_devices"
	    " WHERE name > ?1 AND (?2 OR user = ?3) ORDER BY name");
	sql_text(&q, after_name);
	sql_int(&q, user == NULL);
	sql_text(&q, user);
	while (more && sql_row(&q)) {
		mfa_read(&q, NULL, &m);
		more = fn(arg, &m);
	}
	return sql_close(&q);
}

/* --- passwords ---------------------------------------------------------------------- */

int
store_login_put(struct store_tx *tx, const struct store_login *l)
{
	struct sql q;

	sql_open(&q, tx,
	    "INSERT OR REPLACE INTO logins (user, hash, reset, created_ms, used_ms)"
	    " VALUES (?1, ?2, ?3, ?4, ?5)");
	sql_text(&q, l->user);
	sql_text(&q, l->hash);
	sql_int(&q, l->reset);
	sql_int(&q, l->created_ms);
	sql_int(&q, l->used_ms);
	return sql_run(&q, NULL);
}

int
store_login_get(
    struct store_tx *tx, struct arena *mem, const char *user, struct store_login *l)
{
	struct sql q;

	sql_open(&q, tx,
	    "SELECT user, hash, reset, created_ms, used_ms FROM logins WHERE user = ?1");
	sql_text(&q, user);
	if (sql_row(&q)) {
		l->user = sql_col_text(&q, mem);
		l->hash = sql_col_text(&q, mem);
		l->reset = sql_col_int(&q) != 0;
		l->created_ms = sql_col_int(&q);
		l->used_ms = sql_col_int(&q);
	}
	return sql_close_one(&q);
}

int
store_login_del(struct store_tx *tx, const char *user)
{
	struct sql q;

	sql_open(&q, tx, "DELETE FROM logins WHERE user = ?1");
	sql_text(&q, user);
	return sql_run_one(&q);
}

/* --- identity providers --------------------------------------------------------------- */

static void
oidc_read(struct sql *q, struct arena *mem, struct store_oidc *o)
{
	o->url = sql_col_text(q, mem);
	o->clients_json = sql_col_text(q, mem);
	o->thumbprints_json = sql_col_text(q, mem);
	o->created_ms = sql_col_int(q);
}

int
store_oidc_put(struct store_tx *tx, const struct store_oidc *o)
{
	struct sql q;

	sql_open(&q, tx,
	    "INSERT OR REPLACE INTO oidc_providers"
	    " (url, clients_json, thumbprints_json, created_ms) VALUES (?1, ?2, ?3, ?4)");
	sql_text(&q, o->url);
	sql_text(&q, o->clients_json);
	sql_text(&q, o->thumbprints_json);
	sql_int(&q, o->created_ms);
	return sql_run(&q, NULL);
}

int
store_oidc_get(
    struct store_tx *tx, struct arena *mem, const char *url, struct store_oidc *o)
{
	struct sql q;

	sql_open(&q, tx,
	    "SELECT url, clients_json, thumbprints_json, created_ms FROM oidc_providers"
	    " WHERE url = ?1");
	sql_text(&q, url);
	if (sql_row(&q))
		oidc_read(&q, mem, o);
	return sql_close_one(&q);
}

int
store_oidc_del(struct store_tx *tx, const char *url)
{
	struct sql q;

	sql_open(&q, tx, "DELETE FROM oidc_providers WHERE url = ?1");
	sql_text(&q, url);
	return sql_run_one(&q);
}

int
store_oidcs(struct store_tx *tx, const char *after_url, store_oidc_fn *fn, void *arg)
{
	struct store_oidc o = { 0 };
	struct sql q;
	bool more = true;

	sql_open(&q, tx,
	    "SELECT url, clients_json, thumbprints_json, created_ms FROM oidc_providers"
	    " WHERE url > ?1 ORDER BY url");
	sql_text(&q, after_url);
	while (more && sql_row(&q)) {
		oidc_read(&q, NULL, &o);
		more = fn(arg, &o);
	}
	return sql_close(&q);
}
