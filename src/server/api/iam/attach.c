/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IAM: managed policies on users, groups and roles: attached ones, which give, and permissions
 * boundaries, which bound.  As in iam/inline.c the member that names the owner says the kind.
 */
#include "proto/arn.h"
#include "server/api/iam/managed.h"

enum { ATTACHED_MAX = 10 }; /* AWS's limit */

struct subject {
	enum store_entity_kind kind;
	struct store_entity e;
	char *owner;
};

static int
find_subject(struct store_tx *tx, struct api_call *c, struct subject *s)
{
	int err;

	s->kind = iam_subject_kind(c);
	if ((err = iam_subject(tx, c, s->kind, &s->e)) != 0)
		return err;
	s->owner = store_owner(&c->mem, s->kind, s->e.name);
	return 0;
}

/* code: AWS has one for policies and another one for boundaries. */
static int
check_arn(struct api_call *c, const char *code, const char *text)
{
	struct span name;
	struct arn a;

	if (arn_parse(&a, span_str(text)) == 0 && span_eq_str(a.service, "iam") &&
	    arn_resource_id(&a, "policy", &name))
		return 0;
	if (!span_starts(span_str(text), "arn:"))
		return api_fail(c, code, "Invalid ARN:  Could not be parsed!");
	return api_fail_text(
	    c, code, arena_printf(&c->mem, "ARN %s is not valid.", text));
}

/* ---- Attach ---- */

struct attachments {
	const char *arn;
	bool there;
	int n;
};

static bool
look_at(void *arg, const char *owner, const char *arn)
{
	struct attachments *a = arg;

	(void)owner;
	a->there = a->there || strcmp(arn, a->arn) == 0;
	a->n++;
	return true;
}

static int
attach_change(struct store_tx *tx, struct api_call *c)
{
	struct attachments a = { .arn = api_str(c, "PolicyArn") };
	struct subject s;
	int err;

	if ((err = find_subject(tx, c, &s)) != 0 ||
	    (err = iam_check_managed(tx, c, a.arn)) != 0 ||
	    (err = store_attached(tx, s.owner, "", look_at, &a)) != 0)
		return err;
	if (!a.there && a.n >= ATTACHED_MAX)
		return api_fail(c, "LimitExceeded",
		    "Cannot exceed quota for PoliciesPer%s: %d", store_kind_name(s.kind),
		    ATTACHED_MAX);
	return store_attach(tx, s.owner, a.arn);
}

static int
attach_policy(struct api_call *c)
{
	int err = check_arn(c, "ValidationError", api_str(c, "PolicyArn"));

	return err != 0 ? err : api_write(c, attach_change, NULL);
}

/* ---- Detach ---- */

static int
detach_change(struct store_tx *tx, struct api_call *c)
{
	const char *arn = api_str(c, "PolicyArn");
	struct subject s;
	int err;

	if ((err = find_subject(tx, c, &s)) != 0)
		return err;
	err = store_detach(tx, s.owner, arn);
	if (err == ERR_NOTFOUND)
		return api_fail_text(c, "NoSuchEntity",
		    arena_printf(&c->mem, "Policy %s was not found.", arn));
	return err;
}

static int
detach_policy(struct api_call *c)
{
	int err = check_arn(c, "ValidationError", api_str(c, "PolicyArn"));

	return err != 0 ? err : api_write(c, detach_change, NULL);
}

/* ---- ListAttached ---- */

struct listing {
	struct page page;
	const char *prefix;
	int err;
};

/* A policy's path stands in its ARN. */
static bool
has_prefix(const char *arn, const char *prefix)
{
	const char *path = strchr(arn, '/');

	return path != NULL && strncmp(path, prefix, strlen(prefix)) == 0;
}

static bool
list_one(void *arg, const char *owner, const char *arn)
{
	struct listing *l = arg;
	struct buf *out = &l->page.c->out;

	(void)owner;
	if (!has_prefix(arn, l->prefix))
		return true;
	if (!page_take(&l->page, arn))
		return false;
	xw_open(out, "member");
	xw_elem(out, "PolicyName", iam_policy_name(arn));
	xw_elem(out, "PolicyArn", arn);
	xw_close(out, "member");
	return true;
}

static int
list_attached(struct api_call *c)
{
	const char *prefix = api_str(c, "PathPrefix");
	struct listing l = { .prefix = prefix != NULL ? prefix : "/" };
	struct subject s;
	int err;

	if ((err = find_subject(api_reader(c), c, &s)) != 0 ||
	    (err = page_open(&l.page, c, "AttachedPolicies",
		 api_int(c, "MaxItems", IAM_PAGE))) != 0 ||
	    (err = store_attached(api_reader(c), s.owner, l.page.after, list_one, &l)) !=
		0)
		return err;
	page_close(&l.page);
	return 0;
}

/* ---- boundaries ---- */

static int
set_boundary(struct store_tx *tx, struct api_call *c, const char *arn)
{
	struct subject s;
	int err;

	if ((err = find_subject(tx, c, &s)) != 0 ||
	    (arn[0] != '\0' && (err = iam_check_boundary(tx, c, arn)) != 0))
		return err;
	s.e.boundary = arena_strdup(&c->mem, arn);
	s.e.updated_ms = c->now_ms;
	return store_entity_set(tx, &s.e);
}

static int
put_boundary_change(struct store_tx *tx, struct api_call *c)
{
	return set_boundary(tx, c, api_str(c, "PermissionsBoundary"));
}

static int
put_boundary(struct api_call *c)
{
	int err = check_arn(c, "InvalidInput", api_str(c, "PermissionsBoundary"));

	return err != 0 ? err : api_write(c, put_boundary_change, NULL);
}

static int
delete_boundary_change(struct store_tx *tx, struct api_call *c)
{
	return set_boundary(tx, c, "");
}

static int
delete_boundary(struct api_call *c)
{
	return api_write(c, delete_boundary_change, NULL);
}

#define ATTACHED(Kind, finder, name)                                              \
	IAM_OWNER_ROW(API_WRITE, "Attach" Kind "Policy", Kind, finder,            \
	    name "; PolicyArn*: " IAM_ARN, true, attach_policy),                  \
	    IAM_OWNER_ROW(API_WRITE, "Detach" Kind "Policy", Kind, finder,        \
		name "; PolicyArn*: " IAM_ARN, true, detach_policy),              \
	    IAM_OWNER_ROW(API_READ, "ListAttached" Kind "Policies", Kind, finder, \
		name "; PathPrefix: " IAM_POLICY_PATH "; " IAM_PAGING, false,     \
		list_attached)

#define BOUNDARY(Kind, finder, name)                                                    \
	IAM_OWNER_ROW(API_WRITE, "Put" Kind "PermissionsBoundary", Kind, finder,        \
	    name "; PermissionsBoundary*: " IAM_ARN, true, put_boundary),               \
	    IAM_OWNER_ROW(API_WRITE, "Delete" Kind "PermissionsBoundary", Kind, finder, \
		name, true, delete_boundary)

const struct api_op iam_attach_ops[] = {
	ATTACHED("User", iam_user_resource, IAM_NAME_64),
	ATTACHED("Group", iam_group_resource, IAM_NAME),
	ATTACHED("Role", iam_role_resource, IAM_NAME_64),
	BOUNDARY("User", iam_user_resource, IAM_NAME_64),
	BOUNDARY("Role", iam_role_resource, IAM_NAME_64),
	{ 0 },
};
