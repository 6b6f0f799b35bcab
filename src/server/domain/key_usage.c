/* SPDX-License-Identifier: Apache-2.0 */
/*
 * On disk a use is the row "key-used:<access key>" of the table meta: "<ms> <service> <region>".
 */
#include "server/domain/key_usage.h"

#include "base/map.h"
#include "base/text.h"
#include "proto/ids.h"

struct use {
	int64_t at_ms, saved_ms;
	char service[32];
	char region[ID_REGION_MAX + 1];
};

struct key_usage {
	struct ev_loop *loop;
	struct store *store;
	struct map uses; /* by access key; only keys that exist get here */
};

/* On its way to the disk; owns itself. */
struct saving {
	char access_key[ID_ACCESS_KEY_LEN + 1];
	struct use use;
};

struct key_usage *
key_usage_new(struct ev_loop *l, struct store *st)
{
	struct key_usage *u = xcalloc(1, sizeof(*u));
	uint64_t key[2];

	u->loop = l;
	u->store = st;
	ev_random(l, key, sizeof(key));
	map_init(&u->uses, key[0], key[1]);
	return u;
}

void
key_usage_free(struct key_usage *u)
{
	struct span key;
	size_t it = 0;
	void *use;

	if (u == NULL)
		return;
	while (map_next(&u->uses, &it, &key, &use))
		free(use);
	map_fini(&u->uses);
	free(u);
}

static const char *
row_of(struct arena *mem, const char *access_key)
{
	return arena_printf(mem, "key-used:%s", access_key);
}

/* A key that was deleted meanwhile leaves nothing behind. */
static int
save_run(struct store_tx *tx, void *arg, struct fault *f)
{
	const struct saving *s = arg;
	struct store_key key = { 0 };
	auto_arena mem = { 0 };
	int r = store_key_get(tx, &mem, s->access_key, &key);

	(void)f;
	if (r != 0)
		return r == ERR_NOTFOUND ? 0 : r;
	return store_meta_put(tx, row_of(&mem, s->access_key),
	    arena_printf(&mem, "%lld %s %s", (long long)s->use.at_ms, s->use.service,
		s->use.region));
}

/* What could not be saved is tried again an hour later. */
static void
save_done(void *arg, int r, const struct fault *f)
{
	(void)r;
	(void)f;
	free(arg);
}

static void
save(struct key_usage *u, const char *access_key, const struct use *use)
{
	struct saving *s = xcalloc(1, sizeof(*s));

	s->use = *use;
	if (str_copy(s->access_key, sizeof(s->access_key), access_key) == 0)
		store_submit(u->store, save_run, save_done, s);
	else
		free(s);
}

void
key_usage_note(struct key_usage *u, const char *access_key, const struct key_used *used)
{
	struct use *use = map_get(&u->uses, span_str(access_key));

	if (id_access_key_is_temporary(span_str(access_key)))
		return;
	if (use == NULL) {
		use = xcalloc(1, sizeof(*use));
		map_put(&u->uses, span_str(access_key), use);
	}
	use->at_ms = used->at_ms;
	if (str_copy(use->service, sizeof(use->service), used->service) != 0 ||
	    str_copy(use->region, sizeof(use->region), used->region) != 0)
		return;
	if (use->saved_ms != 0 && use->at_ms - use->saved_ms < KEY_USAGE_SAVE_MS)
		return;
	use->saved_ms = use->at_ms;
	save(u, access_key, use);
}

static int
read_row(struct arena *mem, const char *text, struct key_used *used)
{
	struct span rest = span_str(text), ms, service;

	if (!span_cut(&rest, ' ', &ms) || !span_cut(&rest, ' ', &service) ||
	    num_parse(ms, 0, INT64_MAX, &used->at_ms) != 0)
		return ERR_INVALID;
	used->service = arena_str(mem, service);
	used->region = arena_str(mem, rest);
	return 0;
}

int
key_usage_find(
    struct key_usage *u, struct arena *mem, const char *access_key, struct key_used *used)
{
	const struct use *use = map_get(&u->uses, span_str(access_key));
	char *text;
	int r;

	if (use != NULL) {
		*used = (struct key_used){ use->at_ms, arena_strdup(mem, use->service),
			arena_strdup(mem, use->region) };
		return 0;
	}
	r = store_meta_get(store_reader(u->store), mem, row_of(mem, access_key), &text);
	return r != 0 ? r : read_row(mem, text, used);
}

int
key_usage_del(struct store_tx *tx, const char *access_key)
{
	auto_arena mem = { 0 };

	return store_meta_del(tx, row_of(&mem, access_key));
}

void
key_usage_forget(struct key_usage *u, const char *access_key)
{
	free(map_del(&u->uses, span_str(access_key)));
}
