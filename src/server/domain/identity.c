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

int
identity_run_as(struct store_tx *tx, struct arena *mem, const char *user, char **run_as)
{
	int r = store_tag_get(
	    tx, mem, arena_printf(mem, "User/%s", user), "SSMSessionRunAs", run_as);

	if (r != ERR_NOTFOUND)
		return r;
	*run_as = arena_strdup(mem, "");
	return 0;
}

int
identity_of_user(
    struct store_tx *tx, struct arena *mem, const char *name, struct identity *out)
{
	struct store_user u = { 0 };
	int r;

	*out = (struct identity){ .kind = IDENTITY_USER };
	if ((r = account_id(tx, mem, &out->account)) != 0 ||
	    (r = store_user_get(tx, mem, name, &u)) != 0 ||
	    (r = identity_run_as(tx, mem, u.name, &out->run_as)) != 0)
		return r;
	out->name = u.name;
	out->arn = arn_iam(mem, out->account, "user", u.path, u.name);
	out->user_id = u.user_id;
	out->access_key = arena_strdup(mem, "");
	out->session_name = u.name;
	out->node_id = arena_strdup(mem, "");
	return 0;
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
    const char *arn, const char *user_id, struct identity *out)
{
	const char *name = user_of_arn(mem, arn);
	struct store_key k = { 0 };
	int r = store_key_get(tx, mem, access_key, &k);

	if (r == ERR_NOTFOUND && id_access_key_is_temporary(span_str(access_key)))
		r = 0; /* expired and swept away */
	else if (r == ERR_NOTFOUND || (r == 0 && !k.active))
		return ERR_DENIED;
	if (r != 0 || (r = identity_of_user(tx, mem, name, out)) != 0)
		return r;
	return strcmp(out->user_id, user_id) == 0 ? 0 : ERR_NOTFOUND;
}

/* There are no role objects yet: the id is drawn from the name, so it stays the same. */
static char *
node_user_id(struct arena *mem, const char *role, const char *node_id)
{
	char id[IDENTITY_ID_LEN + 1];
	uint8_t sum[SHA256_LEN];

	sha256(sum, span_str(role));
	identity_id_format(id, "AROA", sum);
	return arena_printf(mem, "%s:%s", id, node_id);
}

int
identity_of_node(
    struct store_tx *tx, struct arena *mem, const char *node_id, struct identity *out)
{
	struct store_node n = { 0 };
	const char *role;
	int r;

	*out = (struct identity){ .kind = IDENTITY_NODE };
	if ((r = account_id(tx, mem, &out->account)) != 0 ||
	    (r = store_node_get(tx, mem, node_id, &n)) != 0)
		return r;
	role = n.iam_role[0] != '\0' ? n.iam_role : IDENTITY_NODE_ROLE;
	out->name = out->node_id = out->session_name = n.id;
	out->arn = arn_assumed_role(mem, out->account, role, n.id);
	out->user_id = node_user_id(mem, role, n.id);
	out->access_key = arena_strdup(mem, "");
	out->run_as = arena_strdup(mem, "");
	return 0;
}

int
identity_of_key(struct store_tx *tx, struct arena *mem, const char *access_key,
    int64_t now_ms, struct identity *out, struct store_key *key)
{
	struct store_key k = { 0 };
	int r;

	if ((r = store_key_get(tx, mem, access_key, &k)) != 0)
		return r;
	if (!k.active)
		return ERR_DENIED;
	if (k.expires_ms != 0 && k.expires_ms <= now_ms)
		return ERR_EXPIRED;
	if (k.kind == STORE_KEY_NODE)
		r = identity_of_node(tx, mem, k.owner, out);
	else
		r = identity_of_user(tx, mem, k.owner, out);
	if (r != 0)
		return r;
	out->access_key = k.access_key;
	if (key != NULL)
		*key = k;
	return 0;
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
	char *old, path[] = "/", none[] = "";
	int r;

	if ((r = account_id(tx, &mem, &old)) == 0)
		return fault_set(
		    f, ERR_EXISTS, "this database has account %s already", old);
	if (r != ERR_NOTFOUND || (r = store_meta_put(tx, "account-id", m->account)) != 0)
		return r;
	if ((r = store_user_put(tx,
		 &(struct store_user){ .name = m->user,
		     .user_id = m->user_id,
		     .path = path,
		     .created_ms = i->now_ms })) != 0)
		return r;
	return store_key_put(tx,
	    &(struct store_key){ .access_key = m->access_key,
		.secret = m->secret,
		.kind = STORE_KEY_USER,
		.owner = m->user,
		.token_sha256 = none,
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
