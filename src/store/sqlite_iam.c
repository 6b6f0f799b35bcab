/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows of IAM: entities, policies and what ties them together.
 */
#include "store/iam.h"
#include "store/sql.h"

/* --- short forms for rows that are all text --------------------------------------- */

/* Binds a, then b when there is one. */
static void
open_texts(struct sql *q, struct store_tx *tx, const char *text, const char *a, const char *b)
{
	sql_open(q, tx, text);
	sql_text(q, a);
	if (b != NULL)
		sql_text(q, b);
}

static int
run_texts(struct store_tx *tx, const char *text, const char *a, const char *b)
{
	struct sql q;

	open_texts(&q, tx, text, a, b);
	return sql_run(&q, NULL);
}

static int
run_one_text(struct store_tx *tx, const char *text, const char *a, const char *b)
{
	struct sql q;

	open_texts(&q, tx, text, a, b);
	return sql_run_one(&q);
}

static int
each_pair(struct store_tx *tx, const char *text, const char *a, const char *b,
    store_pair_fn *fn, void *arg)
{
	struct sql q;
	bool more = true;

	open_texts(&q, tx, text, a, b);
	while (more && sql_row(&q)) {
		const char *first = sql_col_text(&q, NULL);

		more = fn(arg, first, sql_col_text(&q, NULL));
	}
	return sql_close(&q);
}

static int
count_of(struct sql *q, int64_t *n)
{
	*n = 0;
	if (sql_row(q))
		*n = sql_col_int(q);
	return sql_close(q);
}

/* --- entities ------------------------------------------------------------------------ */

const char *
store_kind_name(enum store_entity_kind kind)
{
	static const char *const names[STORE_ENTITY_KINDS] = { [STORE_USER] = "User",
		[STORE_GROUP] = "Group",
		[STORE_ROLE] = "Role",
		[STORE_POLICY] = "Policy",
		[STORE_PROFILE] = "InstanceProfile" };

	assert(kind >= STORE_USER && kind < STORE_ENTITY_KINDS);
	return names[kind];
}

char *
store_owner(struct arena *mem, enum store_entity_kind kind, const char *name)
{
	return arena_printf(mem, "%s/%s", store_kind_name(kind), name);
}

#define ENTITY_COLUMNS                                                             \
	"kind, name, id, path, description, boundary, trust, max_session_s,"       \
	" default_version, last_version, created_ms, updated_ms"

static void
entity_read(struct sql *q, struct arena *mem, struct store_entity *e)
{
	e->kind = (int)sql_col_int(q);
	e->name = sql_col_text(q, mem);
	e->id = sql_col_text(q, mem);
	e->path = sql_col_text(q, mem);
	e->description = sql_col_text(q, mem);
	e->boundary = sql_col_text(q, mem);
	e->trust = sql_col_text(q, mem);
	e->max_session_s = sql_col_int(q);
	e->default_version = sql_col_int(q);
	e->last_version = sql_col_int(q);
	e->created_ms = sql_col_int(q);
	e->updated_ms = sql_col_int(q);
}

/* In the order of the columns, from path to last_version. */
static void
entity_bind(struct sql *q, const struct store_entity *e)
{
	sql_text(q, e->path);
	sql_text(q, e->description);
	sql_text(q, e->boundary);
	sql_text(q, e->trust);
	sql_int(q, e->max_session_s);
	sql_int(q, e->default_version);
	sql_int(q, e->last_version);
}

int
store_entity_put(struct store_tx *tx, const struct store_entity *e)
{
	struct sql q;

	sql_open(&q, tx,
	    "INSERT INTO entities (" ENTITY_COLUMNS
	    ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)");
	sql_int(&q, e->kind);
	sql_text(&q, e->name);
	sql_text(&q, e->id);
	entity_bind(&q, e);
	sql_int(&q, e->created_ms);
	sql_int(&q, e->updated_ms);
	return sql_run(&q, NULL);
}

int
store_entity_get(struct store_tx *tx, struct arena *mem, enum store_entity_kind kind,
    const char *name, struct store_entity *e)
{
	struct sql q;

	sql_open(&q, tx,
	    "SELECT " ENTITY_COLUMNS " FROM entities WHERE kind = ?1 AND name = ?2");
	sql_int(&q, kind);
	sql_text(&q, name);
	if (sql_row(&q))
		entity_read(&q, mem, e);
	return sql_close_one(&q);
}

int
store_entity_by_id(
    struct store_tx *tx, struct arena *mem, const char *id, struct store_entity *e)
{
	struct sql q;

	sql_open(&q, tx, "SELECT " ENTITY_COLUMNS " FROM entities WHERE id = ?1");
	sql_text(&q, id);
	if (sql_row(&q))
		entity_read(&q, mem, e);
	return sql_close_one(&q);
}

int
store_entity_set(struct store_tx *tx, const struct store_entity *e)
{
	struct sql q;

	sql_open(&q, tx,
	    "UPDATE entities SET path = ?3, description = ?4, boundary = ?5, trust = ?6,"
	    " max_session_s = ?7, default_version = ?8, last_version = ?9,"
	    " updated_ms = ?10 WHERE kind = ?1 AND name = ?2");
	sql_int(&q, e->kind);
	sql_text(&q, e->name);
	entity_bind(&q, e);
	sql_int(&q, e->updated_ms);
	return sql_run_one(&q);
}

/* Everything that names an entity as an owner; ?1 the old one, ?2 the new one. */
static const char *const rename_owner[] = {
	"UPDATE tags SET resource = ?2 WHERE resource = ?1",
	"UPDATE attachments SET owner = ?2 WHERE owner = ?1",
	"UPDATE inline_policies SET owner = ?2 WHERE owner = ?1",
	"UPDATE members SET holder = ?2 WHERE holder = ?1",
	"UPDATE members SET member = ?2 WHERE member = ?1",
};

/* Everything that names a user by its bare name. */
static const char *const rename_user[] = {
	"UPDATE access_keys SET owner = ?2 WHERE owner = ?1 AND kind = 1",
	"UPDATE mfa_devices SET user = ?2 WHERE user = ?1",
	"UPDATE logins SET user = ?2 WHERE user = ?1",
};

int
store_entity_rename(struct store_tx *tx, enum store_entity_kind kind, const char *name,
    const char *new_name)
{
	auto_arena mem = { 0 };
	const char *from = store_owner(&mem, kind, name);
	const char *to = store_owner(&mem, kind, new_name);
	struct sql q;
	int r;

	sql_open(&q, tx, "UPDATE entities SET name = ?3 WHERE kind = ?1 AND name = ?2");
	sql_int(&q, kind);
	sql_text(&q, name);
	sql_text(&q, new_name);
	r = sql_run_one(&q);
	for (size_t i = 0; r == 0 && i < ARRAY_LEN(rename_owner); i++)
		r = run_texts(tx, rename_owner[i], from, to);
	for (size_t i = 0; r == 0 && kind == STORE_USER && i < ARRAY_LEN(rename_user); i++)
		r = run_texts(tx, rename_user[i], name, new_name);
	return r;
}

int
store_entity_del(struct store_tx *tx, enum store_entity_kind kind, const char *name)
{
	auto_arena mem = { 0 };
	struct sql q;
	int r;

	sql_open(&q, tx, "DELETE FROM entities WHERE kind = ?1 AND name = ?2");
	sql_int(&q, kind);
	sql_text(&q, name);
	if ((r = sql_run_one(&q)) != 0 ||
	    (r = store_tags_del(tx, store_owner(&mem, kind, name))) != 0 ||
	    kind != STORE_POLICY)
		return r;
	return run_texts(tx, "DELETE FROM policy_versions WHERE policy = ?1", name, NULL);
}

int
store_entities(struct store_tx *tx, enum store_entity_kind kind, const char *after_name,
    store_entity_fn *fn, void *arg)
{
	struct store_entity e = { 0 };
	struct sql q;
	bool more = true;

	sql_open(&q, tx,
	    "SELECT " ENTITY_COLUMNS
	    " FROM entities WHERE kind = ?1 AND name > ?2 ORDER BY name");
	sql_int(&q, kind);
	sql_text(&q, after_name);
	while (more && sql_row(&q)) {
		entity_read(&q, NULL, &e);
		more = fn(arg, &e);
	}
	return sql_close(&q);
}

int
store_entity_count(struct store_tx *tx, enum store_entity_kind kind, int64_t *n)
{
	struct sql q;

	sql_open(&q, tx, "SELECT count(*) FROM entities WHERE kind = ?1");
	sql_int(&q, kind);
	return count_of(&q, n);
}

/* --- policies ---------------------------------------------------------------------------- */

static void
version_read(struct sql *q, struct arena *mem, struct store_policy_version *v)
{
	v->policy = sql_col_text(q, mem);
	v->version = sql_col_int(q);
	v->document = sql_col_text(q, mem);
	v->created_ms = sql_col_int(q);
}

int
store_policy_version_put(struct store_tx *tx, const struct store_policy_version *v)
{
	struct sql q;

	sql_open(&q, tx,
	    "INSERT INTO policy_versions (policy, version, document, created_ms)"
	    " VALUES (?1, ?2, ?3, ?4)");
	sql_text(&q, v->policy);
	sql_int(&q, v->version);
	sql_text(&q, v->document);
	sql_int(&q, v->created_ms);
	return sql_run(&q, NULL);
}

int
store_policy_version_get(struct store_tx *tx, struct arena *mem, const char *policy,
    int64_t version, struct store_policy_version *v)
{
	struct sql q;

	sql_open(&q, tx,
	    "SELECT policy, version, document, created_ms FROM policy_versions"
	    " WHERE policy = ?1 AND version = ?2");
	sql_text(&q, policy);
	sql_int(&q, version);
	if (sql_row(&q))
		version_read(&q, mem, v);
	return sql_close_one(&q);
}

int
store_policy_version_del(struct store_tx *tx, const char *policy, int64_t version)
{
	struct sql q;

	sql_open(
	    &q, tx, "DELETE FROM policy_versions WHERE policy = ?1 AND version = ?2");
	sql_text(&q, policy);
	sql_int(&q, version);
	return sql_run_one(&q);
}

int
store_policy_versions(struct store_tx *tx, const char *policy, int64_t before,
    store_policy_version_fn *fn, void *arg)
{
	struct store_policy_version v = { 0 };
	struct sql q;
	bool more = true;

	sql_open(&q, tx,
	    "SELECT policy, version, document, created_ms FROM policy_versions"
	    " WHERE policy = ?1 AND (?2 = 0 OR version < ?2) ORDER BY version DESC");
	sql_text(&q, policy);
	sql_int(&q, before);
	while (more && sql_row(&q)) {
		version_read(&q, NULL, &v);
		more = fn(arg, &v);
	}
	return sql_close(&q);
}

int
store_attach(struct store_tx *tx, const char *owner, const char *policy_arn)
{
	return run_texts(tx,
	    "INSERT INTO attachments (owner, policy_arn) VALUES (?1, ?2)"
	    " ON CONFLICT DO NOTHING",
	    owner, policy_arn);
}

int
store_detach(struct store_tx *tx, const char *owner, const char *policy_arn)
{
	return run_one_text(tx,
	    "DELETE FROM attachments WHERE owner = ?1 AND policy_arn = ?2", owner,
	    policy_arn);
}

int
store_attached(struct store_tx *tx, const char *owner, const char *after_arn,
    store_pair_fn *fn, void *arg)
{
	return each_pair(tx,
	    "SELECT owner, policy_arn FROM attachments"
	    " WHERE owner = ?1 AND policy_arn > ?2 ORDER BY policy_arn",
	    owner, after_arn, fn, arg);
}

int
store_attached_to(struct store_tx *tx, const char *policy_arn, const char *after_owner,
    store_pair_fn *fn, void *arg)
{
	return each_pair(tx,
	    "SELECT owner, policy_arn FROM attachments"
	    " WHERE policy_arn = ?1 AND owner > ?2 ORDER BY owner",
	    policy_arn, after_owner, fn, arg);
}

int
store_bounded_count(struct store_tx *tx, const char *policy_arn, int64_t *n)
{
	struct sql q;

	open_texts(&q, tx,
	    "SELECT count(*) FROM entities WHERE boundary = ?1 AND boundary <> ''",
	    policy_arn, NULL);
	return count_of(&q, n);
}

int
store_inline_put(
    struct store_tx *tx, const char *owner, const char *name, const char *document)
{
	struct sql q;

	open_texts(&q, tx,
	    "INSERT INTO inline_policies (owner, name, document) VALUES (?1, ?2, ?3)"
	    " ON CONFLICT (owner, name) DO UPDATE SET document = excluded.document",
	    owner, name);
	sql_text(&q, document);
	return sql_run(&q, NULL);
}

int
store_inline_get(struct store_tx *tx, struct arena *mem, const char *owner,
    const char *name, char **document)
{
	struct sql q;

	*document = NULL;
	open_texts(&q, tx,
	    "SELECT document FROM inline_policies WHERE owner = ?1 AND name = ?2", owner,
	    name);
	if (sql_row(&q))
		*document = sql_col_text(&q, mem);
	return sql_close_one(&q);
}

int
store_inline_del(struct store_tx *tx, const char *owner, const char *name)
{
	return run_one_text(tx,
	    "DELETE FROM inline_policies WHERE owner = ?1 AND name = ?2", owner, name);
}

int
store_inlines(struct store_tx *tx, const char *owner, const char *after_name,
    store_pair_fn *fn, void *arg)
{
	return each_pair(tx,
	    "SELECT name, document FROM inline_policies"
	    " WHERE owner = ?1 AND name > ?2 ORDER BY name",
	    owner, after_name, fn, arg);
}

int
store_member_put(struct store_tx *tx, const char *holder, const char *member)
{
	return run_texts(tx,
	    "INSERT INTO members (holder, member) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
	    holder, member);
}

int
store_member_del(struct store_tx *tx, const char *holder, const char *member)
{
	return run_one_text(
	    tx, "DELETE FROM members WHERE holder = ?1 AND member = ?2", holder, member);
}

int
store_members(struct store_tx *tx, const char *holder, const char *after_member,
    store_pair_fn *fn, void *arg)
{
	return each_pair(tx,
	    "SELECT holder, member FROM members"
	    " WHERE holder = ?1 AND member > ?2 ORDER BY member",
	    holder, after_member, fn, arg);
}

int
store_member_of(struct store_tx *tx, const char *member, const char *after_holder,
    store_pair_fn *fn, void *arg)
{
	return each_pair(tx,
	    "SELECT holder, member FROM members"
	    " WHERE member = ?1 AND holder > ?2 ORDER BY holder",
	    member, after_holder, fn, arg);
}

/* --- locks -------------------------------------------------------------------------------- */

static void
lock_read(struct sql *q, struct arena *mem, struct store_lock *l)
{
	l->id = sql_col_text(q, mem);
	l->arn = sql_col_text(q, mem);
	l->reason = sql_col_text(q, mem);
	l->by_arn = sql_col_text(q, mem);
	l->created_ms = sql_col_int(q);
}

int
store_lock_put(struct store_tx *tx, const struct store_lock *l)
{
	struct sql q;

	sql_open(&q, tx,
	    "INSERT OR REPLACE INTO locks (id, arn, reason, by_arn, created_ms)"
	    " VALUES (?1, ?2, ?3, ?4, ?5)");
	sql_text(&q, l->id);
	sql_text(&q, l->arn);
	sql_text(&q, l->reason);
	sql_text(&q, l->by_arn);
	sql_int(&q, l->created_ms);
	return sql_run(&q, NULL);
}

int
store_lock_get(
    struct store_tx *tx, struct arena *mem, const char *id, struct store_lock *l)
{
	struct sql q;

	open_texts(&q, tx,
	    "SELECT id, arn, reason, by_arn, created_ms FROM locks WHERE id = ?1", id, NULL);
	if (sql_row(&q))
		lock_read(&q, mem, l);
	return sql_close_one(&q);
}

int
store_lock_del(struct store_tx *tx, const char *id)
{
	return run_one_text(tx, "DELETE FROM locks WHERE id = ?1", id, NULL);
}

int
store_locks(struct store_tx *tx, const char *after_id, store_lock_fn *fn, void *arg)
{
	struct store_lock l = { 0 };
	struct sql q;
	bool more = true;

	open_texts(&q, tx,
	    "SELECT id, arn, reason, by_arn, created_ms FROM locks WHERE id > ?1 ORDER BY id",
	    after_id, NULL);
	while (more && sql_row(&q)) {
		lock_read(&q, NULL, &l);
		more = fn(arg, &l);
	}
	return sql_close(&q);
}
