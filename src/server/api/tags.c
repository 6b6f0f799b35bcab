/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading and writing tags, and the wildcards of EC2 filters.
 */
#include "server/api/tags.h"

#include "codec/json.h"

struct loader {
	struct tags *t;
	struct arena *mem;
};

char *
tags_resource(struct arena *mem, const char *type, const char *id)
{
	return arena_printf(mem, "%s/%s", type, id);
}

static bool
load_one(void *arg, const struct store_tag *row)
{
	struct loader *l = arg;

	l->t->v[l->t->n++] = (struct tag){
		.key = arena_strdup(l->mem, row->key),
		.value = arena_strdup(l->mem, row->value),
	};
	return l->t->n < ARRAY_LEN(l->t->v);
}

int
tags_load(struct store_tx *tx, struct arena *mem, const char *resource, struct tags *t)
{
	struct loader l = { .t = t, .mem = mem };

	t->n = 0;
	return store_tags(tx, resource, load_one, &l);
}

const char *
tags_get(const struct tags *t, const char *key)
{
	for (size_t i = 0; i < t->n; i++) {
		if (strcmp(t->v[i].key, key) == 0)
			return t->v[i].value;
	}
	return NULL;
}

int
tags_put(struct store_tx *tx, struct arena *mem, const char *resource,
    const struct tag *add, size_t n)
{
	struct tags *have = arena_alloc(mem, sizeof(*have));
	size_t total;
	int err;

	if ((err = tags_load(tx, mem, resource, have)) != 0)
		return err;
	total = have->n;
	for (size_t i = 0; i < n; i++) {
		bool again = tags_get(have, add[i].key) != NULL;

		for (size_t k = 0; k < i && !again; k++)
			again = strcmp(add[k].key, add[i].key) == 0;
		total += !again;
	}
	if (total > TAGS_MAX)
		return ERR_LIMIT;
	for (size_t i = 0; i < n; i++) {
		if ((err = store_tag_put(tx, resource, add[i].key, add[i].value)) != 0)
			return err;
	}
	return 0;
}

int
tags_put_list(struct store_tx *tx, struct arena *mem, const char *resource, const json_t *list)
{
	struct tag add[TAGS_MAX];
	const json_t *one;
	size_t i, n = 0;

	if (json_array_size(list) > TAGS_MAX)
		return ERR_LIMIT;
	json_array_foreach(list, i, one)
	{
		add[n].key = json_get_str(one, "Key");
		add[n++].value = json_get_str(one, "Value");
	}
	return tags_put(tx, mem, resource, add, n);
}

void
tags_write(struct jsonw *w, const char *name, const struct tags *t)
{
	jw_key(w, name);
	jw_open(w, '[');
	for (size_t i = 0; i < t->n; i++) {
		jw_open(w, '{');
		jw_field_str(w, "Key", t->v[i].key);
		jw_field_str(w, "Value", t->v[i].value);
		jw_close(w, '}');
	}
	jw_close(w, ']');
}

/* Greedy with one point of return: linear in practice, quadratic at worst. */
bool
wildcard_match(const char *pattern, const char *text)
{
	const char *star = NULL, *mark = NULL;

	while (*text != '\0') {
		if (*pattern == '*') {
			star = pattern++;
			mark = text;
		} else if (*pattern == '?' || *pattern == *text) {
			pattern++;
			text++;
		} else if (star != NULL) {
			pattern = star + 1;
			text = ++mark;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return *pattern == '\0';
}
