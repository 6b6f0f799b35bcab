/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Seeding runs at every start in one transaction and usually changes nothing.
 */
#include "server/api/seed.h"

#include "ev/ev.h"
#include "proto/document.h"
#include "server/env.h"
#include "store/store.h"

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
seed_all(struct store_tx *tx, void *arg, struct fault *f)
{
	const int64_t *now = arg;

	for (size_t i = 0; i < document_builtins_len; i++) {
		int err = seed_one(tx, &document_builtins[i], *now);

		if (err != 0)
			return fault_set(f, err, "document %s cannot be stored: %s",
			    document_builtins[i].name, err_text(err));
	}
	return 0;
}

int
seed_documents(const struct server_env *env, struct fault *f)
{
	int64_t now = ev_wall_ms(env->loop);

	return store_apply(env->store, seed_all, &now, f);
}
