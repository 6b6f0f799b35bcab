/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From rows to identities, and the first rows of all.
 */
#include "server/domain/identity.h"

#include "crypto/crypto.h"
#include "proto/arn.h"

void
identity_id_format(
    char out[IDENTITY_ID_LEN + 1], const char prefix[4], const uint8_t raw[11])
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
	uint32_t bits = 0, have = 0;
	size_t in = 0;

	memcpy(out, prefix, 4);
	for (size_t i = 4; i < IDENTITY_ID_LEN; i++) {
		if (have < 5) {
			bits = bits << 8 | raw[in++];
			have += 8;
		}
		have -= 5;
		out[i] = alphabet[bits >> have & 31];
	}
	out[IDENTITY_ID_LEN] = '\0';
}

int
account_id(struct store_tx *tx, struct arena *mem, char **id)
{
	return store_meta_get(tx, mem, "account-id", id);
}

void
principal_init(struct principal *who)
{
	*who = (struct principal){ .name = "",
		.role = "",
		.arn = "",
		.role_arn = "",
		.role_id = "",
		.user_id = "",
		.access_key = "",
		.session_name = "",
		.run_as = "" };
}

char *
principal_owner(struct arena *mem, const struct principal *who)
{
	bool user = who->kind == PRINCIPAL_USER;

	return store_owner(
	    mem, user ? STORE_USER : STORE_ROLE, user ? who->name : who->role);
}

/* The tag SSMSessionRunAs of a user or role. */
static int
find_run_as(struct store_tx *tx, struct arena *mem, struct principal *who)
{
	char *value;
	int r = store_tag_get(
	    tx, mem, principal_owner(mem, who), "SSMSessionRunAs", &value);

	if (r == 0)
		who->run_as = value;
	return r == ERR_NOTFOUND ? 0 : r;
}

int
identity_of_user(
    struct store_tx *tx, struct arena *mem, const char *name, struct principal *out)
{
	struct store_entity u = { 0 };
	char *account;
	int r;

	principal_init(out);
	out->kind = PRINCIPAL_USER;
	if ((r = account_id(tx, mem, &account)) != 0 ||
	    (r = store_entity_get(tx, mem, STORE_USER, name, &u)) != 0)
		return r;
	out->name = u.name;
	out->arn = arn_iam(mem, account, "user", u.path, u.name);
	out->user_id = u.id;
	out->session_name = u.name;
	return find_run_as(tx, mem, out);
}

/* What is the same for everybody who acts as a role. */
static int
act_as_role(struct store_tx *tx, struct arena *mem, const char *role,
    const char *session_name, struct principal *out)
{
	char derived[IDENTITY_ID_LEN + 1], *account, root[] = "/";
	struct store_entity e = { .path = root };
	int r;

	if ((r = account_id(tx, mem, &account)) != 0)
		return r;
	r = store_entity_get(tx, mem, STORE_ROLE, role, &e);
	/* A node is who it is, though its role was deleted; it may do nothing then. */
	if (r == ERR_NOTFOUND && out->kind == PRINCIPAL_NODE) {
		identity_role_id(derived, role);
		e.id = derived;
		r = 0;
	} else if (r == 0) {
		out->role_id = e.id;
	}
	if (r != 0)
		return r;
	out->role = arena_strdup(mem, role);
	out->role_arn = arn_iam(mem, account, "role", e.path, role);
	out->arn = arn_assumed_role(mem, account, role, session_name);
	out->user_id = arena_printf(mem, "%s:%s", e.id, session_name);
	out->session_name = session_name;
	return 0;
}

static int
identity_of_role(struct store_tx *tx, struct arena *mem, const char *role,
    const struct key_session *s, struct principal *out)
{
	int r;

	out->kind = PRINCIPAL_ROLE;
	out->session = s;
	if ((r = act_as_role(tx, mem, role, s->session_name, out)) != 0)
		return r;
	out->name = out->role;
	for (size_t i = 0; i < s->ntags; i++) {
		if (strcmp(s->tags[i].key, "SSMSessionRunAs") == 0) {
			out->run_as = s->tags[i].value;
			return 0;
		}
	}
	return find_run_as(tx, mem, out);
}

void
identity_role_id(char out[IDENTITY_ID_LEN + 1], const char *role)
{
	uint8_t sum[SHA256_LEN];

	sha256(sum, span_str(role));
	identity_id_format(out, "AROA", sum);
}

int
identity_of_node(
    struct store_tx *tx, struct arena *mem, const char *node_id, struct principal *out)
{
	struct store_node n = { 0 };
	int r;

	principal_init(out);
	out->kind = PRINCIPAL_NODE;
	if ((r = store_node_get(tx, mem, node_id, &n)) != 0)
		return r;
	out->name = n.id;
	return act_as_role(tx, mem,
	    n.iam_role[0] != '\0' ? n.iam_role : IDENTITY_NODE_ROLE, n.id, out);
}

/* Keys do not pass to the next user or role of that name. */
static bool
is_id_of(const char *owner_id, const struct principal *who)
{
	size_t n = strcspn(who->user_id, ":");

	return owner_id[0] == '\0' ||
	    (strlen(owner_id) == n && strncmp(owner_id, who->user_id, n) == 0);
}

int
identity_of_key_row(struct store_tx *tx, struct arena *mem, const struct store_key *k,
    struct principal *out)
{
	struct key_session *s = NULL;
	int r;

	principal_init(out);
	if (k->session_json[0] != '\0') {
		s = arena_alloc(mem, sizeof(*s));
		if ((r = key_session_read(s, mem, k->session_json)) != 0)
			return r;
	}
	if (k->kind == STORE_KEY_NODE)
		r = identity_of_node(tx, mem, k->owner, out);
	else if (k->kind == STORE_KEY_USER)
		r = identity_of_user(tx, mem, k->owner, out);
	else if (s != NULL)
		r = identity_of_role(tx, mem, k->owner, s, out);
	else
		r = ERR_NOTFOUND;
	if (r == 0 && s != NULL && !is_id_of(s->owner_id, out))
		r = ERR_NOTFOUND;
	out->access_key = k->access_key;
	if (k->kind != STORE_KEY_NODE)
		out->session = s;
	return r;
}

int
identity_of_key(struct store_tx *tx, struct arena *mem, const char *access_key,
    int64_t now_ms, struct principal *out, struct store_key *key)
{
	struct store_key k = { 0 };
	int r;

	if ((r = store_key_get(tx, mem, access_key, &k)) != 0)
		return r;
	if (!k.active)
		return ERR_DENIED;
	if (k.expires_ms != 0 && k.expires_ms <= now_ms)
		return ERR_EXPIRED;
	if (key != NULL)
		*key = k;
	return identity_of_key_row(tx, mem, &k, out);
}

/* What follows the last '/' of arn:aws:iam::account:user/path/name; empty: no user. */
static const char *
user_of_arn(struct arena *mem, const char *arn)
{
	struct arn a;
	struct span name;

	if (arn_parse(&a, span_str(arn)) != 0 || !arn_resource_id(&a, "user", &name))
		return "";
	for (ptrdiff_t slash; (slash = span_find(name, '/')) >= 0;)
		name = span_sub(name, (size_t)slash + 1, name.n);
	return arena_str(mem, name);
}

int
identity_of_owner(struct store_tx *tx, struct arena *mem, const char *access_key,
    const char *arn, const char *user_id, struct principal *out)
{
	struct store_key k = { 0 };
	int r = store_key_get(tx, mem, access_key, &k);

	if (r == 0 && k.active)
		r = identity_of_key_row(tx, mem, &k, out);
	else if (r == ERR_NOTFOUND && id_access_key_is_temporary(span_str(access_key)))
		r = identity_of_user(tx, mem, user_of_arn(mem, arn), out);
	else if (r == ERR_NOTFOUND || r == 0)
		r = ERR_DENIED;
	if (r != 0)
		return r;
	return strcmp(out->user_id, user_id) == 0 ? 0 : ERR_NOTFOUND;
}

/* --- the first rows -------------------------------------------------------------- */

struct first {
	struct account_made *made;
	int64_t now_ms;
};

static int
first_run(struct store_tx *tx, void *arg, struct fault *f)
{
	struct first *i = arg;
	struct account_made *m = i->made;
	auto_arena mem = { 0 };
	char *old, path[] = "/";
	int r;

	if ((r = account_id(tx, &mem, &old)) == 0)
		return fault_set(
		    f, ERR_EXISTS, "this database has account %s already", old);
	if (r != ERR_NOTFOUND || (r = store_meta_put(tx, "account-id", m->account)) != 0)
		return r;
	if ((r = store_entity_put(tx,
		 &(struct store_entity){ .kind = STORE_USER,
		     .name = m->user,
		     .id = m->user_id,
		     .path = path,
		     .created_ms = i->now_ms,
		     .updated_ms = i->now_ms })) != 0 ||
	    (r = store_attach(tx, store_owner(&mem, STORE_USER, m->user),
		 IDENTITY_ADMIN_POLICY)) != 0)
		return r;
	return store_key_put(tx,
	    &(struct store_key){ .access_key = m->access_key,
		.secret = m->secret,
		.kind = STORE_KEY_USER,
		.owner = m->user,
		.active = true,
		.created_ms = i->now_ms });
}

/* Not 000000000000 and the like: twelve digits, the first one not 0. */
static void
draw_account(struct ev_loop *l, char out[ID_ACCOUNT_LEN + 1])
{
	for (size_t i = 0; i < ID_ACCOUNT_LEN; i++)
		out[i] = (char)(i == 0 ? '1' + ev_random_below(l, 9)
				       : '0' + ev_random_below(l, 10));
	out[ID_ACCOUNT_LEN] = '\0';
}

void
account_draw(struct ev_loop *l, struct account_made *out)
{
	uint8_t raw[30];

	*out = (struct account_made){ .user = "admin" };
	draw_account(l, out->account);
	ev_random(l, raw, 11);
	identity_id_format(out->user_id, "AIDA", raw);
	ev_random(l, raw, 10);
	id_access_key_format(out->access_key, false, raw);
	ev_random(l, raw, sizeof(raw));
	id_secret_key_format(out->secret, raw);
	secret_wipe(raw, sizeof(raw));
}

int
account_init(
    struct store *st, struct ev_loop *l, struct account_made *made, struct fault *f)
{
	struct first i = { .made = made, .now_ms = ev_wall_ms(l) };

	return store_apply(st, first_run, &i, f);
}
