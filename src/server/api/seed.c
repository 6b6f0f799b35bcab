/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Seeding runs at every start in one transaction and usually changes nothing.
 *
 * Roles are different: they are made once, and who deletes one does not get it again.
 */
#include "server/api/seed.h"

#include "ev/ev.h"
#include "proto/document.h"
#include "server/domain/identity.h"
#include "server/env.h"

static int
seed_one(struct store_tx *tx, const struct document_builtin *b, int64_t now)
{
	struct store_document d;
	auto_arena mem;
	int64_t version;
	int err;

	arena_init(&mem);
	err = store_document_get(tx, &mem, b->name, 0, &d);
	if (err == 0 && (b->account_owned || strcmp(d.content, b->content) == 0))
		return 0;
	if (err != 0 && err != ERR_NOTFOUND)
		return err;
	d = (struct store_document){
		.name = arena_strdup(&mem, b->name),
		.type = arena_strdup(&mem, b->type),
		.content = arena_strdup(&mem, b->content),
		.created_ms = now,
		.builtin = !b->account_owned,
	};
	return store_document_put(tx, &d, &version);
}

static int
seed_documents(struct store_tx *tx, int64_t now, struct fault *f)
{
	for (size_t i = 0; i < document_builtins_len; i++) {
		int err = seed_one(tx, &document_builtins[i], now);

		if (err != 0)
			return fault_set(f, err, "document %s cannot be stored: %s",
			    document_builtins[i].name, err_text(err));
	}
	return 0;
}

/* ---- the roles of nodes ---- */

#define SEEDED_ROLES "seeded-roles"
#define NODE_POLICY  "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore"
#define NODE_TRUST                                                                      \
	"{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\","                 \
	"\"Principal\":{\"Service\":\"ssm.amazonaws.com\"},\"Action\":\"sts:AssumeRole\"}]}"

struct roles {
	struct store_tx *tx;
	int64_t now;
	int err;
};

static int
seed_role(struct roles *s, const char *name)
{
	char id[IDENTITY_ID_LEN + 1], path[] = "/", trust[] = NODE_TRUST;
	char what[] = "What a node may do that was registered with an activation.";
	auto_arena mem = { 0 };
	int err;

	identity_role_id(id, name);
	err = store_entity_put(s->tx,
	    &(struct store_entity){ .kind = STORE_ROLE,
		.name = arena_strdup(&mem, name),
		.id = id,
		.path = path,
		.description = what,
		.trust = trust,
		.max_session_s = 3600,
		.created_ms = s->now,
		.updated_ms = s->now });
	if (err == ERR_EXISTS)
		return 0;
	if (err == 0)
		err = store_attach(
		    s->tx, store_owner(&mem, STORE_ROLE, name), NODE_POLICY);
	return err;
}

static bool
role_of_node(void *arg, const struct store_node *n)
{
	struct roles *s = arg;

	s->err = n->iam_role[0] != '\0' ? seed_role(s, n->iam_role) : 0;
	return s->err == 0;
}

static bool
role_of_activation(void *arg, const struct store_activation *a)
{
	struct roles *s = arg;

	s->err = seed_role(s, a->iam_role);
	return s->err == 0;
}

/* Before there were roles an activation could name any. */
static int
seed_roles(struct store_tx *tx, int64_t now, struct fault *f)
{
	struct roles s = { .tx = tx, .now = now };
	auto_arena mem = { 0 };
	char *done;
	int err = store_meta_get(tx, &mem, SEEDED_ROLES, &done);

	if (err != ERR_NOTFOUND)
		return err;
	if ((err = seed_role(&s, IDENTITY_NODE_ROLE)) == 0 &&
	    (err = store_nodes(tx, "", role_of_node, &s)) == 0 && (err = s.err) == 0 &&
	    (err = store_activations(tx, "", role_of_activation, &s)) == 0 &&
	    (err = s.err) == 0)
		err = store_meta_put(tx, SEEDED_ROLES, "1");
	return err == 0
	    ? 0
	    : fault_set(f, err, "the roles of nodes cannot be stored: %s", err_text(err));
}

static int
seed_all(struct store_tx *tx, void *arg, struct fault *f)
{
	const int64_t *now = arg;
	int err = seed_documents(tx, *now, f);

	return err != 0 ? err : seed_roles(tx, *now, f);
}

int
seed(const struct server_env *env, struct fault *f)
{
	int64_t now = ev_wall_ms(env->loop);

	return store_apply(env->store, seed_all, &now, f);
}
