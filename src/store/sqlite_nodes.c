/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows of nodes, and tags of every kind of resource.
 */
#include "store/sql.h"

#define NODE_COLUMNS                                                              \
	"id, public_key, fingerprint, activation_id, iam_role, name, agent_name," \
	" agent_version, platform_type, platform_name, platform_version, ip,"     \
	" hostname, zone, leave_reason, registered_ms, ping_ms, offline_ms"

static void
node_read(struct sql *q, struct arena *mem, struct store_node *n)
{
	n->id = sql_col_text(q, mem);
	n->public_key = sql_col_text(q, mem);
	n->fingerprint = sql_col_text(q, mem);
	n->activation_id = sql_col_text(q, mem);
	n->iam_role = sql_col_text(q, mem);
	n->name = sql_col_text(q, mem);
	n->agent_name = sql_col_text(q, mem);
	n->agent_version = sql_col_text(q, mem);
	n->platform_type = sql_col_text(q, mem);
	n->platform_name = sql_col_text(q, mem);
	n->platform_version = sql_col_text(q, mem);
	n->ip = sql_col_text(q, mem);
	n->hostname = sql_col_text(q, mem);
	n->zone = sql_col_text(q, mem);
	n->leave_reason = sql_col_text(q, mem);
	n->registered_ms = sql_col_int(q);
	n->ping_ms = sql_col_int(q);
	n->offline_ms = sql_col_int(q);
}

int
store_node_put(struct store_tx *tx, const struct store_node *n)
{
	struct sql q;

	sql_open(&q, tx,
	    "INSERT OR REPLACE INTO nodes (" NODE_COLUMNS
	    ") VALUES (?1, ?2, ?3, ?4, ?5, ?6,"
	    " ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)");
	sql_text(&q, n->id);
	sql_text(&q, n->public_key);
	sql_text(&q, n->fingerprint);
	sql_text(&q, n->activation_id);
	sql_text(&q, n->iam_role);
	sql_text(&q, n->name);
	sql_text(&q, n->agent_name);
	sql_text(&q, n->agent_version);
	sql_text(&q, n->platform_type);
	sql_text(&q, n->platform_name);
	sql_text(&q, n->platform_version);
	sql_text(&q, n->ip);
	sql_text(&q, n->hostname);
	sql_text(&q, n->zone);
	sql_text(&q, n->leave_reason);
	sql_int(&q, n->registered_ms);
	sql_int(&q, n->ping_ms);
	sql_int(&q, n->offline_ms);
	return sql_run(&q, NULL);
}

int
store_node_get(
    struct store_tx *tx, struct arena *mem, const char *id, struct store_node *n)
{
	struct sql q;

	sql_open(&q, tx, "SELECT " NODE_COLUMNS " FROM nodes WHERE id = ?1");
	sql_text(&q, id);
	if (sql_row(&q))
		node_read(&q, mem, n);
	return sql_close_one(&q);
}

int
store_node_set_leave(
    struct store_tx *tx, const char *id, const char *reason, int64_t offline_ms)
{
	struct sql q;

	sql_open(
	    &q, tx, "UPDATE nodes SET leave_reason = ?2, offline_ms = ?3 WHERE id = ?1");
	sql_text(&q, id);
	sql_text(&q, reason);
	sql_int(&q, offline_ms);
	return sql_run_one(&q);
}

int
store_node_del(struct store_tx *tx, const char *id)
{
	struct sql q;
	int r;

	if ((r = store_keys_del_owner(tx, STORE_KEY_NODE, id)) != 0)
		return r;
	sql_open(&q, tx, "DELETE FROM tags WHERE resource = 'ManagedInstance/' || ?1");
	sql_text(&q, id);
	if ((r = sql_run(&q, NULL)) != 0)
		return r;
	sql_open(&q, tx, "DELETE FROM nodes WHERE id = ?1");
	sql_text(&q, id);
	return sql_run_one(&q);
}

int
store_nodes(struct store_tx *tx, const char *after_id, store_node_fn *fn, void *arg)
{
	struct store_node n = { 0 };
	struct sql q;
	bool more = true;

	sql_open(&q, tx, "SELECT " NODE_COLUMNS " FROM nodes WHERE id > ?1 ORDER BY id");
	sql_text(&q, after_id);
	while (more && sql_row(&q)) {
		node_read(&q, NULL, &n);
		more = fn(arg, &n);
	}
	return sql_close(&q);
}

/* --- tags ---------------------------------------------------------------------- */

int
store_tag_put(
    struct store_tx *tx, const char *resource, const char *key, const char *value)
{
	struct sql q;

	sql_open(&q, tx,
	    "INSERT INTO tags (resource, key, value) VALUES (?1, ?2, ?3)"
	    " ON CONFLICT (resource, key) DO UPDATE SET value = excluded.value");
	sql_text(&q, resource);
	sql_text(&q, key);
	sql_text(&q, value);
	return sql_run(&q, NULL);
}

int
store_tag_del(struct store_tx *tx, const char *resource, const char *key)
{
	struct sql q;

	sql_open(&q, tx, "DELETE FROM tags WHERE resource = ?1 AND key = ?2");
	sql_text(&q, resource);
	sql_text(&q, key);
	return sql_run(&q, NULL);
}

int
store_tags_del(struct store_tx *tx, const char *resource)
{
	struct sql q;

	sql_open(&q, tx, "DELETE FROM tags WHERE resource = ?1");
	sql_text(&q, resource);
	return sql_run(&q, NULL);
}

int
store_tag_get(struct store_tx *tx, struct arena *mem, const char *resource,
    const char *key, char **value)
{
	struct sql q;

	*value = NULL;
	sql_open(&q, tx, "SELECT value FROM tags WHERE resource = ?1 AND key = ?2");
	sql_text(&q, resource);
	sql_text(&q, key);
	if (sql_row(&q))
		*value = sql_col_text(&q, mem);
	return sql_close_one(&q);
}

int
store_tags(struct store_tx *tx, const char *resource, store_tag_fn *fn, void *arg)
{
	struct store_tag t = { 0 };
	struct sql q;
	bool more = true;

	if (resource == NULL) {
		sql_open(&q, tx,
		    "SELECT resource, key, value FROM tags ORDER BY resource, key");
	} else {
		sql_open(&q, tx,
		    "SELECT resource, key, value FROM tags WHERE resource = ?1 ORDER BY "
		    "key");
		sql_text(&q, resource);
	}
	while (more && sql_row(&q)) {
		t.resource = sql_col_text(&q, NULL);
		t.key = sql_col_text(&q, NULL);
		t.value = sql_col_text(&q, NULL);
		more = fn(arg, &t);
	}
	return sql_close(&q);
}
