/* SPDX-License-Identifier: Apache-2.0 */
/* See iam.h. */
#include "server/api/iam/iam.h"

#include "base/log.h"
#include "policy/managed.h"
#include "proto/arn.h"
#include "server/api/record.h"
#include "server/domain/identity.h"
#include "server/domain/trust.h"

/* A sentence of AWS's with a name in it. */
struct words {
	const char *before, *after;
};

static const struct kind {
	const char *element;  /* of the answer */
	const char *member;   /* of the input, and of that element */
	const char *id;       /* element */
	const char *arn;      /* type in ARNs */
	const char *prefix;   /* of ids */
	const char *new_name; /* member of Update..., or NULL */
	struct words missing, exists;
	const char *quota_name;
	int64_t quota; /* as AWS has it */
} kinds[STORE_ENTITY_KINDS] = {
	[STORE_USER] = { "User", "UserName", "UserId", "user", "AIDA", "NewUserName",
	    { "The user with name ", " cannot be found." },
	    { "User with name ", " already exists." }, "UsersPerAccount", 5000 },
	[STORE_GROUP] = { "Group", "GroupName", "GroupId", "group", "AGPA", "NewGroupName",
	    { "The group with name ", " cannot be found." },
	    { "Group with name ", " already exists." }, "GroupsPerAccount", 300 },
	[STORE_ROLE] = { "Role", "RoleName", "RoleId", "role", "AROA", NULL,
	    { "The role with name ", " cannot be found." },
	    { "Role with name ", " already exists." }, "RolesPerAccount", 1000 },
	[STORE_POLICY] = { "Policy", "PolicyName", "PolicyId", "policy", "ANPA", NULL,
	    { "Policy ", " was not found." },
	    { "A policy called ", " already exists. Duplicate names are not allowed." },
	    "PoliciesPerAccount", 1500 },
	[STORE_PROFILE] = { "InstanceProfile", "InstanceProfileName",
	    "InstanceProfileId", "instance-profile", "AIPA", NULL,
	    { "Instance Profile ", " cannot be found." },
	    { "Instance Profile ", " already exists." }, "InstanceProfilesPerAccount",
	    1000 },
};

static int
fail_about(struct api_call *c, const char *code, struct words w, const char *name)
{
	return api_fail_text(
	    c, code, arena_printf(&c->mem, "%s%s%s", w.before, name, w.after));
}

/* ---- looking up ---- */

char *
iam_arn(struct api_call *c, const struct store_entity *e)
{
	return arn_iam(&c->mem, c->env->account, kinds[e->kind].arn, e->path, e->name);
}

int
iam_find(struct store_tx *tx, struct api_call *c, enum store_entity_kind kind,
    const char *name, struct store_entity *e)
{
	int err = store_entity_get(tx, &c->mem, kind, name, e);

	if (err == ERR_NOTFOUND)
		return fail_about(c, "NoSuchEntity", kinds[kind].missing, name);
	return err;
}

/* The name alone would find it; the path has to be right too. */
int
iam_get_policy(
    struct store_tx *tx, struct api_call *c, const char *arn, struct store_entity *e)
{
	const char *slash = strrchr(arn, '/');
	int err = ERR_NOTFOUND;

	if (slash != NULL)
		err = store_entity_get(tx, &c->mem, STORE_POLICY, slash + 1, e);
	if (err == 0 && strcmp(iam_arn(c, e), arn) != 0)
		err = ERR_NOTFOUND;
	return err;
}

static int
find_policy(struct store_tx *tx, struct api_call *c, struct store_entity *e)
{
	const char *arn = api_str(c, "PolicyArn");
	int err = iam_get_policy(tx, c, arn, e);

	if (err == ERR_NOTFOUND)
		return fail_about(c, "NoSuchEntity", kinds[STORE_POLICY].missing, arn);
	return err;
}

/* In this order: an operation on a user may name a role or a policy besides. */
enum store_entity_kind
iam_subject_kind(const struct api_call *c)
{
	static const struct {
		const char *member;
		enum store_entity_kind kind;
	} by[] = {
		{ "UserName", STORE_USER },
		{ "GroupName", STORE_GROUP },
		{ "RoleName", STORE_ROLE },
		{ "PolicyArn", STORE_POLICY },
		{ "InstanceProfileName", STORE_PROFILE },
	};

	for (size_t i = 0; i < ARRAY_LEN(by); i++)
		if (api_str(c, by[i].member) != NULL)
			return by[i].kind;
	assert(0 && "the row requires none of them");
}

int
iam_subject(struct store_tx *tx, struct api_call *c, enum store_entity_kind kind,
    struct store_entity *e)
{
	const char *name = api_str(c, kinds[kind].member);

	if (kind == STORE_POLICY)
		return find_policy(tx, c, e);
	if (name == NULL && c->auth.who.kind != PRINCIPAL_USER)
		return api_fail(c, "ValidationError",
		    "Must specify userName when calling with non-User credentials");
	return iam_find(tx, c, kind, name != NULL ? name : c->auth.who.name, e);
}

/* What an update makes of it: who moves or renames must be allowed both. */
static int
add_updated(struct api_call *c, const struct store_entity *e)
{
	const struct kind *k = &kinds[e->kind];
	const char *name = k->new_name != NULL ? api_str(c, k->new_name) : NULL;
	const char *path = api_str(c, "NewPath");

	if (name == NULL && path == NULL)
		return 0;
	return resource_add(c,
	    arn_iam(&c->mem, c->env->account, k->arn, path != NULL ? path : e->path,
		name != NULL ? name : e->name));
}

static int
find_resource(struct api_call *c, enum store_entity_kind kind)
{
	const char *name = api_str(c, kinds[kind].member);
	const char *path = api_str(c, "Path");
	struct store_entity e;
	int err;

	if (name == NULL) /* only users may leave it out */
		return resource_add(c, c->auth.who.arn);
	err = store_entity_get(api_reader(c), &c->mem, kind, name, &e);
	if (err == 0) {
		err = resource_add(c, iam_arn(c, &e));
		return err != 0 ? err : add_updated(c, &e);
	}
	if (err != ERR_NOTFOUND)
		return err;
	return resource_add(c,
	    arn_iam(&c->mem, c->env->account, kinds[kind].arn, path != NULL ? path : "/",
		name));
}

int
iam_user_resource(struct api_call *c)
{
	return find_resource(c, STORE_USER);
}

int
iam_group_resource(struct api_call *c)
{
	return find_resource(c, STORE_GROUP);
}

int
iam_role_resource(struct api_call *c)
{
	return find_resource(c, STORE_ROLE);
}

int
iam_policy_resource(struct api_call *c)
{
	const char *arn = api_str(c, "PolicyArn");

	return arn != NULL ? resource_add(c, arn) : find_resource(c, STORE_POLICY);
}

int
iam_profile_resource(struct api_call *c)
{
	return find_resource(c, STORE_PROFILE);
}

/* ---- creating and deleting ---- */

static int
check_quota(struct store_tx *tx, struct api_call *c, const struct kind *k)
{
	int64_t n;
	int err = store_entity_count(tx, (enum store_entity_kind)(k - kinds), &n);

	if (err == 0 && n >= k->quota)
		return api_fail(c, "LimitExceeded", "Cannot exceed quota for %s: %lld",
		    k->quota_name, (long long)k->quota);
	return err;
}

int
iam_check_path(struct api_call *c, const char *path)
{
	size_t n = path != NULL ? strlen(path) : 0;
	bool good = n == 0 || (path[0] == '/' && path[n - 1] == '/');

	for (size_t i = 0; i < n && good; i++)
		good = path[i] > ' ' && path[i] <= '~';
	if (good)
		return 0;
	return api_fail(c, "ValidationError",
	    "The specified value for path is invalid. It must begin and end with / and "
	    "contain only alphanumeric characters and/or / characters.");
}

static char *
given(struct api_call *c, const char *member, const char *otherwise)
{
	const char *text = api_str(c, member);

	return arena_strdup(&c->mem, text != NULL ? text : otherwise);
}

int
iam_new(struct api_call *c, enum store_entity_kind kind, struct store_entity **e)
{
	const struct kind *k = &kinds[kind];
	char *id = arena_alloc(&c->mem, IDENTITY_ID_LEN + 1);
	uint8_t raw[11];
	int err;

	if ((err = iam_check_path(c, api_str(c, "Path"))) != 0 ||
	    (err = iam_check_tags(c, iam_tags_fold(kind))) != 0)
		return err;
	ev_random(c->env->loop, raw, sizeof(raw));
	identity_id_format(id, k->prefix, raw);
	*e = arena_alloc(&c->mem, sizeof(**e));
	**e = (struct store_entity){
		.kind = kind,
		.name = given(c, k->member, ""),
		.id = id,
		.path = given(c, "Path", "/"),
		.boundary = given(c, "PermissionsBoundary", ""),
		.created_ms = c->now_ms,
		.updated_ms = c->now_ms,
	};
	return 0;
}

int
iam_create(struct store_tx *tx, struct api_call *c, const struct store_entity *e)
{
	const struct kind *k = &kinds[e->kind];
	int err;

	if ((err = check_quota(tx, c, k)) != 0 ||
	    (e->boundary[0] != '\0' &&
		(err = iam_check_boundary(tx, c, e->boundary)) != 0))
		return err;
	err = store_entity_put(tx, e);
	if (err == ERR_EXISTS)
		return fail_about(c, "EntityAlreadyExists", k->exists, e->name);
	return err != 0 ? err : iam_put_tags(tx, c, e);
}

static int
update_change(struct store_tx *tx, struct api_call *c)
{
	struct store_entity *e = c->user;
	const struct kind *k = &kinds[e->kind];
	const char *path = api_str(c, "NewPath"), *name = api_str(c, k->new_name);
	int err = iam_subject(tx, c, (enum store_entity_kind)e->kind, e);

	if (err == 0 && path != NULL) {
		e->path = arena_strdup(&c->mem, path);
		e->updated_ms = c->now_ms;
		err = store_entity_set(tx, e);
	}
	if (err == 0 && name != NULL) {
		err = store_entity_rename(
		    tx, (enum store_entity_kind)e->kind, e->name, name);
		if (err == ERR_EXISTS)
			return fail_about(c, "EntityAlreadyExists", k->exists, name);
	}
	return err;
}

int
iam_update(struct api_call *c)
{
	struct store_entity *e = arena_alloc(&c->mem, sizeof(*e));
	int err = iam_check_path(c, api_str(c, "NewPath"));

	*e = (struct store_entity){ .kind = iam_subject_kind(c) };
	c->user = e;
	return err != 0 ? err : api_write(c, update_change, NULL);
}

int
iam_conflict(struct api_call *c, const char *what)
{
	return api_fail(
	    c, "DeleteConflict", "Cannot delete entity, must %s first.", what);
}

bool
iam_found(void *arg, const char *a, const char *b)
{
	(void)a;
	(void)b;
	*(bool *)arg = true;
	return false;
}

int
iam_bare(struct store_tx *tx, struct api_call *c, const char *owner)
{
	bool attached = false, holds = false;
	int err;

	if ((err = store_attached(tx, owner, "", iam_found, &attached)) != 0 ||
	    (err = store_inlines(tx, owner, "", iam_found, &holds)) != 0)
		return err;
	if (attached)
		return iam_conflict(c, "detach all policies");
	return holds ? iam_conflict(c, "delete policies") : 0;
}

/* ---- answers ---- */

void
iam_write_date(struct api_call *c, const char *name, int64_t ms)
{
	char iso[TIME_ISO_LEN + 1];

	time_iso(iso, ms);
	memcpy(strchr(iso, '.'), "Z", 2);
	xw_elem(&c->out, name, iso);
}

void
iam_write_head(struct api_call *c, const struct store_entity *e)
{
	xw_elem(&c->out, "Path", e->path);
	xw_elem(&c->out, kinds[e->kind].member, e->name);
	xw_elem(&c->out, kinds[e->kind].id, e->id);
	xw_elem(&c->out, "Arn", iam_arn(c, e));
	iam_write_date(c, "CreateDate", e->created_ms);
}

/* The model's word for the type is another one; this is what AWS answers. */
void
iam_write_boundary(struct api_call *c, const struct store_entity *e)
{
	if (e->boundary == NULL || e->boundary[0] == '\0')
		return;
	xw_open(&c->out, "PermissionsBoundary");
	xw_elem(&c->out, "PermissionsBoundaryType", "Policy");
	xw_elem(&c->out, "PermissionsBoundaryArn", e->boundary);
	xw_close(&c->out, "PermissionsBoundary");
}

static char *
url_encoded(struct api_call *c, const char *text)
{
	auto_buf b;

	buf_init(&b, 3 * strlen(text) + 1);
	uri_encode(&b, span_str(text), false);
	assert(buf_check(&b) == 0);
	return arena_strdup(&c->mem, buf_cstr(&b));
}

void
iam_write_document(struct api_call *c, const char *name, const char *text)
{
	xw_elem(&c->out, name, url_encoded(c, text));
}

/* Without the store ids are shown: they are no less true. */
void
iam_write_trust(struct api_call *c, const struct store_entity *role)
{
	struct store_entity shown = *role;
	int err = iam_show_trust(api_reader(c), c, &shown);

	if (err != 0)
		log_error("the principals of a trust policy cannot be read",
		    "role=%s why=%s", log_q(role->name), err_text(err));
	iam_write_document(c, "AssumeRolePolicyDocument", shown.trust);
}

/* ---- answers in the audit trail ---- */

/* A policy that nobody uses yet. */
static void
record_policy(struct jsonw *w, const struct store_entity *e)
{
	record_text(w, "DefaultVersionId", "v1");
	record_int(w, "AttachmentCount", 0);
	record_int(w, "PermissionsBoundaryUsageCount", 0);
	record_bool(w, "IsAttachable", true);
	record_date(w, "UpdateDate", e->updated_ms);
}

static void
record_boundary(struct jsonw *w, const struct store_entity *e)
{
	if (e->boundary == NULL || e->boundary[0] == '\0')
		return;
	record_open(w, "PermissionsBoundary", '{');
	record_text(w, "PermissionsBoundaryType", "Policy");
	record_text(w, "PermissionsBoundaryArn", e->boundary);
	jw_close(w, '}');
}

void
iam_record_entity(struct api_call *c, struct jsonw *w)
{
	const struct store_entity *e = c->user;
	const struct kind *k = &kinds[e->kind];

	record_open(w, k->element, '{');
	record_text(w, "Path", e->path);
	record_text(w, k->member, e->name);
	record_text(w, k->id, e->id);
	record_text(w, "Arn", iam_arn(c, e));
	record_date(w, "CreateDate", e->created_ms);
	if (e->kind == STORE_ROLE)
		record_text(w, "AssumeRolePolicyDocument", url_encoded(c, e->trust));
	if (e->kind == STORE_POLICY)
		record_policy(w, e);
	if (e->kind == STORE_PROFILE) {
		record_open(w, "Roles", '[');
		jw_close(w, ']');
	}
	record_boundary(w, e);
	record_tags(c, w);
	jw_close(w, '}');
}

struct listing {
	struct api_call *c;
	struct page page;
	const char *prefix;
	iam_write_fn *write;
};

static bool
list_one(void *arg, const struct store_entity *e)
{
	struct listing *l = arg;

	if (strncmp(e->path, l->prefix, strlen(l->prefix)) != 0)
		return true;
	if (!page_take(&l->page, e->name))
		return false;
	xw_open(&l->c->out, "member");
	l->write(l->c, e);
	xw_close(&l->c->out, "member");
	return true;
}

int
iam_list(struct api_call *c, enum store_entity_kind kind, const char *list,
    iam_write_fn *write)
{
	struct listing l = { .c = c, .prefix = api_str(c, "PathPrefix"), .write = write };
	int err;

	if (l.prefix == NULL)
		l.prefix = "/";
	if ((err = page_open(&l.page, c, list, api_int(c, "MaxItems", IAM_PAGE))) != 0 ||
	    (err = store_entities(api_reader(c), kind, l.page.after, list_one, &l)) != 0)
		return err;
	page_close(&l.page);
	return 0;
}

/* ---- policies ---- */

int
iam_check_policy(struct api_call *c, enum policy_kind kind, const char *document)
{
	struct policy_flaw flaw;
	auto_policy *p = NULL;
	int err = policy_parse(&p, kind, span_str(document), &flaw);

	if (err == 0)
		return 0;
	return api_fail_text(c,
	    flaw.code == ERR_LIMIT ? "LimitExceeded" : "MalformedPolicyDocument",
	    policy_flaw_text(&c->mem, &flaw));
}

int
iam_bind_trust(
    struct store_tx *tx, struct api_call *c, const char *document, char **bound)
{
	const char *unknown;
	int err = trust_bind(tx, &c->mem, c->env->account, document, bound, &unknown);

	if (err != ERR_NOTFOUND)
		return err;
	return api_fail_text(c, "MalformedPolicyDocument",
	    arena_printf(
		&c->mem, "Invalid principal in policy: \"AWS\":\"%s\"", unknown));
}

int
iam_show_trust(struct store_tx *tx, struct api_call *c, struct store_entity *role)
{
	return trust_show(tx, &c->mem, c->env->account, role->trust, &role->trust);
}

static int
check_managed(
    struct store_tx *tx, struct api_call *c, const char *before, const char *arn)
{
	const struct words missing = { before, " does not exist or is not attachable." };
	struct store_entity e;
	int err;

	if (policy_managed_find(span_str(arn)) != NULL)
		return 0;
	err = iam_get_policy(tx, c, arn, &e);
	return err == ERR_NOTFOUND ? fail_about(c, "NoSuchEntity", missing, arn) : err;
}

int
iam_check_managed(struct store_tx *tx, struct api_call *c, const char *policy_arn)
{
	return check_managed(tx, c, "Policy ", policy_arn);
}

int
iam_check_boundary(struct store_tx *tx, struct api_call *c, const char *policy_arn)
{
	return check_managed(tx, c, "Scope ARN: ", policy_arn);
}
