/* SPDX-License-Identifier: Apache-2.0 */
/* See rewrite.h. */
#include "policy/rewrite.h"

#include "codec/jsonw.h"
#include "policy/parse_int.h"

struct rewriting {
	struct buf *out;
	struct span text;
	size_t copied; /* bytes of the text that are in out, or were replaced */
	policy_principal_fn *fn;
	void *arg;
};

static void
copy_to(struct rewriting *r, size_t offset)
{
	buf_add(r->out, span_sub(r->text, r->copied, offset - r->copied));
	r->copied = offset;
}

static void
rewrite_one(struct rewriting *r, const struct tree_node *n)
{
	const char *other = n->kind == NODE_STRING ? r->fn(r->arg, n->text) : NULL;
	struct jsonw w;

	if (other == NULL)
		return;
	copy_to(r, n->begin.offset);
	jw_init(&w, r->out);
	jw_str(&w, other);
	r->copied = n->end.offset;
}

/* One of an object's members is looked at: who has two of a name was refused long ago. */
static const struct tree_node *
member(const struct tree_node *n, const char *name)
{
	return n != NULL && n->kind == NODE_OBJECT ? node_get(n, name) : NULL;
}

static void
rewrite_principals(struct rewriting *r, const struct tree_node *who)
{
	const struct tree_node *aws = member(who, "AWS");

	if (aws == NULL)
		return;
	for (const struct tree_node *i = items_first(aws); i != NULL;
	     i = items_next(aws, i))
		rewrite_one(r, i);
}

int
policy_rewrite(struct buf *out, struct span text, policy_principal_fn *fn, void *arg)
{
	struct rewriting r = { .out = out, .text = text, .fn = fn, .arg = arg };
	const struct tree_node *all;
	auto_arena mem = { 0 };
	struct tree_node *top;
	int err = tree_read(&top, &mem, text, NULL);

	if (err != 0)
		return err;
	if ((all = member(top, "Statement")) != NULL)
		for (const struct tree_node *s = items_first(all); s != NULL;
		     s = items_next(all, s)) {
			/* A statement has one of them. */
			rewrite_principals(&r, member(s, "Principal"));
			rewrite_principals(&r, member(s, "NotPrincipal"));
		}
	copy_to(&r, text.n);
	return buf_check(out);
}
