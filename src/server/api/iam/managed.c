/* SPDX-License-Identifier: Apache-2.0 */
/* See iam_policy.h. */
#include "server/api/iam/managed.h"

#include "crypto/crypto.h"
#include "server/domain/identity.h"

/* ---- names ---- */

const char *
iam_owner_name(const char *owner)
{
	return strchr(owner, '/') + 1;
}

const char *
iam_policy_name(const char *arn)
{
	return strrchr(arn, '/') + 1;
}

int64_t
iam_version_number(const char *version)
{
	int64_t n;

	if (version[0] != 'v' || num_parse(span_str(version + 1), 1, INT64_MAX, &n) != 0)
		return 0;
	return n;
}

/* ---- policies ---- */

void
iam_policy_of_entity(
    struct api_call *c, const struct store_entity *e, struct iam_policy *p)
{
	*p = (struct iam_policy){
		.arn = iam_arn(c, e),
		.name = e->name,
		.path = e->path,
		.id = e->id,
		.description = e->description,
		.version = arena_printf(&c->mem, "v%lld", (long long)e->default_version),
		.created_ms = e->created_ms,
		.updated_ms = e->updated_ms,
	};
}

/* AWS's own id is not known; ours follows from the name. */
static const char *
aws_id(struct api_call *c, const char *name)
{
	char *id = arena_alloc(&c->mem, IDENTITY_ID_LEN + 1);
	uint8_t sum[SHA256_LEN];

	sha256(sum, span_str(name));
	identity_id_format(id, "ANPA", sum);
	return id;
}

void
iam_policy_of_aws(
    struct api_call *c, const struct policy_managed *m, struct iam_policy *p)
{
	int64_t updated = 0;
	int err = time_parse_iso(span_str(m->updated), &updated);

	assert(err == 0);
	*p = (struct iam_policy){
		.arn = arena_printf(&c->mem, "%s%s", POLICY_MANAGED_PREFIX, m->name),
		.name = m->name,
		.path = "/",
		.id = aws_id(c, m->name),
		.description = m->description,
		.version = m->version,
		.created_ms = updated,
		.updated_ms = updated,
		.aws = m,
	};
}

int
iam_policy_find(
    struct store_tx *tx, struct api_call *c, const char *arn, struct iam_policy *p)
{
	const struct policy_managed *m = policy_managed_find(span_str(arn));
	struct store_entity e;
	int err;

	if (m != NULL) {
		iam_policy_of_aws(c, m, p);
		return 0;
	}
	if ((err = iam_subject(tx, c, STORE_POLICY, &e)) != 0)
		return err;
	iam_policy_of_entity(c, &e, p);
	return 0;
}

static bool
count_one(void *arg, const char *owner, const char *arn)
{
	(void)arn;
	(void)owner;
	++*(int64_t *)arg;
	return true;
}

int
iam_policy_usage(struct store_tx *tx, const char *arn, struct iam_usage *u)
{
	int err;

	*u = (struct iam_usage){ 0 };
	if ((err = store_attached_to(tx, arn, "", count_one, &u->attached)) != 0)
		return err;
	return store_bounded_count(tx, arn, &u->bounding);
}

static bool
count_version(void *arg, const struct store_policy_version *v)
{
	(void)v;
	++*(int *)arg;
	return true;
}

int
iam_policy_versions(struct store_tx *tx, const char *name, int *n)
{
	*n = 0;
	return store_policy_versions(tx, name, 0, count_version, n);
}

/* ---- answers ---- */

void
iam_write_policy(
    struct api_call *c, const struct iam_policy *p, const struct iam_usage *u)
{
	xw_elem(&c->out, "PolicyName", p->name);
	xw_elem(&c->out, "PolicyId", p->id);
	xw_elem(&c->out, "Arn", p->arn);
	xw_elem(&c->out, "Path", p->path);
	xw_elem(&c->out, "DefaultVersionId", p->version);
	xw_elem_int(&c->out, "AttachmentCount", u->attached);
	xw_elem_int(&c->out, "PermissionsBoundaryUsageCount", u->bounding);
	xw_elem_bool(&c->out, "IsAttachable", true);
	iam_write_date(c, "CreateDate", p->created_ms);
	iam_write_date(c, "UpdateDate", p->updated_ms);
}

void
iam_write_version(struct api_call *c, const char *document, const char *version,
    bool is_default, int64_t created_ms)
{
	if (document != NULL)
		iam_write_document(c, "Document", document);
	xw_elem(&c->out, "VersionId", version);
	xw_elem_bool(&c->out, "IsDefaultVersion", is_default);
	iam_write_date(c, "CreateDate", created_ms);
}

static bool
write_attached(void *arg, const char *owner, const char *arn)
{
	struct api_call *c = arg;

	(void)owner;
	xw_open(&c->out, "member");
	xw_elem(&c->out, "PolicyName", iam_policy_name(arn));
	xw_elem(&c->out, "PolicyArn", arn);
	xw_close(&c->out, "member");
	return true;
}

int
iam_write_attached(struct api_call *c, const char *list, const char *owner)
{
	int err;

	xw_open(&c->out, list);
	err = store_attached(api_reader(c), owner, "", write_attached, c);
	xw_close(&c->out, list);
	return err;
}
