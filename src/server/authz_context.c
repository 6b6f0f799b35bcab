/* SPDX-License-Identifier: Apache-2.0 */
/* See authz_context.h. */
#include "server/authz_context.h"

#include "base/text.h"
#include "proto/arn.h"
#include "server/domain/session.h"

/* ---- who, when, from where ---- */

static void
add(struct policy_context *c, const char *name, const char *value)
{
	if (value[0] != '\0')
		policy_context_add(c, name, span_str(value));
}

static void
add_number(struct policy_context *c, const char *name, int64_t n)
{
	add(c, name, arena_printf(c->mem, "%lld", (long long)n));
}

static void
add_time(struct policy_context *c, const char *name, int64_t ms)
{
	char iso[TIME_ISO_LEN + 1];

	time_iso(iso, ms);
	add(c, name, arena_strdup(c->mem, iso));
}

/* "aws:PrincipalTag/" of every tag of a resource. */
struct tagging {
	struct policy_context *c;
	const char *const *prefixes; /* ends with NULL */
};

static bool
add_tag(void *arg, const struct store_tag *t)
{
	const struct tagging *g = arg;
	struct arena *mem = g->c->mem;
	struct span key = span_str(arena_strdup(mem, t->key));
	struct span value = span_str(arena_strdup(mem, t->value));

	for (const char *const *p = g->prefixes; *p != NULL; p++)
		policy_context_add_tag(g->c, *p, key, value);
	return true;
}

static int
add_tags(const struct server_env *env, struct policy_context *c, const char *resource,
    const char *const *prefixes)
{
	struct tagging g = { c, prefixes };

	return store_tags(store_reader(env->store), resource, add_tag, &g);
}

static void
add_session(
    struct policy_context *c, const struct key_session *s, const struct authz_facts *facts)
{
	int64_t age_at =
	    facts->mfa_age_at_ms != 0 ? facts->mfa_age_at_ms : facts->now_ms;

	add(c, "aws:MultiFactorAuthPresent", s->mfa_ms != 0 ? "true" : "false");
	if (s->mfa_ms != 0)
		add_number(
		    c, "aws:MultiFactorAuthAge", MAX(0, (age_at - s->mfa_ms) / 1000));
	add_time(c, "aws:TokenIssueTime", s->issued_ms);
	add(c, "aws:SourceIdentity", s->source_identity);
	add(c, "aws:FederatedProvider", s->provider);
	add(c, "ssm:AccessRequestId", s->access_request);
	for (size_t i = 0; i < s->ntags; i++)
		policy_context_add_tag(c, "aws:PrincipalTag/", span_str(s->tags[i].key),
		    span_str(s->tags[i].value));
}

/* The same ARN whatever its family: policies name it by either. */
static void
add_node(const struct server_env *env, struct policy_context *c, const char *id,
    const char *region)
{
	const char *arn = arn_node(c->mem, region, env->account, id);

	add(c, "aws:MultiFactorAuthPresent", "false");
	add(c, "ssm:SourceInstanceARN", arn);
	add(c, "ec2:SourceInstanceARN", arn);
}

/* What is so whoever asks. */
static void
add_facts(struct policy_context *c, const struct authz_facts *facts)
{
	add_time(c, "aws:CurrentTime", facts->now_ms);
	add_number(c, "aws:EpochTime", facts->now_ms / 1000);
	add(c, "aws:RequestedRegion", facts->region);
	add(c, "aws:SecureTransport", facts->tls ? "true" : "false");
	add(c, "aws:SourceIp", facts->source_ip);
	add(c, "aws:UserAgent", facts->user_agent);
	add(c, "aws:ViaAWSService", "false");
}

int
authz_context_caller(const struct server_env *env, const struct principal *who,
    const struct authz_facts *facts, struct policy_context *c)
{
	static const char *const prefixes[] = { "aws:PrincipalTag/", NULL };
	bool user = who->kind == PRINCIPAL_USER;
	int r;

	add_facts(c, facts);
	if (who->kind == PRINCIPAL_NONE) {
		add(c, "aws:PrincipalType", "Anonymous");
		return 0;
	}
	r = add_tags(env, c, principal_owner(c->mem, who), prefixes);
	add(c, "aws:PrincipalArn", user ? who->arn : who->role_arn);
	add(c, "aws:PrincipalAccount", env->account);
	add(c, "aws:PrincipalType", user ? "User" : "AssumedRole");
	add(c, "aws:userid", who->user_id);
	if (user)
		add(c, "aws:username", who->name);
	if (who->session != NULL)
		add_session(c, who->session, facts);
	else if (who->kind == PRINCIPAL_NODE)
		add_node(env, c, who->name, facts->region);
	if (facts->mfa_shown) {
		add(c, "aws:MultiFactorAuthPresent", "true");
		add_number(c, "aws:MultiFactorAuthAge", 0);
	}
	return r;
}

/* ---- what is known of a resource ---- */

static int
node_keys(const struct server_env *env, struct policy_context *c, struct span id)
{
	static const char *const prefixes[] = { "aws:ResourceTag/", "ssm:resourceTag/",
		"ec2:ResourceTag/", NULL };

	return add_tags(env, c,
	    arena_printf(c->mem, "ManagedInstance/" SPAN_FMT, SPAN_ARG(id)), prefixes);
}

static int
document_keys(const struct server_env *env, struct policy_context *c, struct span name)
{
	static const char *const prefixes[] = { "aws:ResourceTag/", "ssm:resourceTag/",
		NULL };
	const char *text = arena_str(c->mem, name);
	struct store_document d = { 0 };
	int r = store_document_get(
	    store_reader(env->store), c->mem, text, STORE_DOCUMENT_DEFAULT, &d);

	if (r == ERR_NOTFOUND)
		return 0;
	if (r == 0) {
		add(c, "ssm:DocumentType", d.type);
		r = add_tags(
		    env, c, arena_printf(c->mem, "Document/%s", text), prefixes);
	}
	return r;
}

/* A session carries two tags of AWS's own: who started it, and where. */
static int
session_keys(const struct server_env *env, struct policy_context *c, struct span id)
{
	static const char *const prefixes[] = { "aws:ResourceTag/", "ssm:resourceTag/",
		NULL };
	struct store_session row = { 0 };
	int r = store_session_get(
	    store_reader(env->store), c->mem, arena_str(c->mem, id), &row);

	if (r != 0)
		return r == ERR_NOTFOUND ? 0 : r;
	for (const char *const *p = prefixes; *p != NULL; p++) {
		policy_context_add_tag(c, *p, SPAN("aws:ssmmessages:session-id"),
		    span_str(row.owner_user_id));
		policy_context_add_tag(
		    c, *p, SPAN("aws:ssmmessages:target-id"), span_str(row.target));
	}
	return 0;
}

/* The boundary that a user or role has, unless the request sets another one. */
static int
add_boundary(const struct server_env *env, struct policy_context *c,
    enum store_entity_kind kind, const char *name)
{
	static const char key[] = "iam:PermissionsBoundary";
	struct store_entity e = { 0 };
	int r;

	if (policy_context_find(c, span_str(key), policy_key_hash(span_str(key))) != NULL)
		return 0;
	r = store_entity_get(store_reader(env->store), c->mem, kind, name, &e);
	if (r == 0)
		add(c, key, e.boundary);
	return r == ERR_NOTFOUND ? 0 : r;
}

/* "/path/" and a name: the tags are filed under the name. */
static int
iam_keys(const struct server_env *env, struct policy_context *c,
    enum store_entity_kind kind, struct span id)
{
	static const char *const prefixes[] = { "aws:ResourceTag/", "iam:ResourceTag/",
		NULL };
	const char *name;
	int r = 0;

	for (ptrdiff_t slash; (slash = span_find(id, '/')) >= 0;)
		id = span_sub(id, (size_t)slash + 1, id.n);
	name = arena_str(c->mem, id);
	if (kind != STORE_POLICY)
		r = add_boundary(env, c, kind, name);
	return r != 0 ? r : add_tags(env, c, store_owner(c->mem, kind, name), prefixes);
}

int
authz_context_resource(
    const struct server_env *env, const char *arn, struct policy_context *c)
{
	struct span id;
	struct arn a;

	if (arn_parse(&a, span_str(arn)) != 0)
		return 0;
	if (arn_resource_id(&a, "instance", &id) ||
	    arn_resource_id(&a, "managed-instance", &id))
		return node_keys(env, c, id);
	if (arn_resource_id(&a, "document", &id))
		return document_keys(env, c, id);
	if (arn_resource_id(&a, "session", &id))
		return session_keys(env, c, id);
	if (arn_resource_id(&a, "user", &id))
		return iam_keys(env, c, STORE_USER, id);
	if (arn_resource_id(&a, "role", &id))
		return iam_keys(env, c, STORE_ROLE, id);
	if (arn_resource_id(&a, "policy", &id))
		return iam_keys(env, c, STORE_POLICY, id);
	return 0;
}
