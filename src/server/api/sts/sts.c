/* SPDX-License-Identifier: Apache-2.0 */
/* See sts.h. */
#include "server/api/sts/sts.h"

#include <strings.h>

#include "base/log.h"
#include "policy/policy.h"
#include "proto/arn.h"
#include "server/api/iam/iam.h"
#include "server/api/record.h"
#include "server/authorise.h"
#include "server/domain/access.h"
#include "server/domain/mfa.h"

enum {
	POLICY_ROOM =
	    2048, /* characters: AWS's limit for the policy, before it packs it */
	TAGS_ROOM = 4096,
};

struct sts_grant *
sts_grant_new(struct api_call *c)
{
	struct sts_grant *g = arena_alloc(&c->mem, sizeof(*g));

	key_session_init(&g->session);
	g->session.issued_ms = c->now_ms;
	policy_context_init(&g->more, &c->mem);
	c->user = g;
	return g;
}

/* ---- the role ---- */

static const char *
last_part(struct arena *mem, struct span path)
{
	for (ptrdiff_t slash; (slash = span_find(path, '/')) >= 0;)
		path = span_sub(path, (size_t)slash + 1, path.n);
	return arena_str(mem, path);
}

/* The path is part of the name that was given: another one is another role. */
int
sts_find_role(struct api_call *c, struct sts_grant *g)
{
	const char *given = api_str(c, "RoleArn");
	struct span path;
	struct arn a;
	int r;

	if (arn_parse(&a, span_str(given)) != 0)
		return api_fail_text(
		    c, "ValidationError", arena_printf(&c->mem, "%s is invalid", given));
	g->role_arn = given;
	if (!arn_resource_id(&a, "role", &path))
		return ERR_NOTFOUND;
	g->kind = STORE_KEY_ROLE;
	r = store_entity_get(
	    api_reader(c), &c->mem, STORE_ROLE, last_part(&c->mem, path), &g->role);
	if (r == 0 && strcmp(iam_arn(c, &g->role), given) != 0)
		return ERR_NOTFOUND;
	g->owner = g->role.name;
	g->session.owner_id = g->role.id;
	return r;
}

int
sts_read_life(struct api_call *c, struct sts_grant *g, int64_t *life_ms)
{
	enum principal_kind who = c->auth.who.kind;
	bool chained = who == PRINCIPAL_ROLE || who == PRINCIPAL_NODE;
	int64_t s = api_int(c, "DurationSeconds", STS_ROLE_LIFE_S);

	if (chained && s > STS_CHAINED_LIFE_MAX_S)
		return api_fail(c, "ValidationError",
		    "The requested DurationSeconds exceeds the 1 hour session limit for "
		    "roles assumed by role chaining.");
	if (s > MAX(g->role.max_session_s, (int64_t)STS_ROLE_LIFE_S))
		return api_fail(c, "ValidationError",
		    "The requested DurationSeconds exceeds the MaxSessionDuration set "
		    "for "
		    "this role.");
	*life_ms = s * 1000;
	return 0;
}

/* ---- policies and tags of the session ---- */

static int
read_policy(struct api_call *c, struct sts_grant *g, const char *text)
{
	struct policy_flaw flaw;
	struct policy *p = NULL;
	int r = policy_parse(&p, POLICY_SESSION, span_str(text), &flaw);

	policy_free(p);
	if (r != 0 && r != ERR_LIMIT) /* how long it is: sts_pack() */
		return api_fail_text(
		    c, "MalformedPolicyDocument", policy_flaw_text(&c->mem, &flaw));
	g->session.policy = text;
	return 0;
}

int
sts_read_policies(struct api_call *c, struct sts_grant *g)
{
	const char *policy = api_str(c, "Policy"), *text;
	const json_t *arns = json_object_get(c->in, "PolicyArns"), *one;
	size_t i;
	int r = 0;

	if (policy != NULL)
		r = read_policy(c, g, policy);
	json_array_foreach(arns, i, one)
	{
		const char *arn = json_get_str(one, "arn");

		if (r != 0 || arn == NULL)
			continue;
		r = access_managed_text(api_reader(c), &c->mem, arn, 0, &text);
		if (r == ERR_NOTFOUND)
			r = api_fail(c, "ValidationError",
			    "Policy %s does not exist or is not attachable.", arn);
		g->session.policy_arns[g->session.npolicy_arns++] = arn;
	}
	return r;
}

static struct key_session_tag *
find_tag(struct sts_grant *g, const char *key)
{
	for (size_t i = 0; i < g->session.ntags; i++)
		if (strcasecmp(g->session.tags[i].key, key) == 0)
			return &g->session.tags[i];
	return NULL;
}

static bool
is_inherited(const struct api_call *c, const char *key)
{
	const struct key_session *s = c->auth.who.session;

	for (size_t i = 0; s != NULL && i < s->ntags; i++)
		if (s->tags[i].transitive && strcasecmp(s->tags[i].key, key) == 0)
			return true;
	return false;
}

int
sts_add_tag(struct api_call *c, struct sts_grant *g, const char *key, const char *value,
    bool transitive)
{
	if (strncasecmp(key, "aws:", 4) == 0)
		return api_fail(c, "InvalidParameterValue",
		    "Tag keys that begin with aws: are reserved.");
	if (is_inherited(c, key))
		return api_fail(c, "InvalidParameterValue",
		    "One of the specified transitive tag keys can't be set because it "
		    "conflicts with a transitive tag key from the calling session.");
	if (find_tag(g, key) != NULL)
		return api_fail(c, "InvalidParameterValue",
		    "Duplicate tag keys found. Please note that Tag keys are case "
		    "insensitive.");
	if (g->session.ntags == KEY_SESSION_TAGS_MAX)
		return api_fail(c, "PackedPolicyTooLarge",
		    "A session has no more than %d tags.", KEY_SESSION_TAGS_MAX);
	g->session.tags[g->session.ntags++] =
	    (struct key_session_tag){ key, value, transitive };
	g->tagged = true;
	return 0;
}

static int
percent(size_t used, size_t room)
{
	return (int)((used * 100 + room - 1) / room);
}

int
sts_pack(struct api_call *c, struct sts_grant *g)
{
	const struct key_session *s = &g->session;
	size_t policies = utf8_length(span_str(s->policy)), tags = 0;
	int p, t;

	for (size_t i = 0; i < s->npolicy_arns; i++)
		policies += strlen(s->policy_arns[i]);
	for (size_t i = 0; i < s->ntags; i++)
		tags += strlen(s->tags[i].key) + strlen(s->tags[i].value);
	p = percent(policies, POLICY_ROOM);
	t = percent(tags, TAGS_ROOM);
	if (p > 100)
		return api_fail(c, "PackedPolicyTooLarge",
		    "Packed policy consumes %d%% of allotted space, please use smaller "
		    "policy.",
		    p);
	if (t > 100)
		return api_fail(c, "PackedPolicyTooLarge",
		    "Packed size of session tags consumes %d%% of allotted space.", t);
	g->packed = policies + tags > 0;
	g->packed_percent = MAX(p, t);
	return 0;
}

/* ---- the second factor ---- */

static int
refuse_mfa(struct api_call *c, int why)
{
	if (why == ERR_NOTFOUND)
		return api_fail(c, "AccessDenied",
		    "MultiFactorAuthentication failed, unable to validate MFA code.  "
		    "Please "
		    "verify your MFA serial number is valid and associated with this "
		    "user.");
	return api_fail(c, "AccessDenied",
	    "MultiFactorAuthentication failed with invalid MFA one time pass code. ");
}

int
sts_read_mfa(struct api_call *c, struct sts_grant *g)
{
	g->serial = api_str(c, "SerialNumber");
	g->code = api_str(c, "TokenCode");
	if ((g->serial == NULL) != (g->code == NULL))
		return api_fail(c, "AccessDenied",
		    "MultiFactorAuthentication failed, must provide both MFA serial "
		    "number "
		    "and one time pass code.");
	if (g->serial == NULL)
		return 0;
	if (c->auth.who.kind != PRINCIPAL_USER)
		return refuse_mfa(c, ERR_NOTFOUND);
	g->session.mfa_ms = c->now_ms;
	g->session.mfa_serial = g->serial;
	return 0;
}

/* ---- permission ---- */

int
sts_ask(struct api_call *c, struct sts_grant *g, const char *action, const char *provider,
    const char **message)
{
	struct authz_facts facts = api_facts(c);
	struct policy_source trust = { .id = "trust policy" };
	struct policy_flaw flaw;
	struct policy *p = NULL;
	int r = policy_parse(&p, POLICY_TRUST, span_str(g->role.trust), &flaw);

	if (r != 0) {
		log_error("a trust policy is not understood", "role=%s why=%s",
		    log_q(g->role_arn), log_q(flaw.message));
		*message = arena_printf(
		    &c->mem, "The trust policy of %s cannot be read.", g->role_arn);
		return ERR_DENIED;
	}
	/* It is checked before anything is given: an answer that hangs on it is a right one. */
	facts.mfa_shown = g->serial != NULL;
	trust.policy = p;
	r = authorise(c->env,
	    &(struct authz_request){ .who = &c->auth.who,
		.action = action,
		.resources = &g->role_arn,
		.nresources = 1,
		.facts = &facts,
		.more = &g->more,
		.trust = &trust,
		.provider = provider },
	    &c->mem, message);
	policy_free(p);
	return r;
}

/* ---- the keys ---- */

/* A role may have gone since it was asked about. */
static int
check_owner(struct store_tx *tx, struct api_call *c, const struct sts_grant *g)
{
	bool user = g->kind == STORE_KEY_USER;
	struct store_entity e;
	int r =
	    store_entity_get(tx, &c->mem, user ? STORE_USER : STORE_ROLE, g->owner, &e);

	if (r == 0 && strcmp(e.id, g->session.owner_id) != 0)
		r = ERR_NOTFOUND;
	if (r == ERR_NOTFOUND)
		return api_fail(c, "AccessDenied", "%s %s does not exist any more.",
		    user ? "User" : "Role", g->owner);
	return r;
}

/* That a code was wrong is stored as well: the refusal follows in given(). */
static int
give_change(struct store_tx *tx, struct api_call *c)
{
	struct sts_grant *g = c->user;
	int r;

	if (g->serial != NULL) {
		g->mfa = mfa_check(
		    tx, &c->mem, c->auth.who.name, g->serial, g->code, c->now_ms);
		c->refused = g->mfa == ERR_DENIED || g->mfa == ERR_NOTFOUND ||
		    g->mfa == ERR_LIMIT;
		if (g->mfa != 0)
			return c->refused ? 0 : g->mfa;
	}
	if ((r = check_owner(tx, c, g)) != 0)
		return r;
	return temp_key_put(
	    tx, &g->key, g->kind, g->owner, key_session_write(&g->session, &c->mem));
}

static int
given(struct api_call *c)
{
	const struct sts_grant *g = c->user;

	return g->mfa != 0 ? refuse_mfa(c, g->mfa) : g->write(c);
}

int
sts_give(struct api_call *c, struct sts_grant *g, int64_t life_ms, api_handler *write)
{
	temp_key_draw(&g->key, c->env->loop, c->now_ms, life_ms);
	g->write = write;
	return api_write(c, give_change, given);
}

void
sts_write_credentials(struct api_call *c, const struct sts_grant *g)
{
	xw_open(&c->out, "Credentials");
	xw_elem(&c->out, "AccessKeyId", g->key.access_key);
	xw_elem(&c->out, "SecretAccessKey", g->key.secret);
	xw_elem(&c->out, "SessionToken", g->key.token);
	iam_write_date(c, "Expiration", g->key.expires_ms);
	xw_close(&c->out, "Credentials");
}

void
sts_write_role_user(struct api_call *c, const struct sts_grant *g)
{
	const char *name = g->session.session_name;

	xw_open(&c->out, "AssumedRoleUser");
	xw_elem(
	    &c->out, "AssumedRoleId", arena_printf(&c->mem, "%s:%s", g->role.id, name));
	xw_elem(&c->out, "Arn",
	    arn_assumed_role(&c->mem, c->env->account, g->role.name, name));
	xw_close(&c->out, "AssumedRoleUser");
}

void
sts_write_packed(struct api_call *c, const struct sts_grant *g)
{
	if (g->packed)
		xw_elem_int(&c->out, "PackedPolicySize", g->packed_percent);
}

void
sts_record(struct api_call *c, struct jsonw *w)
{
	const struct sts_grant *g = c->user;
	const struct key_session *s = &g->session;

	record_open(w, "Credentials", '{');
	record_temp_key(w, &g->key, "Expiration");
	jw_close(w, '}');
	if (g->kind != STORE_KEY_ROLE)
		return;
	record_open(w, "AssumedRoleUser", '{');
	record_text(w, "AssumedRoleId",
	    arena_printf(&c->mem, "%s:%s", g->role.id, s->session_name));
	record_text(w, "Arn",
	    arn_assumed_role(&c->mem, c->env->account, g->role.name, s->session_name));
	jw_close(w, '}');
	if (g->packed)
		record_int(w, "PackedPolicySize", g->packed_percent);
	record_text(w, "SubjectFromWebIdentityToken", s->subject);
	record_text(w, "Provider", s->provider);
	record_text(w, "Audience", s->audience);
	record_text(w, "SourceIdentity", s->source_identity);
}
