/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IAM: policies that are part of a user, a group or a role.  The four operations are the same for
 * the three kinds; which one it is says the member that names the owner.
 */
#include "server/api/iam/managed.h"

static const struct owner_kind {
	const char *member;
	const char *word; /* as AWS's sentences call it */
	int64_t size_max; /* of all its policies together, without blanks */
} owner_kinds[] = {
	[STORE_USER] = { "UserName", "user", 2048 },
	[STORE_GROUP] = { "GroupName", "group", 5120 },
	[STORE_ROLE] = { "RoleName", "role", 10240 },
};

struct subject {
	const struct owner_kind *kind;
	struct store_entity e;
	char *owner;
};

static int
find_subject(struct store_tx *tx, struct api_call *c, struct subject *s)
{
	enum store_entity_kind k = iam_subject_kind(c);
	int err;

	if ((err = iam_subject(tx, c, k, &s->e)) != 0)
		return err;
	s->kind = &owner_kinds[k];
	s->owner = store_owner(&c->mem, k, s->e.name);
	return 0;
}

static int
no_policy(struct api_call *c, const struct subject *s)
{
	return api_fail(c, "NoSuchEntity", "The %s policy with name %s cannot be found.",
	    s->kind->word, api_str(c, "PolicyName"));
}

/* ---- Put ---- */

struct sizes {
	const char *except;
	int64_t total;
};

static bool
add_size(void *arg, const char *name, const char *document)
{
	struct sizes *z = arg;

	if (strcmp(name, z->except) != 0)
		z->total += (int64_t)policy_size(span_str(document));
	return true;
}

static int
put_change(struct store_tx *tx, struct api_call *c)
{
	const char *name = api_str(c, "PolicyName");
	const char *document = api_str(c, "PolicyDocument");
	struct sizes z = { name, (int64_t)policy_size(span_str(document)) };
	struct subject s;
	int err;

	if ((err = find_subject(tx, c, &s)) != 0 ||
	    (err = store_inlines(tx, s.owner, "", add_size, &z)) != 0)
		return err;
	if (z.total > s.kind->size_max)
		return api_fail(c, "LimitExceeded",
		    "Maximum policy size of %lld bytes exceeded for %s %s",
		    (long long)s.kind->size_max, s.kind->word, s.e.name);
	if ((err = iam_check_policy(c, POLICY_INLINE, document)) != 0)
		return err;
	return store_inline_put(tx, s.owner, name, document);
}

static int
put_policy(struct api_call *c)
{
	return api_write(c, put_change, NULL);
}

/* ---- Get ---- */

static int
get_policy(struct api_call *c)
{
	struct subject s;
	char *document;
	int err;

	if ((err = find_subject(api_reader(c), c, &s)) != 0)
		return err;
	err = store_inline_get(
	    api_reader(c), &c->mem, s.owner, api_str(c, "PolicyName"), &document);
	if (err != 0)
		return err == ERR_NOTFOUND ? no_policy(c, &s) : err;
	xw_elem(&c->out, s.kind->member, s.e.name);
	xw_elem(&c->out, "PolicyName", api_str(c, "PolicyName"));
	iam_write_document(c, "PolicyDocument", document);
	return 0;
}

/* ---- Delete ---- */

static int
delete_change(struct store_tx *tx, struct api_call *c)
{
	struct subject s;
	int err;

	if ((err = find_subject(tx, c, &s)) != 0)
		return err;
	err = store_inline_del(tx, s.owner, api_str(c, "PolicyName"));
	return err == ERR_NOTFOUND ? no_policy(c, &s) : err;
}

static int
delete_policy(struct api_call *c)
{
	return api_write(c, delete_change, NULL);
}

/* ---- List ---- */

static bool
list_one(void *arg, const char *name, const char *document)
{
	struct page *p = arg;

	(void)document;
	if (!page_take(p, name))
		return false;
	xw_elem(&p->c->out, "member", name);
	return true;
}

static int
list_policies(struct api_call *c)
{
	struct subject s;
	struct page p;
	int err;

	if ((err = find_subject(api_reader(c), c, &s)) != 0 ||
	    (err = page_open(&p, c, "PolicyNames", api_int(c, "MaxItems", IAM_PAGE))) !=
		0 ||
	    (err = store_inlines(api_reader(c), s.owner, p.after, list_one, &p)) != 0)
		return err;
	page_close(&p);
	return 0;
}

#define NAMED "; PolicyName*: " IAM_NAME

#define ROWS(Kind, finder, name)                                                       \
	IAM_OWNER_ROW(API_WRITE, "Put" Kind "Policy", Kind, finder,                    \
	    name NAMED "; PolicyDocument*: " IAM_DOCUMENT, true, put_policy),          \
	    IAM_OWNER_ROW(API_READ, "Get" Kind "Policy", Kind, finder, name NAMED,     \
		false, get_policy),                                                    \
	    IAM_OWNER_ROW(API_WRITE, "Delete" Kind "Policy", Kind, finder, name NAMED, \
		true, delete_policy),                                                  \
	    IAM_OWNER_ROW(API_READ, "List" Kind "Policies", Kind, finder,              \
		name "; " IAM_PAGING, false, list_policies)

const struct api_op iam_inline_ops[] = {
	ROWS("User", iam_user_resource, IAM_NAME),
	ROWS("Group", iam_group_resource, IAM_NAME),
	ROWS("Role", iam_role_resource, IAM_NAME_64),
	{ 0 },
};
