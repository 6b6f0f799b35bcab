/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The account as a whole: its alias, and how much of everything there is.
 */
#include "server/api/iam/iam.h"

#define ROW "account-alias"

/* ---- CreateAccountAlias, ListAccountAliases, DeleteAccountAlias ---- */

/* An account has one: another one takes its place. */
static int
create_change(struct store_tx *tx, struct api_call *c)
{
	return store_meta_put(tx, ROW, api_str(c, "AccountAlias"));
}

static int
create_alias(struct api_call *c)
{
	return api_write(c, create_change, NULL);
}

static int
list_aliases(struct api_call *c)
{
	struct page p;
	char *alias;
	int err;

	if ((err = page_open(
		 &p, c, "AccountAliases", api_int(c, "MaxItems", IAM_PAGE))) != 0)
		return err;
	err = store_meta_get(api_reader(c), &c->mem, ROW, &alias);
	if (err == 0 && strcmp(alias, p.after) > 0 && page_take(&p, alias))
		xw_elem(&c->out, "member", alias);
	page_close(&p);
	return err == ERR_NOTFOUND ? 0 : err;
}

static int
delete_change(struct store_tx *tx, struct api_call *c)
{
	const char *named = api_str(c, "AccountAlias");
	char *alias;
	int err = store_meta_get(tx, &c->mem, ROW, &alias);

	if (err == ERR_NOTFOUND || (err == 0 && strcmp(alias, named) != 0))
		return api_fail(c, "NoSuchEntity",
		    "The account alias with name %s cannot be found.", named);
	return err != 0 ? err : store_meta_del(tx, ROW);
}

static int
delete_alias(struct api_call *c)
{
	return api_write(c, delete_change, NULL);
}

/* ---- GetAccountSummary ---- */

struct summary {
	int64_t entities[STORE_ENTITY_KINDS];
	int64_t devices, devices_used, versions, providers;
};

static bool
count_device(void *arg, const struct store_mfa *m)
{
	struct summary *s = arg;

	s->devices++;
	s->devices_used += m->user[0] != '\0';
	return true;
}

static bool
count_provider(void *arg, const struct store_oidc *o)
{
	(void)o;
	((struct summary *)arg)->providers++;
	return true;
}

struct versions {
	struct store_tx *tx;
	int64_t n;
	int err;
};

static bool
count_version(void *arg, const struct store_policy_version *v)
{
	(void)v;
	((struct versions *)arg)->n++;
	return true;
}

static bool
count_versions(void *arg, const struct store_entity *policy)
{
	struct versions *v = arg;

	v->err = store_policy_versions(v->tx, policy->name, 0, count_version, v);
	return v->err == 0;
}

static int
count(struct store_tx *tx, struct summary *s)
{
	struct versions v = { .tx = tx };
	int err = 0;

	for (int k = STORE_USER; err == 0 && k < STORE_ENTITY_KINDS; k++)
		err = store_entity_count(tx, (enum store_entity_kind)k, &s->entities[k]);
	if (err != 0 || (err = store_mfas(tx, NULL, "", count_device, s)) != 0 ||
	    (err = store_oidcs(tx, "", count_provider, s)) != 0 ||
	    (err = store_entities(tx, STORE_POLICY, "", count_versions, &v)) != 0)
		return err;
	s->versions = v.n;
	return v.err;
}

/* Quotas are those that hold here, which are AWS's defaults. */
static int
get_summary(struct api_call *c)
{
	struct summary s = { 0 };
	int err = count(api_reader(c), &s);
	const struct {
		const char *key;
		int64_t value;
	} rows[] = {
		{ "AccessKeysPerUserQuota", 2 },
		{ "AccountAccessKeysPresent", 0 },
		{ "AccountMFAEnabled", 0 },
		{ "AccountPasswordPresent", 0 },
		{ "AccountSigningCertificatesPresent", 0 },
		{ "AssumeRolePolicySizeQuota", 2048 },
		{ "AttachedPoliciesPerGroupQuota", 10 },
		{ "AttachedPoliciesPerRoleQuota", 10 },
		{ "AttachedPoliciesPerUserQuota", 10 },
		{ "GlobalEndpointTokenVersion", 1 },
		{ "GroupPolicySizeQuota", 5120 },
		{ "Groups", s.entities[STORE_GROUP] },
		{ "GroupsPerUserQuota", 10 },
		{ "GroupsQuota", 300 },
		{ "InstanceProfiles", s.entities[STORE_PROFILE] },
		{ "InstanceProfilesQuota", 1000 },
		{ "MFADevices", s.devices },
		{ "MFADevicesInUse", s.devices_used },
		{ "Policies", s.entities[STORE_POLICY] },
		{ "PoliciesQuota", 1500 },
		{ "PolicySizeQuota", 6144 },
		{ "PolicyVersionsInUse", s.versions },
		{ "PolicyVersionsInUseQuota", 10000 },
		{ "Providers", s.providers },
		{ "RolePolicySizeQuota", 10240 },
		{ "Roles", s.entities[STORE_ROLE] },
		{ "RolesQuota", 1000 },
		{ "ServerCertificates", 0 },
		{ "ServerCertificatesQuota", 0 },
		{ "SigningCertificatesPerUserQuota", 0 },
		{ "UserPolicySizeQuota", 2048 },
		{ "Users", s.entities[STORE_USER] },
		{ "UsersQuota", 5000 },
		{ "VersionsPerPolicyQuota", 5 },
	};

	if (err != 0)
		return err;
	xw_open(&c->out, "SummaryMap");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		xw_open(&c->out, "entry");
		xw_elem(&c->out, "key", rows[i].key);
		xw_elem_int(&c->out, "value", rows[i].value);
		xw_close(&c->out, "entry");
	}
	xw_close(&c->out, "SummaryMap");
	return 0;
}

#define ALIAS "AccountAlias*: string{3..63 /[a-z0-9]([a-z0-9]|-(?!-)){1,61}[a-z0-9]/}"

const struct api_op iam_alias_ops[] = {
	{
	    .service = API_IAM,
	    .access = API_WRITE,
	    .name = "CreateAccountAlias",
	    .action = "iam:CreateAccountAlias",
	    .resource = "*",
	    .input = "{ " ALIAS " }",
	    .no_result = true,
	    .run = create_alias,
	},
	{
	    .service = API_IAM,
	    .access = API_READ,
	    .name = "ListAccountAliases",
	    .action = "iam:ListAccountAliases",
	    .resource = "*",
	    .input = "{ " IAM_PAGING " }",
	    .run = list_aliases,
	},
	{
	    .service = API_IAM,
	    .access = API_WRITE,
	    .name = "DeleteAccountAlias",
	    .action = "iam:DeleteAccountAlias",
	    .resource = "*",
	    .input = "{ " ALIAS " }",
	    .no_result = true,
	    .run = delete_alias,
	},
	{
	    .service = API_IAM,
	    .access = API_READ,
	    .name = "GetAccountSummary",
	    .action = "iam:GetAccountSummary",
	    .resource = "*",
	    .input = "{ }",
	    .run = get_summary,
	},
	{ 0 },
};
