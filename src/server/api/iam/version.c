/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IAM: versions of managed policies.  The default one is in force; a number comes once.
 */
#include "server/api/iam/managed.h"

#include "server/api/error.h"
#include "server/api/record.h"

enum { VERSIONS_MAX = 5 }; /* AWS's limit */

/* AWS's policies are AWS's; what: "update policies" */
static int
check_own(struct api_call *c, const char *what)
{
	if (policy_managed_find(span_str(api_str(c, "PolicyArn"))) == NULL)
		return 0;
	return error_denied(
	    c, arena_printf(&c->mem, "Cannot %s outside your own account.", what));
}

static int
no_version(struct api_call *c)
{
	return api_fail_text(c, "NoSuchEntity",
	    arena_printf(&c->mem,
		"Policy %s version %s does not exist or is not attachable.",
		api_str(c, "PolicyArn"), api_str(c, "VersionId")));
}

/* The version that the input names; of a policy that does not exist either it does not. */
static int
find_version(struct store_tx *tx, struct api_call *c, struct store_entity *e,
    struct store_policy_version *v)
{
	int64_t number = iam_version_number(api_str(c, "VersionId"));
	int err = iam_get_policy(tx, c, api_str(c, "PolicyArn"), e);

	if (err == 0)
		err = store_policy_version_get(tx, &c->mem, e->name, number, v);
	return err == ERR_NOTFOUND ? no_version(c) : err;
}

/* ---- CreatePolicyVersion ---- */

static int
create_change(struct store_tx *tx, struct api_call *c)
{
	struct store_entity *e = c->user;
	int versions, err;

	if ((err = iam_subject(tx, c, STORE_POLICY, e)) != 0 ||
	    (err = iam_policy_versions(tx, e->name, &versions)) != 0)
		return err;
	if (versions >= VERSIONS_MAX)
		return api_fail(c, "LimitExceeded",
		    "A managed policy can have up to %d versions. Before you create a "
		    "new "
		    "version, you must delete an existing version.",
		    VERSIONS_MAX);
	e->last_version++;
	if (api_bool(c, "SetAsDefault"))
		e->default_version = e->last_version;
	e->updated_ms = c->now_ms;
	if ((err = store_entity_set(tx, e)) != 0)
		return err;
	return store_policy_version_put(tx,
	    &(struct store_policy_version){ .policy = e->name,
		.version = e->last_version,
		.document = arena_strdup(&c->mem, api_str(c, "PolicyDocument")),
		.created_ms = c->now_ms });
}

static const char *
version_id(struct api_call *c, int64_t version)
{
	return arena_printf(&c->mem, "v%lld", (long long)version);
}

static void
answer_version(struct api_call *c, const char *document, int64_t version, bool is_default,
    int64_t created_ms)
{
	iam_write_version(c, document, version_id(c, version), is_default, created_ms);
}

static int
create_done(struct api_call *c)
{
	const struct store_entity *e = c->user;

	xw_open(&c->out, "PolicyVersion");
	answer_version(
	    c, NULL, e->last_version, e->last_version == e->default_version, c->now_ms);
	xw_close(&c->out, "PolicyVersion");
	return 0;
}

static void
record_created(struct api_call *c, struct jsonw *w)
{
	const struct store_entity *e = c->user;

	record_open(w, "PolicyVersion", '{');
	record_text(w, "VersionId", version_id(c, e->last_version));
	record_bool(w, "IsDefaultVersion", e->last_version == e->default_version);
	record_date(w, "CreateDate", c->now_ms);
	jw_close(w, '}');
}

static int
create_version(struct api_call *c)
{
	int err;

	if ((err = check_own(c, "update policies")) != 0 ||
	    (err = iam_check_policy(c, POLICY_MANAGED, api_str(c, "PolicyDocument"))) !=
		0)
		return err;
	c->user = arena_alloc(&c->mem, sizeof(struct store_entity));
	return api_write(c, create_change, create_done);
}

/* ---- GetPolicyVersion ---- */

static int
get_version(struct api_call *c)
{
	const struct policy_managed *m =
	    policy_managed_find(span_str(api_str(c, "PolicyArn")));
	struct store_policy_version v;
	struct store_entity e;
	int err;

	if (m != NULL && strcmp(m->version, api_str(c, "VersionId")) != 0)
		return no_version(c);
	if (m == NULL && (err = find_version(api_reader(c), c, &e, &v)) != 0)
		return err;
	xw_open(&c->out, "PolicyVersion");
	if (m != NULL) {
		struct iam_policy p;

		iam_policy_of_aws(c, m, &p);
		iam_write_version(c, m->document, m->version, true, p.created_ms);
	} else {
		answer_version(c, v.document, v.version, v.version == e.default_version,
		    v.created_ms);
	}
	xw_close(&c->out, "PolicyVersion");
	return 0;
}

/* ---- ListPolicyVersions ---- */

struct listing {
	struct api_call *c;
	struct page page;
	int64_t default_version;
};

static bool
list_one(void *arg, const struct store_policy_version *v)
{
	struct listing *l = arg;
	struct api_call *c = l->c;

	if (!page_take(&l->page, arena_printf(&c->mem, "%lld", (long long)v->version)))
		return false;
	xw_open(&c->out, "member");
	answer_version(
	    c, NULL, v->version, v->version == l->default_version, v->created_ms);
	xw_close(&c->out, "member");
	return true;
}

/* Of AWS's policies there is the one that is in force. */
static void
list_aws(struct listing *l, const struct policy_managed *m)
{
	struct iam_policy p;

	if (l->page.after[0] != '\0' || !page_take(&l->page, "1"))
		return;
	iam_policy_of_aws(l->c, m, &p);
	xw_open(&l->c->out, "member");
	iam_write_version(l->c, NULL, m->version, true, p.created_ms);
	xw_close(&l->c->out, "member");
}

static int
list_versions(struct api_call *c)
{
	const struct policy_managed *m =
	    policy_managed_find(span_str(api_str(c, "PolicyArn")));
	struct listing l = { .c = c };
	struct store_entity e;
	int64_t before = 0;
	int err;

	if (m == NULL && (err = iam_subject(api_reader(c), c, STORE_POLICY, &e)) != 0)
		return err;
	if ((err = page_open(&l.page, c, "Versions", api_int(c, "MaxItems", IAM_PAGE))) !=
		0 ||
	    (l.page.after[0] != '\0' &&
		(err = num_parse(span_str(l.page.after), 1, INT64_MAX, &before)) != 0))
		return err;
	if (m != NULL) {
		list_aws(&l, m);
	} else {
		l.default_version = e.default_version;
		if ((err = store_policy_versions(
			 api_reader(c), e.name, before, list_one, &l)) != 0)
			return err;
	}
	page_close(&l.page);
	return 0;
}

/* ---- SetDefaultPolicyVersion ---- */

static int
default_change(struct store_tx *tx, struct api_call *c)
{
	struct store_policy_version v;
	struct store_entity e;
	int err;

	if ((err = find_version(tx, c, &e, &v)) != 0)
		return err;
	e.default_version = v.version;
	e.updated_ms = c->now_ms;
	return store_entity_set(tx, &e);
}

static int
set_default(struct api_call *c)
{
	int err = check_own(c, "update policies");

	return err != 0 ? err : api_write(c, default_change, NULL);
}

/* ---- DeletePolicyVersion ---- */

static int
delete_change(struct store_tx *tx, struct api_call *c)
{
	struct store_policy_version v;
	struct store_entity e;
	int err;

	if ((err = find_version(tx, c, &e, &v)) != 0)
		return err;
	if (v.version == e.default_version)
		return api_fail(c, "DeleteConflict",
		    "Cannot delete the default version of a policy.");
	e.updated_ms = c->now_ms;
	if ((err = store_entity_set(tx, &e)) != 0)
		return err;
	return store_policy_version_del(tx, e.name, v.version);
}

static int
delete_version(struct api_call *c)
{
	int err = check_own(c, "delete policy versions for policies");

	return err != 0 ? err : api_write(c, delete_change, NULL);
}

#define VERSION .service = API_IAM, .find = iam_policy_resource
#define BY_ARN  "PolicyArn*: " IAM_ARN
#define BY_ID   "VersionId*: string{/v[1-9][0-9]*(\\.[A-Za-z0-9-]*)?/}"

const struct api_op iam_version_ops[] = {
	{
	    VERSION,
	    .access = API_WRITE,
	    .name = "CreatePolicyVersion",
	    .action = "iam:CreatePolicyVersion",
	    .input = "{ " BY_ARN "; PolicyDocument*: " IAM_DOCUMENT
		     "; SetAsDefault: boolean }",
	    .run = create_version,
	    .response = record_created,
	},
	{
	    VERSION,
	    .access = API_READ,
	    .name = "GetPolicyVersion",
	    .action = "iam:GetPolicyVersion",
	    .input = "{ " BY_ARN "; " BY_ID " }",
	    .run = get_version,
	},
	{
	    VERSION,
	    .access = API_READ,
	    .name = "ListPolicyVersions",
	    .action = "iam:ListPolicyVersions",
	    .input = "{ " BY_ARN "; " IAM_PAGING " }",
	    .run = list_versions,
	},
	{
	    VERSION,
	    .access = API_WRITE,
	    .name = "SetDefaultPolicyVersion",
	    .action = "iam:SetDefaultPolicyVersion",
	    .input = "{ " BY_ARN "; " BY_ID " }",
	    .no_result = true,
	    .run = set_default,
	},
	{
	    VERSION,
	    .access = API_WRITE,
	    .name = "DeletePolicyVersion",
	    .action = "iam:DeletePolicyVersion",
	    .input = "{ " BY_ARN "; " BY_ID " }",
	    .no_result = true,
	    .run = delete_version,
	},
	{ 0 },
};
